//! Projects: teams' applications.

use super::users::audit;
use crate::{
    AppState,
    access::SignedIn,
    error::{ApiError, ErrorBody},
    extract::{Json, Path},
    page::Page,
};
use axum::{Extension, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;

/// A team's application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Project {
    pub(crate) id: i64,
    /// Its name in addresses.
    pub(crate) slug: String,
    name: String,
    /// Events older than so many days are dropped.
    retention_days: i32,
    created_at: DateTime<Utc>,
}

/// A new project.
#[derive(Deserialize, ToSchema)]
pub(super) struct AddProject {
    name: String,
    /// Made from the name when it is left out.
    slug: Option<String>,
    /// 30 when it is left out.
    retention_days: Option<i32>,
}

/// What changes; the rest stays.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeProject {
    name: Option<String>,
    retention_days: Option<i32>,
}

/// Lists all projects.
#[utoipa::path(
    get, path = "/api/v1/projects", tag = "projects", operation_id = "list_projects",
    responses((status = 200, body = Page<Project>), (status = 401, body = ErrorBody))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<axum::Json<Page<Project>>, ApiError> {
    let projects = sqlx::query_as!(
        Project,
        "select id, slug, name, retention_days, created_at from projects order by name, id"
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(Page::whole(projects)))
}

/// Adds a project, with a source for what is pushed to it.
#[utoipa::path(
    post, path = "/api/v1/projects", tag = "projects", operation_id = "add_project", request_body = AddProject,
    responses((status = 201, body = Project), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Json(asked): Json<AddProject>,
) -> Result<(StatusCode, axum::Json<Project>), ApiError> {
    let slug = asked.slug.unwrap_or_else(|| slug_of(&asked.name));
    let mut transaction = state.pool.begin().await?;
    let project =
        create(&mut transaction, &slug, asked.name.trim(), asked.retention_days.unwrap_or(30)).await?;
    audit(&mut transaction, by.id, "project.add", &project.slug).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(project)))
}

/// Shows a project.
#[utoipa::path(
    get, path = "/api/v1/projects/{slug}", tag = "projects", operation_id = "show_project", params(("slug" = String, Path)),
    responses((status = 200, body = Project), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(slug): Path<String>,
) -> Result<axum::Json<Project>, ApiError> {
    sqlx::query_as!(
        Project,
        "select id, slug, name, retention_days, created_at from projects where slug = $1",
        slug
    )
    .fetch_optional(&state.pool)
    .await?
    .map(axum::Json)
    .ok_or_else(|| ApiError::not_found("project"))
}

/// Changes a project.
#[utoipa::path(
    patch, path = "/api/v1/projects/{slug}", tag = "projects", operation_id = "change_project", params(("slug" = String, Path)),
    request_body = ChangeProject,
    responses((status = 200, body = Project), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Path(slug): Path<String>,
    Json(asked): Json<ChangeProject>,
) -> Result<axum::Json<Project>, ApiError> {
    let mut transaction = state.pool.begin().await?;
    let project = sqlx::query_as!(
        Project,
        "update projects set name = coalesce($2, name), retention_days = coalesce($3, retention_days)
         where slug = $1 returning id, slug, name, retention_days, created_at",
        slug,
        asked.name,
        asked.retention_days,
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(|| ApiError::not_found("project"))?;
    audit(&mut transaction, by.id, "project.change", &slug).await?;
    transaction.commit().await?;
    Ok(axum::Json(project))
}

/// Writes a project and the source that stands for what is pushed to it.
pub(crate) async fn create(
    connection: &mut PgConnection,
    slug: &str,
    name: &str,
    retention_days: i32,
) -> Result<Project, ApiError> {
    let project = sqlx::query_as!(
        Project,
        "insert into projects (slug, name, retention_days) values ($1, $2, $3)
         returning id, slug, name, retention_days, created_at",
        slug,
        name,
        retention_days,
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!("insert into sources (project_id, kind, name) values ($1, 'http', 'HTTP')", project.id)
        .execute(connection)
        .await?;
    Ok(project)
}

/// The id of a project from the slug in a query.
///
/// # Errors
/// When there is no such project.
pub(super) async fn id_of(state: &AppState, slug: Option<&str>) -> Result<Option<i64>, ApiError> {
    let Some(slug) = slug else { return Ok(None) };
    sqlx::query_scalar!("select id from projects where slug = $1", slug)
        .fetch_optional(&state.pool)
        .await?
        .map(Some)
        .ok_or_else(|| ApiError::not_found("project"))
}

fn slug_of(name: &str) -> String {
    let dashed: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = dashed.split('-').filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-");
    slug.truncate(50);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug_of;

    #[test]
    fn a_slug_is_made_from_a_name() {
        for (name, expected) in
            [("Web Shop", "web-shop"), ("  Año 2026! ", "a-o-2026"), ("---", ""), ("a", "a")]
        {
            assert_eq!(slug_of(name), expected, "{name}");
        }
    }
}
