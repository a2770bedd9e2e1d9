//! The measured values side by side.

use std::fmt;

/// One thing that is measured. Rows stand in the order in which they were measured first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    label: &'static str,
    /// How many apps or clients it was measured with, where that varies.
    count: Option<usize>,
    unit: &'static str,
    digits: usize,
}

impl Row {
    pub(super) const fn new(label: &'static str, unit: &'static str, digits: usize) -> Self {
        Self { label, count: None, unit, digits }
    }

    /// The same for so many.
    pub(super) const fn of(self, count: usize) -> Self {
        Self { count: Some(count), ..self }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{} {}", count, self.label)?,
            None => f.write_str(self.label)?,
        }
        write!(f, " ({})", self.unit)
    }
}

/// A column for each supervisor; the first is ours. What is measured again is shown by its median.
pub(super) struct Table {
    titles: Vec<String>,
    rows: Vec<(Row, Vec<Vec<f64>>)>,
}

impl Table {
    pub(super) fn new(titles: Vec<String>) -> Self {
        Self { titles, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, column: usize, row: Row, value: f64) {
        let place = self.rows.iter().position(|(known, _)| *known == row).unwrap_or_else(|| {
            self.rows.push((row, vec![Vec::new(); self.titles.len()]));
            self.rows.len() - 1
        });
        if let Some(cell) = self.rows.get_mut(place).and_then(|(_, values)| values.get_mut(column)) {
            cell.push(value);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| measured | {} |", self.titles.join(" | "))?;
        writeln!(f, "| --- |{}", " ---: |".repeat(self.titles.len()))?;
        for (row, values) in &self.rows {
            let values: Vec<_> = values.iter().map(|values| median(values)).collect();
            let ours = values.first().copied().flatten();
            let cells: Vec<_> = values.iter().enumerate().map(|(column, own)| cell(*own, ours, column, row.digits)).collect();
            writeln!(f, "| {row} | {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// Of two in the middle, the greater.
fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn cell(own: Option<f64>, ours: Option<f64>, column: usize, digits: usize) -> String {
    let Some(own) = own else { return "–".into() };
    match ours {
        Some(ours) if column > 0 && ours > 0.0 && own > 0.0 => format!("{own:.digits$} (× {})", ratio(own / ours)),
        _ => format!("{own:.digits$}"),
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
        let (memory, lost) = (Row::new("idle apps: own memory", "MB", 1).of(10), Row::new("of these lost", "lines", 0));
        let mut table = Table::new(vec!["Quarterdeck".into(), "PM2".into()]);
        [21.0, 20.0, 4.0].into_iter().for_each(|value| table.add(0, memory, value));
        table.add(1, lost, 3.0);
        table.add(1, memory, 50.0);
        let text = table.to_string();
        assert!(text.contains("| 10 idle apps: own memory (MB) | 20.0 | 50.0 (× 2.50) |\n| of these"), "{text}");
        assert!(text.contains("| of these lost (lines) | – | 3 |"), "{text}");
        assert_eq!([2.5, 0.1, 0.0176, 0.003_24].map(ratio), ["2.50", "0.10", "0.018", "0.0032"]);
    }
}
