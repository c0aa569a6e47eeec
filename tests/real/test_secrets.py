"""A planted secret in every field is found only in the store and in the requested output."""

import base64
import os
import pathlib
import re
import resource
import signal
import subprocess
import time
import urllib.parse

from conftest import AUTHCTL, BROWSER, PATH, Home, keychain_home, say, vault_home

ODD = "basic-secret:with/odd+chars%&="


def forms(secret):
    """The forms of a secret: as text, base64 at each offset, hex, percent-encoded, JSON."""
    raw = secret.encode()
    found = {
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        urllib.parse.quote(secret, safe="").encode(),
        urllib.parse.quote_plus(secret).encode(),
    }
    for pad in range(3):
        text = base64.b64encode(b"x" * pad + raw)
        # The characters that do not depend on their neighbours.
        found.add(text[4 if pad else 0 : -4])
        found.add(found_url := base64.urlsafe_b64encode(b"x" * pad + raw)[4 if pad else 0 : -4])
        assert found_url
    return {form for form in found if len(form) >= 8}


class Seen:
    """Everything that a run exposes: outputs, the argument lists and environments of every process, its files."""

    def __init__(self, folder):
        self.folder, self.text, self.runs = folder, {}, 0

    def run(self, home, *arguments, asked=False, **more):
        self.runs += 1
        trace = self.folder / f"trace-{self.runs}"
        prefix = [
            "strace",
            "-f",
            "-qq",
            "-e",
            "trace=execve",
            "-v",
            "-s",
            "65535",
            "-o",
            str(trace),
        ]
        ran = home.run("-vv", *arguments, prefix=prefix, **more)
        words = " ".join(arguments)
        self.text[f"trace of {words}"] = trace.read_bytes()
        self.text[f"stderr of {words}"] = ran.err.encode()
        if not asked:
            self.text[f"stdout of {words}"] = ran.out.encode()
        return ran

    def search(self, secrets, *homes):
        places = dict(self.text)
        for home in homes:
            for path in home.files():
                places[str(path)] = path.read_bytes()
        checked = 0
        for name, secret in secrets.items():
            for form in forms(secret):
                for place, text in places.items():
                    assert form not in text, f"{name} is in {place} as {form!r}"
                    checked += 1
        return checked


def test_promise_03_a_planted_secret_is_seen_nowhere(folder, keyring, server):
    seen = Seen(folder)
    passphrase = folder / "passphrase"
    passphrase.write_text("PlantedPassphrase-77 x\n")
    secrets = {
        "key": 'Planted"Key\\ 4242*',
        "client secret": ODD,
        "passphrase": "PlantedPassphrase-77 x",
        "key that is refused": "Planted\nNewline4242",
    }
    homes = []
    for home in (vault_home(folder), keychain_home(folder, keyring, "other")):
        homes.append(home)
        assert home.key("bad", secrets["key that is refused"]).code == 2
        seen.run(
            home,
            "key",
            "add",
            "acme",
            "--header",
            "X-API-Key: {key}",
            "--origin",
            "http://127.0.0.1:1",
            input=secrets["key"],
        ).done()
        seen.run(
            home,
            "key",
            "add",
            "bad",
            "--header",
            "X-API-Key: {key}",
            "--origin",
            "http://127.0.0.1:1",
            input=secrets["key that is refused"],
        ).failed(2)
        seen.run(
            home, "key", "add", "stripe", "--no-verify", input="sk_live_PlantedStripeKey"
        ).done()
        secrets["second key"] = "sk_live_PlantedStripeKey"
        # A wrong client secret, then the right one; codes, verifiers and tokens come from the server and the program.
        seen.run(
            home,
            "login",
            server.url,
            "--as",
            "op",
            "--client-id",
            "confidential",
            "--client-secret-stdin",
            input="PlantedWrongClientSecret",
            env={"BROWSER": str(BROWSER)},
        ).failed(1)
        secrets["wrong client secret"] = "PlantedWrongClientSecret"
        seen.run(
            home,
            "login",
            server.url,
            "--as",
            "op",
            "--client-id",
            "confidential",
            "--client-secret-stdin",
            input=ODD,
            env={"BROWSER": str(BROWSER)},
        ).done()
        # The holder of an unread header lives for 30 seconds, and strace waits for it: once is enough.
        for what in (
            ["refresh", "op"],
            *([["header", "acme"]] if len(homes) == 1 else []),
            ["list"],
            ["list", "--json"],
            ["refresh", "acme"],
            ["token", "nobody"],
            ["token", "op", "--check"],
        ):
            seen.run(home, *what)
        for round in range(2):
            secrets[f"access token {len(homes)}.{round}"] = (
                seen.run(home, "token", "op", asked=True).done().out.strip()
            )
            seen.run(home, "refresh", "op").done()
        for trouble in ("busy", "html", "limit", "lost"):
            server.next(trouble)
            seen.run(home, "refresh", "op")
        server.next()
        for what in (
            ["status", "--check"],
            ["status", "op"],
            ["doctor", "--server", server.url],
            ["audit"],
            ["audit", "--json"],
            ["client", "list"],
            ["provider", "show", "stripe"],
            ["rename", "stripe", "stripe/two"],
            ["rename", "stripe/two", "stripe"],
            ["curl", "acme", "https://elsewhere.example/"],
            ["curl", "acme", "-v", "http://127.0.0.1:1/"],
            ["curl", "acme", "-sS", "http://127.0.0.1:1/"],
            ["curl", "op", "-sS", f"{server.url}/api/any"],
            ["exec", "acme=bad name", "--", "true"],
            ["key", "export", "op", "--to-age", "age1nonsense", "--output", str(folder / "x")],
            [
                "key",
                "export",
                "acme",
                "--to-age",
                "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
                "--output",
                str(home.path / "exported.age"),
            ],
            ["key", "import", str(folder / "none"), "--identity", str(folder / "none")],
        ):
            seen.run(home, *what)
    # An edited file, a damaged sealed file, a locked keychain.
    (homes[0].path / "credentials/acme/default.toml").write_text("broken")
    seen.run(homes[0], "token", "acme").failed(1)
    for path in (homes[0].path / "sealed").iterdir():
        path.write_bytes(b"broken")
    seen.run(homes[0], "refresh", "op")
    keyring.lock()
    seen.run(homes[1], "token", "acme").failed(5)
    wrong = Home(
        folder / "third",
        {
            "PATH": PATH,
            "HOME": str(folder),
            "AUTHCTL_STORE": "vault",
            "AUTHCTL_VAULT_PASSPHRASE_FILE": str(passphrase),
        },
    )
    typed = subprocess.run(
        ["script", "-qec", f"{AUTHCTL} vault init", "/dev/null"],
        env=wrong.env,
        input=b"PlantedPassphrase-77 x\n" * 2,
        capture_output=True,
        timeout=60,
    )
    assert typed.returncode == 0, typed
    seen.run(
        wrong,
        "key",
        "add",
        "acme",
        "--header",
        "X-API-Key: {key}",
        "--origin",
        "http://127.0.0.1:1",
        input=secrets["key"],
    ).done()
    seen.run(wrong, "token", "acme", asked=True).done()
    checked = seen.search(secrets, *homes, wrong)
    say(
        f"{len(secrets)} planted secrets, {seen.runs} runs at -vv, {checked} searches: seen nowhere"
    )


