//! Being written.
use super::Context;
use tokio_util::sync::CancellationToken;
/// Being written.
pub struct Poll;
pub(crate) async fn supervise(_context: Context, _stop: CancellationToken) {}
