//! The requests that the listener gets: one is the redirect, all others are refused.

use crate::oauth::authorize::Flow;
use crate::oauth::callback::Callback;
use crate::oauth::page::Page;
use crate::oauth::plain::plain;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tiny_http::{HTTPVersion, Header, Method, Request, Response, Server};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// The interval at which a server thread checks whether it should stop.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// The longest request target that is read, in bytes; codes have a few hundred.
const MAX_TARGET: usize = 16 * 1024;

/// The address of the redirect.
pub(super) struct Place {
    /// The whole of it.
    pub redirect_uri: String,
    /// Host and port.
    pub host: String,
    /// The path.
    pub path: String,
}

/// Where the results go.
pub(super) struct Senders {
    /// The redirect of this login.
    pub sender: Sender<(Callback, Request)>,
    /// What to tell the user about a request that was refused.
    pub teller: Sender<Told>,
}

/// What to tell the user about a refused request.
pub(super) struct Told {
    /// The sentence.
    pub text: String,
    /// Whether the request had the state of this login. Anything else may come from any web page.
    pub is_ours: bool,
}

/// A refused request.
struct Refused {
    status: u16,
    /// The reason on the page.
    reason: &'static str,
    /// What to tell the user, if the request looked like a redirect.
    told: Option<Told>,
}

/// Answers requests until it is told to stop, and sends the redirect to the login.
pub(super) fn serve(
    server: &Server,
    place: &Place,
    flow: &Flow,
    stop: &AtomicBool,
    senders: &Senders,
) {
    let address = server.server_addr().to_ip();
    while !stop.load(Ordering::Relaxed) {
        let request = match server.recv_timeout(TICK) {
            Ok(Some(request)) => request,
            Ok(None) => {
                // When two connections arrive at the same moment, the server may queue the second
                // one behind the first, and a silent first one blocks it. A connection that is
                // closed at once makes the server start another thread.
                if let Some(address) = address {
                    drop(TcpStream::connect_timeout(&address, TICK));
                }
                continue;
            }
            Err(_) => return,
        };
        match accept(&request, place, flow) {
            Ok(callback) => {
                // Full or closed: the login has its response already, and this is a second browser
                // tab.
                if let Err(error) = senders.sender.try_send((callback, request)) {
                    let (TrySendError::Full((_, request)) | TrySendError::Closed((_, request))) =
                        error;
                    refuse(request, 409, "This login has already been completed");
                }
            }
            Err(refused) => {
                if let Some(told) = refused.told {
                    // If there are too many, the first ones are enough.
                    let _ = senders.teller.try_send(told);
                }
                refuse(request, refused.status, refused.reason);
            }
        }
    }
}

/// Whether a request is the expected redirect; otherwise the answer to it.
fn accept(request: &Request, place: &Place, flow: &Flow) -> Result<Callback, Refused> {
    let target = without_origin(request.url(), &place.host);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_long = target.len() > MAX_TARGET;
    let callback = Callback::from_query(if is_long { "" } else { query });
    let refused = |status, reason, told: Option<String>| {
        Err(Refused {
            status,
            reason,
            told: told.map(|text| Told {
                text,
                is_ours: flow.is_ours(&callback),
            }),
        })
    };
    // A redirect with our state that came to another address shows what is registered wrongly.
    let misdirected = |came_to: &str| {
        let expected = &place.redirect_uri;
        let told = format!(
            "the provider's response arrived at {came_to} and was rejected; the redirect URI to register is {expected}"
        );
        flow.is_ours(&callback)
            .then_some(told)
            .or_else(|| flow.complaint(&callback))
    };
    let host = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Host"))
        .map_or("", |header| header.value.as_str());
    // A page on another site that resolves its own name to loopback (DNS rebinding) sends that name
    // here. The default port of http is omitted.
    let is_host = host.eq_ignore_ascii_case(&place.host)
        || place
            .host
            .strip_suffix(":80")
            .is_some_and(|bare| host.eq_ignore_ascii_case(bare));
    if !is_host {
        let told = misdirected(&format!("http://{}", plain(host)));
        return refused(421, "authctl does not listen on this address", told);
    }
    if *request.method() != Method::Get {
        let told = (path == place.path).then(|| {
            format!(
                "the browser sent a {} request, which is not supported: the provider has to answer with a redirect, not with `response_mode=form_post`",
                plain(request.method().as_str())
            )
        });
        return refused(405, "Only GET is supported here", told);
    }
    if path != place.path {
        return refused(404, "Not found", misdirected(&plain(path)));
    }
    if is_long {
        let told = format!(
            "the response of the provider is {} bytes long, but at most {MAX_TARGET} are read",
            target.len()
        );
        return refused(414, "The address is too long", Some(told));
    }
    if flow.is_ours(&callback) {
        return Ok(callback);
    }
    let empty = || {
        "the browser was redirected back without parameters; if the address in the browser contains a `#`, run the command again with `--no-browser` and paste the whole address".to_owned()
    };
    let told = flow
        .complaint(&callback)
        .or_else(|| query.is_empty().then(empty));
    let reason = "This response does not belong to the current login";
    refused(400, reason, told)
}