def test_codes_verifiers_and_refresh_tokens_are_seen_nowhere(folder, server):
    """Secrets that the server and the flow generate are read from the recorded traffic."""
    home = vault_home(folder)
    seen = Seen(folder)
    wire = folder / "wire"
    prefix = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=sendto,sendmsg,write,writev,recvfrom",
        "-s",
        "65535",
        "-o",
        str(wire),
    ]
    ran = home.run(
        "-vv",
        "login",
        server.url,
        "--as",
        "op",
        "--client-id",
        "tool",
        prefix=prefix,
        env={"BROWSER": str(BROWSER)},
    ).done()
    seen.text["stderr of login"] = ran.err.encode()
    ran = home.run("-vv", "refresh", "op", prefix=[*prefix[:-1], str(wire) + "2"]).done()
    seen.text["stderr of refresh"] = ran.err.encode()
    text = wire.read_text() + pathlib.Path(str(wire) + "2").read_text()
    secrets = {}
    for name in ("code", "code_verifier", "refresh_token", "access_token", "id_token"):
        values = set(re.findall(rf"[&\s\"\\]{name}(?:=|\\\":\\\")([A-Za-z0-9_.~-]{{20,}})", text))
        assert values, f"{name} was not on the wire"
        secrets.update({f"{name} {number}": value for number, value in enumerate(values)})
    checked = seen.search(secrets, home)
    say(
        f"{len(secrets)} codes, verifiers and tokens from the wire, {checked} searches: seen nowhere"
    )


def test_an_aborted_process_leaves_no_core(folder):
    """As an unprivileged user with `ulimit -c unlimited`."""
    home = folder / "nobody"
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    binary = folder / "authctl"
    binary.write_bytes(pathlib.Path(AUTHCTL).read_bytes())
    binary.chmod(0o755)

    def unlimited():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.setgid(65534)
        os.setuid(65534)
        os.chdir(home)

    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
    env = {"PATH": PATH, "AUTHCTL_HOME": f"{home}/a", "AUTHCTL_STORE": "vault"}
    subprocess.run(
        [binary, "vault", "init", "--unattended"],
        env=env,
        preexec_fn=unlimited,
        check=True,
        capture_output=True,
    )
    process = subprocess.Popen(
        [binary, "key", "add", "acme", "--header", "X: {key}", "--origin", "https://a.test"],
        env=env,
        preexec_fn=unlimited,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    process.stdin.write(b"PlantedCoreSecret")
    process.stdin.flush()
    time.sleep(0.3)
    process.send_signal(signal.SIGABRT)
    process.wait()
    assert process.returncode == -signal.SIGABRT
    cores = [path for path in [*home.rglob("*core*"), *folder.glob("core*")] if path.is_file()]
    assert not cores, cores
    # The control: a program without this protection does write a core dump here.
    control = subprocess.Popen(["sleep", "60"], preexec_fn=unlimited)
    time.sleep(0.2)
    control.send_signal(signal.SIGABRT)
    control.wait()
    left = list(home.glob("core*"))
    say(
        f"SIGABRT with a key in memory: no core (a control process left {len(left)}, core_pattern {pattern.strip()!r})"
    )
