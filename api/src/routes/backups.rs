//! `/api/v1/backups`

use crate::{
    AppState,
    backup::{self, Backups},
    error::{ApiError, ErrorBody},
};
use axum::{Json, extract::State};

/// List the latest drills
///
/// `ok` is true if the newest proven backup is less than 26 hours old.
#[utoipa::path(
    get, path = "/api/v1/backups", tag = "backups", operation_id = "list_backup_drills",
    responses((status = 200, body = Backups), (status = 401, body = ErrorBody))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<Backups>, ApiError> {
    Ok(Json(backup::status(&state.pool).await?))
}
