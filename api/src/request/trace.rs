//! A request as one span, from its head to the head of its response.

use super::finish::known_method;
use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use squall_boot::telemetry::trace::{self, Caller, KeyValue};

pub async fn trace(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = known_method(request.method());
    let mut attributes = vec![KeyValue::new("http.request.method", method)];
    let name = match route {
        // Supervisors ask every few seconds; their requests would hide the others.
        Some(route) if matches!(route.as_str(), "/healthz" | "/readyz") => return next.run(request).await,
        Some(route) => {
            let name = format!("{method} {route}");
            attributes.push(KeyValue::new("http.route", route));
            name
        }
        None => method.to_owned(),
    };
    let caller = Caller::of(request.headers());
    let answered = async {
        let response = next.run(request).await;
        let status = response.status();
        trace::note("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            trace::fail("The request failed; the log has the cause.");
        }
        response
    };
    trace::request(name, attributes, caller, answered).await
}
