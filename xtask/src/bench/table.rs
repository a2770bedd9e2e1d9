//! The measured values side by side.

use std::fmt;

/// What is measured; in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    IdleCpu,
    IdleMemory,
    DeathMedian,
    DeathWorst,
    Health,
    HealthKept,
    LogRate,
    LogLost,
    LogMemory,
}

const ROWS: [(Row, &str, &str, usize); 9] = [
    (Row::IdleCpu, "CPU at rest, nine services", "% of a core", 2),
    (Row::IdleMemory, "own memory at rest (PSS)", "MB", 1),
    (Row::DeathMedian, "from a death to the new process, median", "ms", 2),
    (Row::DeathWorst, "the same, slowest", "ms", 2),
    (Row::Health, "health document, asked anew each time", "/s", 0),
    (Row::HealthKept, "health document, connection kept", "/s", 0),
    (Row::LogRate, "1,000,000 lines of 100 bytes into the log", "lines/s", 0),
    (Row::LogLost, "of these lost", "lines", 0),
    (Row::LogMemory, "own memory after that, at most", "MB", 1),
];

/// A column for each supervisor; the first is ours.
pub(super) struct Table {
    titles: Vec<String>,
    values: Vec<[Option<f64>; ROWS.len()]>,
}

impl Table {
    pub(super) fn new(titles: Vec<String>) -> Self {
        let values = vec![[None; ROWS.len()]; titles.len()];
        Self { titles, values }
    }

    pub(super) fn set(&mut self, column: usize, row: Row, value: f64) {
        if let Some(values) = self.values.get_mut(column) {
            values[row as usize] = Some(value);
        }
    }

    fn cell(&self, column: usize, row: Row, digits: usize) -> String {
        let value = |column: usize| self.values.get(column).and_then(|values| values[row as usize]);
        let Some(own) = value(column) else { return "–".into() };
        match value(0) {
            Some(ours) if column > 0 && ours > 0.0 && own > 0.0 => format!("{own:.digits$} (× {})", ratio(own / ours)),
            _ => format!("{own:.digits$}"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measured | {} |", self.titles.join(" | "))?;
        writeln!(f, "| --- |{}", " ---: |".repeat(self.titles.len()))?;
        let is_measured = |row: Row| self.values.iter().any(|values| values[row as usize].is_some());
        for (row, label, unit, digits) in ROWS.into_iter().filter(|(row, ..)| is_measured(*row)) {
            let cells: Vec<_> = (0..self.titles.len()).map(|column| self.cell(column, row, digits)).collect();
            writeln!(f, "| {label} ({unit}) | {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// Two digits that say something, however small it is.
fn ratio(ratio: f64) -> String {
    match ratio {
        0.1.. => format!("{ratio:.2}"),
        0.01.. => format!("{ratio:.3}"),
        _ => format!("{ratio:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_ratios_to_the_first_column() {
        let mut table = Table::new(vec!["Quarterdeck".into(), "PM2".into()]);
        table.set(0, Row::IdleMemory, 20.0);
        table.set(1, Row::IdleMemory, 50.0);
        table.set(1, Row::LogLost, 3.0);
        let text = table.to_string();
        assert!(text.contains("| own memory at rest (PSS) (MB) | 20.0 | 50.0 (× 2.50) |"), "{text}");
        assert_eq!([2.5, 0.1, 0.0176, 0.003_24].map(ratio), ["2.50", "0.10", "0.018", "0.0032"]);
        assert!(text.contains("| of these lost (lines) | – | 3 |"), "{text}");
        assert!(!text.contains("the same, slowest"), "a row that nobody has is left out: {text}");
    }

    #[test]
    fn rows_stand_in_their_order() {
        assert!(ROWS.iter().enumerate().all(|(place, (row, ..))| *row as usize == place));
    }
}
