//! `/healthz` and `/readyz`: whether the process runs, and whether it can work.

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    inbox,
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use squall_live::redis;
use utoipa::ToSchema;

/// The process runs.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    #[schema(example = "ok")]
    status: &'static str,
    version: &'static str,
}

/// Whether the process can work, and why not.
#[derive(Serialize, ToSchema)]
pub(super) struct Readiness {
    /// `ready` or `not_ready`.
    status: &'static str,
    checks: Checks,
}

#[derive(Serialize, ToSchema)]
struct Checks {
    database: Check,
    schema: SchemaCheck,
    queue: QueueCheck,
    redis: RedisCheck,
    stream: StreamCheck,
}

#[derive(Serialize, ToSchema)]
struct Check {
    ok: bool,
    message: String,
}

#[derive(Serialize, ToSchema)]
struct SchemaCheck {
    ok: bool,
    message: String,
    /// The version this program needs.
    expected: i64,
    /// The version of the database.
    found: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct QueueCheck {
    ok: bool,
    message: String,
    /// Batches waiting in the inbox.
    waiting: i64,
    /// Age of the oldest waiting batch, in seconds.
    oldest_seconds: i64,
    /// Batches that failed too often.
    set_aside: i64,
}

/// Redis, which is optional: a failure does not make the api unready.
#[derive(Serialize, ToSchema)]
pub struct RedisCheck {
    /// Whether Redis works, or is not configured.
    ok: bool,
    message: String,
    /// Whether `REDIS_URL` is set.
    configured: bool,
}

/// The live updates of this process. A failure does not make the api unready: pages poll instead.
#[derive(Serialize, ToSchema)]
pub struct StreamCheck {
    /// Whether changes are received, if anyone watches.
    ok: bool,
    message: String,
    /// Number of open streams.
    subscribers: usize,
}

/// The inbox is behind when its oldest batch is older than this; the api still works.
const BEHIND_SECONDS: i64 = 60;

/// Check that the process runs
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "healthz", responses((status = 200, body = Alive)))]
pub(super) async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Check that the process can work
///
/// Checks the database, its schema version and the inbox.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "readyz",
    responses(
        (status = 200, body = Readiness),
        (status = 503, body = ErrorBody, description = "Not ready; `details` is a `Readiness` with the failed checks"),
    )
)]
pub(super) async fn readyz(State(state): State<AppState>) -> Result<Json<Readiness>, ApiError> {
    if state.stopping.is_cancelled() {
        return Err(not_ready("The process is shutting down and accepts no new work."));
    }
    let checks = check(&state).await;
    if checks.database.ok && checks.schema.ok {
        return Ok(Json(Readiness { status: "ready", checks }));
    }
    let message = if checks.database.ok { &checks.schema.message } else { &checks.database.message };
    let error = not_ready(message);
    let readiness = Readiness { status: "not_ready", checks };
    Err(error.details(serde_json::to_value(readiness).map_err(ApiError::internal)?))
}

fn not_ready(message: &str) -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message).retry_after(2)
}

async fn check(state: &AppState) -> Checks {
    let expected = squall_migrations::expected_version();
    let found = squall_migrations::found_version(&state.pool).await;
    if let Err(error) = &found {
        tracing::debug!(error = %error, "The database did not answer a readiness check.");
    }
    let database = Check::database(found.is_ok());
    let schema = SchemaCheck::new(expected, found.ok());
    let queue = if schema.ok { inbox::state(&state.pool).await.ok() } else { None };
    Checks {
        database,
        schema,
        queue: queue.map_or_else(QueueCheck::unknown, QueueCheck::new),
        redis: RedisCheck::new(state.redis.as_ref().map(squall_live::Redis::state)),
        stream: StreamCheck::new(state.live.streams(), state.live.is_connected()),
    }
}

impl Check {
    fn database(ok: bool) -> Self {
        let message = if ok { "The database answers." } else { "The database is unreachable." };
        Self { ok, message: message.into() }
    }
}

impl SchemaCheck {
    /// `found` is `None` if the database did not answer, and holds `None` if it has no schema yet.
    fn new(expected: i64, found: Option<Option<i64>>) -> Self {
        let Some(found) = found else {
            return Self { ok: false, message: "Unknown.".into(), expected, found: None };
        };
        let ok = found.is_some_and(|found| found >= expected);
        let message = match ok {
            true => "The schema has the version this program needs.".into(),
            false => format!(
                "The schema is at version {}, but version {expected} is needed: run squall-migrate run.",
                found.unwrap_or(0)
            ),
        };
        Self { ok, message, expected, found }
    }
}

impl QueueCheck {
    fn unknown() -> Self {
        Self { ok: false, message: "Unknown.".into(), waiting: 0, oldest_seconds: 0, set_aside: 0 }
    }

    fn new(inbox: inbox::InboxState) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "an age in seconds is far below 2^53")]
        let oldest_seconds = inbox.oldest_seconds as i64;
        let is_behind = oldest_seconds > BEHIND_SECONDS;
        let message = match (is_behind, inbox.set_aside) {
            (true, _) => {
                format!("The oldest batch has waited {oldest_seconds} seconds. Is the worker running?")
            }
            (false, 0) => "Batches are digested as they arrive.".into(),
            (false, count) => format!("{count} batches were set aside. See the log of the worker."),
        };
        Self {
            ok: !is_behind && inbox.set_aside == 0,
            message,
            waiting: inbox.waiting,
            oldest_seconds,
            set_aside: inbox.set_aside,
        }
    }
}

impl RedisCheck {
    /// The message leaves out why Redis fails: the reason names addresses, which belong in the log.
    fn new(redis: Option<redis::State>) -> Self {
        let configured = redis.is_some();
        let (ok, message) = match redis {
            None => (true, "Not configured: rate limits and live updates work within this process."),
            Some(redis::State::Up) => {
                (true, "Redis answers: all replicas share rate limits and live updates.")
            }
            Some(redis::State::Starting) => (true, "Connecting to Redis."),
            Some(redis::State::Down(_)) => (
                false,
                "Redis is unusable; see the log of the api. Until it recovers, each replica limits rates on its own and receives live updates from PostgreSQL.",
            ),
        };
        Self { ok, message: message.into(), configured }
    }
}

impl StreamCheck {
    fn new(subscribers: usize, is_connected: bool) -> Self {
        let ok = subscribers == 0 || is_connected;
        let message = match (ok, subscribers) {
            (false, _) => "Changes are not received at the moment; pages poll instead.".into(),
            (true, 0) => "No one is watching.".into(),
            (true, 1) => "One page or program receives live updates.".into(),
            (true, count) => format!("{count} pages and programs receive live updates."),
        };
        Self { ok, message, subscribers }
    }
}
