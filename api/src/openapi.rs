//! The API description, made from the code, and the pages that show it.

use crate::{AppState, error::ErrorBody, routes};
use axum::{Json, Router, routing::get};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_swagger_ui::SwaggerUi;

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Squall",
        description = "Events in, issues out. Every answer from 400 up has the body `ErrorBody` and the header `X-Request-ID`."
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
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(crate::auth::COOKIE))),
        );
        components.add_security_scheme(
            "project_key",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
    }
}

/// The description as JSON, in a form that does not change unless the API does.
///
/// # Errors
/// When it cannot be written, which is a bug.
pub fn json(state: &AppState) -> Result<String, serde_json::Error> {
    let (_, description) = routes::router(state).split_for_parts();
    serde_json::to_string_pretty(&serde_json::to_value(description)?).map(|json| json + "\n")
}

/// Adds `/api/docs` and `/api/openapi.json`.
pub fn serve(api: Router, description: utoipa::openapi::OpenApi) -> Router {
    let document = description.clone();
    // Swagger UI answers below its own address; the document stands where programs look for it.
    api.route("/api/openapi.json", get(move || async move { Json(document) }))
        .merge(SwaggerUi::new("/api/docs").url("/api/docs/openapi.json", description))
}
