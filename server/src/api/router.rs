//! Which route leads where, and who may take it. Nothing else wires a route of the API.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{Gate, admit};
use super::boundary::{Boundary, RequestId, boundary};
use super::context::Context;
use super::error::ApiError;
use super::{apps, control, health, node, openapi, past, profiles, prometheus, stream};
use crate::auth::Role;

/// Every route of the API, fit to be served.
pub fn router(context: Context) -> Router {
    // Whoever is nobody learns not even which addresses are there.
    let unknown =
        ["/api", "/api/", "/api/{*rest}"].into_iter().fold(Router::new(), |router, path| router.route(path, any(nothing)));
    let mut router = gated(&context, Role::Viewer, unknown);
    for (role, group) in groups() {
        let (group, _) = group.split_for_parts();
        router = router.merge(match role {
            Some(role) => gated(&context, role, group),
            None => group,
        });
    }
    let boundary =
        from_fn_with_state(Boundary { auth: context.auth.clone(), show: |error, RequestId(id)| error.to_json(id) }, boundary);
    router.layer(boundary).with_state(context)
}

/// The routes, by the role that they take; without one they are open to anybody.
pub(super) fn groups() -> [(Option<Role>, OpenApiRouter<Context>); 4] {
    let anybody =
        OpenApiRouter::default().routes(routes!(health::live)).routes(routes!(health::ready)).routes(routes!(health::heartbeat));
    let viewer = OpenApiRouter::default()
        .routes(routes!(health::system))
        .routes(routes!(health::overview))
        .routes(routes!(stream::get, stream::post))
        .routes(routes!(apps::show::list))
        .routes(routes!(apps::show::one))
        .routes(routes!(apps::metrics::metrics))
        .routes(routes!(apps::availability::availability))
        .routes(routes!(apps::logs::logs))
        .routes(routes!(past::events))
        .routes(routes!(past::snapshots))
        .routes(routes!(node::me))
        .routes(routes!(openapi::document))
        .routes(routes!(prometheus::metrics));
    let operator = OpenApiRouter::default()
        .routes(routes!(control::act))
        .routes(routes!(apps::change::reset))
        .routes(routes!(apps::change::flush))
        .routes(routes!(profiles::take))
        .routes(routes!(profiles::list))
        .routes(routes!(profiles::file));
    let admin = OpenApiRouter::default()
        .routes(routes!(apps::apply::apply))
        .routes(routes!(apps::change::delete))
        .routes(routes!(apps::show::env))
        .routes(routes!(apps::show::definitions))
        .routes(routes!(past::backup))
        .routes(routes!(node::save))
        .routes(routes!(node::resurrect))
        .routes(routes!(node::shutdown))
        .routes(routes!(node::upgrade))
        .routes(routes!(node::create_token))
        .routes(routes!(node::create_login_link));
    [(None, anybody), (Some(Role::Viewer), viewer), (Some(Role::Operator), operator), (Some(Role::Admin), admin)]
}

fn gated(context: &Context, role: Role, routes: Router<Context>) -> Router<Context> {
    routes.layer(from_fn_with_state(Gate { context: context.clone(), role }, admit))
}

async fn nothing() -> ApiError {
    ApiError::no_such_page()
}
