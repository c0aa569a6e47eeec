//! A marked region of the user's crontab (crontab(5)); the rest of it is never touched.

use super::{ARGUMENTS, Job};

const BEGIN: &str = "# authctl: begin (written by `authctl schedule install`)";
const END: &str = "# authctl: end";

/// The region for a job, at a minute that differs from one home to the next.
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
    Ok(format!("{BEGIN}\n{} 11 * * * {command}\n{END}\n", minute % 60))
}

/// A crontab with the region in it, in place of an earlier one.
pub fn with_region(crontab: &str, region: &str) -> String {
    let mut text = without_region(crontab);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(region);
    text
}

/// A crontab without the region. One that was cut in half (its end is missing) is left alone, since nobody knows what of
/// the rest is the user's.
pub fn without_region(crontab: &str) -> String {
    let Some((before, rest)) = crontab.split_once(BEGIN) else { return crontab.to_owned() };
    let Some((_, after)) = rest.split_once(END) else { return crontab.to_owned() };
    format!("{before}{}", after.strip_prefix('\n').unwrap_or(after))
}

/// Whether the region is there.
pub fn has_region(crontab: &str) -> bool {
    without_region(crontab) != crontab
}

/// A word for the shell, in which cron's `%` has no meaning either.
fn quoted(text: &str) -> Result<String, String> {
    if text.contains(['\n', '\r', '\0']) {
        return Err("a path with a line break cannot stand in a crontab".into());
    }
    Ok(format!("'{}'", text.replace('\'', "'\\''").replace('%', "\\%")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn job() -> Job {
        Job { program: "/usr/bin/authctl".into(), variables: vec![("AUTHCTL_HOME".into(), "/a b/50%".into())] }
    }

    #[test]
    fn the_region_comes_and_goes_and_the_rest_stays() {
        let region = region(&job(), 77).unwrap();
        assert!(
            region.contains("\n17 11 * * * AUTHCTL_HOME='/a b/50\\%' '/usr/bin/authctl' --no-input rotate --due --scheduled\n"),
            "{region}"
        );
        let mine = "MAILTO=me\n0 * * * * true";
        let with = with_region(mine, &region);
        assert!(has_region(&with));
        assert_eq!(with_region(&with, &region), with, "twice is once");
        assert_eq!(without_region(&with), format!("{mine}\n"));
        let cut = with.replace(END, "");
        assert_eq!(without_region(&cut), cut, "whose the rest is nobody knows");
        assert!(super::region(&Job { program: "/a\nb".into(), variables: Vec::new() }, 0).is_err());
    }

    proptest! {
        #[test]
        fn whatever_else_is_in_it_survives(before: String, after: String) {
            let region = region(&job(), 0).unwrap();
            let mine = format!("{before}\n{after}\n");
            prop_assert_eq!(without_region(&with_region(&mine, &region)), without_region(&mine));
        }
    }
}
