//! What is stored, and what needs attention.

use super::Verified;
use crate::credential::{Kind, StoreKind};
use serde::Serialize;

documents! {
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
        /// The maximum lifetime of a new key.
        lifetime: Option<String>,
        /// Whether `rotate --due` would act on it now, or report that the user must act.
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
        /// When the refresh token expires (RFC 3339), if the server reports it.
        refresh_token_expires_at: Option<String>,
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
}
