//! Writes pages with made-up data to a folder, to look at them without an engine:
//! `cargo run -p app --features ssr --example gallery -- FOLDER`.

mod fixture;

use std::fs;
use std::path::Path;

use app::page::{AppContent, Content, PageData};
use app::render::document;
use app::route::Route;
use app::shell::ShellOptions;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/gallery".into());
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let options = ShellOptions { js: "/pkg/app.js".into(), wasm: "/pkg/app_bg.wasm".into(), css: "/pkg/main.css".into() };
    for (name, data) in pages() {
        fs::write(folder.join(name).with_extension("json"), serde_json::to_string(&data)?)?;
        fs::write(folder.join(name).with_extension("html"), document(data, &options, "nonce"))?;
    }
    Ok(())
}

fn pages() -> Vec<(&'static str, PageData)> {
    let page = |route: Route, content| PageData { route, overview: fixture::overview(), may_control: true, content };
    let app = |name: &str, at, may_control| {
        let route = Route::App { name: name.into(), range: Some(app::route::Range::Day), at };
        let content = Content::App(Box::new(AppContent {
            name: name.into(),
            at,
            metrics: Ok(fixture::metrics(name)),
            logs: Ok(fixture::logs()),
            availability: Ok(fixture::availability(name)),
            events: Ok(fixture::events().into_iter().filter(|event| event.app.as_deref() == Some(name)).collect()),
        }));
        PageData { may_control, ..page(route, content) }
    };
    let empty = PageData { overview: fixture::nothing(), ..page(Route::Overview, Content::Overview) };
    let many = PageData { overview: fixture::many(200), ..page(Route::Overview, Content::Overview) };
    vec![
        ("overview", page(Route::Overview, Content::Overview)),
        ("app", app("database-api-server", None, true)),
        ("app-at", app("database-api-server", Some(fixture::HEALED), true)),
        ("app-down", app("cloudflared", None, true)),
        ("viewer", app("database-api-server", None, false)),
        ("events", page(Route::Events, Content::Events(Ok(fixture::events())))),
        ("no-app", page(Route::app("<b>x</b>"), Content::NoApp("<b>x</b>".into()))),
        ("not-found", page(Route::Unknown, Content::NotFound)),
        ("failed", page(Route::Events, Content::Events(Err("The history cannot be read: it is locked. Restarts go on.".into())))),
        ("empty", empty),
        ("many", many),
    ]
}
