//! Pages of a list: a position that means the same after rows were added.

use crate::error::ApiError;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use squall_base::random;
use utoipa::ToSchema;

/// Items on a page when nobody says how many.
pub const DEFAULT_LIMIT: i64 = 50;

/// Items on a page at most.
pub const MAX_LIMIT: i64 = 200;

/// One page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is always whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

/// How many items to read; one more is read than shown, to know whether there is a next page.
///
/// # Errors
/// When it is outside 1 to [`MAX_LIMIT`].
pub fn limit(asked: Option<i64>) -> Result<i64, ApiError> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        limit => Err(ApiError::invalid(format!("limit is {limit}. It must be from 1 to {MAX_LIMIT}."))),
    }
}

/// A position as opaque text.
///
/// # Errors
/// When the position cannot be written, which is a bug.
pub fn encode(position: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_vec(position).map(|json| random::hex(&json)).map_err(ApiError::internal)
}

/// A position from the text of [`encode`].
///
/// # Errors
/// When the text is no position of this list.
pub fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, ApiError> {
    let invalid = || ApiError::invalid("The cursor is not one of this list. Begin without a cursor.");
    serde_json::from_slice(&random::from_hex(cursor).ok_or_else(invalid)?).map_err(|_| invalid())
}

/// Cuts the item read beyond the limit, and makes the cursor from the last one that stays.
///
/// # Errors
/// When the position cannot be written, which is a bug.
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
