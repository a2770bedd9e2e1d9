//! The last 24 hours as a row of cells.

use std::fmt::Write;

use leptos::prelude::*;

use crate::erased::Erase;
use crate::model::{DayCell, Overview};
use crate::words;

const KINDS: [(DayCell, &str); 5] = [
    (DayCell::Unknown, "unknown"),
    (DayCell::Up, "up"),
    (DayCell::Restarted, "restarted"),
    (DayCell::Down, "down"),
    (DayCell::Stopped, "stopped"),
];

/// One path for all cells of a kind: 200 apps have 1,000 of them and not 9,600 rectangles.
fn path(cells: &[DayCell], wanted: DayCell) -> String {
    let mut path = String::new();
    let missing = Overview::DAY_CELLS.saturating_sub(cells.len());
    let all = std::iter::repeat_n(DayCell::Unknown, missing).chain(cells.iter().copied());
    for (index, _) in all.enumerate().filter(|(_, cell)| *cell == wanted) {
        // Writing to a String does not fail.
        let _ = write!(path, "M{} 0v20", index * 10 + 5);
    }
    path
}

/// Draws it, with its meaning in words.
#[component]
pub(crate) fn Strip(
    /// The cells, oldest first.
    #[prop(into)]
    cells: Signal<Vec<DayCell>>,
) -> impl IntoView {
    let draw = move |(kind, class)| view! { <path class=class d=move || cells.with(|cells| path(cells, kind))></path> };
    view! {
        <svg class="strip" viewBox="0 0 480 20" preserveAspectRatio="none" role="img" aria-label=move || cells.with(|cells| words::day(cells))>
            {KINDS.map(draw).to_vec()}
        </svg>
    }
    .erase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_end_at_the_right() {
        assert_eq!(path(&[DayCell::Up, DayCell::Down], DayCell::Up), "M465 0v20");
        assert_eq!(path(&[DayCell::Up, DayCell::Down], DayCell::Down), "M475 0v20");
        assert_eq!(path(&[], DayCell::Unknown).matches('M').count(), 48);
    }
}
