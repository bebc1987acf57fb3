//! Checkout: Java, logged by logback, with stack traces and their causes.

use super::{Format, Occurrence, Service, Template as T};

pub(super) static SERVICE: Service = Service {
    name: "checkout",
    release: "2026.11.3",
    hosts: 3,
    format: Format::Logback,
    templates: TEMPLATES,
};

/// Checkout cannot do without the database.
const NEEDS_DATABASE: Occurrence = Occurrence::Outage(30.0);

static TEMPLATES: &[T] = &[
    T::info(70.0, "c.e.shop.checkout.CartService", "Cart {cart} of user {user} now holds {count} items"),
    T::info(
        38.0,
        "c.e.shop.checkout.OrderService",
        "Order {order} placed by user {user} for {amount} {currency} in {ms} ms",
    )
    .on("/api/checkout"),
    T::info(
        26.0,
        "c.e.shop.checkout.PriceService",
        "Priced cart {cart} for {country} with {count} rules in {ms} ms",
    ),
    T::info(
        12.0,
        "c.e.shop.checkout.VoucherService",
        "Voucher accepted for cart {cart}, {percent} percent off",
    ),
    T::debug(18.0, "c.e.shop.checkout.SessionCache", "Session cache hit for user {user}"),
    T::warning(
        4.0,
        "c.e.shop.checkout.OrderRepository",
        "Slow query took {slow} ms: select * from orders where user_id = {user}",
    ),
    T::warning(
        3.0,
        "c.e.shop.checkout.PaymentClient",
        "Payment of order {order} not answered yet, attempt {attempt}",
    ),
    T::error(2.2, "c.e.shop.checkout.OrderService", "Could not place order {order} of user {user}")
        .when(NEEDS_DATABASE)
        .on("/api/checkout")
        .throws("com.example.shop.checkout.OrderException", "Could not save order {order}", ORDER),
    T::error(1.6, "c.e.shop.checkout.CartService", "Could not load cart {cart}")
        .when(NEEDS_DATABASE)
        .on("/api/cart/{id}")
        .throws(
            "org.springframework.transaction.CannotCreateTransactionException",
            "Could not open JDBC Connection for transaction",
            CART,
        ),
    T::error(1.4, "c.e.shop.checkout.VoucherService", "Voucher check failed for cart {cart}")
        .on("/api/cart/voucher")
        .throws(
            "java.lang.NullPointerException",
            r#"Cannot invoke "com.example.shop.checkout.Voucher.expiresAt()" because "voucher" is null"#,
            VOUCHER,
        ),
    T::error(1.0, "c.e.shop.checkout.OrderRepository", "Order {order} was changed by someone else").throws(
        "org.springframework.dao.OptimisticLockingFailureException",
        "Row was updated or deleted by another transaction: [com.example.shop.checkout.Order#{order}]",
        LOCK,
    ),
    T::error(
        3.0,
        "c.e.shop.checkout.TaxService",
        "No tax rate for {country}, order {order} uses the default",
    )
    .when(Occurrence::Fixed),
];

const ORDER: &str = "com.example.shop.checkout.OrderException: Could not save order {order}
\tat com.example.shop.checkout.OrderService.place(OrderService.java:142)
\tat com.example.shop.checkout.CheckoutController.checkout(CheckoutController.java:61)
\tat java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:103)
\tat org.springframework.web.servlet.FrameworkServlet.doPost(FrameworkServlet.java:914)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: org.postgresql.util.PSQLException: Connection to {db}:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.
\tat org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:352)
\tat org.postgresql.jdbc.PgConnection.<init>(PgConnection.java:274)
\tat com.example.shop.checkout.OrderRepository.save(OrderRepository.java:88)
\tat com.example.shop.checkout.OrderService.place(OrderService.java:137)
\t... 41 common frames omitted
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)
\tat java.base/java.net.Socket.connect(Socket.java:751)
\t... 48 common frames omitted";

const CART: &str = "org.springframework.transaction.CannotCreateTransactionException: Could not open JDBC Connection for transaction
\tat org.springframework.jdbc.datasource.DataSourceTransactionManager.doBegin(DataSourceTransactionManager.java:313)
\tat com.example.shop.checkout.CartService.load(CartService.java:74)
\tat com.example.shop.checkout.CartController.show(CartController.java:39)
Caused by: java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after {slow}ms (total=20, active=20, idle=0, waiting={count})
\tat com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:686)
\tat com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:179)
\t... 37 common frames omitted";

const VOUCHER: &str = r#"java.lang.NullPointerException: Cannot invoke "com.example.shop.checkout.Voucher.expiresAt()" because "voucher" is null
	at com.example.shop.checkout.VoucherService.check(VoucherService.java:57)
	at com.example.shop.checkout.CartService.applyVoucher(CartService.java:131)
	at com.example.shop.checkout.CartController.voucher(CartController.java:83)
	at org.springframework.web.servlet.FrameworkServlet.doPost(FrameworkServlet.java:914)
	at java.base/java.lang.Thread.run(Thread.java:1583)"#;

const LOCK: &str = "org.springframework.dao.OptimisticLockingFailureException: Row was updated or deleted by another transaction: [com.example.shop.checkout.Order#{order}]
\tat org.springframework.orm.jpa.EntityManagerFactoryUtils.convertJpaAccessExceptionIfPossible(EntityManagerFactoryUtils.java:361)
\tat com.example.shop.checkout.OrderRepository.update(OrderRepository.java:119)
\tat com.example.shop.checkout.OrderService.confirm(OrderService.java:203)
Caused by: org.hibernate.StaleObjectStateException: Row was updated or deleted by another transaction
\tat org.hibernate.persister.entity.AbstractEntityPersister.check(AbstractEntityPersister.java:2571)
\t... 52 common frames omitted";
