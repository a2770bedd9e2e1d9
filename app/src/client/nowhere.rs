//! The server: nobody clicks, nothing moves.

use leptos::html::{Dialog, Ol};
use leptos::prelude::*;

use crate::component::LogView;
use crate::model::{Action, AppMetrics, Availability, Event, ProfileKind, Time};
use crate::page::ProfileView;
use crate::route::Route;
use crate::ui::{Overlay, Ui};

pub(crate) const fn start(_: Ui) {}
pub(crate) fn act(_: Ui, _: Action, _: String) {}
pub(crate) fn go(_: Ui, _: Route) {}
pub(crate) const fn switch_theme() {}
pub(crate) const fn palette_key(_: Ui) -> &'static str {
    "Ctrl K"
}
pub(crate) const fn modal(_: NodeRef<Dialog>, _: Signal<bool>) {}
pub(crate) const fn closed(_: Ui, _: fn(&Overlay) -> bool) {}
pub(crate) const fn offset_ms(_: Time) -> i64 {
    0
}
pub(crate) const fn fraction(_: &leptos::ev::PointerEvent) -> f64 {
    0.0
}
pub(crate) fn feed_charts(_: Ui, _: String, _: RwSignal<Result<AppMetrics, String>>) {}
pub(crate) fn follow_availability(_: String, _: Memo<Vec<Event>>, _: RwSignal<Result<Availability, String>>) {}
pub(crate) fn follow_log(_: Ui, _: String, _: RwSignal<LogView>) {}
pub(crate) const fn look_at(_: Ui, _: &str, _: Option<Time>, _: RwSignal<LogView>) {}
pub(crate) fn list_profiles(_: String, _: RwSignal<ProfileView>) {}
pub(crate) fn take_profile(_: String, _: ProfileKind, _: RwSignal<ProfileView>) {}
pub(crate) const fn keep_in_sight(_: NodeRef<Ol>, _: Signal<Option<Time>>, _: Signal<usize>) {}
