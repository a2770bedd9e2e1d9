//! Reads what apps count themselves from their `/metrics`, where their definition names some.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use app::model::{App, Scrape};
use http_body_util::{BodyExt, Limited};
use hyper::Uri;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::engine::{Board, Engine};
use crate::inside::{Inside, values};
use crate::outbound::{self, Trust};
use crate::process;

/// How often it is looked which apps are due.
const LOOK: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_OF_BODY: usize = 2 << 20;

/// Reads them for ever. What cannot be read is not there: it has no value, and no old one either.
pub async fn scrape(board: Arc<Board>, engine: Engine, inside: Inside) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut due: HashMap<String, Instant> = HashMap::new();
    loop {
        looks.tick().await;
        let apps = board.apps();
        due.retain(|name, _| {
            let wants = || engine.running_spec(name).is_some_and(|spec| spec.metrics.is_some());
            let stays = apps.iter().any(|app| app.name == *name && app.is_live()) && wants();
            if !stays {
                inside.set_metrics(name, Vec::new());
            }
            stays
        });
        for app in apps.iter().filter(|app| app.is_live()) {
            let Some(wanted) = engine.running_spec(&app.name).and_then(|spec| spec.metrics.clone()) else { continue };
            if due.get(&app.name).is_some_and(|due| *due > Instant::now()) {
                continue;
            }
            due.insert(app.name.clone(), Instant::now() + Duration::from_millis(wanted.interval_ms));
            let (inside, name, places) = (inside.clone(), app.name.clone(), places(app, &wanted));
            tokio::spawn(async move {
                let text = timeout(PATIENCE, read(places)).await.ok().flatten();
                inside.set_metrics(&name, values(&text.unwrap_or_default(), &wanted.names));
            });
        }
    }
}

/// Where they may be read: at the first of these that somebody listens at. None while it is not known where the app listens.
fn places(app: &App, wanted: &Scrape) -> Vec<Uri> {
    if !wanted.url.starts_with('/') {
        return wanted.url.parse().into_iter().collect();
    }
    let Some(port) = app.env_port.or_else(|| app.instances.iter().find_map(|one| one.port)) else { return Vec::new() };
    let addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, port))].into_iter().chain(process::other_addresses_of(port));
    addresses.filter_map(|at| format!("http://{at}{}", wanted.url).parse().ok()).collect()
}

async fn read(places: Vec<Uri>) -> Option<String> {
    for place in places {
        // Its certificate may be its own: it is told nothing, and trusted no further than any app.
        if let Ok(stream) = outbound::open(&place, Trust::Anything).await {
            return read_from(&place, stream).await;
        }
    }
    None
}

async fn read_from(place: &Uri, stream: outbound::Connection) -> Option<String> {
    let answer = outbound::ask(place, stream).await.ok().filter(|answer| answer.status().is_success())?;
    let body = Limited::new(answer.into_body(), MOST_OF_BODY).collect().await.ok()?.to_bytes();
    Some(String::from_utf8_lossy(&body).into_owned())
}
