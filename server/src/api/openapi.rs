//! The OpenAPI document, made of what stands beside each handler. What holds for every route is added here.

use std::sync::LazyLock;

use app::model::Problem;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::router::groups;
use crate::auth::Role;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    serde_json::to_vec_pretty(&write()).map(Bytes::from).unwrap_or_else(|error| {
        tracing::error!(%error, "failed to write the OpenAPI document");
        Bytes::from_static(b"{}")
    })
});

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "node",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object)),
)]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}

fn write() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Quarterdeck")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Times are RFC 3339 in UTC with milliseconds. Every error has the body `Problem`, but those of the control \
             routes. `x-request-id` of an answer stands in the log as well.",
        ))
        .build();
    let mut whole = OpenApiBuilder::new().info(info).build();
    for (role, group) in groups() {
        let mut part = group.into_openapi();
        for (path, item) in &mut part.paths.paths {
            for (method, operation) in operations(item) {
                describe(operation, method, path, role);
            }
        }
        whole.merge(part);
    }
    let components = whole.components.get_or_insert_default();
    let mut inner = Vec::new();
    <Problem as ToSchema>::schemas(&mut inner);
    components.schemas.extend(inner);
    components.schemas.insert(Problem::name().into(), Problem::schema());
    let schemes = &mut components.security_schemes;
    schemes.insert("token".into(), SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()).into());
    schemes.insert("session".into(), SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("qd_session"))).into());
    whole
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [("get", &mut item.get), ("post", &mut item.post), ("delete", &mut item.delete)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn describe(operation: &mut Operation, method: &str, path: &str, role: Option<Role>) {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    operation.operation_id = Some([method].into_iter().chain(words).collect::<Vec<_>>().join("_"));
    let mut errors = vec![("421", "This host name is not ours")];
    if operation.parameters.is_some() || operation.request_body.is_some() {
        errors.push(("400", "A field is bad; `field` names it"));
    }
    if path.contains('{') {
        errors.push(("404", "No such app"));
    }
    if operation.request_body.is_some() {
        errors.push(("413", "The body is longer than 1 MiB"));
    }
    let who = match role {
        None => "Open to anybody.".to_owned(),
        Some(role) => {
            errors.extend([("401", "Nobody is logged in"), ("403", "The role is not enough, or another site asked")]);
            let none: [&str; 0] = [];
            operation.security = Some(["token", "session"].map(|scheme| SecurityRequirement::new(scheme, none)).into());
            format!("Takes the role {role}.")
        }
    };
    let description = operation.description.get_or_insert_default();
    *description = format!("{description}\n\n{who}").trim_start().to_owned();
    for (status, why) in errors {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response = ResponseBuilder::new().description(why).content("application/json", content).build();
        operation.responses.responses.entry(status.into()).or_insert(response.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_as_agreed() {
        let mut document: serde_json::Value = serde_json::from_slice(&DOCUMENT).unwrap();
        document["info"]["version"] = "[version]".into();
        insta::assert_json_snapshot!("openapi", document);
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let mut whole = write();
        let mut names: Vec<_> = whole
            .paths
            .paths
            .values_mut()
            .flat_map(|item| operations(item).map(|(_, operation)| operation.operation_id.clone()).collect::<Vec<_>>())
            .collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
