//! The HTML document around a page, with a hydration script of our own: that of Leptos reads the disk and has no `catch`.

use leptos::prelude::*;

use crate::page::PageData;
use crate::ui::{App, Ui};

/// Where the parts of the site are, with the hash of their content: `/pkg/app.js?v=3f2a91c0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellOptions {
    /// The module that `wasm-bindgen` wrote.
    pub js: String,
    /// The WASM.
    pub wasm: String,
    /// The style sheet.
    pub css: String,
}

/// Decides on light or dark before anything is painted, and tells the style sheet that scripts run.
const EARLY: &str =
    "const d=document.documentElement;d.dataset.js='on';try{const t=localStorage.getItem('theme');if(t)d.dataset.theme=t}catch{}";

pub(crate) fn shell(data: PageData, options: &ShellOptions, nonce: &str) -> String {
    let json = inert_json(&data);
    let ui = Ui::new(data);
    let title = escape(&ui.title());
    provide_context(ui);
    let body = view! { <App /> }.to_html();
    let ShellOptions { js, wasm, css } = options;
    let (js, wasm, css, nonce) = (escape(js), escape(wasm), escape(css), escape(nonce));
    format!(
        r##"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"><meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#ffffff" media="(prefers-color-scheme: light)"><meta name="theme-color" content="#171a1d" media="(prefers-color-scheme: dark)">
<meta name="robots" content="noindex"><link rel="icon" href="/favicon.svg" type="image/svg+xml"><link rel="manifest" href="/site.webmanifest">
<script nonce="{nonce}">{EARLY}</script><link rel="stylesheet" href="{css}">
<link rel="modulepreload" href="{js}" nonce="{nonce}"><link rel="preload" href="{wasm}" as="fetch" type="application/wasm" crossorigin>
<script type="module" nonce="{nonce}">import("{js}").then(async m=>{{await m.default({{module_or_path:"{wasm}"}});m.hydrate()}}).catch(e=>{{document.documentElement.dataset.hydration="failed";console.error(e)}})</script>
</head><body>{body}<script type="application/json" id="page-data">{json}</script></body></html>"##
    )
}

/// JSON that no parser of HTML takes for markup (`<` ends a script element as `</script`, opens a comment as `<!--`), and in
/// which nothing that looks for links takes the path of a script for one.
fn inert_json(data: &PageData) -> String {
    serde_json::to_string(data).unwrap_or_else(|_| "null".into()).replace('<', "\\u003c").replace('/', "\\/")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
