//! What every handler can reach.

use crate::{
    access::Keys,
    config::Config,
    limits::Limits,
    live::{Live, Pace},
};
use sqlx::PgPool;
use squall_intake::Inbox;
use squall_live::Redis;
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
    /// What replicas share, if there is one.
    pub redis: Option<Redis>,
    /// How often things may be done.
    pub limits: Arc<Limits>,
    /// What changes, told as it does.
    pub live: Live,
}

impl AppState {
    /// Starts the writers of the inbox and the live updates on the current runtime.
    pub fn new(pool: PgPool, config: Config) -> Self {
        let redis = config.redis.clone().map(Redis::start);
        Self {
            limits: Arc::new(Limits::new(redis.clone(), config.ingest_rate)),
            live: Live::start(pool.clone(), redis.clone(), Pace::default()),
            redis,
            inbox: Inbox::start(&pool),
            pool,
            config: Arc::new(config),
            keys: Arc::default(),
            stopping: CancellationToken::new(),
        }
    }
}
