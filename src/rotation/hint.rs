//! Recognizing a key by the part of it that a provider shows.

/// Whether a key matches its hint: its beginning, or its beginning and end with dots or stars
/// between them.
pub(super) fn hint_fits(hint: &str, key: &str) -> bool {
    let cut = hint.find(['.', '…', '*']).filter(|at| {
        hint.get(*at..)
            .is_some_and(|rest| rest.starts_with("..") || rest.starts_with(['…', '*']))
    });
    let (begin, end) = cut.map_or((hint, ""), |at| {
        (
            hint.get(..at).unwrap_or_default(),
            hint.get(at..).unwrap_or_default(),
        )
    });
    let end = end.trim_start_matches(['.', '…', '*']);
    begin.len() + end.len() >= 8
        && key.len() > begin.len() + end.len()
        && key.starts_with(begin)
        && key.ends_with(end)
        || key == hint
}

#[cfg(test)]
mod tests {
    use super::hint_fits;

    #[test]
    fn a_hint_is_a_beginning_or_a_beginning_and_an_end() {
        let key = "sk-ant-api03-abcdefghijklmnop";
        for hint in [
            "sk-ant-api03-abc",
            "sk-ant-api03-abc...mnop",
            "sk-ant-api…mnop",
            "sk-a*****klmnop",
            key,
        ] {
            assert!(hint_fits(hint, key), "{hint}");
        }
        for hint in [
            "",
            "sk-",
            "sk...",
            "sk-ant-api03-abc...mnoq",
            "sk-ant-api03-abcdefghijklmnopq",
            "...mnop",
        ] {
            assert!(!hint_fits(hint, key), "{hint}");
        }
    }
}
