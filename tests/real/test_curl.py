"""`authctl curl`: whatever the arguments, the credential is sent only to its own origin."""

import http.server
import ssl
import subprocess
import threading
import time

import pytest
from conftest import AUTHCTL, say, vault_home

SECRET = "PlantedCurlSecret42"


class Listener:
    """A server that records every request, on its own address."""

    def __init__(self, host="127.0.0.1", redirect=None):
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = b""
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline().strip() or b"0", 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.requestline, str(self.headers), body))
                self.send_response(302 if redirect else 200)
                if redirect:
                    self.send_header("Location", redirect)
                text = b"hello\n" if self.path != "/echo" else body
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_CONNECT = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def has(self, secret):
        return any(
            secret in line or secret in headers or secret.encode() in body
            for line, headers, body in self.seen
        )

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def places(folder):
    """The bound origin and another server, each on its own port."""
    bound, stranger = Listener(), Listener()
    yield bound, stranger
    bound.stop()
    stranger.stop()


def call(home, *arguments, **more):
    return home.run("curl", *arguments, timeout=30, **more)


def attempts(b, s, folder):
    """(what, arguments, environment): B is the bound port, S the other server's."""
    url, evil = f"http://127.0.0.1:{b}/x", f"http://127.0.0.1:{s}/x"
    env = {}
    table = [
        # A URL that is not bound.
        ("another port", [evil]),
        ("another host", [f"http://localhost:{b}/x"]),
        ("another address of loopback", [f"http://127.0.0.2:{b}/x"]),
        ("https on the bound port", [f"https://127.0.0.1:{b}/x"]),
        ("a second URL", [url, evil]),
        ("a second URL first", [evil, url]),
        ("--url", [url, "--url", evil]),
        ("--url alone", ["--url", evil]),
        ("--next", [url, "--next", evil]),
        ("-:", [url, "-:", evil]),
        ("user info", [f"http://127.0.0.1:{b}@127.0.0.1:{s}/x"]),
        ("user info with a slash", [f"http://127.0.0.1:{b}\\@127.0.0.1:{s}/x"]),
        ("backslash", [f"http://127.0.0.1:{b}\\x@127.0.0.1:{s}/"]),
        ("a bare user", [f"http://u:p@127.0.0.1:{b}/x"]),
        ("glob in the host", [f"http://127.0.0.{{1,2}}:{b}/x"]),
        ("glob in the port", [f"http://127.0.0.1:[{s}-{s}]/x"]),
        ("glob over ports", [f"http://127.0.0.1:{{{b},{s}}}/x"]),
        ("octal", [f"http://0177.0.0.1:{s}/x"]),
        ("octal, bound", [f"http://0177.1:{b}/x"]),
        ("hexadecimal", [f"http://0x7f000001:{s}/x"]),
        ("one slash", [f"http:/127.0.0.1:{s}/x"]),
        ("three slashes", [f"http:///127.0.0.1:{s}/x"]),
        ("no scheme", [f"127.0.0.1:{s}/x"]),
        ("upper-case scheme", [f"HTTP://127.0.0.1:{s}/x"]),
        ("another scheme", [f"ftp://127.0.0.1:{s}/x"]),
        ("file", ["file:///etc/passwd"]),
        ("gopher", [f"gopher://127.0.0.1:{s}/_x"]),
        ("telnet", [f"telnet://127.0.0.1:{s}"]),
        ("white space", [f"http://127.0.0.1:{b}/ http://127.0.0.1:{s}/"]),
        ("line end", [f"http://127.0.0.1:{b}/\nurl = http://127.0.0.1:{s}/"]),
        ("carriage return", [f"http://127.0.0.1:{b}/\r\nHost: 127.0.0.1:{s}"]),
        ("tab", [f"http://127.0.0.1:{b}/\thttp://127.0.0.1:{s}/"]),
        ("quote", [f'http://127.0.0.1:{b}/"\nurl="http://127.0.0.1:{s}/']),
        ("full-width", [f"http://127.0.0.1\uff1a{s}/x"]),
        ("full-width digits", [f"http://\uff11\uff12\uff17.0.0.1:{s}/x"]),
        ("percent in the host", [f"http://127.0.0.1%3a{s}/x"]),
        ("trailing dot", [f"http://localhost.:{s}/x"]),
        ("fragment", [f"http://127.0.0.1:{s}/#@127.0.0.1:{b}/"]),
        ("query", [f"http://127.0.0.1:{s}?@127.0.0.1:{b}/"]),
        ("IPv6", [f"http://[::1]:{s}/x"]),
        ("IPv4 in IPv6", [f"http://[::ffff:127.0.0.1]:{s}/x"]),
        ("zone", [f"http://[::1%25lo]:{s}/x"]),
        ("empty port", ["http://127.0.0.1:/x"]),
        ("user info behind a bracket", [f"http://[::1]:pw@127.0.0.1:{b}/x"]),
        ("a word behind a bracket", [f"http://[::1]x:{s}/"]),
        ("empty", [""]),
        # Options that send the request elsewhere.
        ("-K", [url, "-K", str(folder / "evil.conf")]),
        ("--config", [url, "--config", str(folder / "evil.conf")]),
        ("-K in a bundle", [url, f"-sK{folder}/evil.conf"]),
        ("-x", [url, "-x", f"http://127.0.0.1:{s}"]),
        ("-x in a bundle", [url, f"-sx127.0.0.1:{s}"]),
        ("--proxy", [url, "--proxy", f"http://127.0.0.1:{s}"]),
        ("--preproxy", [url, "--preproxy", f"socks4://127.0.0.1:{s}"]),
        ("--socks5", [url, "--socks5", f"127.0.0.1:{s}"]),
        ("--noproxy with --proxy", [url, "--noproxy", "", "--proxy", f"127.0.0.1:{s}"]),
        ("--connect-to", [url, "--connect-to", f"::127.0.0.1:{s}"]),
        ("--connect-to abbreviated", [url, "--connect-t", f"::127.0.0.1:{s}"]),
        ("--resolve", [url, "--resolve", f"*:{b}:127.0.0.2"]),
        ("--unix-socket", [url, "--unix-socket", str(folder / "socket")]),
        ("--abstract-unix-socket", [url, "--abstract-unix-socket", "evil"]),
        ("--interface", [url, "--interface", "lo"]),
        ("--dns-servers", [url, "--dns-servers", "127.0.0.1"]),
        ("--doh-url", [url, "--doh-url", evil]),
        ("--location-trusted", [url, "--location-trusted"]),
        ("--location-trusted abbreviated", [url, "--location-t"]),
        ("-L with a key", [url, "-L"]),
        ("-L in a bundle", [url, "-sSL"]),
        ("--max-redirs", [url, "--max-redirs", "9", "-L"]),
        ("--proto-redir", [url, "--proto-redir", "all"]),
        ("--proto", [url, "--proto", "all"]),
        ("--request-target", [url, "--request-target", evil]),
        ("--path-as-is", [url, "--path-as-is"]),
        ("--haproxy-protocol", [url, "--haproxy-protocol"]),
        ("--referer", [url, "-e", evil]),
        ("--netrc", [url, "-n"]),
        ("-u", [url, "-u", "a:b"]),
        ("--oauth2-bearer", [url, "--oauth2-bearer", "x"]),
        ("--proxy-header", [url, "--proxy-header", "X: y"]),
        ("--variable", [url, "--variable", "x=y"]),
        ("--expand-url", [url, "--expand-url", evil]),
        ("--parallel", [url, "-Z"]),
        ("-q off", [url, "--no-disable"]),
        ("--", [url, "--", evil]),
        ("-", [url, "-"]),
        ("--alt-svc", [url, "--alt-svc", str(folder / "alt")]),
        ("--hsts", [url, "--hsts", str(folder / "hsts")]),
        # Headers and methods that contain another request.
        ("-H Host", [url, "-H", f"Host: 127.0.0.1:{s}"]),
        ("-H host in a bundle", [url, f"-sHhost:127.0.0.1:{s}"]),
        ("-H ours", [url, "-H", "X-API-Key: other"]),
        ("-H ours, removed", [url, "-H", "x-api-key:"]),
        ("-H ours, empty", [url, "-H", "X-API-KEY;"]),
        ("-H with a line end", [url, "-H", f"X: y\r\nHost: 127.0.0.1:{s}"]),
        ("-H @file", [url, "-H", f"@{folder}/evil.conf"]),
        ("-H Transfer-Encoding", [url, "-H", "Transfer-Encoding: chunked"]),
        ("-H Content-Length", [url, "-H", "Content-Length: 0", "-d", f"GET {evil} HTTP/1.1"]),
        ("-H Connection", [url, "-H", "Connection: X-API-Key"]),
        ("-X with a line end", [url, "-X", f"GET {evil} HTTP/1.1\r\nHost: x\r\n\r\nGET"]),
        ("-X TRACE", [url, "-X", "TRACE"]),
        ("-X trace in a bundle", [url, "-sXtrAce"]),
        ("-X CONNECT", [url, "--request", "CONNECT"]),
        ("-X with a space", [url, "-X", f"GET {evil}"]),
        ("-r with a line end", [url, "-r", "0-1\r\nHost: x"]),
        # Options that show the header or write it to a file.
        ("-v", [url, "-v"]),
        ("-sv", [url, "-sv"]),
        ("--trace", [url, "--trace", str(folder / "trace")]),
        ("--trace-ascii", [url, "--trace-ascii", "-"]),
        ("--libcurl", [url, "--libcurl", str(folder / "source.c")]),
        ("--stderr", [url, "--stderr", str(folder / "err"), "-v"]),
    ]
    # Through the environment: may fail or reach the bound origin.
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy", "https_proxy"):
        table.append((variable, [url], {variable: f"http://127.0.0.1:{s}"}))
    table.append(("SSLKEYLOGFILE", [url], {"SSLKEYLOGFILE": str(folder / "keylog")}))
    for value in ("bash", "zzz"):
        table.append((f"AUTHCTL_COMPLETE={value}", [url], {"AUTHCTL_COMPLETE": value}))
    table.append(("CURL_HOME", [url], {"CURL_HOME": str(folder)}))
    table.append(("XDG_CONFIG_HOME", [url], {"XDG_CONFIG_HOME": str(folder)}))
    table.append(("HOME", [url], {"HOME": str(folder)}))
    # The config itself, sent through its descriptor.
    for number in range(3, 12):
        table.append((f"descriptor {number}", [url, "--data-binary", f"@/dev/fd/{number}"]))
    for number in (40, 41, 900, 901):
        table.append((f"descriptor {number}", [url, "--data-binary", f"@/dev/fd/{number}"]))
        table.append((f"upload of descriptor {number}", [url, "-T", f"/dev/fd/{number}"]))
        table.append((f"form of descriptor {number}", [url, "-F", f"f=@/proc/self/fd/{number}"]))
    return [(row[0], row[1], row[2] if len(row) > 2 else env) for row in table]


