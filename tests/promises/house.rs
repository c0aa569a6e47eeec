//! The layers: a module uses only what stands to its right in the table of `src/lib.rs`, never its own row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ROWS: [&[&str]; 12] = [
    &["main"],
    &["commands"],
    &["app"],
    &["failure"],
    &["rotation"],
    &["lifecycle"],
    &[
        "oauth", "store", "sealed", "handover", "audit", "schedule", "output", "ui",
    ],
    &["http"],
    &["provider"],
    &["config"],
    &["credential"],
    &["disk", "process", "signals", "secret"],
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let read = |path: PathBuf| {
        let first = path
            .strip_prefix(&root)
            .unwrap()
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        (first, path, text)
    };
    paths.into_iter().map(read).collect()
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

#[test]
fn a_module_uses_only_what_stands_to_its_right() {
    let mut arrows = 0;
    for (module, path, text) in all() {
        if module == "lib" {
            continue;
        }
        let own = row(&module).unwrap_or_else(|| panic!("{} is in no row", path.display()));
        let used: BTreeSet<&str> = text
            .split("crate::")
            .skip(1)
            .map(|rest| {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap()
            })
            .collect();
        for other in used.into_iter().filter(|other| *other != module) {
            let theirs =
                row(other).unwrap_or_else(|| panic!("{}: `{other}` is in no row", path.display()));
            assert!(
                theirs > own,
                "{}: `{module}` may not use `{other}`",
                path.display()
            );
            arrows += 1;
        }
    }
    assert!(arrows > 50, "only {arrows} arrows were seen");
}

#[test]
fn only_output_and_ui_print_and_no_file_is_too_long() {
    for (module, path, text) in all() {
        for printing in [
            "println!",
            "print!",
            "eprint!",
            "io::stdout().lock",
            "io::stderr()",
            "anstream::",
        ] {
            // The holder's standard output is a pipe to its parent; the facts are counted in a test.
            let allowed = matches!(module.as_str(), "output" | "ui")
                || path.ends_with("handover/holder.rs")
                || path.ends_with("provider/facts.rs");
            assert!(
                allowed || !text.contains(printing),
                "{} uses {printing}",
                path.display()
            );
        }
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

#[test]
fn a_provider_s_name_never_stands_in_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/catalogue");
    let names: Vec<String> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    for (_, path, text) in all() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//") && !line.contains("include_str!"))
        {
            for name in &names {
                let help = line.contains("after_help")
                    || line.contains("after_long_help")
                    || line.contains("  authctl ")
                    || line.contains("curl -fsS");
                assert!(
                    help || !line.contains(&format!("\"{name}\"")),
                    "{}: {line}",
                    path.display()
                );
            }
        }
    }
}
