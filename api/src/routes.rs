//! The contents page: every route, and what it needs.
//!
//! A route can only be added with its [`Access`]; the guard, the API description and the test that walks
//! all routes are made from this table.

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

pub(crate) use backups::newest_proven_age;
pub(crate) use issues::Status;
pub(crate) use keys::{hint, new_secret};
pub(crate) use projects::create as create_project;

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

/// Every route of the api with its access.
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
        // A source reads files of the machine with the rights of the worker: whose they are, only an admin may say.
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
        (Viewer, routes!(events::of_issue)),
        (Viewer, routes!(statistics::show)),
        (Read, routes!(stream::stream)),
        (Viewer, routes!(backups::list)),
    ]
}

/// The routes, each behind the guard of its access.
pub fn router(state: &AppState) -> OpenApiRouter<AppState> {
    let mut router = OpenApiRouter::with_openapi(Description::openapi());
    for (access, mut route) in table() {
        for item in route.1.paths.values_mut() {
            for operation in operations(item) {
                operation.security = security(access);
            }
        }
        // On the route and not on its fallback: a method that is not there is a 405 for everybody.
        route.2 = route.2.route_layer(from_fn_with_state((state.clone(), access), guard));
        router = router.routes(route);
    }
    router
}

/// Method, path and access of every route, for the test that walks them.
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

fn operations(
    item: &mut utoipa::openapi::PathItem,
) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
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
