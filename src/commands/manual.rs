//! The pages of the manual: one for each command, generated from the command line, and two that are
//! written by hand.

use crate::failure::{Code, Failure};
use clap::Command;
use clap_mangen::Man;
use std::io::Write;

/// A page of the manual.
pub(super) struct Page {
    name: String,
    /// The section: 1 for commands, 5 for files, 7 for the rest.
    pub section: u8,
    /// The roff source.
    pub roff: String,
}

impl Page {
    /// The name of its file.
    pub(super) fn file(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

/// All pages, starting with that of the program itself.
pub(super) fn pages(command: &Command) -> Result<Vec<Page>, Failure> {
    let mut command = command.clone().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, "authctl", &mut pages)?;
    pages.push(Page {
        name: "authctl-providers".into(),
        section: 5,
        roff: include_str!("../../man/authctl-providers.5").into(),
    });
    pages.push(Page {
        name: "authctl".into(),
        section: 7,
        roff: include_str!("../../man/authctl.7").into(),
    });
    Ok(pages)
}

fn add(command: &Command, name: &str, pages: &mut Vec<Page>) -> Result<(), Failure> {
    pages.push(Page {
        name: name.to_owned(),
        section: 1,
        roff: render(command, name)?,
    });
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        add(inner, &format!("{name}-{}", inner.get_name()), pages)?;
    }
    Ok(())
}

/// The date on the pages: fixed, so that they do not change from day to day.
const DATE: &str = "2026-11-24";

/// One page.
fn render(command: &Command, name: &str) -> Result<String, Failure> {
    // The text after the help is aligned with spaces, which only an example block keeps.
    let after = command
        .get_after_long_help()
        .or(command.get_after_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let plain = command
        .clone()
        .name(name.to_owned())
        .after_help("")
        .after_long_help("");
    let man = Man::new(plain);
    let mut text = Vec::new();
    let made = (|| {
        man.render_name_section(&mut text)?;
        // The synopsis is clap's own usage line; that of clap_mangen lacks `--` and the names of
        // values.
        let usage = command.clone().render_usage().to_string();
        writeln!(text, ".SH SYNOPSIS")?;
        for line in usage
            .trim_start_matches("Usage:")
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            writeln!(text, ".nf\n{}\n.fi", escape(line))?;
        }
        man.render_description_section(&mut text)?;
        if command
            .get_arguments()
            .any(|argument| !argument.is_hide_set())
        {
            man.render_options_section(&mut text)?;
        }
        if name == "authctl" {
            write_groups(command, &mut text)?;
        } else if command.get_subcommands().next().is_some() {
            man.render_subcommands_section(&mut text)?;
        }
        std::io::Result::Ok(())
    })();
    made.map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for block in after.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let (title, lines) = block.split_once('\n').unwrap_or((block, ""));
        text.push_str(&format!(
            ".SH {}\n.nf\n",
            title.trim_end_matches(':').to_uppercase()
        ));
        for line in lines.lines() {
            text.push_str(&escape(line));
            text.push('\n');
        }
        text.push_str(".fi\n");
    }
    let others = ["authctl (1)", "authctl (7)", "authctl-providers (5)"];
    let others: Vec<String> = others
        .into_iter()
        .filter(|other| *other != format!("{name} (1)"))
        .map(|other| format!(".BR {other}"))
        .collect();
    text.push_str(&format!(".SH SEE ALSO\n{}\n", others.join(",\n")));
    let title = format!(
        ".TH {} 1 {DATE} \"authctl {}\" \"authctl manual\"\n",
        name.to_uppercase(),
        env!("CARGO_PKG_VERSION")
    );
    Ok(title + &tidy(&text))
}

/// The commands in the groups of the help, each with the first line of its help.
fn write_groups(command: &Command, text: &mut Vec<u8>) -> std::io::Result<()> {
    writeln!(text, ".SH COMMANDS")?;
    for (title, names) in super::help::GROUPS {
        writeln!(text, ".SS {title}")?;
        for inner in names
            .iter()
            .filter_map(|name| command.find_subcommand(name))
        {
            let name = escape(inner.get_name());
            let about = inner.get_about().map(ToString::to_string);
            let about = escape(&about.unwrap_or_default());
            writeln!(text, ".TP\n.BR authctl\\-{name} (1)\n{about}")?;
        }
    }
    Ok(())
}

/// A line as roff source that prints it literally.
fn escape(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        format!("\\&{text}")
    } else {
        text
    }
}

/// Removes what linters of man pages complain about: trailing spaces, empty lines, repeated breaks
/// and preambles.
fn tidy(text: &str) -> String {
    const PREAMBLE: [&str; 2] = [".ie \\n(.g .ds Aq \\(aq", ".el .ds Aq '"];
    let mut lines: Vec<&str> = PREAMBLE.to_vec();
    for line in text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !PREAMBLE.contains(line))
    {
        if !(line == ".br" && lines.last() == Some(&".br")) {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::commands::Cli;
    use clap::CommandFactory;

    /// Compares a generated file with the committed one; with `AUTHCTL_REWRITE` set, writes it.
    pub(in crate::commands) fn compare(path: &str, made: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("AUTHCTL_REWRITE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, made).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            committed.replace("\r\n", "\n"),
            made,
            "{} is not up to date; AUTHCTL_REWRITE=1 cargo test writes it",
            path.display()
        );
    }

    #[test]
    fn the_committed_pages_are_those_that_are_printed() {
        let pages = pages(&Cli::command()).unwrap();
        for page in pages.iter().filter(|page| page.section == 1) {
            compare(&format!("man/{}", page.file()), &page.roff);
        }
        compare("man/authctl-providers.5", &crate::provider::page());
        let files: std::collections::BTreeSet<String> = pages.iter().map(Page::file).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                files.contains(&name),
                "man/{name} is not the page of a command"
            );
        }
    }

    #[test]
    fn every_command_has_examples() {
        fn look(command: &Command, path: &str) {
            let help = command
                .get_after_long_help()
                .or(command.get_after_help())
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains("Examples:"), "`{path}` has no examples");
            assert!(command.get_about().is_some(), "`{path}` has no description");
            for inner in command
                .get_subcommands()
                .filter(|inner| inner.get_name() != "help")
            {
                look(inner, &format!("{path} {}", inner.get_name()));
            }
        }
        look(&Cli::command(), "authctl");
    }
}
