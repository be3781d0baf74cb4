//! How tools speak: results on standard output, notes and progress on standard error.

use std::io::{self, IsTerminal as _, Write};

use super::problem::ToolError;

/// Where a tool writes its results.
pub(crate) type Out<'a> = &'a mut dyn Write;

/// Says something that is not part of the result.
pub(crate) fn note(line: &str) {
    // If standard error is closed, nobody wants to know.
    writeln!(io::stderr(), "{line}").unwrap_or_default();
}

/// A line that counts what was done, where somebody sees it: only on a terminal, over itself.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
    terminal: bool,
}

impl Progress {
    /// Nothing is shown yet.
    pub(crate) fn new() -> Self {
        Self { shown: false, terminal: io::stderr().is_terminal() }
    }

    /// Shows how far the work has come.
    pub(crate) fn at(&mut self, line: &str) {
        if self.terminal {
            self.shown = true;
            write!(io::stderr(), "\r\x1b[K{line}").unwrap_or_default();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            write!(io::stderr(), "\r\x1b[K").unwrap_or_default();
        }
    }
}

/// A table whose columns are as wide as Kafka's, and wider where their content is.
#[derive(Debug)]
pub(crate) struct Table {
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these titles, each with its column's least width.
    pub(crate) fn new(columns: &[(&str, usize)]) -> Self {
        let titles = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
        let widths = columns.iter().map(|(_, width)| *width).collect();
        Self { widths, rows: vec![titles] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        for (cell, width) in cells.iter().zip(&mut self.widths) {
            *width = (*width).max(cell.chars().count());
        }
        self.rows.push(cells);
    }

    /// Writes it; the last column is not filled up.
    pub(crate) fn write(&self, out: Out<'_>) -> Result<(), ToolError> {
        for row in &self.rows {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&self.widths).enumerate() {
                if at + 1 == row.len() {
                    line.push_str(cell);
                } else {
                    line.push_str(&format!("{cell:<width$} "));
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table) -> String {
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_they_are_told_or_need_to_be() {
        let mut table = Table::new(&[("GROUP", 8), ("TOPIC", 3), ("LAG", 5)]);
        table.row(vec!["g".to_owned(), "topics".to_owned(), "1".to_owned()]);

        assert_eq!(written(&table), "GROUP    TOPIC  LAG\ng        topics 1\n");
    }

    #[test]
    fn a_table_without_rows_is_its_titles() {
        let table = Table::new(&[("A", 2), ("B", 2)]);

        assert_eq!(written(&table), "A  B\n");
    }
}
