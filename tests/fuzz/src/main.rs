//! Runs one of the readers of `authctl::fuzz`, which the variable AUTHCTL_FUZZ names, on the inputs
//! that libFuzzer invents.
#![no_main]

use authctl::fuzz::{TARGETS, Target};
use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static TARGET: OnceLock<Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("AUTHCTL_FUZZ").unwrap_or_default();
        let found = TARGETS.iter().find(|(known, _)| *known == name);
        found.expect("AUTHCTL_FUZZ names a reader").1
    })(data);
});
