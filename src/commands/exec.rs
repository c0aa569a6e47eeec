use super::words::count;
use super::{Profile, Run, args, child};
use crate::app::App;
use crate::credential::Name;
use crate::failure::Failure;
use crate::lifecycle::{Handed, Sending, Wanted, parts, sending};
use crate::provider::check_variable;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

/// Run a program with credentials in its environment
///
/// Each credential is put into the variable that the provider's own tools read, or into the
/// variable after `=` (several variables, separated by commas, for a key with several parts). The
/// program replaces authctl, so it receives the signals, owns the terminal and determines the exit
/// code. It writes no core dump, which would contain its environment.
///
/// Other processes of the same user can read the environment of a program. If the program can read
/// a header or a file instead, use `authctl curl`, `authctl header` or a pipe.
///
/// Exit code: that of the program; 125 if authctl fails before the program starts, 126 if the
/// program cannot be run, 127 if it does not exist.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl exec github -- gh api user\n  authctl exec stripe openai=KEY -- ./job\n  authctl exec datadog=DD_API_KEY,DD_APP_KEY --min-ttl 1h -- make deploy"
)]
pub struct ExecArgs {
    /// The credentials: NAME, or NAME=VARIABLE
    #[arg(value_name = "NAME[=VARIABLE]", required = true, add = super::complete::credentials_or_programs())]
    credentials: Vec<Asked>,
    /// Refresh unless the tokens are valid for at least this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = args::duration)]
    min_ttl: Duration,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

/// A credential and the variables to put it into.
#[derive(Clone, Debug)]
struct Asked {
    name: Name,
    variables: Option<Vec<String>>,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, variables) = match text.split_once('=') {
            Some((name, variables)) => (
                name,
                Some(variables.split(',').map(str::to_owned).collect::<Vec<_>>()),
            ),
            None => (text, None),
        };
        variables
            .iter()
            .flatten()
            .try_for_each(|variable| check_variable(variable))?;
        Ok(Self {
            name: name
                .parse()
                .map_err(|error: crate::credential::NameError| error.to_string())?,
            variables,
        })
    }
}

impl Run for ExecArgs {
    fn profile(&self) -> Profile {
        Profile::script()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        match run(app, &self)? {}
    }
}

pub(super) fn run(app: &App, args: &ExecArgs) -> Result<Infallible, Failure> {
    let mut environment: BTreeMap<String, (Name, Secret)> = BTreeMap::new();
    let mut disturbing: Vec<String> = Vec::new();
    for asked in &args.credentials {
        let wanted = Wanted {
            min_ttl: args.min_ttl,
            ..Wanted::default()
        };
        let handed = parts(&app.context(), &asked.name, &wanted)?;
        app.ui.warn_all(&handed.warnings);
        let sending = sending(&app.context(), &asked.name, &handed)?;
        // Where the user names the variables, a program may read any others.
        if asked.variables.is_none() {
            disturbing.extend(sending.disturbing.iter().cloned());
        }
        for (variable, value) in assign(asked, &handed, &sending)? {
            // The names of variables are case-insensitive on Windows.
            let same = |known: &&String| {
                if cfg!(windows) {
                    known.eq_ignore_ascii_case(&variable)
                } else {
                    **known == variable
                }
            };
            if let Some(other) = environment
                .keys()
                .find(same)
                .and_then(|known| environment.get(known))
                .map(|(other, _)| other)
            {
                return Err(Failure::usage(format!(
                    "both `{other}` and `{}` use the variable {variable}",
                    asked.name
                ))
                .hint(format!(
                    "choose another variable for one of them: `{}=OTHER_VARIABLE`",
                    asked.name
                )));
            }
            environment.insert(variable, (asked.name.clone(), value));
        }
    }
    let mut words = args.command.iter();
    let program = words
        .next()
        .ok_or_else(|| Failure::usage("no program was given"))?;
    let mut command = Command::new(program);
    // A variable of another credential would be used with this one, or instead of it.
    for variable in disturbing {
        if std::env::var_os(&variable).is_some() && !environment.contains_key(&variable) {
            app.ui.say(&format!(
                "note: {variable} is not passed to the program, which would use it instead of, or together with, this credential"
            ));
            command.env_remove(variable);
        }
    }
    // This is the one place where secrets may enter an environment.
    command.args(words).env_remove(super::shell::COMPLETE).envs(
        environment
            .iter()
            .map(|(variable, (_, value))| (variable, value.expose())),
    );
    child::replace(command)
}

/// The variable for each part.
fn assign(
    asked: &Asked,
    handed: &Handed,
    sending: &Sending,
) -> Result<Vec<(String, Secret)>, Failure> {
    let name = &asked.name;
    let variables = asked.variables.as_ref().unwrap_or(&sending.env);
    let parts = sending
        .part_order
        .iter()
        .filter_map(|part| handed.parts.get(part));
    if variables.is_empty() {
        return Err(
            Failure::usage(format!("no environment variable is defined for `{name}`"))
                .hint(format!("name a variable: `{name}=VARIABLE`")),
        );
    }
    if variables.len() < handed.parts.len()
        || asked
            .variables
            .as_ref()
            .is_some_and(|given| given.len() > handed.parts.len())
    {
        let message = format!(
            "`{name}` needs {}, one for each part ({})",
            count(handed.parts.len(), "variable"),
            sending.part_order.join(", ")
        );
        let places = vec!["VARIABLE"; handed.parts.len()].join(",");
        return Err(Failure::usage(message).hint(format!(
            "give one variable for each part: `{name}={places}`"
        )));
    }
    Ok(variables.iter().cloned().zip(parts.cloned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_may_name_its_variables() {
        let parse = |text: &str| {
            text.parse::<Asked>()
                .map(|asked| (asked.name.to_string(), asked.variables))
        };
        assert_eq!(parse("stripe"), Ok(("stripe".into(), None)));
        assert_eq!(
            parse("a/b@c=X_1"),
            Ok(("a/b@c".into(), Some(vec!["X_1".into()])))
        );
        assert_eq!(parse("datadog=A,B").unwrap().1.unwrap(), ["A", "B"]);
        for bad in [
            "",
            "=X",
            "a=",
            "a=1X",
            "a=X,",
            "a=X Y",
            "a=X=Y",
            "A=X",
            "a=LD_PRELOAD",
            "a=PATH",
            "a=https_proxy",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
