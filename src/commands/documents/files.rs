//! Keys that are exported and imported.

use serde::Serialize;

documents! {
    /// `key export`.
    Exported {
        /// The keys in the file.
        names: Vec<String>,
        /// The file.
        file: String,
    }

    /// `key import`.
    Imported {
        /// The keys that were stored.
        names: Vec<String>,
        /// The keys that were recognized in a file that is not an export; with `--dry-run` none is
        /// stored.
        found: Vec<FoundKey>,
        /// What else in the file may be a secret; it was not stored.
        left: Vec<LeftSecret>,
    }

    /// Something that may be a secret.
    LeftSecret {
        /// The variable that contains it; `null` if it is not in a variable.
        variable: Option<String>,
        /// Its position in the file.
        place: String,
        /// What it may be.
        problem: String,
    }

    /// A recognized key.
    FoundKey {
        /// The name it is stored under.
        name: String,
        /// The variables that contain its parts.
        variables: Vec<String>,
        /// The positions of the variables in the file.
        places: Vec<String>,
        /// Why it was not stored.
        problem: Option<String>,
    }
}
