//! The HTTP interface of Squall: `routes` is the contents page.
//!
//! A request passes, from outside in: a request id, one log line, a limit on time, a guard against
//! panics, the security headers, and the access its route declares. Every answer from 400 up has the
//! same body, made in one place ([`error`]).

pub mod config;
pub mod state;
pub mod routes;
pub mod openapi;
pub mod serve;
pub mod request;
pub mod access;
pub mod auth;
pub mod limits;
pub mod live;
pub mod error;
pub mod extract;
pub mod page;
pub mod web;
pub mod metrics;
pub mod seed;

pub use state::AppState;

use axum::{Router, extract::DefaultBodyLimit};

/// The whole interface, ready to serve.
pub fn app(state: AppState) -> Router {
    let (api, description) = routes::router(&state).split_for_parts();
    let limit = DefaultBodyLimit::max(state.config.max_body_bytes);
    let api = api.with_state(state.clone()).layer(limit);
    request::wrap(openapi::serve(api, description).merge(web::router(&state)), &state)
}
