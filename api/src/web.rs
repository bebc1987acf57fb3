//! The built web app: its files, and `index.html` for every page.

use crate::{AppState, error::ApiError, request::no_store};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// Every path that does not belong to the API.
pub fn router(state: &AppState) -> Router {
    let unknown = any(not_found).layer(no_store());
    Router::new().route("/api/{*rest}", unknown).fallback(serve).with_state(state.clone())
}

async fn not_found() -> ApiError {
    ApiError::nothing_here()
}

async fn serve(State(state): State<AppState>, request: Request) -> Response {
    let Some(root) = &state.config.web_root else { return not_found().await.into_response() };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return not_found().await.into_response();
    }
    let path = request.uri().path().to_owned();
    // Files have an extension; pages of the app do not.
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let mut response = if is_file {
        match ServeDir::new(root).precompressed_gzip().oneshot(request).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => {
                return not_found().await.into_response();
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
    // The names of files under assets/ contain a hash of their content.
    let lifetime =
        if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    response
}
