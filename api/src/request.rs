//! What every request passes on its way in and out: id, log line, time limit, panic guard, headers.

use crate::{
    AppState,
    access::SignedIn,
    error::{ApiError, respond},
};
use ::metrics::{Label, SharedString};
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use squall_boot::{
    metrics,
    telemetry::trace::{self, Caller, KeyValue},
};
use std::{fmt::Write as _, time::Instant};
use tower_http::catch_panic::CatchPanicLayer;

/// The header that carries the request id both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Scripts, styles and pictures come from here and nowhere else, and nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; \
     form-action 'self'; frame-ancestors 'none'";

/// Swagger UI is built of files too, and has one style of its own inline, known by its hash: that of its logo.
const SWAGGER_POLICY: &str = "default-src 'self'; img-src 'self' data:; \
     style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

/// Puts the layers round the routes.
pub fn wrap(router: Router, state: &AppState) -> Router {
    let router = router
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            ApiError::internal("the handler panicked; the line before this one has the place").into_response()
        }))
        .layer(from_fn_with_state(state.clone(), limit_time))
        .layer(from_fn_with_state(state.clone(), finish));
    if trace::is_on() { router.layer(from_fn(traced)) } else { router }
}

/// A request as one span, from its head to the head of its answer. Whoever looks after the process asks every few
/// seconds, and is no news.
async fn traced(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = known(request.method());
    let mut notes = vec![KeyValue::new("http.request.method", method)];
    let name = match route {
        Some(route) if matches!(route.as_str(), "/healthz" | "/readyz") => return next.run(request).await,
        Some(route) => {
            let name = format!("{method} {route}");
            notes.push(KeyValue::new("http.route", route));
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
    trace::request(name, notes, caller, answered).await
}

/// The id of a request, as an extension of it.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

async fn limit_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(state.config.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "The request took too long and was given up. Send it again, or ask for less at once.",
        )
        .retry_after(5)
        .into_response(),
    }
}

async fn finish(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = sane_id(request.headers()).unwrap_or_else(new_id);
    request.extensions_mut().insert(RequestId(id.clone()));
    trace::note("squall.request_id", id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let in_flight = InFlight::begin();
    let mut response = next.run(request).await;
    drop(in_flight);
    let user_id = response.extensions().get::<SignedIn>().map(|user| user.id);
    let failure = response.extensions_mut().remove::<ApiError>().or_else(|| unshaped(&response));
    let cause = failure.as_ref().and_then(|error| error.cause.clone());
    if let Some(error) = failure {
        metrics::HTTP_ERRORS.add(&[error.code], 1);
        trace::note("error.type", error.code);
        let kept = response.headers().get(header::ALLOW).cloned();
        response = respond(error, id.clone());
        if let Some(allow) = kept {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    add_headers(response.headers_mut(), &path, &id);
    if state.stopping.is_cancelled() {
        // The other side lets go of the connection by itself, and never sends into one that is being closed.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let status = response.status().as_u16();
    metrics::HTTP_REQUESTS.observe(labels(&method, route.as_deref(), status), start.elapsed());
    let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let route = route.unwrap_or(path);
    match (cause, status) {
        (Some(cause), 500..) => {
            tracing::error!(request_id = id, %method, route, status, millis, user_id, cause, "A request failed.");
        }
        // Asked every few seconds by whoever looks after the process.
        (None, ..400) if matches!(route.as_str(), "/healthz" | "/readyz") => {
            tracing::debug!(request_id = id, %method, route, status, millis, "A request was answered.");
        }
        (cause, _) => {
            tracing::info!(request_id = id, %method, route, status, millis, user_id, cause, "A request was answered.")
        }
    }
    response
}

/// Counts a request as being answered, also when its client goes away in the middle.
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

/// A method nobody serves is one of many, whatever a stranger calls it.
fn known(method: &Method) -> &'static str {
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

/// Few values, whatever a stranger sends: a route is its template.
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
        Label::from_static_parts("method", known(method)),
        Label::new("route", route),
        Label::from_static_parts("status", class),
    ]
}

/// A failed answer that some layer made without our body: the router's 405, a library's 4xx.
fn unshaped(response: &Response) -> Option<ApiError> {
    let status = response.status();
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !(status.is_client_error() || status.is_server_error()) || json {
        return None;
    }
    Some(match status {
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(
            status,
            "method_not_allowed",
            "This address does not take this method. The header Allow lists those it takes.",
        ),
        StatusCode::NOT_FOUND => {
            ApiError::new(status, "not_found", "There is nothing at this address. Check it for a mistake.")
        }
        _ if status.is_client_error() => ApiError::new(
            status,
            "invalid_request",
            "The request cannot be used. See /api/docs for what this address takes.",
        ),
        _ => ApiError { status, ..ApiError::internal("a layer answered without a body") },
    })
}

fn add_headers(headers: &mut HeaderMap, path: &str, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let policy = if path.starts_with("/api/docs") { SWAGGER_POLICY } else { CONTENT_SECURITY_POLICY };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if path.starts_with("/api/") && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The client's id, if it is one that a log can hold.
fn sane_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let sane =
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    sane.then(|| id.to_owned())
}

fn new_id() -> String {
    let bytes: [u8; 12] = squall_base::random::bytes();
    bytes.iter().fold(String::with_capacity(24), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}
