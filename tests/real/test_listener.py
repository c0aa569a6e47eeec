"""The loopback listener under attack during a real login, and the page in a real browser."""

import http.client
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import urllib.parse

import browser
from conftest import Home, say, vault_home, wait_for


class Waiting:
    """A login that waits for its browser; `address` is the URL that the browser got."""

    def __init__(self, home, server, name="op", *more):
        self.process = home.start(
            "login", server.url, "--as", name, "--client-id", "tool", "--no-browser", *more
        )
        self.said = b""
        while b"http" not in self.said.splitlines()[-1] if self.said else True:
            line = self.process.stderr.readline()
            assert line, "the login ended early"
            self.said += line
        self.address = self.said.splitlines()[-1].strip().decode()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.address).query)
        redirect = urllib.parse.urlsplit(query["redirect_uri"][0])
        self.port, self.path, self.state = redirect.port, redirect.path, query["state"][0]

    def memory(self):
        """Peak resident memory in MB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def end(self):
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode(), (self.said + err).decode()


def ask(port, method, target, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, target, headers={"Host": host or f"127.0.0.1:{port}"})
    return connection.getresponse().status


def test_a_login_succeeds_under_attack(folder, server):
    home = vault_home(folder)
    login = Waiting(home, server)
    quiet = login.memory()
    port, target = login.port, f"{login.path}?code=stolen&state="
    assert ask(port, "GET", target + "wrong") == 400
    assert ask(port, "GET", target + login.state, host="evil.example") == 421
    assert ask(port, "POST", target + login.state) == 405
    assert ask(port, "GET", "/favicon.ico") == 404
    assert ask(port, "GET", f"{target}{login.state}&state={login.state}") == 400
    idle = []
    for _ in range(200):
        idle.append(socket.create_connection(("127.0.0.1", port)))
    endless = socket.create_connection(("127.0.0.1", port))

    def flood():
        try:
            endless.sendall(b"GET /" + b"x" * 5_000_000)
        except OSError:
            pass

    flooding = threading.Thread(target=flood)
    flooding.start()
    flooding.join(20)
    began = time.monotonic()
    for number in range(5000):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as garbage:
                garbage.sendall(
                    [
                        b"\x00\xff\xfe\r\n\r\n",
                        b"GET\r\n\r\n",
                        b"G" * 500,
                        b"\r\n" * 20,
                        b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n",
                    ][number % 5]
                )
        except OSError:
            pass
    took = time.monotonic() - began
    peak = login.memory()
    assert login.process.poll() is None, "the login has ended"
    status, page = browser.visit(login.address, "alice")
    assert status == 200 and "Logged in" in page, page
    code, out, err = login.end()
    assert (code, out) == (0, ""), err
    assert "logged in to op as alice" in err
    home.run("token", "op").done()
    say(
        f"200 idle sockets, 5 MB without a line end, 5,000 garbage requests in {took:.1f} s: peak memory {peak:.0f} MB (quiet {quiet:.0f} MB)"
    )
    assert peak < 128


def test_a_second_callback_is_not_a_second_login(folder, server):
    home = vault_home(folder)
    login = Waiting(home, server)
    server.next("slow-busy")
    # The first callback redeems the code; a second one arrives while the token endpoint is slow.
    answers = []
    target = f"{login.path}?code=one&state={login.state}&iss={urllib.parse.quote(server.url)}"
    threads = [
        threading.Thread(target=lambda: answers.append(ask(login.port, "GET", target)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    code, _, err = login.end()
    assert code == 6, err
    assert sorted(answers) == [400, 409, 409], answers
    assert server.control()["tokenRequests"] == 1


def chromium(folder, url, *more):
    return subprocess.run(
        [
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            f"--user-data-dir={folder}/profile",
            "--virtual-time-budget=8000",
            *more,
            url,
        ],
        capture_output=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "NO_PROXY": "*"},
    )


def own_issuer_redirect(login, server, code="x"):
    return f"http://127.0.0.1:{login.port}{login.path}?code={code}&state={login.state}&iss={urllib.parse.quote(server.url)}"


def code_for(login):
    """Goes through the server's forms and stops before the redirect to the listener."""
    caught = socket.create_server(("127.0.0.1", 0))
    caught.close()
    import urllib.request

    class Stop(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, request, fp, code, msg, headers, newurl):
            if f":{login.port}/" in newurl:
                raise Found(newurl)
            return super().redirect_request(request, fp, code, msg, headers, newurl)

    class Found(Exception):
        pass

    import http.cookiejar

    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        Stop(),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    )
    url, data = login.address, None
    for _ in range(6):
        try:
            answer = opener.open(url, data, timeout=30)
        except Found as found:
            return str(found)
        form = browser.Form()
        form.feed(answer.read().decode())
        url = urllib.parse.urljoin(answer.geturl(), form.action)
        fields = dict(form.fields)
        if "login" in fields:
            fields.update(login="alice", password="x")
        data = urllib.parse.urlencode(fields).encode()
    raise AssertionError("no redirect came")


def test_the_pages_in_a_real_browser(folder, server):
    shots = pathlib.Path(os.environ.get("SHOTS", folder))
    shots.mkdir(parents=True, exist_ok=True)
    home = vault_home(folder)
    for name, wanted, change in (
        ("success", "Logged in", lambda url: url),
        ("failure", "Not logged in", lambda url: re.sub("code=[^&]*", "code=stolen", url)),
    ):
        # A page is shown once, so the text and the picture each need a login.
        for kind, flags in (
            ("text", ["--dump-dom"]),
            ("picture", [f"--screenshot={shots}/{name}.png", "--window-size=900,600"]),
        ):
            login = Waiting(home, server)
            seen = chromium(folder, change(code_for(login)), *flags)
            code, _, err = login.end()
            assert code == (0 if name == "success" else 1), err
            if kind == "text":
                text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", seen.stdout.decode())
                assert wanted in text and "go back to the terminal" in text, seen
                assert ("authctl has stored the login" in text) == (name == "success"), text
                assert name == "success" or "invalid_grant" in text, text
            else:
                assert (shots / f"{name}.png").stat().st_size > 5000
    say("success and failure page in headless Chromium: text as expected, two screenshots")


def test_a_login_at_a_terminal_shows_a_spinner_and_none_in_a_pipe(folder, server):
    home = vault_home(folder)
    quiet = home.login(server).done()
    assert not re.search(r"[⠀-⣿]|\x1b", quiet.err), quiet
    done = subprocess.run(
        [
            "script",
            "-qec",
            f"{os.environ['AUTHCTL']} refresh op; NO_COLOR=1 {os.environ['AUTHCTL']} token nobody; {os.environ['AUTHCTL']} token nobody",
            "/dev/null",
        ],
        env={**home.env, "TERM": "xterm"},
        capture_output=True,
        timeout=60,
    )
    text = done.stdout.decode()
    assert "refreshed op" in text and "\x1b[" in text, text
    plain = [line for line in text.splitlines() if "no credential named" in line]
    assert len(plain) == 2 and "\x1b[1m" not in plain[0] and "\x1b[" in plain[1], plain
    assert isinstance(home, Home) and wait_for(lambda: True)
