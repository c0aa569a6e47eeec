//! Standard output: the answer and nothing else.

use crate::secret::Secret;
use crate::text::{harmless, indent_of, terminal_width, wrapped};
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table};
use std::io::{self, Write};

/// Standard output, as text or as one JSON document.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// The output that the flags ask for.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether `--json` was given.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints one line.
    ///
    /// # Errors
    /// Standard output is full or closed. A closed pipe is no error: the reader has seen enough.
    pub fn line(self, text: &str) -> io::Result<()> {
        put(&[text, "\n"])
    }

    /// Prints one line of text that may come from a provider, with control characters replaced.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn text(self, text: &str) -> io::Result<()> {
        self.hanging(text, indent_of(text))
    }

    /// Prints text that may come from outside, wrapped in a terminal; the lines after the first are
    /// indented by `indent` columns.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn hanging(self, text: &str, indent: usize) -> io::Result<()> {
        let text = harmless(text);
        match terminal_width(io::stdout()) {
            Some(width) => self.line(&wrapped(&text, indent, width.into())),
            None => self.line(&text),
        }
    }

    /// Prints a secret on a line of its own. This is the place where secrets leave.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn secret(self, secret: &Secret) -> io::Result<()> {
        put(&[secret.expose(), "\n"])
    }

    /// Prints one JSON document.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn json(self, value: &impl serde::Serialize) -> io::Result<()> {
        let text =
            zeroize::Zeroizing::new(serde_json::to_string_pretty(value).map_err(io::Error::other)?);
        put(&[text.as_str(), "\n"])
    }

    /// Prints titles and values, one pair per line; empty values are left out.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn pairs(self, rows: &[(&str, String)]) -> io::Result<()> {
        let width = rows.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
        let mut told = rows.iter().filter(|(_, text)| !text.is_empty());
        told.try_for_each(|(title, text)| {
            self.hanging(&format!("{title:width$}  {text}"), width + 2)
        })
    }

    /// Prints a table with a heading, as wide as the terminal, or as its content in a pipe. In a
    /// terminal, a row is one line, and the widest column is cut. If the terminal is too narrow even
    /// for that, each row is printed as a paragraph of titles and values.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn table(self, head: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|row| row.into_iter().map(made_harmless).collect())
            .collect();
        let (widths, terminal) = (widths(head, &rows), terminal_width(io::stdout()));
        if terminal.is_some_and(|width| usize::from(width) < least_width(&widths)) {
            return self.paragraphs(head, &rows);
        }
        let cut = widest(&widths);
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(head.to_vec());
        if let Some(width) = terminal {
            table.set_width(width);
        }
        for row in rows {
            let mut row = Row::from(row);
            if terminal.is_some() {
                row.max_height(1);
            }
            table.add_row(row);
        }
        for (number, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if number != cut {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = table
            .lines()
            .try_for_each(|line| writeln!(out, "{}", line.trim_end()))
            .and_then(|()| out.flush());
        unless_closed(written)
    }

    /// Prints the rows of a table as paragraphs.
    fn paragraphs(self, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let titles: Vec<String> = head.iter().map(|title| title.to_lowercase()).collect();
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                self.line("")?;
            }
            let pairs: Vec<(&str, String)> = titles
                .iter()
                .map(String::as_str)
                .zip(row.iter().cloned())
                .collect();
            self.pairs(&pairs)?;
        }
        Ok(())
    }
}

/// The smallest width of the column that is cut, in characters.
const CUT: usize = 16;

/// The width of the content of each column, in characters.
fn widths(head: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(head.get(column).map(|title| title.len()))
            .max()
            .unwrap_or(0)
    };
    (0..head.len()).map(width).collect()
}

/// The widest column except the first, whose names are meant to be copied; if several are equally
/// wide, the last.
fn widest(widths: &[usize]) -> usize {
    let columns = widths.iter().enumerate().skip(1);
    columns
        .max_by_key(|(_, width)| **width)
        .map_or(0, |(number, _)| number)
}

/// The smallest width of a terminal for this table, in columns.
fn least_width(widths: &[usize]) -> usize {
    let cut = widest(widths);
    let width = |(number, width): (usize, &usize)| match number == cut {
        true => (*width).min(CUT),
        false => *width,
    };
    widths.iter().enumerate().map(width).sum::<usize>() + 2 * widths.len()
}

fn made_harmless(text: String) -> String {
    if text.contains(char::is_control) {
        harmless(&text)
    } else {
        text
    }
}

fn put(pieces: &[&str]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = pieces
        .iter()
        .try_for_each(|piece| out.write_all(piece.as_bytes()))
        .and_then(|()| out.flush());
    unless_closed(written)
}

/// A reader that stops early, such as `head`, is not an error.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
