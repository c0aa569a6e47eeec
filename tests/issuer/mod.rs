//! An authorization server and a protected API of our own on loopback, for the tests and the tour.
//!
//! It checks what a careful server checks (PKCE, redirect, client authentication, one use of a
//! code, rotation with reuse detection) and misbehaves on request.
#![allow(dead_code, reason = "each user of this module takes what it needs")]

pub mod http;
mod server;

use std::collections::{HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The secret of the client `confidential`, with every character that a sloppy client forgets to
/// encode.
pub const CLIENT_SECRET: &str = "basic-secret:with/odd+chars%&=";

/// What the token endpoint does wrong, once each.
#[derive(Clone, Debug)]
pub enum Misbehaviour {
    /// Answers 503 and does not act.
    Busy,
    /// Answers with a status and a body, asks to wait a second, and does not act.
    Answer(u16, &'static str, &'static str),
    /// Closes the connection without acting.
    Reset,
    /// Acts, then closes the connection.
    LoseReply,
    /// Acts after a while.
    Slow(Duration),
    /// Refuses with `invalid_grant` after a while, and does not act.
    SlowRefusal(Duration),
    /// Acts, and answers with this JSON value for `expires_in`; `None` leaves it out.
    ExpiresIn(Option<&'static str>),
    /// Acts, and answers in another form: its status, its headers and its body.
    Form(fn(&serde_json::Value) -> (u16, &'static str, Vec<u8>)),
    /// Acts, and puts this behind each token.
    Tokens(&'static str),
    /// Acts, and puts this behind the access token alone.
    AccessToken(&'static str),
    /// Acts, and answers with megabytes.
    Huge,
    /// Sends the client elsewhere with its secrets.
    Redirect(String),
}

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seconds an access token lives.
    pub access_lifetime: u64,
    /// Whether refresh tokens are issued.
    pub refresh_tokens: bool,
    /// Whether a refresh token is spent by its use, and its reuse ends the login.
    pub rotates: bool,
    /// Whether `iss` comes with the redirect (it is announced in any case).
    pub sends_iss: Option<String>,
    /// Who logs in.
    pub subject: String,
    /// Whether it still knows its clients.
    pub knows_clients: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_lifetime: 3600,
            refresh_tokens: true,
            rotates: true,
            sends_iss: None,
            subject: "alice".into(),
            knows_clients: true,
        }
    }
}

/// One login at the server.
#[derive(Clone, Debug)]
struct Grant {
    client_id: String,
    scope: String,
    subject: String,
    family: usize,
}

struct Code {
    grant: Grant,
    challenge: Option<String>,
    redirect_uri: String,
    nonce: Option<String>,
}

#[derive(Default)]
struct Books {
    settings: Settings,
    codes: HashMap<String, Code>,
    refresh_tokens: HashMap<String, (Grant, bool)>,
    access_tokens: HashMap<String, (Grant, Instant)>,
    dead_families: Vec<usize>,
    misbehaviours: VecDeque<Misbehaviour>,
    token_requests: usize,
    refreshes: usize,
    refresh_scopes: Vec<Option<String>>,
    revocations: usize,
    revocation_requests: usize,
    refuses_revocations: Option<(u16, &'static str)>,
    api_requests: Vec<String>,
    api_answer: String,
    counter: usize,
    stopped: bool,
}

/// A running server; it stops with the process.
#[derive(Clone)]
pub struct Issuer {
    /// Its issuer identifier.
    pub url: String,
    books: Arc<Mutex<Books>>,
}

impl Issuer {
    /// Starts a server on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let url = format!(
            "http://{}",
            listener
                .local_addr()
                .expect("a bound socket has an address")
        );
        let issuer = Self {
            url,
            books: Arc::default(),
        };
        let serving = issuer.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.books().stopped {
                    return;
                }
                let issuer = serving.clone();
                std::thread::spawn(move || issuer.serve(stream));
            }
        });
        issuer
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Stops listening: from now on nobody is there.
    pub fn stop(&self) {
        self.books().stopped = true;
        let address = self.url.trim_start_matches("http://");
        // The accept loop looks when somebody comes.
        while std::net::TcpStream::connect(address).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Changes the set-up.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.books().settings);
    }

    /// Lets the next token requests go wrong, one each.
    pub fn misbehave(&self, how: impl IntoIterator<Item = Misbehaviour>) {
        self.books().misbehaviours = how.into_iter().collect();
    }

    /// How many token requests there were, of any kind and outcome.
    pub fn token_requests(&self) -> usize {
        self.books().token_requests
    }

    /// How many refreshes succeeded.
    pub fn refreshes(&self) -> usize {
        self.books().refreshes
    }

    /// The `scope` of each refresh that succeeded.
    pub fn refresh_scopes(&self) -> Vec<Option<String>> {
        self.books().refresh_scopes.clone()
    }

    /// Refuses revocations from now on; a body with `Field required` only those without a
    /// `client_secret`.
    pub fn refuse_revocations(&self, status: u16, body: &'static str) {
        self.books().refuses_revocations = Some((status, body));
    }

    /// How many revocations were requested.
    pub fn revocation_requests(&self) -> usize {
        self.books().revocation_requests
    }

    /// How many tokens were revoked.
    pub fn revocations(&self) -> usize {
        self.books().revocations
    }

    /// The heads of all requests to the API.
    pub fn api_requests(&self) -> Vec<String> {
        self.books().api_requests.clone()
    }

    /// Sets the answer of `/api/ends`.
    pub fn answer_api(&self, text: &str) {
        self.books().api_answer = text.to_owned();
    }

    /// Ends the life of every access token.
    pub fn expire_access_tokens(&self) {
        self.books().access_tokens.clear();
    }

    /// Ends every login.
    pub fn end_logins(&self) {
        self.books().refresh_tokens.clear();
    }
}
