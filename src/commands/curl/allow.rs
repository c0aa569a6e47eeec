//! The options of curl that may be used with a credential. They are parsed here and passed on in
//! their long form, so that curl cannot read them in another way: no abbreviations, no combined
//! flags, and no option that sends the request or its header elsewhere.

use std::ffi::OsString;

use super::table::{ALLOWED, Entry, STEERING, Takes, When};
use Takes::{Header, Method, Nothing, Range, Word};
use When::{AuthorizationAlone, OnTerminal};

/// What the table needs to know about the credential and the terminal.
pub(super) struct Facts<'a> {
    /// The names of the headers that contain the credential.
    pub own_headers: Vec<&'a str>,
    /// Whether standard error is a terminal.
    pub on_terminal: bool,
}

/// The arguments for curl.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// The URL, as it was typed.
    pub url: String,
    /// The options, in their long form.
    pub options: Vec<OsString>,
    /// Whether redirects are followed.
    pub follows: bool,
}

/// Reads the words after the name.
///
/// # Errors
/// Says which word is not allowed, and why.
pub(super) fn check(words: &[OsString], facts: &Facts<'_>) -> Result<Allowed, String> {
    let mut url = None;
    let mut options = Vec::new();
    let mut follows = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let text = word.to_str().ok_or("an argument is not UTF-8 text")?;
        let (entries, rest) = if text.starts_with("--") {
            (
                vec![
                    find(|(_, long, ..)| text.strip_prefix("--") == Some(long))
                        .ok_or_else(|| not_allowed(text))?,
                ],
                None,
            )
        } else if text.starts_with('-') {
            bundle(text)?
        } else {
            if url.replace(text.to_owned()).is_some() {
                return Err(format!(
                    "only one URL is allowed; `{}` is a second one",
                    shown(text)
                ));
            }
            continue;
        };
        let mut inside = rest.map(OsString::from);
        for (_, long, takes, when) in entries {
            let name = format!("--{long}");
            match when {
                AuthorizationAlone
                    if !facts
                        .own_headers
                        .iter()
                        .all(|own| own.eq_ignore_ascii_case("authorization")) =>
                {
                    return Err(format!(
                        "`{name}` would send the key wherever a redirect leads"
                    ));
                }
                OnTerminal if !facts.on_terminal => {
                    return Err(format!(
                        "`{name}` prints the credential, so it is only allowed in a terminal"
                    ));
                }
                _ => {}
            }
            follows |= *when == AuthorizationAlone;
            options.push(OsString::from(&name));
            if *takes != Nothing {
                let value = inside
                    .take()
                    .or_else(|| words.next().cloned())
                    .ok_or_else(|| format!("`{name}` needs a value"))?;
                check_value(*takes, &name, &value, facts)?;
                options.push(value);
            }
        }
    }
    Ok(Allowed {
        url: url.ok_or("no URL was given")?,
        options,
        follows,
    })
}

fn find(fits: impl Fn(&Entry) -> bool) -> Option<&'static Entry> {
    ALLOWED.iter().find(|entry| fits(entry))
}

/// `-sSfd@file`: flags, and possibly one option whose value is the rest of the word.
fn bundle(text: &str) -> Result<(Vec<&'static Entry>, Option<String>), String> {
    let mut entries = Vec::new();
    let mut letters = text.chars().skip(1);
    while let Some(letter) = letters.next() {
        let entry = find(|(short, ..)| *short == letter && letter != '\0')
            .ok_or_else(|| not_allowed(&format!("-{letter}")))?;
        entries.push(entry);
        if entry.2 != Nothing {
            let rest: String = letters.collect();
            return Ok((entries, Some(rest).filter(|rest| !rest.is_empty())));
        }
    }
    if entries.is_empty() {
        Err(not_allowed(text))
    } else {
        Ok((entries, None))
    }
}

fn check_value(
    takes: Takes,
    name: &str,
    value: &OsString,
    facts: &Facts<'_>,
) -> Result<(), String> {
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let text = || {
        value
            .to_str()
            .ok_or_else(|| format!("the value of `{name}` is not UTF-8 text"))
    };
    match takes {
        Nothing | Word => Ok(()),
        Method => match text()? {
            // TRACE makes the server return the request with its headers (RFC 9110 section 9.3.8);
            // CONNECT is for proxies.
            method
                if ["TRACE", "TRACK", "CONNECT"]
                    .iter()
                    .any(|bad| method.eq_ignore_ascii_case(bad)) =>
            {
                Err(format!(
                    "the method `{method}` is not allowed with a credential"
                ))
            }
            method if !method.is_empty() && method.chars().all(token) => Ok(()),
            _ => Err(format!("the value of `{name}` is not an HTTP method")),
        },
        Range => match text()? {
            range
                if !range.is_empty()
                    && range
                        .chars()
                        .all(|c| c.is_ascii_digit() || "-,".contains(c)) =>
            {
                Ok(())
            }
            _ => Err(format!(
                "the value of `{name}` may only contain digits, `-` and `,`"
            )),
        },
        Header => {
            let header = text()?;
            if !header
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
            {
                return Err(format!("the value of `{name}` must be ASCII text"));
            }
            // `Name:` removes a header and `Name;` sends it empty; both count as setting it.
            let field = header.split([':', ';']).next().unwrap_or_default().trim();
            if header.starts_with('@')
                || field.is_empty()
                || field.len() == header.len()
                || !field.chars().all(token)
            {
                return Err(format!("the value of `{name}` must be `Name: value`"));
            }
            let same = |other: &&str| field.eq_ignore_ascii_case(other);
            if STEERING.iter().any(same) || facts.own_headers.iter().any(same) {
                return Err(format!(
                    "the header `{field}` cannot be set with a credential"
                ));
            }
            Ok(())
        }
    }
}

