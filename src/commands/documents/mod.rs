//! What `--json` prints: one document per command. The schemas in `tests/schemas/` are generated
//! from these types. Fields may be added; they are never renamed and never change their meaning.

mod make;
mod values;

pub(in crate::commands) use values::{
    Action, RotationOutcome, RotationStep, Status, Usable, Verified, word,
};

use crate::credential::{Kind, StoreKind};
use serde::Serialize;

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

documents! {
    /// `token`: the access token, or the key.
    Token<'a> {
        /// The credential.
        name: String,
        /// `login` or `key`.
        kind: Kind,
        /// The secret itself.
        token: &'a str,
        /// When it expires (RFC 3339), if known.
        expires_at: Option<String>,
    }

    /// `header --format json`: the request headers.
    Headers<'a> {
        /// The headers, in the order in which they are sent.
        headers: Vec<Header<'a>>,
        /// When they expire (RFC 3339), if known.
        expires_at: Option<String>,
    }

    /// One header.
    Header<'a> {
        /// The field name.
        name: &'a str,
        /// The field value, which contains the secret.
        value: &'a str,
    }

    /// `refresh`.
    Refreshed {
        /// The login.
        name: String,
        /// When the new access token expires (RFC 3339).
        expires_at: Option<String>,
    }

    /// `login`.
    LoggedIn {
        /// The credential.
        name: String,
        /// `login`.
        kind: Kind,
        /// The granted scopes.
        scopes: Vec<String>,
        /// The store: `keychain` or `vault`.
        store: StoreKind,
    }

    /// `logout` and `key remove`.
    Removed {
        /// The credential.
        name: String,
        /// Whether it was revoked at the provider.
        revoked: bool,
        /// Whether it was deleted from its store.
        deleted: bool,
    }

    /// `key add`.
    Added {
        /// The credential.
        name: String,
        /// `key`.
        kind: Kind,
    }

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
    }

    /// A recognized key.
    FoundKey {
        /// The name it is stored under.
        name: String,
        /// The variables that contain its parts.
        variables: Vec<String>,
        /// The places of the variables in the file.
        places: Vec<String>,
        /// Why it was not stored.
        problem: Option<String>,
    }

    /// `schedule …`.
    Schedule {
        /// The schedulers that run it: `systemd`, `crontab`, `launchd`, `task-scheduler`; empty if
        /// none does.
        installed: Vec<String>,
        /// Whether it is active.
        started: bool,
        /// When it last ran (RFC 3339).
        last_run: Option<String>,
        /// The exit code of that run.
        last_code: Option<u8>,
        /// Why it failed.
        last_reason: Option<String>,
    }

    /// `rotate`: the outcome for each credential.
    Rotated {
        /// The outcomes, in the order of the rotations.
        results: Vec<RotationResult>,
    }

    /// The outcome of one rotation.
    RotationResult {
        /// The credential.
        name: String,
        /// `rotated`, `refreshed`, `ended` (a previous key was revoked), `nothing`, `by_hand`, or
        /// the code of the failure.
        result: RotationOutcome,
        /// A description.
        detail: String,
        /// The time until which the previous key stays valid (RFC 3339).
        old_until: Option<String>,
    }

    /// `rotate --dry-run`: what would be done.
    Planned {
        /// The plans, sorted by name.
        plans: Vec<PlannedRotation>,
    }

    /// What would be done for one credential.
    PlannedRotation {
        /// The credential.
        name: String,
        /// `rotate`, `finish`, `refresh` or `nothing`.
        action: Action,
        /// How it would be done.
        how: String,
        /// When it is due (RFC 3339); absent if never.
        due: Option<String>,
        /// Whether it is due now.
        is_due: bool,
    }

    /// `list`: one credential.
    Entry {
        /// The credential.
        name: String,
        /// The provider part of the name.
        provider: String,
        /// The account part of the name; `default` if there is none.
        account: String,
        /// `login` or `key`.
        kind: Kind,
        /// `keychain` or `vault`.
        store: StoreKind,
        /// `active`, or the state that an interrupted command left: `adding`, `removing`,
        /// `forgetting`, `renaming`.
        state: String,
        /// When it was first stored (RFC 3339).
        created_at: String,
        /// When its record last changed (RFC 3339).
        changed_at: String,
        /// When the newest access token expires (RFC 3339).
        access_expires_at: Option<String>,
        /// The day on which the key expires.
        expires: Option<String>,
        /// How often the key is rotated.
        rotate_every: Option<String>,
        /// Whether `rotate --due` would do something for it now, or report it as left to do.
        is_due: bool,
        /// The granted scopes.
        scopes: Vec<String>,
        /// The origins it may be sent to.
        origins: Vec<String>,
        /// The account id at the provider.
        subject: Option<String>,
        /// The account name at the provider.
        label: Option<String>,
        /// The OAuth client of the login.
        client_id: Option<String>,
        /// The issuer of the authorization server.
        issuer: Option<String>,
    }

    /// `status`.
    StatusReport {
        /// The credentials.
        credentials: Vec<CredentialStatus>,
        /// The findings; the exit code is 8 if one of them needs attention.
        findings: Vec<Finding>,
    }

    /// One credential in `status`.
    CredentialStatus {
        /// The credential.
        name: String,
        /// `login` or `key`.
        kind: Kind,
        /// `keychain` or `vault`.
        store: StoreKind,
        /// A description of when it expires.
        life: String,
        /// When the newest access token expires (RFC 3339).
        access_expires_at: Option<String>,
        /// The day on which the key expires.
        expires: Option<String>,
        /// With `--check`: `good`, `readable` (a key that no request can verify), or the code of
        /// the failure.
        check: Option<Verified>,
        /// The granted scopes.
        scopes: Vec<String>,
        /// Why the last refresh failed.
        last_error: Option<crate::credential::LastError>,
    }

    /// One finding.
    Finding {
        /// The credential or the file.
        subject: String,
        /// The kind of finding, such as `key_over`.
        code: String,
        /// Whether it is only advice, which does not change the exit code.
        advice: bool,
        /// A description.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    }

    /// `doctor`.
    #[derive(serde::Deserialize)]
    Doctor {
        /// The checks.
        checks: Vec<Check>,
        /// What to expect of each store that contains credentials.
        stores: Vec<StoreOutlook>,
        /// Whether the checks ran in the environment of cron.
        as_cron: bool,
    }

    /// One check.
    #[derive(serde::Deserialize)]
    Check {
        /// What was checked.
        name: String,
        /// `ok`, `note` or `problem`.
        status: Status,
        /// The result.
        detail: String,
        /// What to do about it.
        hint: Option<String>,
    }

    /// What to expect of a store.
    #[derive(serde::Deserialize)]
    StoreOutlook {
        /// `keychain` or `vault`.
        store: StoreKind,
        /// The number of credentials in it.
        credentials: usize,
        /// The exit code of a command that reads one.
        exit_code: u8,
        /// A description.
        detail: String,
    }

    /// `move`.
    Moved {
        /// The credential.
        name: String,
        /// The new store.
        store: StoreKind,
    }

    /// `rename`.
    Renamed {
        /// The new name.
        name: String,
        /// The old name.
        was: String,
    }

    /// `client add`, `client remove`, and one entry of `client list`.
    Client {
        /// The provider.
        provider: String,
        /// The client id.
        client_id: String,
        /// The store of its secret, if it has one.
        secret_store: Option<StoreKind>,
        /// The logins that use it.
        used_by: Vec<String>,
    }

    /// `provider list`: one provider.
    Provider {
        /// Its name.
        name: String,
        /// Its display name.
        title: String,
        /// `login`, `key`, or both.
        kinds: Vec<String>,
        /// `built in` or `yours`.
        source: String,
    }

    /// `provider add` and `provider check`.
    ProviderAdded {
        /// Its name.
        name: String,
    }

    /// `vault …`.
    Vault {
        /// Whether it is unattended: its key is in the same folder, without a passphrase.
        unattended: bool,
    }
}

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
        compare::<crate::provider::Row>("provider-show");
        compare::<Vault>("vault");
        compare::<Rotated>("rotate");
        compare::<Planned>("rotate-dry-run");
        compare::<Schedule>("schedule");
        compare::<Added>("key-set");
    }
}
