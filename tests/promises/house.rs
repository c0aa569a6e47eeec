//! The structure of the code: layers, cycles, sizes, and where things may be named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The longest file, in lines.
const MAX_FILE: usize = 400;

/// The longest function outside tests, in lines.
const MAX_FUNCTION: usize = 80;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

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

/// A source file.
struct Source {
    /// The top-level module it belongs to.
    module: String,
    path: PathBuf,
    text: String,
}

impl Source {
    /// The text without the unit tests, and without comments.
    fn code(&self) -> String {
        let is_test = ["tests.rs", "testing.rs"]
            .iter()
            .any(|name| self.path.ends_with(name));
        if is_test {
            return String::new();
        }
        self.text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn all() -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let first = path.strip_prefix(&root).unwrap().iter().next().unwrap();
        let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        Source { module, path, text }
    };
    paths.into_iter().map(read).collect()
}

/// The table in `lib.rs`: the row of each module.
fn rows() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(root().join("lib.rs")).unwrap();
    let table: String = text
        .lines()
        .skip_while(|line| !line.starts_with("//! main "))
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!"))
        .collect();
    assert!(!table.is_empty(), "lib.rs has the table of the layers");
    let rows = table.split('|').enumerate();
    rows.flat_map(|(row, modules)| {
        modules
            .split_whitespace()
            .map(move |module| (module.to_owned(), row))
    })
    .collect()
}

#[test]
fn every_file_is_a_module() {
    let sources = all();
    for source in &sources {
        let path = source.path.strip_prefix(root()).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let declared = match stem {
            "main" | "lib" => continue,
            "mod" => path
                .parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_str()
                .unwrap(),
            stem => stem,
        };
        let is_declared = sources
            .iter()
            .any(|other| other.text.contains(&format!("mod {declared};")));
        assert!(is_declared, "{} is not compiled", path.display());
    }
}

#[test]
fn a_module_uses_only_modules_to_its_right() {
    let rows = rows();
    let mut arrows = 0;
    for source in all().iter().filter(|source| source.module != "lib") {
        let (module, path) = (&source.module, source.path.display());
        let own = rows
            .get(module)
            .unwrap_or_else(|| panic!("{path} is in no row"));
        let used: BTreeSet<&str> = source
            .text
            .split("crate::")
            .skip(1)
            .map(|rest| {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap()
            })
            .collect();
        for other in used.into_iter().filter(|other| other != module) {
            let theirs = rows
                .get(other)
                .unwrap_or_else(|| panic!("{path}: `{other}` is in no row"));
            assert!(theirs > own, "{path}: `{module}` may not use `{other}`");
            arrows += 1;
        }
    }
    assert!(arrows > 50, "only {arrows} arrows were seen");
}

/// The names that a `use` statement brings in, `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().trim().to_owned()];
    };
    let inner = rest.rsplit_once('}').unwrap().0;
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .flat_map(expand)
        .map(|name| format!("{}{name}", head.trim()))
        .collect()
}

/// The `use` statements of a file.
fn uses(code: &str) -> Vec<String> {
    code.split(';')
        .filter_map(|statement| {
            let start = statement.rfind("use ")?;
            let before = statement[..start].trim_end();
            let is_use = before.is_empty() || before.ends_with('}') || before.ends_with(']');
            let is_public = before.ends_with("pub") || before.ends_with("pub(super)");
            // A message may contain `; use …` as well.
            let tree = &statement[start + 4..];
            ((is_use || is_public) && !tree.contains('"')).then(|| tree.to_owned())
        })
        .flat_map(|tree| expand(&tree))
        .collect()
}

/// The paths in expressions that begin with `super::`, but not with `super::super::`.
fn inline(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = "";
    for (number, chunk) in code.split("super::").enumerate() {
        let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
        let path = chunk.split(end).next().unwrap();
        if number > 0 && !before.is_empty() && path.contains("::") {
            found.push(format!("super::{path}"));
        }
        before = chunk;
    }
    found
}

