//! What happens to every request on its way in and out.

mod finish;
mod trace;

use crate::{AppState, error::ApiError};
use axum::{
    Router,
    error_handling::HandleErrorLayer,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header},
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
};
use std::any::Any;
use tower::{ServiceBuilder, timeout::TimeoutLayer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Scripts, styles and pictures come from Squall itself, and nothing is inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; \
     form-action 'self'; frame-ancestors 'none'";

/// Put the layers around the routes, outermost first.
pub fn wrap(router: Router, state: &AppState) -> Router {
    let router = router.layer(
        ServiceBuilder::new()
            .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
            .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(header(header::X_FRAME_OPTIONS, "DENY"))
            .layer(header(header::REFERRER_POLICY, "same-origin"))
            .layer(header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
            .map_request(drop_unusable_id)
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(from_fn_with_state(state.clone(), finish::finish))
            .layer(HandleErrorLayer::new(async |_| timed_out()))
            .layer(TimeoutLayer::new(state.config.request_timeout))
            .layer(CatchPanicLayer::custom(|_: Box<dyn Any + Send>| {
                ApiError::internal("the handler panicked; see the line before this one").into_response()
            })),
    );
    if squall_boot::telemetry::trace::is_on() { router.layer(from_fn(trace::trace)) } else { router }
}

/// Keep browsers and proxies from storing what depends on a session.
pub fn no_store() -> SetResponseHeaderLayer<HeaderValue> {
    header(header::CACHE_CONTROL, "no-store")
}

/// Set a header unless the response has it.
pub fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// A client's id is used unless a log could not hold it; then the request gets a new one.
fn drop_unusable_id<B>(mut request: Request<B>) -> Request<B> {
    if !has_usable_id(request.headers()) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

fn has_usable_id(headers: &HeaderMap) -> bool {
    let id = headers.get(REQUEST_ID).map(HeaderValue::as_bytes).unwrap_or_default();
    (1..=128).contains(&id.len()) && id.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
}

fn timed_out() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "timeout",
        "The request took too long and was cancelled. Send it again, or request less at once.",
    )
    .retry_after(5)
}