def test_promise_04_no_argument_sends_the_credential_elsewhere(folder, places):
    bound, stranger = places
    home = vault_home(folder)
    home.key("acme", SECRET, origin=f"http://127.0.0.1:{bound.port}").done()
    evil = f'url = "http://127.0.0.1:{stranger.port}/config"\nproxy = "http://127.0.0.1:{stranger.port}"\n'
    for name in ("evil.conf", ".curlrc", "curlrc"):
        (folder / name).write_text(evil)
    refused = reached = 0
    table = attempts(bound.port, stranger.port, folder)
    for what, arguments, env in table:
        bound.seen.clear()
        stranger.seen.clear()
        done = call(home, "acme", *arguments, env=env)
        assert not stranger.seen, (what, stranger.seen, done)
        assert SECRET not in done.out + done.err, (what, done)
        assert not any(SECRET.encode() in body for _, _, body in bound.seen), (
            what,
            "the secret is in the body",
            done,
        )
        if bound.seen:
            reached += 1
            assert all(f"X-API-Key: {SECRET}" in headers for _, headers, _ in bound.seen), (
                what,
                bound.seen,
            )
            assert len(bound.seen) == 1, (what, bound.seen)
        else:
            refused += 1
            assert done.code != 0, (what, done)
    for path in folder.rglob("*"):
        if path.is_file() and home.path not in path.parents and path.suffix != ".conf":
            assert SECRET.encode() not in path.read_bytes(), path
    assert len(table) >= 60
    say(
        f"{len(table)} smuggling attempts: {refused} refused, {reached} went to the bound origin alone, 0 elsewhere"
    )


