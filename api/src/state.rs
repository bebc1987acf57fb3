//! What every handler can reach.

use crate::{
    config::Config,
    key::KeyCache,
    limits::Limits,
    live::{Live, Timing},
};
use sqlx::PgPool;
use squall_intake::Inbox;
use squall_live::Redis;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// One for each process; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The connection pool.
    pub pool: PgPool,
    /// The settings.
    pub config: Arc<Config>,
    /// Where accepted events go.
    pub inbox: Inbox,
    /// Ingestion keys found lately.
    pub keys: Arc<KeyCache>,
    /// Cancelled when the process is asked to stop.
    pub stopping: CancellationToken,
    /// What replicas share, if configured.
    pub redis: Option<Redis>,
    /// Rate limits.
    pub limits: Arc<Limits>,
    /// Live updates.
    pub live: Live,
}

impl AppState {
    /// Start the writers of the inbox and the live updates on the current runtime.
    pub fn new(pool: PgPool, config: Config) -> Self {
        let redis = config.redis.clone().map(Redis::start);
        Self {
            limits: Arc::new(Limits::new(redis.clone(), config.ingest_rate)),
            live: Live::start(pool.clone(), redis.clone(), Timing::default()),
            redis,
            inbox: Inbox::start(&pool),
            pool,
            config: Arc::new(config),
            keys: Arc::default(),
            stopping: CancellationToken::new(),
        }
    }
}
