//! The table of contents: every route, and what its caller needs.
//!
//! A route can only be added together with its [`Access`]. The guard, the API description and the
//! tests that walk all routes are made from this table. A route translates between HTTP and a
//! domain module.

mod health;
mod setup;
mod session;
mod users;
mod projects;
mod keys;
mod sources;
mod ingest;
mod issues;
mod events;
mod statistics;
mod stream;
mod backups;

use crate::{
    AppState,
    access::{Access, guard},
    openapi::Description,
};
use axum::middleware::from_fn_with_state;
use utoipa::{OpenApi, openapi::security::SecurityRequirement};
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter},
    routes,
};

fn table() -> Vec<(Access, UtoipaMethodRouter<AppState>)> {
    use Access::{Admin, Ingest, Member, Public, Read, Viewer};
    vec![
        (Public, routes!(health::healthz)),
        (Public, routes!(health::readyz)),
        (Public, routes!(setup::needed)),
        (Public, routes!(setup::set_up)),
        (Public, routes!(session::sign_in)),
        (Viewer, routes!(session::who)),
        (Viewer, routes!(session::sign_out)),
        (Admin, routes!(users::list)),
        (Admin, routes!(users::add)),
        (Admin, routes!(users::change)),
        (Viewer, routes!(projects::list)),
        (Admin, routes!(projects::add)),
        (Viewer, routes!(projects::show)),
        (Admin, routes!(projects::change)),
        (Admin, routes!(keys::list)),
        (Admin, routes!(keys::add)),
        (Admin, routes!(keys::revoke)),
        (Viewer, routes!(sources::list)),
        // A source reads files with the rights of the worker, so that only an admin may choose
        // them.
        (Admin, routes!(sources::add)),
        (Viewer, routes!(sources::show)),
        (Admin, routes!(sources::change)),
        (Admin, routes!(sources::delete)),
        (Viewer, routes!(sources::polls)),
        (Ingest, routes!(ingest::ingest)),
        (Viewer, routes!(issues::list)),
        (Viewer, routes!(issues::show)),
        (Member, routes!(issues::change)),
        (Viewer, routes!(issues::trend)),
        (Viewer, routes!(events::list)),
        (Viewer, routes!(statistics::show)),
        (Read, routes!(stream::stream)),
        (Viewer, routes!(backups::list)),
    ]
}

/// All routes, each behind the guard that enforces its access.
pub fn router(state: &AppState) -> OpenApiRouter<AppState> {
    let mut router = OpenApiRouter::with_openapi(Description::openapi());
    for (access, mut route) in table() {
        describe_access(access, &mut route);
        // Not on the fallback: an unsupported method is a 405 for everyone.
        route.2 = route.2.route_layer(from_fn_with_state((state.clone(), access), guard));
        router = router.routes(route);
    }
    router
}

/// The API description of all routes.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    let mut router = OpenApiRouter::with_openapi(Description::openapi());
    for (access, mut route) in table() {
        describe_access(access, &mut route);
        router = router.routes(route);
    }
    router.into_openapi()
}

/// Method, path and access of every route, for the tests that walk them.
#[must_use]
pub fn walk() -> Vec<(&'static str, String, Access)> {
    let mut all = Vec::new();
    for (access, (_, paths, _)) in table() {
        for (path, item) in paths.paths {
            let methods =
                [("GET", &item.get), ("POST", &item.post), ("PATCH", &item.patch), ("DELETE", &item.delete)];
            all.extend(
                methods
                    .into_iter()
                    .filter(|(_, it)| it.is_some())
                    .map(|(name, _)| (name, path.clone(), access)),
            );
        }
    }
    all
}

fn describe_access(access: Access, (_, paths, _): &mut UtoipaMethodRouter<AppState>) {
    for item in paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            operation.security = security(access);
        }
    }
}

fn security(access: Access) -> Option<Vec<SecurityRequirement>> {
    let none: [&str; 0] = [];
    match access {
        Access::Public => None,
        Access::Ingest => Some(vec![SecurityRequirement::new("project_key", none)]),
        Access::Read => Some(vec![
            SecurityRequirement::new("session", none),
            SecurityRequirement::new("project_key", none),
        ]),
        Access::Viewer | Access::Member | Access::Admin => {
            Some(vec![SecurityRequirement::new("session", none)])
        }
    }
}
