//! The dashboard as HTML. It asks the node what the API would tell the same person.

use std::sync::{Arc, LazyLock};

use app::backend::{Around, Backend};
use app::model::{App, AppMetrics, Availability, Event, LogPage, Overview, Time};
use app::render::{Rendered, render};
use app::shell::ShellOptions;
use async_trait::async_trait;
use axum::http::StatusCode;
use axum::response::Response;

use super::assets::SITE;
use super::html::{Nonce, page};
use crate::api::ApiError;
use crate::auth::{Principal, Role, authorize};
use crate::control::{Control, EventQuery, LogQuery, Refusal, Span};

static OPTIONS: LazyLock<ShellOptions> = LazyLock::new(|| ShellOptions {
    js: SITE.address("pkg/app.js"),
    wasm: SITE.address("pkg/app_bg.wasm"),
    css: SITE.address("pkg/main.css"),
});

/// The page at this path and query, for the one who asks.
pub(super) async fn dashboard(control: Arc<dyn Control>, principal: Principal, target: &str) -> Result<Response, ApiError> {
    let nonce = Nonce::new()?;
    let Rendered { status, html } = render(&Answers { control, principal }, target, &OPTIONS, &nonce.0).await;
    let status = StatusCode::from_u16(status).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(page(status, &nonce, html))
}

/// What the node answers to one person.
struct Answers {
    control: Arc<dyn Control>,
    principal: Principal,
}

#[async_trait]
impl Backend for Answers {
    async fn overview(&self) -> Overview {
        self.control.overview().await
    }

    async fn app(&self, name: &str) -> Option<App> {
        self.control.apps().iter().find(|app| app.name == name).cloned()
    }

    async fn metrics(&self, name: &str, from: Time, to: Time, points: usize) -> Result<AppMetrics, String> {
        self.control.metrics(name, Span { from, to, limit: points }).await.map_err(sentence)
    }

    async fn logs(&self, name: &str, around: Around, limit: usize) -> Result<LogPage, String> {
        let (before, after) = match around {
            Around::End => (None, None),
            Around::Before(time) => (Some(time.to_string()), None),
            Around::After(time) => (None, Some(time.to_string())),
        };
        let query = LogQuery { before, after, limit, ..LogQuery::default() };
        self.control.logs(name, query).await.map_err(sentence)
    }

    async fn events(&self, app: Option<&str>, limit: usize) -> Result<Vec<Event>, String> {
        let query = EventQuery { app: app.map(str::to_owned), limit, ..EventQuery::default() };
        self.control.events(query).await.map_err(sentence)
    }

    async fn availability(&self, name: &str) -> Result<Availability, String> {
        self.control.availability(name).await.map_err(sentence)
    }

    fn may_control(&self) -> bool {
        authorize(&self.principal, Role::Operator).is_ok()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is a step of map_err")]
fn sentence(refusal: Refusal) -> String {
    refusal.to_string()
}
