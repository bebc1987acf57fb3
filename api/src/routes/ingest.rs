//! The front door for what is pushed: `202` only after the commit.

use crate::{
    AppState,
    access::KeyHolder,
    error::{ApiError, ErrorBody},
    limits::retry_after,
};
use axum::{
    Extension,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use serde::Serialize;
use squall_boot::{metrics, telemetry::trace};
use squall_intake::{
    Batch, InboxError, Origin, Rejection, RejectionReason,
    batch::Shape,
    body::{BodyError, Encoding, unpack},
};
use utoipa::ToSchema;

/// What became of a batch.
#[derive(Serialize, ToSchema)]
pub(super) struct Receipt {
    /// Events that are durable now.
    accepted: usize,
    /// Pieces that were not taken: the first hundred.
    rejected: Vec<RejectedLine>,
    /// All pieces that were not taken.
    rejected_total: usize,
}

/// One piece that was not taken.
#[derive(Serialize, ToSchema)]
struct RejectedLine {
    /// The number of the line, or of the item in an array, from 1.
    line: usize,
    /// The kind of mistake, as the status of the source and the metrics count it.
    code: RejectionReason,
    /// What is wrong with it.
    reason: String,
}

/// Takes events: NDJSON, a JSON array, or plain log lines; gzip, zstd or not packed.
///
/// A line that is no event is rejected by number and reason, and the rest is kept. An event needs a `message`
/// or an `exception`; `level`, `timestamp`, `logger`, `service`, `environment`, `release`, `host` and `attributes` are
/// understood, and any other field is kept as an attribute. A JSON string is a log line.
#[utoipa::path(
    post, path = "/api/v1/ingest", tag = "ingestion", operation_id = "ingest",
    request_body(content(
        (String = "application/x-ndjson", example = json!("{\"message\":\"payment 4711 declined\",\"level\":\"error\"}\n")),
        (Vec<Object> = "application/json"),
        (String = "text/plain"),
    )),
    responses(
        (status = 202, body = Receipt, description = "Durable"),
        (status = 400, body = ErrorBody, description = "Nothing was kept: the body is broken or holds no event"),
        (status = 401, body = ErrorBody, description = "The project key is missing, unknown or revoked"),
        (status = 413, body = ErrorBody, description = "The body is too large, packed or unpacked"),
        (status = 415, body = ErrorBody, description = "The content type or encoding is not known"),
        (status = 429, body = ErrorBody, description = "The key sends too much; nothing was kept, send it again after Retry-After"),
        (status = 503, body = ErrorBody, description = "Nothing was kept; send it again after Retry-After"),
    )
)]
pub(super) async fn ingest(
    State(state): State<AppState>,
    Extension(holder): Extension<KeyHolder>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, axum::Json<Receipt>), ApiError> {
    let shape = shape(&headers)?;
    let encoding =
        Encoding::parse(headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()))?;
    let unpacked = unpack(&body?, encoding, state.config.max_unpacked_bytes)?.into_owned();
    let batch = Batch::parse(&unpacked, shape)
        .map_err(|reason| ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", reason))?;
    let receipt = Receipt {
        accepted: batch.events(),
        rejected: batch.rejections().first().iter().map(RejectedLine::from).collect(),
        rejected_total: batch.rejections().total(),
    };
    if let Err(wait) = state.limits.ingest(holder.key_id, receipt.accepted as u64).await {
        return Err(too_fast(retry_after(wait)));
    }
    let origin = Origin { project_id: holder.project_id, source_id: holder.source_id };
    if receipt.accepted > 0 || receipt.rejected_total > 0 {
        let rejected: Vec<_> =
            batch.rejections().by_reason().map(|(reason, count, _)| (reason.name(), count)).collect();
        state.inbox.put(origin, batch).await?;
        metrics::EVENTS_ACCEPTED.add(&["http"], receipt.accepted as u64);
        trace::count("squall.events", receipt.accepted);
        for (reason, count) in rejected {
            metrics::EVENTS_REJECTED.add(&[reason], count as u64);
        }
    }
    if receipt.accepted == 0 {
        return Err(ApiError::invalid(
            "The body holds no event that can be kept. Send one JSON object a line with at least a message; details names each bad line.",
        )
        .details(serde_json::json!({ "rejected": receipt.rejected, "rejected_total": receipt.rejected_total })));
    }
    Ok((StatusCode::ACCEPTED, axum::Json(receipt)))
}

fn too_fast(seconds: u64) -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        format!(
            "This project key sends more events than SQUALL_INGEST_RATE allows. Nothing of this request was kept; send it \
             again in {seconds} seconds."
        ),
    )
    .retry_after(seconds)
}

fn shape(headers: &HeaderMap) -> Result<Shape, ApiError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/x-ndjson");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        // curl --data says form-urlencoded unless it is told otherwise.
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-www-form-urlencoded"
        | "" => Ok(Shape::Ndjson),
        "application/json" => Ok(Shape::Array),
        "text/plain" => Ok(Shape::Lines),
        other => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!(
                "The content type {other:?} is not known. Send application/x-ndjson, application/json (an array) or text/plain."
            ),
        )),
    }
}

impl From<&Rejection> for RejectedLine {
    fn from(rejection: &Rejection) -> Self {
        Self { line: rejection.line, code: rejection.reason, reason: rejection.message.clone() }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        let message = error.to_string();
        match error {
            BodyError::UnknownEncoding(_) => {
                Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
            }
            BodyError::Broken(_) => Self::new(StatusCode::BAD_REQUEST, "invalid_encoding", message),
            BodyError::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message),
        }
    }
}

impl From<InboxError> for ApiError {
    fn from(error: InboxError) -> Self {
        match error {
            InboxError::Full => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "More arrives than can be written at the moment. Nothing of this request was kept; send it again.",
            )
            .retry_after(1),
            InboxError::Database(error) => Self::from(&*error),
            InboxError::NotWritten(cause) => Self::unavailable(cause),
            InboxError::OriginGone => {
                Self::new(StatusCode::UNAUTHORIZED, "unknown_key", "The project of this key was deleted.")
            }
        }
    }
}
