//! The API description, generated from the code, and the pages that show it.

use crate::{
    error::ErrorBody,
    request::{header, no_store},
    session,
};
use axum::{Json, Router, http::header::CONTENT_SECURITY_POLICY, routing::get};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_swagger_ui::SwaggerUi;

/// Swagger UI needs one inline style, that of its logo, which is allowed by its hash.
const SWAGGER_POLICY: &str = "default-src 'self'; img-src 'self' data:; \
     style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

/// The parts of the description that belong to no route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Squall",
        description = "Send events, read issues. Every response from 400 up has the body `ErrorBody`, and every response has the header `X-Request-ID`."
    ),
    components(schemas(ErrorBody)),
    modifiers(&Security)
)]
pub struct Description;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(session::COOKIE))),
        );
        components.add_security_scheme(
            "project_key",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
    }
}

/// The description as JSON with sorted keys, so that it changes only when the API does.
///
/// # Errors
/// If it cannot be serialized, which is a bug.
pub fn json(description: &utoipa::openapi::OpenApi) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&serde_json::to_value(description)?).map(|json| json + "\n")
}

/// Add `/api/docs` and `/api/openapi.json`.
pub fn serve(api: Router, description: utoipa::openapi::OpenApi) -> Router {
    let document = description.clone();
    // Swagger UI needs a copy below its own address; programs look for the document at the usual
    // one.
    let pages: Router = SwaggerUi::new("/api/docs").url("/api/docs/openapi.json", description).into();
    api.route("/api/openapi.json", get(async move || Json(document)))
        .merge(pages.layer(header(CONTENT_SECURITY_POLICY, SWAGGER_POLICY)))
        .layer(no_store())
}
