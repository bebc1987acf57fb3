//! The HTTP interface of Squall.
//!
//! [`routes`] is the table of contents. A request passes through [`request`] (an id, one log line,
//! a time limit, the security headers), then through the guard of its route ([`access`]), to a
//! handler in `routes/`, which translates between HTTP and a domain module. A domain module is
//! named after its noun, and holds its type and its SQL.
//!
//! A module imports only modules that come after it in this list. Domain modules know neither HTTP
//! nor [`AppState`].

// The process and its two listeners.
pub mod serve;
pub mod metrics;

// HTTP.
pub mod routes;
pub mod openapi;
mod web;
pub mod request;
pub mod access;
mod extract;

// What a process holds.
pub mod state;
pub mod config;
pub mod live;
pub mod limits;

// The domain, by noun.
pub mod seed;
mod statistics;
mod issue;
mod event;
mod source;
mod rejection;
mod key;
mod project;
pub mod setup;
mod session;
pub mod identity;
mod audit;
mod backup;
mod inbox;

// Values that the domain is made of.
mod steps;
mod page;
mod error;
mod secret;

pub use state::AppState;

use axum::{Router, extract::DefaultBodyLimit};

/// The whole interface, ready to serve.
pub fn app(state: AppState) -> Router {
    let (api, description) = routes::router(&state).split_for_parts();
    let limit = DefaultBodyLimit::max(state.config.max_body_bytes);
    let api = api.with_state(state.clone()).layer(limit);
    request::wrap(openapi::serve(api, description).merge(web::router(&state)), &state)
}
