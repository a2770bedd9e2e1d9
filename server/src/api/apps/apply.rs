//! Apps that are handed in.

use app::model::AppSpec;
use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::context::{Context, actor};
use crate::api::control::detached;
use crate::api::error::ApiError;
use crate::api::read::Body;
use crate::auth::Principal;
use crate::config;
use crate::control::{Applied, Intake};

/// Definitions of apps.
#[derive(Debug, Deserialize, ToSchema)]
pub(in crate::api) struct Apps {
    /// The definitions. What one does not say has the value that PM2 would take.
    apps: Vec<AppSpec>,
    /// Do apps that are known already take the environment that comes along, from their next start?
    #[serde(default)]
    update_env: bool,
    /// Do apps that are known already go on, until they are restarted or reloaded with what is new?
    #[serde(default)]
    later: bool,
}

/// What became of each.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AppliedApps {
    /// In the order in which they were handed in.
    applied: Vec<AppliedApp>,
}

/// What became of one.
#[derive(Debug, Serialize, ToSchema)]
struct AppliedApp {
    /// Name of the app.
    name: String,
    /// `added`, `changed` or `unchanged`.
    #[schema(value_type = String)]
    result: Applied,
}

/// Takes definitions of apps and runs them: all, or none if one cannot be taken. Answers when each was started.
#[utoipa::path(
    post,
    path = "/api/apps",
    tag = "apps",
    request_body = Apps,
    responses((status = 200, description = "What became of each", body = AppliedApps)),
)]
pub(in crate::api) async fn apply(
    State(context): State<Context>,
    Extension(principal): Extension<Principal>,
    Body(Apps { apps, update_env, later }): Body<Apps>,
) -> Result<Json<AppliedApps>, ApiError> {
    if let Some(bad) = apps.iter().position(|spec| spec.name.is_empty() || spec.script.is_empty()) {
        return Err(ApiError::bad_field("apps", format!("the entry {bad} has no name or no script")));
    }
    if let Some(why) = apps.iter().find_map(|spec| config::check_name(&spec.name).err()) {
        return Err(ApiError::bad_field("apps", why));
    }
    let names = apps.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ");
    let environment = update_env;
    let intake = if later { Intake::Later { environment } } else { Intake::Run { environment } };
    let auth = context.auth.clone();
    let done = detached(async move {
        let done = context.control.apply(apps, intake, &actor(&principal)).await;
        auth.audit(&principal.name, "apply", &names, &super::change::outcome(&done)).await;
        done
    });
    let applied = done.await??.into_iter().map(|(name, result)| AppliedApp { name, result }).collect();
    Ok(Json(AppliedApps { applied }))
}
