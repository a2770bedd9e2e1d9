//! The dashboard of Quarterdeck, rendered by the server and made alive in the browser,
//! and [`model`], the types that the server, the browser and other programs exchange.
//!
//! The server calls `render::render` for each request of a page. What goes into a page and how it is said are pure functions
//! ([`state`], [`words`], [`format`], [`route`]); components only show it.

#![recursion_limit = "512"]

pub mod availability;
#[cfg(feature = "ssr")]
pub mod backend;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
#[expect(unreachable_pub, reason = "the component macro writes `pub`")]
mod chart;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
mod client;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
#[expect(unreachable_pub, reason = "the component macro writes `pub`")]
mod component;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
mod erased;
pub mod format;
pub mod model;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
#[expect(unreachable_pub, reason = "the component macro writes `pub`")]
pub mod page;
#[cfg(feature = "ssr")]
pub mod render;
pub mod route;
#[cfg(test)]
mod sample;
#[cfg(feature = "ssr")]
pub mod shell;
pub mod state;
#[cfg(any(feature = "ssr", feature = "hydrate"))]
#[expect(unreachable_pub, reason = "the component macro writes `pub`")]
mod ui;
pub mod words;

/// Makes the page alive that the server rendered.
///
/// # Errors
/// The page does not hold the data that it was rendered from, or of another version.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() -> Result<(), wasm_bindgen::JsValue> {
    use leptos::prelude::*;

    let data = client::page_data().ok_or("the page does not hold its data")?;
    leptos::mount::hydrate_body(move || {
        provide_context(ui::Ui::new(data));
        view! { <ui::App /> }
    });
    Ok(())
}
