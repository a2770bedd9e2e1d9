//! The log of an app: it follows what is written, or stands still around a moment.

use leptos::html::Ol;
use leptos::prelude::*;

use crate::client;
use crate::erased::Erase;
use crate::format;
use crate::model::{LogLine, LogPage, LogStream, Time};
use crate::ui::Ui;
use crate::words;

/// What the log shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogView {
    /// The moment it stands still around; none while it follows.
    pub(crate) around: Option<Time>,
    /// The lines, or a sentence.
    pub(crate) page: Result<LogPage, String>,
}

/// A line, or what happened to the app between two lines.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Line(LogLine),
    Mark(Time, String),
}

impl Entry {
    const fn time(&self) -> Time {
        match self {
            Self::Line(line) => line.time,
            Self::Mark(time, _) => *time,
        }
    }
}

/// Puts what happened between the lines where it belongs. Both are in the order of time.
fn weave(lines: &[LogLine], marks: &[(Time, String)], only: Option<LogStream>) -> Vec<Entry> {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Vec::new() };
    let within = marks.iter().filter(|(time, _)| *time >= first.time && *time <= last.time + 60_000);
    let mut entries: Vec<_> =
        lines.iter().filter(|line| only.is_none_or(|stream| line.stream == stream)).cloned().map(Entry::Line).collect();
    entries.extend(within.map(|(time, words)| Entry::Mark(*time, words.clone())));
    entries.sort_by_key(Entry::time);
    entries
}

/// Shows it.
#[component]
pub(crate) fn Log(
    name: String,
    /// What is shown.
    log: RwSignal<LogView>,
    /// What happened to the app, oldest first.
    marks: Memo<Vec<(Time, String)>>,
    /// Told that it shall follow again.
    follow: Callback<()>,
) -> impl IntoView {
    let ui = Ui::get();
    let list = NodeRef::<Ol>::new();
    let only = RwSignal::new(None::<LogStream>);
    let around = Memo::new(move |_| log.with(|log| log.around));
    let entries = Memo::new(move |_| match log.with(|log| log.page.clone()) {
        Ok(page) => marks.with(|marks| weave(&page.lines, marks, only.get())),
        Err(_) => Vec::new(),
    });
    client::keep_in_sight(list, around.into(), Signal::derive(move || entries.with(Vec::len)));
    let error = Signal::derive(move || log.with(|log| log.page.as_ref().err().cloned()));
    let heading = Signal::derive(move || match around.get() {
        Some(time) => ["Log around ", &format::clock(ui.zone.get().at(time))].concat(),
        None => "Log".into(),
    });
    let streams = Signal::derive(move || match only.get() {
        None => "both streams",
        Some(LogStream::Stdout) => "stdout only",
        Some(LogStream::Stderr) => "stderr only",
    });
    let turn = move |_| {
        only.update(|only| {
            *only = match only {
                None => Some(LogStream::Stderr),
                Some(LogStream::Stderr) => Some(LogStream::Stdout),
                Some(LogStream::Stdout) => None,
            }
        });
    };
    let entry = move |entry: Entry| {
        let zone = ui.zone.get();
        let near = around.get_untracked().is_some_and(|at| entry.time() >= at);
        let clock = format::clock_exact(zone.at(entry.time()));
        let (class, text) = match entry {
            Entry::Line(line) => (words::stream_class(line.stream), line.line),
            Entry::Mark(_, words) => ("mark", ["— ", &words, " —"].concat()),
        };
        view! {
            <li class=class data-after=near.then_some("")>
                <time>{clock}</time>
                <span>{text}</span>
            </li>
        }
    };
    let nothing = move || entries.with(Vec::is_empty) && error.with(Option::is_none);
    let described = ["Log of ", &name].concat();
    view! {
        <section class="panel log" aria-label=described>
            <header>
                <h2>{heading}</h2>
                <button class="plain needs-js" type="button" on:click=turn>
                    {streams}
                </button>
                <button class="button small needs-js" type="button" hidden=Signal::derive(move || around.get().is_none()) on:click=move |_| follow.run(())>
                    "Follow"
                </button>
            </header>
            <p class="error-text" hidden=Signal::derive(move || error.with(Option::is_none))>
                {error}
            </p>
            <p class="empty" hidden=Signal::derive(move || !nothing())>
                "It has written nothing yet."
            </p>
            <ol class="lines" node_ref=list tabindex="0" aria-label="Lines">
                {move || entries.get().into_iter().map(entry).collect_view()}
            </ol>
        </section>
    }
    .erase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_stands_between_the_lines() {
        let line = |time, stream, text: &str| LogLine { time: Time(time), stream, index: None, line: text.into() };
        let lines = [line(1, LogStream::Stdout, "a"), line(3, LogStream::Stderr, "b")];
        let marks = [(Time(0), "too early".into()), (Time(2), "restarted".into())];
        let all = weave(&lines, &marks, None);
        assert_eq!(all.iter().map(Entry::time).collect::<Vec<_>>(), [Time(1), Time(2), Time(3)]);
        assert_eq!(weave(&lines, &marks, Some(LogStream::Stderr)).len(), 2);
    }
}