def test_a_header_for_this_machine_does_not_go_through_a_proxy(folder, places):
    bound, stranger = places
    home = vault_home(folder)
    home.key("acme", SECRET, origin=f"http://127.0.0.1:{bound.port}").done()
    proxies = dict.fromkeys(("http_proxy", "all_proxy"), f"http://127.0.0.1:{stranger.port}")
    script = f'curl -fsS $("{AUTHCTL}" header acme) http://127.0.0.1:{bound.port}/x'
    done = subprocess.run(
        ["sh", "-c", script], env={**home.env, **proxies}, capture_output=True, timeout=20
    )
    assert (
        (done.returncode, done.stdout) == (0, b"hello\n")
        and not stranger.seen
        and bound.has(SECRET)
    ), done
    # The raw format cannot configure curl; it prints a warning.
    home.run("header", "acme", "--format", "raw", env=proxies).done().err.index(
        "add `--noproxy '*'` to the curl command"
    )


def test_every_word_behind_the_name_is_curl_s(folder, places):
    bound, _ = places
    home = vault_home(folder)
    home.key("acme", SECRET, origin=f"http://127.0.0.1:{bound.port}").done()
    url = f"http://127.0.0.1:{bound.port}/x"
    assert call(home, "acme", "--json", '{"a":1}', "-sS", url).done().out == "hello\n"
    assert bound.seen[-1][0].startswith("POST") and bound.seen[-1][2] == b'{"a":1}'
    for option in ("-v", "-q", "-h", "--help", "--store", "--no-input", "-V"):
        assert call(home, "acme", option, url).code == 125, option


