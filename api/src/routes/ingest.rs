//! `/api/v1/ingest`: receives pushed events. It answers `202` only after the commit.

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    key::IngestKey,
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

/// The outcome of a batch.
#[derive(Serialize, ToSchema)]
pub(super) struct Receipt {
    /// Events that were stored durably.
    accepted: usize,
    /// The first hundred rejected pieces.
    rejected: Vec<RejectedLine>,
    /// The number of rejected pieces.
    rejected_total: usize,
}

/// A piece that could not be read as an event.
#[derive(Serialize, ToSchema)]
struct RejectedLine {
    /// The number of the line, or of the item in an array, from 1.
    line: usize,
    /// The reason by which the source and the metrics count it.
    reason: RejectionReason,
    /// What is wrong with it, for people.
    message: String,
}

/// Send events
///
/// The body is NDJSON, a JSON array, or plain log lines, optionally compressed with gzip or zstd. A
/// line that cannot be read as an event is rejected with its number and reason; the others are
/// stored. An event needs a `message` or an `exception`. The fields `level`, `timestamp`, `logger`,
/// `service`, `environment`, `release`, `host` and `attributes` have a meaning, and any other field
/// is stored as an attribute. A JSON string is a log line.
#[utoipa::path(
    post, path = "/api/v1/ingest", tag = "ingestion", operation_id = "ingest",
    request_body(content(
        (String = "application/x-ndjson", example = json!("{\"message\":\"payment 4711 declined\",\"level\":\"error\"}\n")),
        (Vec<Object> = "application/json"),
        (String = "text/plain"),
    )),
    responses(
        (status = 202, body = Receipt, description = "Stored durably"),
        (status = 400, body = ErrorBody, description = "Nothing was stored: the body is damaged or contains no event"),
        (status = 401, body = ErrorBody, description = "The project key is missing, unknown or revoked"),
        (status = 403, body = ErrorBody, description = "The project key can only read"),
        (status = 413, body = ErrorBody, description = "The body is too large, compressed or decompressed"),
        (status = 415, body = ErrorBody, description = "The content type or encoding is not supported"),
        (status = 429, body = ErrorBody, description = "The key sends too many events; nothing was stored, send the request again after Retry-After"),
        (status = 503, body = ErrorBody, description = "Send the request again after Retry-After. Nothing was stored, unless the code is `timeout`"),
    )
)]
pub(super) async fn ingest(
    State(state): State<AppState>,
    Extension(key): Extension<IngestKey>,
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
    if let Err(wait) = state.limits.ingest(key.id, receipt.accepted as u64).await {
        return Err(rate_limited(retry_after(wait)));
    }
    let origin = Origin { project_id: key.project_id, source_id: key.source_id };
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
            "The body contains no valid event. Send one JSON object per line, each with at least a message; see details for each rejected line.",
        )
        .details(serde_json::json!({ "rejected": receipt.rejected, "rejected_total": receipt.rejected_total })));
    }
    Ok((StatusCode::ACCEPTED, axum::Json(receipt)))
}

fn rate_limited(seconds: u64) -> ApiError {
    let message = format!(
        "This project key sends more events than SQUALL_INGEST_RATE allows. Nothing was stored; send the request again in \
         {seconds} seconds."
    );
    ApiError::too_many_requests("rate_limited", message, seconds)
}

fn shape(headers: &HeaderMap) -> Result<Shape, ApiError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/x-ndjson");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        // The default of curl --data is form-urlencoded.
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
                "The content type {other:?} is not supported. Send application/x-ndjson, application/json (an array) or text/plain."
            ),
        )),
    }
}

impl From<&Rejection> for RejectedLine {
    fn from(rejection: &Rejection) -> Self {
        Self { line: rejection.line, reason: rejection.reason, message: rejection.message.clone() }
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
            InboxError::Full => Self::overloaded(
                "More events arrive than can be stored at the moment. Nothing was stored; send the request again.",
                1,
            ),
            InboxError::Database(error) => Self::from(&*error),
            InboxError::NotWritten(cause) => Self::unavailable(cause),
            InboxError::OriginGone => {
                Self::unauthorized("unknown_key", "The project of this key was deleted.")
            }
        }
    }
}