/// The imports between the files of one folder, with what `mod.rs` re-exports resolved to the file
/// that has it.
fn arrows(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && path.join("mod.rs").exists() {
            files.insert(name, std::fs::read_to_string(path.join("mod.rs")).unwrap());
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    let code = |text: &String| {
        text.split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap()
            .to_owned()
    };
    let exported: BTreeMap<String, String> =
        uses(&code(files.get("mod").unwrap_or(&String::new())))
            .into_iter()
            .filter_map(|name| {
                let (file, item) = name.split_once("::")?;
                files
                    .contains_key(file)
                    .then(|| (item.to_owned(), file.to_owned()))
            })
            .collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in files.iter().filter(|(file, _)| *file != "mod") {
        let code = code(text);
        for name in uses(&code).into_iter().chain(inline(&code)) {
            let Some(name) = name.strip_prefix("super::") else {
                continue;
            };
            let first = name.split("::").next().unwrap();
            let target = if files.contains_key(first) && !exported.contains_key(name) {
                Some(first.to_owned())
            } else {
                exported.get(first).cloned()
            };
            if let Some(target) = target.filter(|target| target != file) {
                arrows.entry(file.clone()).or_default().insert(target);
            }
        }
    }
    arrows
}

fn reaches(arrows: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut rest = vec![from.to_owned()];
    while let Some(file) = rest.pop() {
        for next in arrows.get(&file).into_iter().flatten() {
            if seen.insert(next.clone()) {
                rest.push(next.clone());
            }
        }
    }
    seen
}

#[test]
fn no_files_of_a_room_import_each_other_in_a_circle() {
    let folders: BTreeSet<PathBuf> = all()
        .iter()
        .map(|source| source.path.parent().unwrap().to_owned())
        .collect();
    let mut seen = 0;
    for folder in folders {
        let arrows = arrows(&folder);
        seen += arrows.values().map(BTreeSet::len).sum::<usize>();
        for file in arrows.keys() {
            assert!(
                !reaches(&arrows, file).contains(file),
                "{}: `{file}` is in a circle: {arrows:?}",
                folder.display()
            );
        }
    }
    assert!(seen > 100, "only {seen} imports were seen");
}

#[test]
fn commands_change_records_only_through_the_lifecycle() {
    for source in all().iter().filter(|source| source.module == "commands") {
        let code = source.code();
        for forbidden in [
            "disk::Lock",
            "Lock::",
            "LockError",
            "sealed::",
            "Sealed",
            "Slot",
            "Record::new",
            "index.write(",
            "index.delete(",
        ] {
            assert!(
                !code.contains(forbidden),
                "{} names {forbidden}",
                source.path.display()
            );
        }
    }
}

#[test]
fn only_output_and_ui_print() {
    for source in all() {
        // The holder's standard output is a pipe to its parent; the facts of the catalogue are
        // counted in a test.
        let path = &source.path;
        let is_allowed = matches!(source.module.as_str(), "output" | "ui")
            || path.ends_with("handover/holder.rs")
            || path.ends_with("provider/facts.rs");
        for printing in [
            "println!",
            "print!",
            "eprint!",
            "io::stdout().lock",
            "io::stderr()",
            "anstream::",
        ] {
            assert!(
                is_allowed || !source.text.contains(printing),
                "{} uses {printing}",
                path.display()
            );
        }
    }
}

#[test]
fn files_and_functions_are_short() {
    for source in all() {
        let path = source.path.display();
        let lines = source.text.lines().count();
        assert!(lines <= MAX_FILE, "{path} has {lines} lines");
        for (name, length) in functions(&source.code()) {
            assert!(
                length <= MAX_FUNCTION,
                "{path}: `{name}` has {length} lines"
            );
        }
    }
}

/// The functions of a formatted file, with their lengths: from the line with `fn` to the brace at
/// its indentation.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some((before, rest)) = line.split_once("fn ") else {
            continue;
        };
        let is_definition = before
            .split_whitespace()
            .all(|word| word.starts_with("pub") || matches!(word, "async" | "const" | "super)"));
        if !is_definition || line.trim_end().ends_with(';') {
            continue;
        }
        let indentation = line.len() - line.trim_start().len();
        let close = format!("{}}}", " ".repeat(indentation));
        if let Some(length) = lines[start..].iter().position(|line| *line == close) {
            let name = rest.split(['(', '<']).next().unwrap();
            found.push((name.to_owned(), length + 1));
        }
    }
    found
}

#[test]
fn the_name_of_a_provider_is_never_in_the_code() {
    let catalogue = root().join("provider/catalogue");
    let names: Vec<String> = std::fs::read_dir(catalogue)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    // The list of the built-in rows has their names.
    for source in all()
        .iter()
        .filter(|source| !source.path.ends_with("provider/builtin.rs"))
    {
        let code = source.code();
        for line in code.lines() {
            let is_help = line.contains("after_help")
                || line.contains("after_long_help")
                || line.contains("  authctl ")
                || line.contains("curl -fsS");
            for name in &names {
                assert!(
                    is_help || !line.contains(&format!("\"{name}\"")),
                    "{}: {line}",
                    source.path.display()
                );
            }
        }
    }
}
