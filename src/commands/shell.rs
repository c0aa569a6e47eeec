//! `authctl completions` and `authctl man`.

use super::{Profile, Run, manual, pager};
use crate::app::App;
use crate::failure::Failure;
use clap::ValueEnum;
use clap_complete::env::Shells;
use std::path::PathBuf;

/// The variable that the completion scripts set. With it, the program completes a command line
/// instead of running it.
pub const COMPLETE: &str = "AUTHCTL_COMPLETE";

/// Print the completion script for a shell
///
/// The script asks authctl for completions, so it also completes the names of credentials,
/// providers and stores. They are read from the index and the catalogue only.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  source <(authctl completions bash)                                     # ~/.bashrc\n  source <(authctl completions zsh)                                      # ~/.zshrc, after compinit\n  authctl completions fish > ~/.config/fish/completions/authctl.fish\n  authctl completions powershell | Out-String | Invoke-Expression        # $PROFILE"
)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// The shells with a completion script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    Power,
}

/// Show a page of the manual
///
/// In a terminal, the page is shown by `man` and its pager. In a pipe, it is printed as roff source.
/// Without a name, the page of authctl itself is shown.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl man\n  authctl man key add\n  authctl man secrets\n  authctl man --list\n  authctl man --dir ~/.local/share/man"
)]
pub struct ManArgs {
    /// The command, or `providers` or `secrets`
    #[arg(value_name = "COMMAND", add = super::complete::pages())]
    page: Vec<String>,
    /// List the pages
    #[arg(long, conflicts_with = "page")]
    list: bool,
    /// Write all pages to the folders man1, man5 and man7 below this one
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["page", "list"])]
    dir: Option<PathBuf>,
}

impl Run for CompletionsArgs {
    fn profile(&self) -> Profile {
        Profile::script()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run_completions(app, &self)
    }
}

impl Run for ManArgs {
    fn profile(&self) -> Profile {
        Profile::script()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run_man(app, &self)
    }
}

/// The completion script for a shell.
pub(super) fn script(shell: Shell) -> std::io::Result<String> {
    let shells = Shells::builtins();
    let name = shell
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default();
    let completer = shells
        .completer(&name)
        .ok_or_else(|| std::io::Error::other("unknown shell"))?;
    let mut text = Vec::new();
    completer.write_registration(COMPLETE, "authctl", "authctl", "authctl", &mut text)?;
    let text = String::from_utf8(text).map_err(std::io::Error::other)?;
    let text = match shell {
        Shell::Bash => whole_words(&text).unwrap_or(text),
        _ => text,
    };
    Ok(format!("{}\n", text.trim()))
}

/// bash cuts the command line also at the characters in COMP_WORDBREAKS, such as `@`, `:` and `=`,
/// and replaces only the part after the last of them. So the words are taken from the whole line, and
/// of what was found, only that part is given back. (A line with quotes is left to bash.)
fn whole_words(script: &str) -> Option<String> {
    const WORDS: &str = "        words[COMP_CWORD]=\"$2\"\n    fi\n";
    const DONE: &str = "    if [[ $? != 0 ]]; then\n        unset COMPREPLY\n";
    let words = r#"    local _CLAP_COMPLETE_CUT=""
    local line="${COMP_LINE:0:COMP_POINT}"
    if [[ -n "$line" && "$line" != *[\'\"\\\`]* ]]; then
        IFS=$' \t\n' read -r -a words <<< "$line"
        if [[ "$line" == *[[:space:]] ]]; then
            words+=("")
        fi
        _CLAP_COMPLETE_INDEX=$(( ${#words[@]} - 1 ))
        _CLAP_COMPLETE_CUT="${words[_CLAP_COMPLETE_INDEX]%"$2"}"
    fi
"#;
    let done = r#"    else
        COMPREPLY=("${COMPREPLY[@]#"$_CLAP_COMPLETE_CUT"}")
    fi
    if [[ ${#COMPREPLY[@]} == 0 ]]; then
        unset COMPREPLY
"#;
    let (before, after) = script.split_once(WORDS)?;
    let (between, after) = after.split_once(DONE)?;
    Some(format!(
        "{before}{WORDS}{words}{between}{DONE}{done}{after}"
    ))
}

pub(super) fn run_completions(app: &App, args: &CompletionsArgs) -> Result<(), Failure> {
    Ok(app.output.line(script(args.shell)?.trim_end())?)
}

pub(super) fn run_man(app: &App, args: &ManArgs) -> Result<(), Failure> {
    let pages = manual::pages(&super::command_line())?;
    if args.list {
        return Ok(pages
            .iter()
            .try_for_each(|page| app.output.line(&page.file()))?);
    }
    if let Some(folder) = &args.dir {
        for page in &pages {
            let folder = folder.join(format!("man{}", page.section));
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(page.file()), &page.roff)?;
        }
        app.ui.say(&format!(
            "wrote {} pages below {}",
            pages.len(),
            folder.display()
        ));
        return Ok(());
    }
    // Names as the list and the pages write them: `authctl-login.1`, `authctl(7)`.
    let words: Vec<&str> = args
        .page
        .iter()
        .flat_map(|word| word.split(['-', ' ']))
        .filter(|word| !word.is_empty())
        .collect();
    let words = if words.len() > 1 && words.first() == Some(&"authctl") {
        words.split_at(1).1.to_vec()
    } else {
        words
    };
    let name = |page: &manual::Page| {
        page.file() == args.page.join("-") || page.file() == format!("{}.1", args.page.join("-"))
    };
    if let Some(page) = pages.iter().find(|page| name(page)) {
        return pager::show(app, &page.roff);
    }
    let wanted = match words.as_slice() {
        ["secrets"] => "authctl.7".to_owned(),
        ["providers"] => "authctl-providers.5".to_owned(),
        words => format!(
            "{}.1",
            std::iter::once("authctl")
                .chain(words.iter().copied())
                .collect::<Vec<_>>()
                .join("-")
        ),
    };
    let page = pages
        .iter()
        .find(|page| page.file() == wanted)
        .ok_or_else(|| {
            Failure::usage(format!("no manual page named `{}`", args.page.join(" ")))
                .hint("run `authctl man --list`")
        })?;
    pager::show(app, &page.roff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_scripts_are_those_that_are_printed() {
        for (shell, file) in [
            (Shell::Bash, "authctl.bash"),
            (Shell::Zsh, "_authctl"),
            (Shell::Fish, "authctl.fish"),
            (Shell::Power, "authctl.ps1"),
        ] {
            manual::tests::compare(&format!("completions/{file}"), &script(shell).unwrap());
        }
    }
}
