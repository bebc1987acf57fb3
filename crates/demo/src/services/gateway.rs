//! The gateway: nginx. Its access log and its errors share one file.

use super::{Format, Occurrence, Service, Template as T};

pub(super) static SERVICE: Service =
    Service { name: "gateway", release: "1.29.3", hosts: 2, format: Format::Nginx, templates: TEMPLATES };

/// While the database is out, the services behind the gateway are late or give up.
const BEHIND: Occurrence = Occurrence::Outage(8.0);

static TEMPLATES: &[T] = &[
    T::info(190.0, "nginx", r#""GET {path} HTTP/1.1" {status} {bytes} in {ms} ms, client: {ip}, server: shop.example"#),
    T::info(46.0, "nginx", r#""POST /api/cart/items HTTP/1.1" 201 {bytes} in {ms} ms, client: {ip}, server: shop.example"#)
        .on("/api/cart/items"),
    T::info(30.0, "nginx", "client {ip} closed keepalive connection"),
    T::warning(
        5.0,
        "nginx",
        r#"a client request body is buffered to a temporary file /var/cache/nginx/client_temp/00000{many}, client: {ip}, server: shop.example, request: "POST /api/returns/photos HTTP/1.1", host: "shop.example""#,
    )
    .on("/api/returns/photos"),
    T::error(
        1.2,
        "nginx",
        r#"upstream timed out (110: Connection timed out) while reading response header from upstream, client: {ip}, server: shop.example, request: "GET {path} HTTP/1.1", upstream: "http://{upstream}:8080{path}", host: "shop.example""#,
    )
    .when(BEHIND),
    T::error(
        0.8,
        "nginx",
        r#"connect() failed (111: Connection refused) while connecting to upstream, client: {ip}, server: shop.example, request: "POST /api/checkout HTTP/1.1", upstream: "http://{upstream}:8080/api/checkout", host: "shop.example""#,
    )
    .when(BEHIND)
    .on("/api/checkout"),
    T::error(
        2.5,
        "nginx",
        r#"limiting requests, excess: {count}.{percent} by zone "api", client: {ip}, server: shop.example, request: "GET /api/search?q={query} HTTP/1.1", host: "shop.example""#,
    )
    .on("/api/search"),
    T::error(
        0.7,
        "nginx",
        "SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking, client: {ip}, server: 0.0.0.0:443",
    ),
];
