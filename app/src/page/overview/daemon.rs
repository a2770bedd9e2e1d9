//! What `qd` itself uses, and whether it keeps up: one quiet line at the end of the page.

use leptos::prelude::*;

use crate::erased::Erase;
use crate::format;
use crate::model::DaemonFigures;
use crate::ui::Ui;

/// Later than this is worth a word.
const LATE_MS: u64 = 100;

/// The line.
#[component]
pub(super) fn Daemon() -> impl IntoView {
    let ui = Ui::get();
    let told = Signal::derive(move || ui.dashboard.with(|dashboard| sentence(&dashboard.health.daemon)));
    view! { <p class="note own">{told}</p> }.erase()
}

fn sentence(figures: &DaemonFigures) -> String {
    let lag = match (figures.engine_lag_ms, figures.ticker_lag_ms) {
        (engine, ticker) if engine.max(ticker) <= LATE_MS => "keeps up".to_owned(),
        (engine, ticker) if engine >= ticker => ["starts and stops apps up to ", &format::span(engine), " late"].concat(),
        (_, ticker) => ["measures up to ", &format::span(ticker), " late"].concat(),
    };
    let queue = match figures.history_queue {
        0 => String::new(),
        waiting => [", ", &format::count(u64::from(waiting), "record"), " to be written"].concat(),
    };
    let files =
        [&format::thousands(u64::from(figures.open_files)), " of ", &format::thousands(u64::from(figures.open_files_limit))];
    [
        "qd itself ",
        &lag,
        &queue,
        ". It uses ",
        &format::round(f64::from(figures.memory_rss_mb)).to_string(),
        " MB, ",
        &format::count(u64::from(figures.threads), "thread"),
        ", ",
        &files.concat(),
        " files; its databases have ",
        &format::size(figures.history_bytes),
        " of history and ",
        &format::size(figures.state_bytes),
        " of state.",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_sentence() {
        let figures = DaemonFigures {
            memory_rss_mb: 23.6,
            threads: 14,
            open_files: 61,
            open_files_limit: 524_288,
            engine_lag_ms: 2,
            ticker_lag_ms: 3,
            history_queue: 0,
            history_bytes: 38 << 20,
            state_bytes: 120 << 10,
        };
        let told = sentence(&figures);
        assert!(told.starts_with("qd itself keeps up. It uses 24 MB, 14 threads, 61 of 524"), "{told}");
        let late = sentence(&DaemonFigures { engine_lag_ms: 3000, history_queue: 2, ..figures });
        assert!(late.starts_with("qd itself starts and stops apps up to 3 s late, 2 records to be written."), "{late}");
    }
}