def test_a_redirect_does_not_carry_the_credential_along(folder, places):
    bound, stranger = places
    home = vault_home(folder)
    away = Listener(redirect=f"http://127.0.0.1:{stranger.port}/caught")
    elsewhere = Listener(redirect=f"http://localhost:{stranger.port}/caught")
    for name, listener, header in [
        ("key", away, "X-API-Key: {key}"),
        ("bearer", away, "Authorization: Bearer {key}"),
        ("host", elsewhere, "Authorization: Bearer {key}"),
    ]:
        home.key(name, SECRET, origin=f"http://127.0.0.1:{listener.port}", header=header).done()
        url = f"http://127.0.0.1:{listener.port}/x"
        call(home, name, url)
        assert not stranger.seen, "nobody asked for the redirect"
        done = call(home, name, "-L", url)
        if name == "key":
            assert done.code == 125, done
        assert not stranger.has(SECRET), (name, stranger.seen)
        stranger.seen.clear()
    away.stop()
    elsewhere.stop()


def test_allowed_options_work(folder, places):
    bound, _ = places
    home = vault_home(folder)
    home.key("acme", 'q"uo\\te *?[', origin=f"http://127.0.0.1:{bound.port}").done()
    url = f"http://127.0.0.1:{bound.port}"
    assert call(home, "acme", "-fsS", f"{url}/x").done().out == "hello\n"
    assert 'X-API-Key: q"uo\\te *?[' in bound.seen[-1][1]
    call(home, "acme", "-fsSX", "DELETE", f"{url}/x?a={{1,2}}&b=[1-3]").done()
    assert bound.seen[-1][0].startswith("DELETE /x?a={1,2}&b=[1-3] ")
    assert (
        call(home, "acme", "-sS", "-d", "a=b", "-d", "c=d", f"{url}/echo").done().out == "a=bc=d"
        or bound.seen[-1][2] == b"a=b&c=d"
    )
    done = call(
        home,
        "acme",
        "-sS",
        "-o",
        str(folder / "out"),
        "-D",
        "-",
        "-w",
        "%{http_code}",
        "-H",
        "X-More: 1",
        f"{url}/x",
    ).done()
    assert (
        (folder / "out").read_text() == "hello\n"
        and done.out.endswith("200")
        and "X-More: 1" in bound.seen[-1][1]
    )
    # curl's own exit code is passed on.
    gone = Listener()
    home.key("gone", "k", origin=f"http://127.0.0.1:{gone.port}").done()
    gone.stop()
    assert call(home, "gone", "-sS", f"http://127.0.0.1:{gone.port}/").code == 7
    # A body from standard input.
    done = call(
        home, "acme", "-sS", "--data-binary", "@-", f"{url}/echo", input="from standard input"
    )
    assert done.done().out == "from standard input"
    # The URL is only in the config, and the header is not in the argument list.
    trace = folder / "trace"
    call(
        home,
        "acme",
        "-sS",
        f"{url}/x",
        prefix=["strace", "-f", "-qq", "-e", "trace=execve", "-v", "-s", "65535", "-o", str(trace)],
    ).done()
    text = trace.read_text()
    assert "te *?[" not in text and '"-q", "-K", "/dev/fd/' in text


