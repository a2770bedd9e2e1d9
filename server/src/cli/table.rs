//! A table that fits: columns are narrowed, then left out, until no line is wider than the screen.

use std::fmt::Write as _;

use super::screen::{Screen, Tone};

/// Columns between two cells.
const GAP: usize = 2;

/// How a column behaves where there is little room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its heading.
    pub(super) title: &'static str,
    /// Are its cells figures?
    pub(super) right: bool,
    /// It may be narrowed to this; none if a part of it says nothing.
    pub(super) narrow: Option<usize>,
    /// The column with the greatest number is left out first; one with 0 never.
    pub(super) drop: u8,
}

/// A text and its meaning.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Option<Tone>,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: None }
    }

    pub(super) fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Some(tone) }
    }
}

/// The table as lines, headings first.
pub(super) fn render(columns: &[Column], rows: &[Vec<Cell>], screen: &Screen) -> String {
    let natural: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            rows.iter().map(|row| columns_of(&row[place].text)).chain([columns_of(column.title)]).max().unwrap_or(0)
        })
        .collect();
    let widths = fit(columns, &natural, screen.width);
    let headings = columns.iter().map(|column| Cell::toned(Tone::Quiet, column.title)).collect();
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        line(&mut text, columns, row, &widths, screen);
    }
    text
}

fn line(text: &mut String, columns: &[Column], row: &[Cell], widths: &[Option<usize>], screen: &Screen) {
    let shown: Vec<_> =
        widths.iter().enumerate().filter_map(|(place, width)| Some((&columns[place], &row[place], (*width)?))).collect();
    for (place, (column, cell, width)) in shown.iter().enumerate() {
        let cut = shorten(&cell.text, *width);
        let space = " ".repeat(width - columns_of(&cut).min(*width));
        let painted = cell.tone.map_or_else(|| cut.clone(), |tone| screen.paint(tone, &cut));
        let last = place + 1 == shown.len();
        let gap = if last { "" } else { &" ".repeat(GAP) };
        // Writing into a String cannot fail.
        let _ = match (column.right, last) {
            (true, _) => write!(text, "{space}{painted}{gap}"),
            (false, true) => write!(text, "{painted}"),
            (false, false) => write!(text, "{painted}{space}{gap}"),
        };
    }
    text.push('\n');
}

/// The width of each column, none for one that is left out.
fn fit(columns: &[Column], natural: &[usize], room: usize) -> Vec<Option<usize>> {
    let mut shown: Vec<bool> = vec![true; columns.len()];
    let least = |place: usize| columns[place].narrow.map_or(natural[place], |narrow| natural[place].min(narrow));
    let total = |shown: &[bool], width: &dyn Fn(usize) -> usize| -> usize {
        let widths: Vec<usize> = (0..columns.len()).filter(|place| shown[*place]).map(width).collect();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    };
    while total(&shown, &least) > room {
        let next =
            (0..columns.len()).filter(|place| shown[*place] && columns[*place].drop > 0).max_by_key(|place| columns[*place].drop);
        let Some(next) = next else { break };
        shown[next] = false;
    }
    let mut widths = natural.to_vec();
    // Nothing may be left to drop on a very narrow screen: then what can be read of each has to do.
    for floor in [&least as &dyn Fn(usize) -> usize, &|_| 1] {
        while total(&shown, &|place| widths[place]) > room {
            let widest = (0..columns.len())
                .filter(|place| shown[*place] && widths[*place] > floor(*place))
                .max_by_key(|place| widths[*place]);
            let Some(widest) = widest else { break };
            widths[widest] -= 1;
        }
    }
    widths.into_iter().zip(shown).map(|(width, shown)| shown.then_some(width)).collect()
}

/// The text, cut with `…` if it takes more columns than this.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if columns_of(text) <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Columns that a text takes on a terminal.
pub(super) fn columns_of(text: &str) -> usize {
    text.chars().count()
}

/// The text in lines that are not wider than this, broken at spaces; a longer word is cut in pieces.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let pieces = text.split_whitespace().flat_map(|word| {
        let letters: Vec<char> = word.chars().collect();
        letters.chunks(width).map(|piece| piece.iter().collect::<String>()).collect::<Vec<_>>()
    });
    for piece in pieces {
        let used = lines.last().map_or(0, |line| columns_of(line));
        match lines.last_mut() {
            Some(line) if used == 0 => line.push_str(&piece),
            Some(line) if used + 1 + columns_of(&piece) <= width => {
                line.push(' ');
                line.push_str(&piece);
            }
            _ => lines.push(piece),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "name", right: false, narrow: Some(6), drop: 0 },
        Column { title: "pid", right: true, narrow: None, drop: 2 },
        Column { title: "state", right: false, narrow: None, drop: 1 },
    ];

    fn table(width: usize) -> String {
        let screen = Screen { width, colour: false, terminal: false, silent: false };
        let row = |name: &str, pid: &str, state: &str| vec![Cell::new(name), Cell::new(pid), Cell::new(state)];
        render(&COLUMNS, &[row("gateway-3333", "12", "online"), row("db", "40001", "errored")], &screen)
    }

    #[test]
    fn narrowed_then_dropped_then_cut() {
        insta::assert_snapshot!([40, 24, 16, 9].map(table).join("\n"));
    }

    #[test]
    fn wrapped_at_spaces() {
        assert_eq!(wrap("one two  three", 7), "one two\nthree");
        assert_eq!(wrap("abcdefgh ij", 3), "abc\ndef\ngh\nij");
        assert_eq!(wrap("", 10), "");
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide(cells in prop::collection::vec(("\\PC{0,40}", "\\PC{0,9}", "\\PC{0,9}"), 0..5), width in 5_usize..120) {
            let screen = Screen { width, colour: false, terminal: false, silent: false };
            let rows: Vec<_> = cells.into_iter().map(|(a, b, c)| vec![Cell::new(a), Cell::new(b), Cell::new(c)]).collect();
            for line in render(&COLUMNS, &rows, &screen).lines() {
                prop_assert!(columns_of(line) <= width, "{line:?}");
            }
        }

        #[test]
        fn wrapping_keeps_words_and_width(text in "[a-z ]{0,80}", width in 1_usize..30) {
            let wrapped = wrap(&text, width);
            prop_assert!(wrapped.lines().all(|line| columns_of(line) <= width));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&wrapped), letters(&text));
        }
    }
}
