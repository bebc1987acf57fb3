//! Whether the process lives, and whether it can work.

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
};
use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

/// The process lives.
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
    /// The version this binary needs.
    expected: i64,
    /// The version the database has.
    found: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct QueueCheck {
    ok: bool,
    message: String,
    /// Batches in the inbox.
    waiting: i64,
    /// Age of the oldest of them, in seconds.
    oldest_seconds: i64,
    /// Batches that failed too often.
    set_aside: i64,
}

/// The inbox is behind when its oldest batch is older than this; the api still works.
const BEHIND_SECONDS: i64 = 60;

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "healthz", responses((status = 200, body = Alive)))]
pub(super) async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Checks the database, the schema version and the inbox.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "readyz",
    responses(
        (status = 200, body = Readiness),
        (status = 503, body = ErrorBody, description = "Not ready; `details` is a `Readiness` whose checks say why"),
    )
)]
pub(super) async fn readyz(State(state): State<AppState>) -> Result<Json<Readiness>, ApiError> {
    if state.stopping.is_cancelled() {
        let message = "The process was asked to stop and takes no new work.";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message).retry_after(2));
    }
    let checks = check(&state).await;
    if checks.database.ok && checks.schema.ok {
        return Ok(Json(Readiness { status: "ready", checks }));
    }
    let message = if checks.database.ok { &checks.schema.message } else { &checks.database.message };
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message.clone()).retry_after(2);
    let readiness = Readiness { status: "not_ready", checks };
    Err(error.details(serde_json::to_value(readiness).map_err(ApiError::internal)?))
}

async fn check(state: &AppState) -> Checks {
    let expected = squall_migrations::expected_version();
    let found = squall_migrations::found_version(&state.pool).await;
    let unknown = || QueueCheck {
        ok: false,
        message: "Not known.".into(),
        waiting: 0,
        oldest_seconds: 0,
        set_aside: 0,
    };
    match found {
        Err(error) => {
            tracing::debug!(error = %error, "The database did not answer a readiness check.");
            Checks {
                database: Check { ok: false, message: "The database cannot be reached.".into() },
                schema: SchemaCheck { ok: false, message: "Not known.".into(), expected, found: None },
                queue: unknown(),
            }
        }
        Ok(found) => {
            let ok = found.is_some_and(|found| found >= expected);
            let message = match ok {
                true => "The schema is the one this version needs.".into(),
                false => format!(
                    "The schema is at version {}, version {expected} is needed: run squall-migrate run.",
                    found.unwrap_or(0)
                ),
            };
            Checks {
                database: Check { ok: true, message: "The database answers.".into() },
                schema: SchemaCheck { ok, message, expected, found },
                queue: if ok { queue(state).await.unwrap_or_else(|_| unknown()) } else { unknown() },
            }
        }
    }
}

async fn queue(state: &AppState) -> Result<QueueCheck, sqlx::Error> {
    let row = sqlx::query!(
        "select count(*) filter (where set_aside_at is null) as \"waiting!\",
                count(*) filter (where set_aside_at is not null) as \"set_aside!\",
                coalesce(extract(epoch from now() - min(received_at) filter (where set_aside_at is null)), 0)::bigint as \"oldest!\"
         from inbox"
    )
    .fetch_one(&state.pool)
    .await?;
    let message = match (row.oldest > BEHIND_SECONDS, row.set_aside) {
        (true, _) => format!("The oldest batch waits for {} seconds: is the worker running?", row.oldest),
        (false, 0) => "Batches are digested as they come.".into(),
        (false, count) => format!("{count} batches were set aside; the worker's log says why."),
    };
    Ok(QueueCheck {
        ok: row.oldest <= BEHIND_SECONDS && row.set_aside == 0,
        message,
        waiting: row.waiting,
        oldest_seconds: row.oldest,
        set_aside: row.set_aside,
    })
}
