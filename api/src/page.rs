//! Pages of a list, by cursors that stay valid while rows are added.

use crate::error::ApiError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use squall_base::random;
use utoipa::ToSchema;

const DEFAULT_LIMIT: i64 = 50;

/// The largest page.
pub const MAX_LIMIT: i64 = 200;

/// One page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is not paged.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// How many items to show. Read one more, to know whether a next page exists.
pub fn limit(asked: Option<i64>) -> Result<i64, ApiError> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        limit => Err(ApiError::invalid(format!("limit is {limit}. It must be from 1 to {MAX_LIMIT}."))),
    }
}

/// A position as opaque text.
fn encode(position: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_vec(position).map(|json| random::hex(&json)).map_err(ApiError::internal)
}

/// The position in a cursor.
pub fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, ApiError> {
    let invalid = || ApiError::invalid("The cursor does not belong to this list. Start without a cursor.");
    serde_json::from_slice(&random::from_hex(cursor).ok_or_else(invalid)?).map_err(|_| invalid())
}

/// Remove the item read beyond the limit, and make the cursor from the last remaining one.
pub fn cut<T, P: Serialize>(
    mut items: Vec<T>,
    limit: i64,
    position: impl Fn(&T) -> P,
) -> Result<Page<T>, ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = if more { items.last().map(|item| encode(&position(item))).transpose()? } else { None };
    Ok(Page { items, next_cursor })
}