fn not_allowed(option: &str) -> String {
    format!(
        "curl's option `{}` is not allowed with a credential",
        shown(option)
    )
}

fn shown(text: &str) -> String {
    text.escape_default().take(80).collect()
}

/// Reads any arguments, one a line, for the fuzzer.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let words: Vec<OsString> = text.lines().map(OsString::from).collect();
    for own_headers in [vec!["Authorization"], vec!["X-Key", "X-Other"]] {
        let facts = Facts {
            own_headers: own_headers.clone(),
            on_terminal: text.len().is_multiple_of(2),
        };
        if let Ok(allowed) = check(&words, &facts) {
            assert!(!allowed.follows || own_headers == ["Authorization"]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checked(line: &[&str]) -> Result<(String, Vec<String>), String> {
        let words: Vec<OsString> = line.iter().map(OsString::from).collect();
        let facts = Facts {
            own_headers: vec!["Authorization"],
            on_terminal: false,
        };
        let text = |words: Vec<OsString>| {
            words
                .into_iter()
                .map(|word| word.into_string().unwrap())
                .collect()
        };
        check(&words, &facts).map(|allowed| (allowed.url, text(allowed.options)))
    }

    #[test]
    fn options_are_handed_on_in_their_long_form() {
        let (url, options) = checked(&[
            "-sSfXPOST",
            "https://a.test",
            "-d@f",
            "-H",
            "X-Y: 1",
            "-o",
            "-",
            "--retry",
            "3",
            "-L",
        ])
        .unwrap();
        assert_eq!(url, "https://a.test");
        let expected = "--silent --show-error --fail --request POST --data @f --header|X-Y: 1|--output - --retry 3 --location";
        assert_eq!(
            options.join("|"),
            expected.replace(' ', "|").replace("X-Y:|1", "X-Y: 1")
        );
    }

    #[test]
    fn redirects_are_followed_only_with_the_option() {
        let follows = |line: &[&str]| {
            let words: Vec<OsString> = line.iter().map(OsString::from).collect();
            let facts = Facts {
                own_headers: vec!["Authorization"],
                on_terminal: true,
            };
            check(&words, &facts).unwrap().follows
        };
        assert!(!follows(&["https://a.test", "-s", "-v"]));
        assert!(follows(&["https://a.test", "-s", "-L", "-f"]));
        let key = Facts {
            own_headers: vec!["X-Key"],
            on_terminal: false,
        };
        let words = ["https://a.test", "-L"].map(OsString::from);
        assert!(
            check(&words, &key).is_err(),
            "curl would send the key along"
        );
    }

    #[test]
    fn options_that_are_not_in_the_table_are_refused() {
        for bad in [
            &["https://a.test", "https://b.test"][..],
            &["https://a.test", "--location-t"],
            &["https://a.test", "--location-trusted"],
            &["https://a.test", "-sK", "x"],
            &["https://a.test", "--"],
            &["https://a.test", "-"],
            &["https://a.test", "-H", "host: b"],
            &["https://a.test", "-HAuthorization:"],
            &["https://a.test", "-H", "authorization ; x"],
            &["https://a.test", "-H", "X: a\r\nHost: b"],
            &["https://a.test", "-X", "GET / HTTP/1.1\r\nHost: b"],
            &["https://a.test", "-H"],
            &["https://a.test", "-H", ":authority: b"],
            &["https://a.test", "-H", "X"],
            &["https://a.test", "-H", "X Y: 1"],
            &["https://a.test", "-r", "0-9\r\nHost: b"],
            &["https://a.test", "-XTrace"],
            &["https://a.test", "--request", "CONNECT"],
            &["https://a.test", "-v"],
            &["-s"],
            &[],
        ] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
        assert!(checked(&["https://a.test", "-r", "0-99"]).is_ok());
    }

    proptest! {
        #[test]
        fn no_words_panic(words: Vec<String>) {
            let _ = checked(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }

        #[test]
        fn whatever_passes_consists_of_known_options(words in prop::collection::vec("-{0,2}[a-zA-Z:@ -]{0,12}", 0..6)) {
            if let Ok((_, options)) = checked(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
                let mut options = options.into_iter();
                while let Some(option) = options.next() {
                    let entry = find(|(_, long, ..)| option.strip_prefix("--") == Some(long));
                    prop_assert!(entry.is_some(), "{option}");
                    if entry.unwrap().2 != Nothing {
                        prop_assert!(options.next().is_some());
                    }
                }
            }
        }
    }
}
