//! The options of curl that may be used with a credential, as one table.

/// The kinds of values that an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// No value.
    Nothing,
    /// Any value.
    Word,
    /// An HTTP method: a token (RFC 9110 section 5.6.2). Anything else could write a second request
    /// line.
    Method,
    /// `Name: value`, but no header that authctl sets and none that directs the request.
    Header,
    /// Digits, commas and dashes: the value becomes part of a header.
    Range,
}

/// When an option is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Always.
    Always,
    /// Only with `Authorization`, the one header that curl removes when a redirect leaves the host.
    AuthorizationAlone,
    /// Only in a terminal: the option prints the headers of the request.
    OnTerminal,
}

use Takes::{Header, Method, Nothing, Range, Word};
use When::{Always, AuthorizationAlone, OnTerminal};

/// One option: its short form (`\0` for none), its long form, its value, and when it is allowed.
pub(super) type Entry = (char, &'static str, Takes, When);

/// Every option that is allowed.
pub(super) const ALLOWED: &[Entry] = &[
    ('X', "request", Method, Always),
    ('d', "data", Word, Always),
    ('\0', "data-ascii", Word, Always),
    ('\0', "data-binary", Word, Always),
    ('\0', "data-raw", Word, Always),
    ('\0', "data-urlencode", Word, Always),
    ('\0', "json", Word, Always),
    ('F', "form", Word, Always),
    ('\0', "form-string", Word, Always),
    ('T', "upload-file", Word, Always),
    ('G', "get", Nothing, Always),
    ('I', "head", Nothing, Always),
    ('H', "header", Header, Always),
    ('o', "output", Word, Always),
    ('O', "remote-name", Nothing, Always),
    ('\0', "create-dirs", Nothing, Always),
    ('i', "include", Nothing, Always),
    ('D', "dump-header", Word, Always),
    ('w', "write-out", Word, Always),
    ('N', "no-buffer", Nothing, Always),
    ('#', "progress-bar", Nothing, Always),
    ('s', "silent", Nothing, Always),
    ('S', "show-error", Nothing, Always),
    ('f', "fail", Nothing, Always),
    ('\0', "fail-with-body", Nothing, Always),
    ('m', "max-time", Word, Always),
    ('\0', "connect-timeout", Word, Always),
    ('y', "speed-time", Word, Always),
    ('Y', "speed-limit", Word, Always),
    ('\0', "retry", Word, Always),
    ('\0', "retry-delay", Word, Always),
    ('\0', "retry-max-time", Word, Always),
    ('\0', "retry-connrefused", Nothing, Always),
    ('\0', "retry-all-errors", Nothing, Always),
    ('0', "http1.0", Nothing, Always),
    ('\0', "http1.1", Nothing, Always),
    ('\0', "http2", Nothing, Always),
    ('\0', "http3", Nothing, Always),
    ('\0', "compressed", Nothing, Always),
    ('r', "range", Range, Always),
    ('C', "continue-at", Range, Always),
    ('L', "location", Nothing, AuthorizationAlone),
    ('v', "verbose", Nothing, OnTerminal),
];

/// Headers that no option may set, because they determine where the request is sent or where its
/// body ends.
pub(super) const STEERING: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "proxy-authorization",
    "trailer",
];
