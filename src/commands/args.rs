//! Values that several commands take.

pub(super) use crate::time::duration;

/// When a key expires: on a day, or never.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry(pub Option<jiff::civil::Date>);

/// A date such as `2027-01-31`, or `never`.
pub(super) fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry(None));
    }
    text.parse()
        .map(|day| Expiry(Some(day)))
        .map_err(|_| format!("`{text}` is not a date; use the form 2027-01-31, or `never`"))
}

/// `NAME=VALUE` for a variable of the provider definition.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not of the form NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// One word of ASCII text, such as an id.
pub(super) fn word(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 512 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the value must be one word of ASCII text".into());
    }
    Ok(text.to_owned())
}

/// A name, or an empty value that clears the setting.
#[derive(Clone, Debug)]
pub(super) struct OptionalName(pub Option<crate::credential::Name>);

/// A name, or the empty string.
pub(super) fn optional_name(text: &str) -> Result<OptionalName, String> {
    if text.is_empty() {
        Ok(OptionalName(None))
    } else {
        text.parse()
            .map(|name| OptionalName(Some(name)))
            .map_err(|error: crate::credential::NameError| error.to_string())
    }
}
