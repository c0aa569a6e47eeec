//! Which client registration to log in with: the user's own, asked for the first time.

use super::super::registration::{
    Registration, check_secret, read_secret, refuse_while_used, stored_secret,
};
use super::{LoginArgs, Target};
use crate::app::App;
use crate::config::Client;
use crate::failure::{Code, Failure};
use crate::provider::{OAuthSpec, SecretRule};
use crate::secret::Secret;
use crate::ui::open_browser;

pub(super) fn choose(
    app: &App,
    target: &Target,
    oauth: &OAuthSpec,
    args: &LoginArgs,
    redirect_uri: &str,
) -> Result<Registration, Failure> {
    let provider = target.name.provider();
    let earlier = Client::read(&app.paths, provider)?;
    let known = earlier.clone().filter(|client| {
        args.client_id
            .as_ref()
            .is_none_or(|id| *id == client.client_id)
    });
    if let Some(client) = known
        && !args.client_secret_stdin
    {
        let secret = stored_secret(app, provider, oauth, &client)?;
        return Ok(Registration {
            id: client.client_id,
            secret,
            is_new: false,
        });
    }
    let id = match (&args.client_id, &earlier) {
        (Some(id), _) => id.clone(),
        (None, Some(client)) => client.client_id.clone(),
        (None, None) => ask_id(app, target, oauth, args, redirect_uri)?,
    };
    if !Client::is_valid_id(&id) {
        return Err(Failure::new(
            Code::Usage,
            "a client id is plain ASCII text of at most 512 characters",
        ));
    }
    if let Some(earlier) = &earlier {
        refuse_while_used(app, provider, Some(&target.name), earlier, &id)?;
    }
    let secret = new_secret(app, target, oauth, args)?;
    Ok(Registration {
        id,
        secret,
        is_new: true,
    })
}

/// Asks for the client id, having said where to get one and what to enter there.
fn ask_id(
    app: &App,
    target: &Target,
    oauth: &OAuthSpec,
    args: &LoginArgs,
    redirect_uri: &str,
) -> Result<String, Failure> {
    let title = &target.row.title;
    let explanation = explanation(target, oauth, redirect_uri);
    if !app.ui.can_ask() {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "the first login at {title} needs the id of a client that you registered there"
            ),
        )
        .hint(format!(
            "{explanation}; then run `authctl login {} --client-id ID{}`",
            args.what,
            secret_flag(oauth, args)
        )));
    }
    app.ui.must_say(&format!(
        "{title} wants to know which app logs in, so register one of your own: {explanation}"
    ));
    if !args.no_browser
        && let Some(page) = oauth
            .register
            .as_ref()
            .and_then(|register| url::Url::parse(&register.page).ok())
        && let Err(error) = open_browser(&page)
    {
        app.ui.say(&error.to_string());
    }
    Ok(app.ui.ask("client id:")?)
}

/// What must be added where the client has a secret.
fn secret_flag(oauth: &OAuthSpec, args: &LoginArgs) -> &'static str {
    if oauth.client_secret == SecretRule::Required || args.client_secret_stdin {
        " --client-secret-stdin < FILE"
    } else {
        ""
    }
}

fn explanation(target: &Target, oauth: &OAuthSpec, redirect_uri: &str) -> String {
    // Servers that take any port want the URI registered without one, as RFC 8252 section 7.3 has it.
    let registered = if oauth.redirect.ports.is_empty() {
        format!(
            "http://{}{} (any port is used; if one must be registered, log in with `--port`)",
            oauth.redirect.host, oauth.redirect.path
        )
    } else {
        redirect_uri.to_owned()
    };
    match &oauth.register {
        Some(register) => {
            let mark = if target.row.is_unverified("oauth.register.page") {
                " (address unverified)"
            } else {
                ""
            };
            format!(
                "at {}{mark}. {} Redirect URI: {registered}",
                register.page, register.note
            )
        }
        None => format!("with the redirect URI {registered}"),
    }
}

fn new_secret(
    app: &App,
    target: &Target,
    oauth: &OAuthSpec,
    args: &LoginArgs,
) -> Result<Option<Secret>, Failure> {
    let secret = if args.client_secret_stdin {
        Some(read_secret(app)?)
    } else {
        match oauth.client_secret {
            SecretRule::Forbidden => None,
            SecretRule::Required if !app.ui.can_ask() => {
                return Err(Failure::new(
                    Code::Usage,
                    format!(
                        "{} wants a client secret, even from an app like this",
                        target.row.title
                    ),
                )
                .hint(format!(
                    "run `authctl login {} --client-id ID --client-secret-stdin < FILE`",
                    target.name
                )));
            }
            SecretRule::Required => Some(app.ui.ask_hidden("client secret (hidden):")?),
            SecretRule::Optional if args.client_id.is_none() && app.ui.can_ask() => Some(
                app.ui
                    .ask_hidden("client secret (hidden; empty if there is none):")?,
            )
            .filter(|secret| secret.len() > 0),
            SecretRule::Optional => None,
        }
    };
    if let Some(secret) = &secret {
        check_secret(oauth, secret)?;
    }
    Ok(secret)
}
