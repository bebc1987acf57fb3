//! What the status page says of Redis and of the streams. Neither makes the api unready: it works without.

use crate::AppState;
use serde::Serialize;
use squall_live::redis::State;
use utoipa::ToSchema;

/// Redis, which the api can do without.
#[derive(Serialize, ToSchema)]
pub struct RedisCheck {
    /// Whether it does what it is there for; also true where there is none.
    ok: bool,
    message: String,
    /// Whether `REDIS_URL` is set.
    configured: bool,
}

/// The streams of live updates of this process.
#[derive(Serialize, ToSchema)]
pub struct StreamCheck {
    /// Whether what changes is heard, if somebody watches.
    ok: bool,
    message: String,
    /// Streams that are open.
    subscribers: usize,
}

impl RedisCheck {
    /// As it is at this moment.
    pub fn of(state: &AppState) -> Self {
        let found = state.redis.as_ref().map(squall_live::Redis::state);
        // Why it is away names addresses: that is for the log.
        let (ok, message) = match found {
            None => (true, "Not configured: rate limits and live updates work inside this process."),
            Some(State::Up) => {
                (true, "Redis answers: rate limits and live updates are shared by all replicas.")
            }
            Some(State::Starting) => (true, "Redis is being connected to."),
            Some(State::Down(_)) => (
                false,
                "Redis cannot be used; the api's log says why. Until it is back, each replica limits rates by itself and hears live updates from PostgreSQL.",
            ),
        };
        Self { ok, message: message.into(), configured: state.redis.is_some() }
    }
}

impl StreamCheck {
    /// As it is at this moment.
    pub fn of(state: &AppState) -> Self {
        let subscribers = state.live.streams();
        let ok = subscribers == 0 || state.live.is_hearing();
        let message = match (ok, subscribers) {
            (false, _) => "What changes is not heard at the moment; pages ask for it instead.".into(),
            (true, 0) => "Nobody watches.".into(),
            (true, 1) => "One page or program is told what changes.".into(),
            (true, count) => format!("{count} pages and programs are told what changes."),
        };
        Self { ok, message, subscribers }
    }
}
