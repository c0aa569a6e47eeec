//! The loopback listener, attacked while a real login is under way.

use crate::issuer::{Issuer, http};
use crate::support::Home;
use std::io::Write;
use std::net::TcpStream;

#[test]
fn promise_10_other_requests_change_nothing() {
    let issuer = Issuer::start();
    let home = Home::new();
    let mut login = home.begin_login(&issuer, "op", &[]);
    let redirect = login.authorize();
    let url = url::Url::parse(&redirect).unwrap();
    let address = format!("127.0.0.1:{}", url.port().unwrap());
    let target = &url[url::Position::BeforePath..];
    let ask = |method: &str, target: &str, host: &str| {
        let answer =
            http::send(&address, &format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
                .unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(ask("GET", "/callback?code=x&state=wrong", &address), "400");
    assert_eq!(ask("GET", "/callback", &address), "400");
    assert_eq!(
        ask("GET", &format!("{target}&state=again"), &address),
        "400"
    );
    assert_eq!(ask("GET", target, "evil.example"), "421");
    assert_eq!(
        ask("GET", target, &address.replace("127.0.0.1", "localhost")),
        "421"
    );
    assert_eq!(ask("POST", target, &address), "405");
    assert_eq!(ask("GET", "/favicon.ico", &address), "404");
    let idle: Vec<TcpStream> = (0..50)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    let mut endless = TcpStream::connect(&address).unwrap();
    let _ = endless.write_all(&vec![b'x'; 1_000_000]);
    for garbage in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\u{0}\u{1}",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let _ = TcpStream::connect(&address)
            .and_then(|mut stream| stream.write_all(garbage.as_bytes()));
    }
    assert_eq!(issuer.token_requests(), 0);
    let page = http::get(&redirect).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("Logged in") && page.contains("no-store"),
        "{page}"
    );
    assert!(
        page.contains("Content-Security-Policy: default-src 'none'"),
        "{page}"
    );
    drop(idle);
    login.end().done();
    assert!(
        TcpStream::connect(&address).is_err(),
        "nobody listens any more"
    );
}

