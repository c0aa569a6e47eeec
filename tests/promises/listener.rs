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
