//! `/api/v1/statistics`

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::Query,
    statistics::{self, Statistics},
    steps::Steps,
};
use axum::extract::State;
use chrono::Utc;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which project to look at, and how far back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Scope {
    /// The slug of a project; all projects if omitted.
    project: Option<String>,
    /// 1 to 2160; 24 if omitted.
    hours: Option<i64>,
}

/// Get volume, totals and top issues
#[utoipa::path(
    get, path = "/api/v1/statistics", tag = "statistics", operation_id = "show_statistics", params(Scope),
    responses((status = 200, body = Statistics), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Query(scope): Query<Scope>,
) -> Result<axum::Json<Statistics>, ApiError> {
    let steps = Steps::last(scope.hours, Utc::now())?;
    Ok(axum::Json(statistics::overview(&state.pool, scope.project.as_deref(), steps).await?))
}
