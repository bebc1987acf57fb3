//! Every answer from 400 up: one body, one place that logs.
//!
//! The client reads a sentence that says what to do; the log has the cause and the request id. A handler
//! returns an [`ApiError`] and logs nothing.

use axum::{
    Json,
    extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use squall_boot::database::{DatabaseError, classify};
use utoipa::ToSchema;

/// The body of every failed request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    /// A stable word for programs.
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// A sentence for people, which says what to do.
    pub message: String,
    /// The id under which the log has this request.
    pub request_id: String,
    /// More, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

/// A failed request, before it has its request id.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people outside.
    pub message: String,
    /// More for programs.
    pub details: Option<Value>,
    /// What really went wrong; for the log only.
    pub cause: Option<String>,
    /// When to come again, in seconds.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An error of the client's, or one that needs no cause.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: None, cause: None, retry_after: None }
    }

    /// 404: the thing is not there, or not for this person to know.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no such {what}. It may have been deleted."),
        )
    }

    /// 400: a value that cannot be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// 409: it clashes with what is there.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 503: the database is away or full; the same request will succeed later.
    pub fn unavailable(cause: impl ToString) -> Self {
        let message = "The database cannot be reached or cannot write at the moment. Nothing of this request was kept; send it again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", message)
            .caused_by(cause)
            .retry_after(2)
    }

    /// 500: a bug of ours.
    pub fn internal(cause: impl ToString) -> Self {
        let message = "Something went wrong on our side. The log has the cause under this request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).caused_by(cause)
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn caused_by(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds what a program may want to know.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Adds when to come again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for ApiError {
    /// The body is made by [`crate::request`], which knows the request id; the error travels there as an
    /// extension of the response.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer as it leaves: body and headers.
pub fn respond(error: ApiError, request_id: String) -> Response {
    let body = ErrorBody { code: error.code, message: error.message, request_id, details: error.details };
    let mut response = (error.status, Json(body)).into_response();
    if let Some(value) =
        error.retry_after.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok())
    {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// The client's mistake behind each constraint that a request can violate.
fn of_constraint(name: &str) -> Option<ApiError> {
    Some(match name {
        "users_email_key" => ApiError::conflict("There is a user with this email already."),
        "users_email_format" => ApiError::invalid("The email is not an address such as ada@example.org."),
        "users_name_length" | "projects_name_length" | "sources_name_length" | "api_keys_name_length" => {
            ApiError::invalid("The name must have from 1 to 200 characters.")
        }
        "projects_slug_key" => {
            ApiError::conflict("There is a project with this slug already. Choose another one.")
        }
        "projects_slug_format" => ApiError::invalid(
            "The slug must have from 1 to 50 characters: a–z, 0–9 and dashes inside, such as web-shop.",
        ),
        "projects_retention" => ApiError::invalid("retention_days must be from 1 to 3650."),
        "sources_project_name_key" => ApiError::conflict("The project has a source with this name already."),
        _ => return None,
    })
}

impl From<&sqlx::Error> for ApiError {
    fn from(error: &sqlx::Error) -> Self {
        match classify(error) {
            DatabaseError::NotFound => Self::not_found("thing"),
            DatabaseError::Unavailable | DatabaseError::Contention => Self::unavailable(error),
            DatabaseError::Constraint(name) => of_constraint(name).unwrap_or_else(|| Self::internal(error)),
            DatabaseError::InvalidText => Self::invalid(
                "The request holds a character that cannot be stored, such as NUL. Leave it out.",
            ),
            DatabaseError::Bug => Self::internal(error),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(&error)
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        "The body is larger than this server takes. Send smaller batches, or raise SQUALL_MAX_BODY.",
    )
}

/// What a parser says, without its preface and the names of our types.
fn outside(said: &str) -> String {
    let what = ["JSON body into the target type: ", "request body as JSON: ", "query string: "];
    let said = what.iter().find_map(|preface| Some(said.split_once(preface)?.1)).unwrap_or(said);
    let said = said.trim_end_matches('.').replace(" to fit in target type", "");
    match said.split_once("expected struct ") {
        Some((before, after)) => {
            let name = |c: char| c.is_alphanumeric() || c == '_';
            format!("{before}expected an object{}", after.trim_start_matches(name))
        }
        None => said,
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => Self::invalid("The body could not be read to its end. Send it again.")
                .caused_by(rejection.body_text()),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be JSON. Send the header Content-Type: application/json.",
            ),
            _ => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid_json",
                format!("The body cannot be used: {}.", outside(&rejection.body_text())),
            ),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(format!("The query cannot be used: {}.", outside(&rejection.body_text())))
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing at this address. Check it for a mistake.",
        )
        .caused_by(rejection.body_text())
    }
}
