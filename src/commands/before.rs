//! What the arguments say before they are parsed: if they are wrong, the answer still depends on
//! which command was meant.

use std::ffi::OsString;

/// The name of the command and the words after it; `None` if there is no command.
fn command(arguments: &[OsString]) -> Option<(String, Vec<String>)> {
    let mut words = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned());
    loop {
        match words.next()?.as_str() {
            "--store" => drop(words.next()),
            flag if flag.starts_with('-') => {}
            command => return Some((command.to_owned(), words.collect())),
        }
    }
}

/// The word in the place of the command.
pub(super) fn word(arguments: &[OsString]) -> Option<String> {
    command(arguments).map(|(command, _)| command)
}

/// Whether the output of these arguments is for `curl $(…)`.
pub(super) fn is_for_curl(arguments: &[OsString]) -> bool {
    let Some((_, rest)) = command(arguments).filter(|(command, _)| command == "header") else {
        return false;
    };
    let format =
        rest.iter()
            .enumerate()
            .find_map(|(at, word)| match word.strip_prefix("--format") {
                Some("") => rest.get(at + 1).cloned(),
                Some(value) => value.strip_prefix('=').map(str::to_owned),
                None => None,
            });
    let asks_help = rest
        .iter()
        .any(|word| matches!(word.as_str(), "-h" | "--help" | "-V" | "--version"));
    !asks_help && !matches!(format.as_deref(), Some("raw" | "json"))
}

/// Whether the command exits with the code of a program that it runs.
pub(super) fn runs_program(arguments: &[OsString]) -> bool {
    command(arguments).is_some_and(|(command, _)| matches!(command.as_str(), "curl" | "exec"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_header_command_is_known_before_the_arguments_are_parsed() {
        for yes in [
            "authctl header github",
            "authctl -v --store vault header --typo",
            "authctl header x --format curl",
            "authctl header",
            "authctl header x --format=curl",
        ] {
            assert!(is_for_curl(&line(yes)), "{yes}");
        }
        for no in [
            "authctl token header",
            "authctl header x --format raw",
            "authctl header x --format=json",
            "authctl header --help",
            "authctl",
            "authctl list",
        ] {
            assert!(!is_for_curl(&line(no)), "{no}");
        }
    }

    #[test]
    fn a_child_s_exit_code_is_known_to_be_one() {
        assert!(
            runs_program(&line("authctl -q exec --typo")) && runs_program(&line("authctl curl"))
        );
        assert!(!runs_program(&line("authctl header curl")));
    }
}
