//! The environment variables that may contain a secret.

/// Variables that a program, its loader or its interpreter uses: a secret in one of them would be
/// printed, resolved as a host or run.
const ACTED_UPON: [&str; 26] = [
    "BASH_ENV",
    "BROWSER",
    "DISPLAY",
    "EDITOR",
    "ENV",
    "GIT_ASKPASS",
    "GIT_SSH_COMMAND",
    "HOME",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "LANG",
    "NODE_OPTIONS",
    "NO_PROXY",
    "PAGER",
    "PATH",
    "PERL5OPT",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYOPT",
    "SHELL",
    "SSLKEYLOGFILE",
    "SSL_CERT_FILE",
    "TERM",
];

/// Checks that `name` is a variable (POSIX, section 8.1: letters, digits and underscores, no digit
/// first) that no program interprets.
///
/// # Errors
/// Says which of the two it is not.
pub fn check_variable(name: &str) -> Result<(), String> {
    let first = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!(
            "`{}` cannot be the name of a variable",
            name.escape_default()
        ));
    }
    let upper = name.to_ascii_uppercase();
    let acted_upon = ACTED_UPON.contains(&upper.as_str())
        || ["LD_", "DYLD_", "AUTHCTL_"]
            .iter()
            .any(|prefix| upper.starts_with(prefix))
        || upper.ends_with("_PROXY");
    if acted_upon {
        Err(format!(
            "the variable `{name}` changes how programs run, so it cannot contain a secret"
        ))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_put_into_a_variable_that_programs_use() {
        for fine in ["GITHUB_TOKEN", "_x1", "key"] {
            assert_eq!(check_variable(fine), Ok(()));
        }
        for bad in [
            "",
            "1X",
            "A B",
            "A=B",
            "A\nB",
            "A\0",
            "http_proxy",
            "ALL_PROXY",
            "LD_PRELOAD",
            "path",
            "AUTHCTL_HOME",
            "ENV",
        ] {
            assert!(check_variable(bad).is_err(), "{bad}");
        }
    }
}
