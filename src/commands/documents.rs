//! What `--json` prints: one document a command. Their schemas are made from these types and committed
//! (`tests/schemas/`); a field is added, never renamed and never given another meaning.

use crate::credential::Index;
use serde::Serialize;

/// A document type: serialized here, described in the schema test.
macro_rules! documents {
    ($($(#[$meta:meta])* $name:ident $(<$life:lifetime>)? { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub(super) struct $name $(<$life>)? {
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
        kind: String,
        /// The secret itself.
        token: &'a str,
        /// When it ends (RFC 3339), where that is known.
        expires_at: Option<String>,
    }

    /// `header --format json`: the request headers.
    Headers<'a> {
        /// In the order in which they are sent.
        headers: Vec<Header<'a>>,
        /// When they stop being good (RFC 3339), where that is known.
        expires_at: Option<String>,
    }

    /// One header.
    Header<'a> {
        /// The field name.
        name: &'a str,
        /// The field value, which holds the secret.
        value: &'a str,
    }

    /// `refresh`.
    Refreshed {
        /// The login.
        name: String,
        /// When the new access token ends (RFC 3339).
        expires_at: Option<String>,
    }

    /// `login`.
    LoggedIn {
        /// The credential.
        name: String,
        /// `login`.
        kind: String,
        /// What was granted.
        scopes: Vec<String>,
        /// Where it is kept: `keychain` or `vault`.
        store: String,
    }

    /// `logout` and `key remove`.
    Removed {
        /// The credential.
        name: String,
        /// Whether the provider will not take it any more.
        revoked: bool,
        /// Whether it is gone here.
        deleted: bool,
    }

    /// `key add`.
    Added {
        /// The credential.
        name: String,
        /// `key`.
        kind: String,
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
        /// What was found in a file that is no export; with `--dry-run` nothing of it is stored.
        found: Vec<FoundKey>,
    }

    /// A key in a file.
    FoundKey {
        /// What it is called.
        name: String,
        /// The variables that hold its parts.
        variables: Vec<String>,
        /// Where each of them stands.
        places: Vec<String>,
        /// Why it is not taken.
        problem: Option<String>,
    }

    /// `schedule …`.
    Schedule {
        /// Who runs it: `systemd`, `crontab`, `launchd`, `task-scheduler`; empty for nobody.
        installed: Vec<String>,
        /// Whether the system was told.
        started: bool,
        /// When it last ran (RFC 3339).
        last_run: Option<String>,
        /// The exit code of that run.
        last_code: Option<u8>,
        /// Why it failed.
        last_reason: Option<String>,
    }

    /// `rotate`: what became of each.
    Rotated {
        /// In the order in which they were taken.
        results: Vec<RotationResult>,
    }

    /// One rotation.
    RotationResult {
        /// The credential.
        name: String,
        /// `rotated`, `refreshed`, `ended` (what was replaced earlier), `nothing`, `by_hand`, or the name of the failure.
        result: String,
        /// In words.
        detail: String,
        /// Until when the replaced key stays good (RFC 3339).
        old_until: Option<String>,
    }

    /// `rotate --dry-run`: what would be done.
    Planned {
        /// By name.
        plans: Vec<PlannedRotation>,
    }

    /// One plan.
    PlannedRotation {
        /// The credential.
        name: String,
        /// `rotate`, `finish`, `refresh` or `nothing`.
        action: String,
        /// In which way.
        how: String,
        /// When it is due (RFC 3339); absent for never.
        due: Option<String>,
        /// Whether that is now.
        is_due: bool,
    }

    /// `list`: one credential.
    Entry {
        /// The credential.
        name: String,
        /// The first half of the name.
        provider: String,
        /// The second half, `default` for a bare name.
        account: String,
        /// `login` or `key`.
        kind: String,
        /// `keychain` or `vault`.
        store: String,
        /// `active`, or what an interrupted command left: `adding`, `removing`, `forgetting`, `renaming`.
        state: String,
        /// When it was first stored (RFC 3339).
        created_at: String,
        /// When its record last changed (RFC 3339).
        changed_at: String,
        /// When the newest access token ends (RFC 3339).
        access_expires_at: Option<String>,
        /// The day the key ends, as it was given.
        expires: Option<String>,
        /// How often the key should be rotated, as it was given.
        rotate_every: Option<String>,
        /// Whether `rotate --due` would do something for it now, or name it as left to do.
        is_due: bool,
        /// What was granted.
        scopes: Vec<String>,
        /// Where it may be sent.
        origins: Vec<String>,
        /// Whose it is, as the provider identifies people.
        subject: Option<String>,
        /// Whose it is, as the provider calls them.
        label: Option<String>,
        /// The OAuth client it was made with.
        client_id: Option<String>,
        /// The authorization server.
        issuer: Option<String>,
    }

    /// `status`.
    Status {
        /// The credentials that were looked at.
        credentials: Vec<CredentialStatus>,
        /// What is over, due or unwise; exit code 8 when one of them is not mere advice.
        findings: Vec<Finding>,
    }

    /// One credential in `status`.
    CredentialStatus {
        /// The credential.
        name: String,
        /// `login` or `key`.
        kind: String,
        /// `keychain` or `vault`.
        store: String,
        /// In words: how long it lives.
        life: String,
        /// When the newest access token ends (RFC 3339).
        access_expires_at: Option<String>,
        /// The day the key ends.
        expires: Option<String>,
        /// With `--check`: `good`, `readable` (a key that no request tells of), or the name of the failure.
        check: Option<String>,
        /// What was granted.
        scopes: Vec<String>,
        /// Why the last refresh gave no token.
        last_error: Option<crate::credential::LastError>,
    }

    /// Something to do.
    Finding {
        /// The credential or the file.
        subject: String,
        /// A name for the kind of finding, such as `key_over`.
        code: String,
        /// Whether it only makes things safer; advice does not change the exit code.
        advice: bool,
        /// In words.
        message: String,
        /// What to type.
        hint: Option<String>,
    }

    /// `doctor`.
    #[derive(serde::Deserialize)]
    Doctor {
        /// What was tried.
        checks: Vec<Check>,
        /// What a command meets that wants a credential, for each store that holds some.
        stores: Vec<StoreOutlook>,
        /// Whether it was tried in cron's environment.
        as_cron: bool,
    }

    /// One thing that was tried.
    #[derive(serde::Deserialize)]
    Check {
        /// What.
        name: String,
        /// `ok`, `note` or `problem`.
        status: String,
        /// What was seen.
        detail: String,
        /// What to do.
        hint: Option<String>,
    }

    /// What to expect of a store.
    #[derive(serde::Deserialize)]
    StoreOutlook {
        /// `keychain` or `vault`.
        store: String,
        /// How many credentials it holds.
        credentials: usize,
        /// The exit code of a command that reads one.
        exit_code: u8,
        /// In words.
        detail: String,
    }

    /// `move`.
    Moved {
        /// The credential.
        name: String,
        /// Where it is kept now.
        store: String,
    }

    /// `rename`.
    Renamed {
        /// The new name.
        name: String,
        /// The old one.
        was: String,
    }

    /// `client add`, `client remove`, and one entry of `client list`.
    Client {
        /// Whose client it is.
        provider: String,
        /// Its id.
        client_id: String,
        /// Where its secret is kept, if it has one.
        secret_store: Option<String>,
        /// The logins that were made with it.
        used_by: Vec<String>,
    }

    /// `provider list`: one row of the catalogue.
    Provider {
        /// Its name.
        name: String,
        /// How people call it.
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
        /// Whether its key lies beside it, without a passphrase.
        unattended: bool,
    }
}

