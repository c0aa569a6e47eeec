//! A marked section of the user's crontab (crontab(5)). The rest of the crontab is never touched.

use super::{ARGUMENTS, Job};
use std::path::PathBuf;

const BEGIN: &str = "# authctl: begin (written by `authctl schedule install`)";
const END: &str = "# authctl: end";

/// The region for a job, at a minute that differs between homes.
pub fn region(job: &Job, minute: u8) -> Result<String, String> {
    let mut command = String::new();
    for (name, value) in &job.variables {
        command.push_str(&format!("{name}={} ", quoted(value)?));
    }
    command.push_str(&quoted(&job.program.to_string_lossy())?);
    for argument in ARGUMENTS {
        command.push(' ');
        command.push_str(argument);
    }
    Ok(format!(
        "{BEGIN}\n{} 11 * * * {command}\n{END}\n",
        minute % 60
    ))
}

/// A crontab with the region in it, in place of an earlier one.
///
/// # Errors
/// An earlier region is incomplete, so it is not clear which lines belong to the user.
pub fn with_region(crontab: &str, region: &str) -> Result<String, String> {
    let mut text = without_region(crontab);
    if text.lines().any(|line| line == BEGIN || line == END) {
        return Err("the crontab contains an incomplete schedule of authctl; delete the lines that begin with `# authctl:` first".into());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(region);
    Ok(text)
}

/// A crontab without complete regions. An incomplete region stays.
pub fn without_region(crontab: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut begun = None;
    for line in crontab.split_inclusive('\n') {
        let word = line.trim_end_matches(['\n', '\r']);
        if word == BEGIN {
            begun = Some(kept.len());
        }
        kept.push(line);
        if word == END
            && let Some(at) = begun.take()
        {
            kept.truncate(at);
        }
    }
    kept.concat()
}

/// Whether there is a complete region.
pub fn has_region(crontab: &str) -> bool {
    without_region(crontab) != crontab
}

/// The program that the region runs.
pub fn program(crontab: &str) -> Option<PathBuf> {
    let mut lines = crontab.lines().skip_while(|line| *line != BEGIN).skip(1);
    let line = lines.find(|line| !line.starts_with('#'))?;
    let words = words(&line.replace("\\%", "%"));
    let end = words.len().checked_sub(ARGUMENTS.len())?;
    let (before, arguments) = words.split_at(end);
    let program = before.last().filter(|_| *arguments == ARGUMENTS)?;
    Some(PathBuf::from(program))
}

/// The words of a command that [`quoted`] made.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let word = match (character, is_quoted) {
            ('\'', _) => {
                is_quoted = !is_quoted;
                continue;
            }
            (' ', false) => {
                words.push(String::new());
                continue;
            }
            ('\\', false) => characters.next(),
            (character, _) => Some(character),
        };
        if let Some(last) = words.last_mut() {
            last.extend(word);
        }
    }
    words
}

/// Quotes a word for the shell, with `%` replaced, which is special in a crontab.
fn quoted(text: &str) -> Result<String, String> {
    if text.contains(['\n', '\r', '\0']) {
        return Err("a crontab cannot contain a path with a line break".into());
    }
    Ok(format!(
        "'{}'",
        text.replace('\'', "'\\''").replace('%', "\\%")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn job() -> Job {
        Job {
            program: "/usr/bin/authctl".into(),
            variables: vec![("AUTHCTL_HOME".into(), "/a b/50%".into())],
        }
    }

    #[test]
    fn the_program_is_read_back() {
        for path in ["/usr/bin/authctl", "/a b/50%/it's/authctl", "/x\\y/authctl"] {
            let job = Job {
                program: path.into(),
                ..job()
            };
            let region = region(&job, 3).unwrap();
            let table = with_region("1 2 * * * other\n", &region).unwrap();
            assert_eq!(program(&table), Some(path.into()));
        }
        assert_eq!(program("1 2 * * * other\n"), None);
        assert_eq!(program(&format!("{BEGIN}\n{END}\n")), None);
    }

    #[test]
    fn the_schedule_is_added_and_removed_without_other_changes() {
        let region = region(&job(), 77).unwrap();
        assert!(
            region.contains("\n17 11 * * * AUTHCTL_HOME='/a b/50\\%' '/usr/bin/authctl' --quiet --no-input rotate --due --scheduled\n"),
            "{region}"
        );
        let mine = "MAILTO=me\n0 * * * * true";
        let with = with_region(mine, &region).unwrap();
        assert!(has_region(&with));
        assert_eq!(with_region(&with, &region).unwrap(), with, "twice is once");
        assert_eq!(without_region(&with), format!("{mine}\n"));
        let cut = with.replace(END, "");
        assert_eq!(without_region(&cut), cut, "whose the rest is nobody knows");
        assert!(with_region(&cut, &region).is_err());
        let both = format!("{cut}5 5 * * * backup\n{region}");
        assert!(without_region(&both).contains("backup") && with_region(&both, &region).is_err());
        assert!(
            super::region(
                &Job {
                    program: "/a\nb".into(),
                    variables: Vec::new()
                },
                0
            )
            .is_err()
        );
    }

    proptest! {
        #[test]
        fn whatever_else_is_in_it_survives(before: String, after: String) {
            let region = region(&job(), 0).unwrap();
            let mine = format!("{before}\n{after}\n");
            if let Ok(with) = with_region(&mine, &region) {
                prop_assert_eq!(without_region(&with), without_region(&mine));
            }
        }
    }
}
