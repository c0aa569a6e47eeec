//! Making text of strangers safe to show.

/// Untrusted text, safe to show: on one line, limited in length, without characters that control
/// the terminal or the direction of the text.
pub(in crate::oauth) fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(200)
        .collect()
}

/// Characters of no width of their own, among them those that change the direction of the text
/// (Unicode category Cf, as far as it is in use).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}
