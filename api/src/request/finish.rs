//! The end of a request: the body of an error, one log line and the metrics.

use crate::{
    AppState,
    error::{ApiError, write_body},
    session::SignedIn,
};
use ::metrics::{Label, SharedString};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use squall_boot::{metrics, telemetry::trace};
use std::time::Instant;
use tower_http::request_id::RequestId;

pub async fn finish(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let request_id = id_of(&request);
    trace::note("squall.request_id", request_id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let in_flight = InFlight::begin();
    let mut response = next.run(request).await;
    drop(in_flight);
    let user_id = response.extensions().get::<SignedIn>().map(|user| user.id);
    let error = response.extensions_mut().remove::<ApiError>().or_else(|| error_without_body(&response));
    let cause = error.as_ref().and_then(|error| error.cause.clone());
    if let Some(error) = error {
        metrics::HTTP_ERRORS.add(&[error.code], 1);
        trace::note("error.type", error.code);
        write_body(&mut response, error, request_id.clone());
    }
    if state.stopping.is_cancelled() {
        // The client then closes the connection, and never sends into one that is being closed.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let status = response.status().as_u16();
    metrics::HTTP_REQUESTS.observe(labels(&method, route.as_deref(), status), start.elapsed());
    let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let route = route.unwrap_or(path);
    match (cause, status) {
        (Some(cause), 500..) => {
            tracing::error!(request_id, %method, route, status, millis, user_id, cause, "Request failed.");
        }
        // Supervisors ask every few seconds.
        (None, ..400) if matches!(route.as_str(), "/healthz" | "/readyz") => {
            tracing::debug!(request_id, %method, route, status, millis, "Request answered.");
        }
        (cause, _) => {
            tracing::info!(request_id, %method, route, status, millis, user_id, cause, "Request answered.");
        }
    }
    response
}

fn id_of(request: &Request) -> String {
    let id = request.extensions().get::<RequestId>().map(RequestId::header_value);
    id.and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}

/// Counts a request while it is being answered, even if its client goes away.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::HTTP_IN_FLIGHT.move_by(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::HTTP_IN_FLIGHT.move_by(-1.0);
    }
}

/// The method as a label. Strangers must not be able to create labels, so unusual methods share
/// one.
pub fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Few values, whatever is sent: a route is its template, and a status its class.
fn labels(method: &Method, route: Option<&str>, status: u16) -> Vec<Label> {
    let class = match status {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    let route =
        route.map_or(SharedString::const_str("none"), |route| SharedString::from_owned(route.to_owned()));
    vec![
        Label::from_static_parts("method", known_method(method)),
        Label::new("route", route),
        Label::from_static_parts("status", class),
    ]
}

/// The error behind a response that a library made without the error body, such as the router's
/// 405.
fn error_without_body(response: &Response) -> Option<ApiError> {
    let status = response.status();
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !(status.is_client_error() || status.is_server_error()) || is_json {
        return None;
    }
    Some(match status {
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(
            status,
            "method_not_allowed",
            "This address does not support this method. The header Allow lists the supported ones.",
        ),
        StatusCode::NOT_FOUND => ApiError::nothing_here(),
        _ if status.is_client_error() => ApiError::new(
            status,
            "invalid_request",
            "The request is not valid. See /api/docs for what this address accepts.",
        ),
        _ => ApiError { status, ..ApiError::internal("a layer answered without a body") },
    })
}