/// The path and query of a request target, which may be a whole URL (RFC 9112 section 3.2.2).
fn without_origin<'a>(target: &'a str, host: &str) -> &'a str {
    target
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_prefix(host))
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(target)
}

fn refuse(request: Request, status: u16, reason: &str) {
    let _ = request.respond(response(status, &Page::Failed(reason).html()));
}

/// A page with headers that forbid everything it does not need.
pub(super) fn response(status: u16, html: &str) -> Response<io::Cursor<Vec<u8>>> {
    let mut response = Response::from_string(html).with_status_code(status);
    for (name, value) in [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
        ("Connection", "close"),
    ] {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    response
}

/// The same page, as it goes over the wire.
pub(super) fn raw_page(status: u16, reason: &str) -> Vec<u8> {
    let mut page = Vec::new();
    let response = response(status, &Page::Failed(reason).html());
    // Writing to memory does not fail.
    let _ = response.raw_print(&mut page, HTTPVersion(1, 1), &[], false, None);
    page
}

/// Judges any request, for the fuzzer.
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer stops at a panic")]
pub(super) fn fuzz(request: &str) {
    use crate::provider::OAuthSpec;
    use std::sync::OnceLock;

    static FLOW: OnceLock<(Flow, String)> = OnceLock::new();
    let place = Place {
        redirect_uri: "http://127.0.0.1:1/callback".into(),
        host: "127.0.0.1:1".into(),
        path: "/callback".into(),
    };
    let (flow, state) = FLOW.get_or_init(|| {
        let endpoint = "https://issuer.example/authorize";
        let spec = OAuthSpec::new(endpoint.into(), endpoint.into());
        let endpoint = url::Url::parse(endpoint).expect("a URL");
        let flow = crate::oauth::begin(&spec, &endpoint, "c", &place.redirect_uri, &[]);
        let flow = flow.expect("a login");
        let mut query = flow.url.query_pairs();
        let state = query.find(|(name, _)| name == "state").expect("a state").1;
        let state = state.into_owned();
        (flow, state)
    });
    let mut lines = request.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let method: Method = words.next().unwrap_or_default().parse().expect("a method");
    let target = words.next().unwrap_or_default().replace("STATE", state);
    let host: Header = lines.nth(1).unwrap_or_default().parse().expect("a header");
    let request = tiny_http::TestRequest::new()
        .with_method(method)
        .with_path(&target)
        .with_header(host)
        .into();
    match accept(&request, &place, flow) {
        Ok(callback) => {
            let _ = flow.accept(&callback);
        }
        Err(refused) => {
            let text = refused.told.map(|told| told.text).unwrap_or_default();
            assert!(!text.contains(char::is_control), "shown: {text:?}");
        }
    }
}
