//! Inventory: Go, logged as logfmt, with a panic now and then.

use super::{Format, Occurrence, Service, Template as T};

pub(super) static SERVICE: Service =
    Service { name: "inventory", release: "0.41.2", hosts: 2, format: Format::Logfmt, templates: TEMPLATES };

/// Inventory cannot do without the database.
const NEEDS_DATABASE: Occurrence = Occurrence::Outage(30.0);

static TEMPLATES: &[T] = &[
    T::info(44.0, "stock", "reserved {count} of {sku} in warehouse {warehouse}").on("/reservations"),
    T::info(32.0, "stock", "released reservation {uuid}").on("/reservations/{id}"),
    T::info(14.0, "shipping", "shipment {shipment} handed to {carrier}"),
    T::debug(20.0, "sync", "synced {many} stock levels from warehouse {warehouse} in {ms} ms"),
    T::warning(6.0, "stock", "stock of {sku} in warehouse {warehouse} is down to {index}"),
    T::error(
        2.0,
        "stock",
        "reserve stock for order {order}: dial tcp {db}:5432: connect: connection refused",
    )
    .when(NEEDS_DATABASE)
    .on("/reservations"),
    T::error(1.4, "sync", "sync of warehouse {warehouse} stopped: pq: the database system is shutting down")
        .when(NEEDS_DATABASE),
    T::error(
        1.0,
        "shipping",
        "label for shipment {shipment}: Post \"https://api.{carrier}.example/labels\": context deadline exceeded",
    ),
    T::fatal(
        0.5,
        "http",
        "panic serving {ip}: runtime error: invalid memory address or nil pointer dereference",
    )
    .on("/returns/{id}")
    .throws(
        "panic",
        "runtime error: invalid memory address or nil pointer dereference",
        "panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6f3a21]

goroutine {goroutine} [running]:
shop.example/inventory/returns.(*Handler).Accept({pointer}, {pointer})
\t/src/returns/handler.go:71 +0x1a1
shop.example/inventory/http.recoverer.func1({pointer})
\t/src/http/recover.go:33 +0x5c
net/http.HandlerFunc.ServeHTTP({pointer})
\t/usr/local/go/src/net/http/server.go:2294 +0x29",
    ),
];