def test_a_body_streams_while_it_is_written(folder, places):
    bound, _ = places
    home = vault_home(folder)
    home.key("acme", "k", origin=f"http://127.0.0.1:{bound.port}").done()
    script = f'(printf first; sleep 1; printf second) | "{AUTHCTL}" curl acme -sS -T - -N http://127.0.0.1:{bound.port}/echo'
    began = time.monotonic()
    done = subprocess.run(["sh", "-c", script], env=home.env, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, b"firstsecond"), done
    assert time.monotonic() - began < 5
    # 100 MB pass through without being held in memory.
    script = f'head -c 100000000 /dev/zero | /usr/bin/time -f %M -o {folder}/memory "{AUTHCTL}" curl acme -sS -T - -o {folder}/back http://127.0.0.1:{bound.port}/echo'
    subprocess.run(["sh", "-c", script], env=home.env, check=True, timeout=120)
    assert (folder / "back").stat().st_size == 100_000_000
    peak = int((folder / "memory").read_text())
    assert peak < 60_000, f"{peak} KB"
    say(f"100 MB streamed through curl, peak {peak / 1000:.0f} MB")


def test_over_tls_the_origin_is_checked_as_well(folder):
    """curl verifies certificates: no option disables that, and the header is sent only afterwards."""
    home = vault_home(folder)
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            cert,
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ],
        check=True,
        capture_output=True,
    )
    listener = Listener()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener.server.socket = context.wrap_socket(listener.server.socket, server_side=True)
    home.key("acme", SECRET, origin=f"https://localhost:{listener.port}").done()
    url = f"https://localhost:{listener.port}/x"
    assert call(home, "acme", "-sS", url).code == 60
    for option in (
        ["-k"],
        ["--insecure"],
        ["--cacert", str(cert)],
        ["--capath", "/"],
        ["--proxy-insecure"],
        ["--ssl-no-revoke"],
    ):
        assert call(home, "acme", url, *option).code == 125, option
    assert not listener.seen
    done = call(
        home, "acme", "-sS", url, env={"SSL_CERT_FILE": str(cert), "CURL_CA_BUNDLE": str(cert)}
    )
    assert done.done().out == "hello\n" and listener.has(SECRET)
    listener.stop()
