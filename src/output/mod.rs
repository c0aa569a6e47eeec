//! Standard output: the answer and nothing else.

use crate::secret::Secret;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use std::io::{self, Write};

/// Where answers go, as text or as one JSON document.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// As the flags say.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether `--json` was given.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// One line.
    ///
    /// # Errors
    /// Standard output is full or closed (but for a closed pipe, which is how `head` says "enough").
    pub fn line(self, text: &str) -> io::Result<()> {
        put(&[text, "\n"])
    }

    /// One line that holds what others said: nothing in it moves the cursor.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn text(self, text: &str) -> io::Result<()> {
        self.line(&harmless(text))
    }

    /// A secret on a line of its own: here it leaves.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn secret(self, secret: &Secret) -> io::Result<()> {
        put(&[secret.expose(), "\n"])
    }

    /// One JSON document.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn json(self, value: &impl serde::Serialize) -> io::Result<()> {
        let text = zeroize::Zeroizing::new(serde_json::to_string_pretty(value).map_err(io::Error::other)?);
        put(&[text.as_str(), "\n"])
    }

    /// Titles and what stands for them, one pair a line.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn pairs(self, rows: &[(&str, String)]) -> io::Result<()> {
        let width = rows.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
        rows.iter().try_for_each(|(title, text)| self.line(&format!("{title:width$}  {}", harmless(text))))
    }

    /// A table with a head; as wide as the terminal, or as its content in a pipe.
    ///
    /// # Errors
    /// As for [`Output::line`].
    pub fn table(self, head: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(head.to_vec());
        if let Some(width) = terminal_width() {
            table.set_width(width);
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| harmless(cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        put(&[&text.join("\n"), "\n"])
    }
}

/// Answers hold what providers say: nothing in them may move the cursor or break a row.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn put(pieces: &[&str]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = pieces.iter().try_for_each(|piece| out.write_all(piece.as_bytes())).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(unix)]
fn terminal_width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

#[cfg(not(unix))]
fn terminal_width() -> Option<u16> {
    None
}
