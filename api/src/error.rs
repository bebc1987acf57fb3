//! Errors: one body for every response from 400 up, and one place that logs them.
//!
//! The client gets a sentence that helps; the log gets the cause and the request id. A handler
//! returns an [`ApiError`] and logs nothing.

use axum::{
    body::Body,
    extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use squall_boot::database::{DatabaseError, classify};
use utoipa::ToSchema;

/// The body of every failed request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorBody {
    /// A stable code for programs.
    #[schema(example = "not_found")]
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// Identifies the request in the log.
    pub request_id: String,
    /// Further details, depending on the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub details: Option<Value>,
}

/// Why a request failed.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable code for programs.
    pub code: &'static str,
    /// A sentence for the client.
    pub message: String,
    /// Further details for the client.
    pub details: Option<Value>,
    /// What went wrong inside; only for the log.
    pub cause: Option<String>,
    /// Seconds to wait before the next attempt.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An error without a cause for the log.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: None, cause: None, retry_after: None }
    }

    /// 404: it does not exist, or the caller must not know that it does.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("This {what} does not exist. It may have been deleted."),
        )
    }

    /// 404: no route has this address.
    pub fn nothing_here() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "This address does not exist. Check it for a mistake, or see /api/docs.",
        )
    }

    /// 400: a value is not valid.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// 401: the caller is unknown.
    pub fn unauthorized(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// 403: the caller is known, but may not do this.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 409: the request contradicts what exists.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 429: the caller has to wait.
    pub fn too_many_requests(code: &'static str, message: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, message).retry_after(seconds)
    }

    /// 503: the process has too much to do.
    pub fn overloaded(message: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).retry_after(seconds)
    }

    /// 503: the database is unreachable or full; the same request will succeed later.
    pub fn unavailable(cause: impl ToString) -> Self {
        let message = "The database is unreachable or cannot write at the moment. Nothing was saved; send the request again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", message)
            .caused_by(cause)
            .retry_after(2)
    }

    /// 500: a bug in Squall.
    pub fn internal(cause: impl ToString) -> Self {
        let message = "Something went wrong in Squall. Look for this request id in its log.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).caused_by(cause)
    }

    /// Add the cause, which only the log shows.
    #[must_use]
    pub fn caused_by(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Add details for the client.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// Add the seconds to wait before the next attempt.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for ApiError {
    /// The error travels as an extension of the response to [`crate::request`], which knows the
    /// request id and adds the body.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Turn a failed response into one with the error's status, body and headers. Other headers stay.
pub fn write_body(response: &mut Response, error: ApiError, request_id: String) {
    let body = ErrorBody { code: error.code, message: error.message, request_id, details: error.details };
    let json = serde_json::to_vec(&body).unwrap_or_default();
    *response.status_mut() = error.status;
    *response.body_mut() = Body::from(json);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_LENGTH);
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// The client's mistake behind each constraint that a request can violate.
fn from_constraint(name: &str) -> Option<ApiError> {
    Some(match name {
        "users_email_key" => ApiError::conflict("A user with this email already exists."),
        "users_email_format" => {
            ApiError::invalid("The email is not a valid address. For example: ada@example.org.")
        }
        "users_name_length" | "projects_name_length" | "sources_name_length" | "api_keys_name_length" => {
            ApiError::invalid("The name must have 1 to 200 characters.")
        }
        "projects_slug_key" => {
            ApiError::conflict("A project with this slug already exists. Choose another slug.")
        }
        "projects_slug_format" => ApiError::invalid(
            "The slug must have 1 to 50 characters: a–z, 0–9, and dashes between them. For example: web-shop.",
        ),
        "projects_retention" => ApiError::invalid("retention_days must be from 1 to 3650."),
        "sources_project_name_key" => ApiError::conflict("The project already has a source with this name."),
        _ => return None,
    })
}

impl From<&sqlx::Error> for ApiError {
    fn from(error: &sqlx::Error) -> Self {
        match classify(error) {
            DatabaseError::NotFound => Self::not_found("object"),
            DatabaseError::Unavailable | DatabaseError::Contention => Self::unavailable(error),
            DatabaseError::Constraint(name) => from_constraint(name).unwrap_or_else(|| Self::internal(error)),
            DatabaseError::InvalidText => Self::invalid(
                "The request contains a character that cannot be stored, such as NUL. Remove it.",
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
        "The body is too large. Send smaller batches, or raise SQUALL_MAX_BODY.",
    )
}

/// The message of a parser without its preface and the names of Rust types.
fn without_internals(message: &str) -> String {
    let prefaces = ["JSON body into the target type: ", "request body as JSON: ", "query string: "];
    let reason = prefaces.iter().find_map(|preface| Some(message.split_once(preface)?.1)).unwrap_or(message);
    let reason = reason.trim_end_matches('.').replace(" to fit in target type", "");
    match reason.split_once("expected struct ") {
        Some((before, after)) => {
            let name = |c: char| c.is_alphanumeric() || c == '_';
            format!("{before}expected an object{}", after.trim_start_matches(name))
        }
        None => reason,
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => Self::invalid("The body was cut off. Send the request again.")
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
                format!("The body is not valid: {}.", without_internals(&rejection.body_text())),
            ),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(format!("The query is not valid: {}.", without_internals(&rejection.body_text())))
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::nothing_here().caused_by(rejection.body_text())
    }
}
