//! How to register an app at a provider, in words.

use super::target::Target;
use crate::provider::{OAuthSpec, SecretRule};

/// Where to register an app and what to enter there, as the continuation of a sentence.
pub(super) fn place(target: &Target, oauth: &OAuthSpec, redirect_uri: &str) -> String {
    let uri = redirect(oauth, redirect_uri);
    let uri = uri.map(|(uri, note)| format!("{uri}{note}"));
    match &oauth.register {
        Some(register) => {
            let doubt = if is_unverified(target) {
                format!(" ({UNVERIFIED})")
            } else {
                String::new()
            };
            let uri = uri.map(|uri| format!(" Redirect URI: {uri}."));
            let uri = uri.unwrap_or_default();
            format!("at {}{doubt}. {}{uri}", register.page, register.note)
        }
        None => format!("with the redirect URI {}.", uri.unwrap_or_default()),
    }
}

/// What to do before the first login, step by step. Whatever has to be copied is on a line of its
/// own.
pub(super) fn steps(
    target: &Target,
    oauth: &OAuthSpec,
    scopes: &[String],
    redirect_uri: &str,
) -> Vec<String> {
    let title = &target.row.title;
    let mut lines = vec![format!(
        "the first login to {title} needs an app of your own, which you register once:"
    )];
    let uri = redirect(oauth, redirect_uri);
    match &oauth.register {
        Some(register) => {
            lines.extend(["1. Open this page:".into(), format!("   {}", register.page)]);
            if is_unverified(target) {
                lines.push(format!("   ({UNVERIFIED})"));
            }
            lines.push(format!("2. {}", register.note));
        }
        None => lines.extend([
            format!("1. Open the page for OAuth apps at {title}."),
            "2. Create an app.".into(),
        ]),
    }
    if let Some((uri, note)) = uri {
        lines.extend([format!("   Redirect URI{note}:"), format!("   {uri}")]);
    }
    let secret = match oauth.client_secret {
        SecretRule::Required => "the client id and the client secret",
        SecretRule::Optional => "the client id, and the client secret if there is one",
        SecretRule::Forbidden => "the client id",
    };
    lines.push(format!("3. At the prompts, enter {secret}."));
    let scopes = [oauth.default_scopes.as_slice(), scopes].concat();
    if !scopes.is_empty() {
        lines.push(format!(
            "The login requests these scopes: {} (request more with `--scope`).",
            scopes.join(", ")
        ));
    }
    if target.row.key.is_some() {
        lines.push(format!(
            "To use a token that you create yourself, run `authctl key add {}` instead.",
            target.name
        ));
    }
    lines
}

const UNVERIFIED: &str =
    "this address is not confirmed by any documentation; check it before you enter anything there";

fn is_unverified(target: &Target) -> bool {
    target.row.is_unverified("oauth.register.page")
}

/// The redirect URI to register, and a note about it; `None` if there is none to register.
fn redirect(oauth: &OAuthSpec, redirect_uri: &str) -> Option<(String, &'static str)> {
    if oauth
        .register
        .as_ref()
        .is_some_and(|register| register.any_redirect_uri)
    {
        return None;
    }
    // Servers that take any port want the URI registered without one, as RFC 8252 section 7.3 has
    // it.
    if oauth.redirect.ports.is_empty() {
        let uri = format!("http://{}{}", oauth.redirect.host, oauth.redirect.path);
        let note = " (any port; if the provider requires a specific port, set it with `--port`)";
        return Some((uri, note));
    }
    Some((redirect_uri.to_owned(), ""))
}
