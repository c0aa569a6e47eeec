//! Text for a terminal: without control characters, and wrapped at the spaces between words. URLs and
//! commands in backticks are never broken, so that they can be copied.

/// Replaces control characters: text of a provider must not control the terminal.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The width of a terminal, in columns; `None` if this is none.
#[cfg(unix)]
pub fn terminal_width(of: impl std::os::fd::AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(of).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

/// Other systems are not asked.
#[cfg(not(unix))]
pub fn terminal_width(_: impl std::io::Write) -> Option<u16> {
    None
}

/// Wraps a line at `width` columns; `indent` is how far the lines after the first are indented.
pub fn wrapped(line: &str, indent: usize, width: usize) -> String {
    let (mut text, mut column) = (String::new(), 0);
    let margin = line.len() - line.trim_start_matches(' ').len();
    text.push_str(line.get(..margin).unwrap_or_default());
    let mut is_first = true;
    for word in words(line.trim_start_matches(' ')) {
        let length = word.chars().count();
        if is_first {
            column = margin;
        } else if column + 1 + length > width && column > indent {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        is_first = false;
        text.push_str(word);
        column += length;
    }
    text
}

/// How far the text of a line is indented, after the number of a step.
pub fn indent_of(line: &str) -> usize {
    let text = line.trim_start_matches(' ');
    let is_step = text.starts_with(|c: char| c.is_ascii_digit()) && text.get(1..3) == Some(". ");
    line.len() - text.len() + if is_step { 3 } else { 0 }
}

/// The words of a line, where a command in backticks is one word.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut is_command = false;
    line.split(move |c| {
        if c == '`' {
            is_command = !is_command;
        }
        c == ' ' && !is_command
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r1_what_is_copied_is_never_broken() {
        for (line, wrap) in [
            ("one two three", "one two\nthree"),
            ("  one two", "  one\n  two"),
            ("run `a b c d e f` to do it", "run\n`a b c d e f`\nto do it"),
            (
                "  https://a.example/very/long",
                "  https://a.example/very/long",
            ),
            (
                "see https://a.example/x now",
                "see\nhttps://a.example/x\nnow",
            ),
            ("a `b", "a `b"),
            ("1. a bcdef", "1. a\n   bcdef"),
            ("", ""),
        ] {
            assert_eq!(wrapped(line, indent_of(line), 8), wrap, "{line}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_spaces_changes(line in "[ a-z`é]{0,60}", width in 1usize..40) {
            let wrapped = wrapped(&line, indent_of(&line), width);
            let letters = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(letters(&wrapped), letters(&line));
        }
    }
}