impl Entry {
    pub(super) fn of(index: &Index, is_due: bool) -> Self {
        let bound = &index.bound;
        Self {
            name: index.name.to_string(),
            provider: index.name.provider().to_owned(),
            account: index.name.account().to_owned(),
            kind: index.kind.to_string(),
            store: index.store.to_string(),
            state: index.state.to_string(),
            created_at: index.created_at.to_string(),
            changed_at: index.changed_at.to_string(),
            access_expires_at: index.access_expires_at.map(|time| time.to_string()),
            expires: index.expires.map(|day| day.to_string()),
            rotate_every: index.rotate_every.clone(),
            is_due,
            scopes: bound.scopes.clone(),
            origins: bound.origins.iter().map(ToString::to_string).collect(),
            subject: bound.subject.clone(),
            label: bound.label.clone(),
            client_id: bound.client_id.clone(),
            issuer: bound.issuer.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{JsonSchema, schema_for};

    /// Set to write the files instead of comparing them.
    const REWRITE: &str = "AUTHCTL_REWRITE";

    fn compare<T: JsonSchema>(command: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/schemas/{command}.json"));
        let made = format!(
            "{}\n",
            serde_json::to_string_pretty(&schema_for!(T)).unwrap()
        );
        if std::env::var_os(REWRITE).is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            committed,
            made,
            "{} is not what the types say; {REWRITE}=1 cargo test writes it",
            path.display()
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
        compare::<Status>("status");
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
