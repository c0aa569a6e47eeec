//! What `--json` prints: one document per command. The schemas in `tests/schemas/` are generated
//! from these types. Fields may be added; they are never renamed and never change their meaning.

/// Document types: serialized here, described in the schema test.
macro_rules! documents {
    ($($(#[$meta:meta])* $name:ident $(<$life:lifetime>)? { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub(in crate::commands) struct $name $(<$life>)? {
            $($(#[$field_meta])* pub $field: $kind,)*
        }
    )*};
}

mod doctor;
mod files;
mod make;
mod rotation;
mod secrets;
mod setup;
mod state;
mod values;

pub(in crate::commands) use doctor::*;
pub(in crate::commands) use files::*;
pub(in crate::commands) use rotation::*;
pub(in crate::commands) use secrets::*;
pub(in crate::commands) use setup::*;
pub(in crate::commands) use state::*;
pub(in crate::commands) use values::{
    Action, RotationOutcome, RotationStep, Status, Usable, Verified, word,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::manual::tests::compare as compare_generated;
    use schemars::{JsonSchema, schema_for};

    fn compare<T: JsonSchema>(command: &str) {
        let schema = serde_json::to_string_pretty(&schema_for!(T)).unwrap();
        compare_generated(
            &format!("tests/schemas/{command}.json"),
            &format!("{schema}\n"),
        );
    }

    #[test]
    fn the_committed_schemas_are_those_of_the_documents() {
        compare::<Token<'_>>("token");
        compare::<Headers<'_>>("header");
        compare::<Refreshed>("refresh");
        compare::<LoggedIn>("login");
        compare::<Removed>("logout");
        compare::<Added>("key-add");
        compare::<Removed>("key-remove");
        compare::<Exported>("key-export");
        compare::<Imported>("key-import");
        compare::<Vec<Entry>>("list");
        compare::<StatusReport>("status");
        compare::<Doctor>("doctor");
        compare::<Vec<crate::audit::Event>>("audit");
        compare::<Moved>("move");
        compare::<Renamed>("rename");
        compare::<Client>("client-add");
        compare::<Client>("client-remove");
        compare::<Vec<Client>>("client-list");
        compare::<Vec<Provider>>("provider-list");
        compare::<ProviderAdded>("provider-add");
        compare::<ProviderAdded>("provider-check");
        compare::<ProviderRemoved>("provider-remove");
        compare::<crate::provider::Row>("provider-show");
        compare::<Vault>("vault");
        compare::<Locked>("lock");
        compare::<Rotated>("rotate");
        compare::<Planned>("rotate-dry-run");
        compare::<Schedule>("schedule");
        compare::<Added>("key-set");
    }
}
