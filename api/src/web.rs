//! The built web app: its files, and its start page for every address that is a page of it.

use crate::{AppState, error::ApiError};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// Everything that is no address of the api.
pub fn router(state: &AppState) -> Router {
    Router::new().route("/api/{*rest}", any(nothing)).fallback(serve).with_state(state.clone())
}

async fn nothing() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is nothing at this address. Check it for a mistake, or see /api/docs.",
    )
}

async fn serve(State(state): State<AppState>, request: Request) -> Response {
    let Some(root) = &state.config.web_root else { return nothing().await.into_response() };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return nothing().await.into_response();
    }
    let path = request.uri().path().to_owned();
    // A file has an ending; a page of the app has none.
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let mut response = if is_file {
        match ServeDir::new(root).precompressed_gzip().oneshot(request).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => {
                return nothing().await.into_response();
            }
            Ok(response) => response.into_response(),
            Err(never) => match never {},
        }
    } else {
        match tokio::fs::read(root.join("index.html")).await {
            Ok(page) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response(),
            Err(error) => return ApiError::internal(format!("reading index.html: {error}")).into_response(),
        }
    };
    // Files under assets/ carry a hash of their content in their names.
    let lifetime =
        if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    response
}