/// G1: what was refused is told at once, and ends no login.
#[test]
fn g1_a_redirect_that_is_refused_is_told_in_the_terminal() {
    type Edit = fn(&str, &str) -> (&'static str, String, String);
    let cases: [(Edit, &str); 10] = [
        (
            |_, host| {
                (
                    "GET",
                    "/callback?error=access_denied&error_description=no%1b".into(),
                    host.into(),
                )
            },
            "an error response (access_denied) without the `state` of this login",
        ),
        (
            |_, host| ("GET", "/?error=access_denied".into(), host.into()),
            "an error response (access_denied) without the `state` of this login",
        ),
        (
            |_, host| ("GET", "/callback?code=c&State=s".into(), host.into()),
            "a response without the `state` of this login",
        ),
        (
            |_, host| ("GET", "/callback?code=c&state=s".into(), host.into()),
            "a response with the `state` of another login",
        ),
        (
            |_, host| ("POST", "/callback".into(), host.into()),
            "the browser sent a POST request",
        ),
        (
            |target, host| ("GET", target.into(), host.replace("127.0.0.1", "localhost")),
            "arrived at http://localhost:",
        ),
        (
            |target, host| {
                (
                    "GET",
                    target.replace("/callback", "/callback/"),
                    host.into(),
                )
            },
            "arrived at /callback/ and was rejected; the redirect URI to register is http://127.0.0.1:",
        ),
        (
            |target, host| {
                (
                    "GET",
                    format!("{target}&x={}", "x".repeat(17_000)),
                    host.into(),
                )
            },
            "but at most 16384 are read",
        ),
        (
            |_, host| ("GET", "/callback".into(), host.into()),
            "the browser was redirected back without parameters",
        ),
        (|_, host| ("GET", "/favicon.ico".into(), host.into()), ""),
    ];
    let issuer = Issuer::start();
    let home = Home::new();
    for (edit, told) in cases {
        let mut login = home.begin_login(&issuer, "op", &[]);
        let redirect = login.authorize();
        let url = url::Url::parse(&redirect).unwrap();
        let address = format!("127.0.0.1:{}", url.port().unwrap());
        let (method, target, host) = edit(&url[url::Position::BeforePath..], &address);
        for _ in 0..3 {
            http::send(&address, &format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).unwrap();
        }
        let before = issuer.token_requests();
        // RFC 9112 section 3.2.2: the same redirect, with the whole URL in the request line.
        let page = http::send(
            &address,
            &format!("GET {redirect} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
        )
        .unwrap();
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        let ran = login.end().done();
        let warnings = ran.stderr.matches("warning:").count();
        assert!(ran.stderr.contains(told), "{told}: {ran:#?}");
        assert_eq!(warnings, usize::from(!told.is_empty()), "{ran:#?}");
        assert_eq!(issuer.token_requests(), before + 1);
    }
}

/// G2: what a login does not need of a request decides nothing, and a browser always gets an answer.
#[test]
fn g2_every_request_is_answered() {
    let issuer = Issuer::start();
    let home = Home::new();
    for (edit, status) in [
        (
            "GET {target}&name=Zoë HTTP/1.1\r\nHost: {host}\r\n\r\n",
            "200",
        ),
        ("GET {target} HTTP/2.0\r\nHost: {host}\r\n\r\n", "200"),
        (
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nCookie: é\r\nno colon\r\n\r\n",
            "200",
        ),
        (
            "\r\nGET {target} HTTP/1.0\nhost:{host}\nExpect: nothing\nTransfer-Encoding: ü\n\n",
            "200",
        ),
        ("GET / HTTP/3.0\r\nHost: {host}\r\n\r\n", "404"),
        (
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
            "400",
        ),
        ("nonsense\r\n\r\n", "400"),
        ("GET /{long} HTTP/1.1\r\nHost: {host}\r\n\r\n", "431"),
    ] {
        let mut login = home.begin_login(&issuer, "op", &[]);
        let redirect = login.authorize();
        let url = url::Url::parse(&redirect).unwrap();
        let address = format!("127.0.0.1:{}", url.port().unwrap());
        let request = edit
            .replace("{target}", &url[url::Position::BeforePath..])
            .replace("{host}", &address)
            .replace("{long}", &"x".repeat(70_000));
        let page = http::send(&address, &request).unwrap();
        assert_eq!(page.split(' ').nth(1), Some(status), "{edit}: {page}");
        assert!(page.contains("</html>"), "{page}");
        if status != "200" {
            http::get(&redirect).unwrap();
        }
        login.end().done();
    }
}

#[test]
fn the_page_reports_a_failed_exchange() {
    let issuer = Issuer::start();
    let home = Home::new();
    let mut login = home.begin_login(&issuer, "op", &[]);
    let redirect = login.authorize().replace("code=code-", "code=stolen-");
    let page = http::get(&redirect).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 400")
            && page.contains("Not logged in")
            && page.contains("invalid_grant"),
        "{page}"
    );
    login.end().failed(1, "the login was not completed");
    home.run(&["token", "op"]).failed(3, "no credential");
}

#[test]
fn a_denial_is_reported_in_browser_and_terminal() {
    let issuer = Issuer::start();
    let home = Home::new();
    let mut login = home.begin_login(&issuer, "op", &[]);
    let redirect = login.authorize().replace(
        "code=",
        "error=access_denied&error_description=%3Cb%3Eno%3C/b%3E&x=",
    );
    let page = http::get(&redirect).unwrap();
    assert!(
        page.contains("access_denied") && page.contains("&lt;b&gt;no") && !page.contains("<b>no"),
        "{page}"
    );
    login.end().failed(1, "the provider refused: access_denied");
}

#[test]
fn a_fixed_port_is_used_and_a_taken_one_named() {
    let issuer = Issuer::start();
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    home.begin_login(&issuer, "op", &["--port", &port])
        .end()
        .failed(1, &port);
    drop(taken);
    let mut login = home.begin_login(&issuer, "op", &["--port", &port]);
    assert!(
        login
            .authorize()
            .starts_with(&format!("http://127.0.0.1:{port}/callback"))
    );
    login.kill();
}
