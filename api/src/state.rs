//! What every handler can reach.

use crate::{access::Keys, config::Config, throttle::Throttle};
use sqlx::PgPool;
use squall_intake::Inbox;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Cheap to clone; one for each process.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub pool: PgPool,
    /// What a person set.
    pub config: Arc<Config>,
    /// Where accepted events go.
    pub inbox: Inbox,
    /// Project keys seen lately.
    pub keys: Arc<Keys>,
    /// Cancelled when the process was asked to stop; what would go on for long ends then.
    pub stopping: CancellationToken,
    /// Failed sign-ins seen lately.
    pub sign_ins: Arc<Throttle>,
}

impl AppState {
    /// Starts the writers of the inbox on the current runtime.
    pub fn new(pool: PgPool, config: Config) -> Self {
        Self {
            inbox: Inbox::start(&pool),
            pool,
            config: Arc::new(config),
            keys: Arc::default(),
            stopping: CancellationToken::new(),
            sign_ins: Arc::default(),
        }
    }
}
