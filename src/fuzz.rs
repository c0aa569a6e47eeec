//! The readers of untrusted input, as entry points for the fuzzer that `tests/fuzz/run` runs. Each
//! must return on every input, without panicking and without using much memory.

/// A reader.
pub type Target = fn(&[u8]);

/// The readers, by name. `tests/fuzz/corpus` has a folder of small inputs for each.
pub const TARGETS: &[(&str, Target)] = &[
    ("answer", crate::oauth::fuzz::answer),
    ("curl", crate::commands::fuzz),
    ("entry", crate::credential::fuzz::entry),
    ("import", crate::intake::fuzz),
    ("metadata", crate::oauth::fuzz::metadata),
    ("record", crate::credential::fuzz::record),
    ("request", crate::oauth::fuzz::request),
    ("row", crate::provider::fuzz),
    ("sealed", crate::sealed::fuzz),
    ("vault", crate::store::fuzz),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::read_dir;
    use std::path::Path;

    #[test]
    fn no_input_of_the_corpora_makes_a_reader_panic() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let inputs: Vec<_> = read_dir(corpora.join(name)).unwrap().collect();
            assert!(inputs.len() >= 5, "{name} has {} inputs", inputs.len());
            for input in inputs {
                target(&std::fs::read(input.unwrap().path()).unwrap());
            }
        }
        let folders = read_dir(&corpora).unwrap().count();
        assert_eq!(folders, 10, "every folder belongs to a reader");
    }
}
