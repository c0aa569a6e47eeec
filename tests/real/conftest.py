"""The real counterparts: gnome-keyring, an authorization server, browsers and shells, each in its own folder.

AUTHCTL names the binary under test. Nothing here is ever skipped: a missing counterpart fails.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
AUTHCTL = os.environ["AUTHCTL"]
BROWSER = HERE / "browser.py"
PATH = "/usr/local/bin:/usr/bin:/bin"
CURL = shutil.which("curl", path=PATH)

# A suite in the background ignores these signals, and its children would inherit that.
for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)


def say(text):
    """A figure for the report; pytest shows it with -rA or in the summary file."""
    with open(os.environ.get("FIGURES", "/dev/null"), "a") as out:
        out.write(
            f"{os.environ.get('PYTEST_CURRENT_TEST', '').split(' ')[0].split('/')[-1]}: {text}\n"
        )


def wait_for(what, seconds=10.0, pause=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError("waited in vain")


class Ran:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def __repr__(self):
        return (
            f"exit {self.code} after {self.seconds:.1f} s\nstdout: {self.out}\nstderr: {self.err}"
        )

    def done(self):
        assert self.code == 0, self
        return self

    def failed(self, code, says=""):
        assert self.code == code, self
        assert says in self.err, self
        return self


class Home:
    """An empty home directory, and the program that uses it."""

    def __init__(self, folder, env):
        self.path = pathlib.Path(folder)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.env = dict(env, AUTHCTL_HOME=str(self.path))
        self.keyring = None

    def run(self, *arguments, input=None, env=None, timeout=120, prefix=(), **more):
        began = time.monotonic()
        done = subprocess.run(
            [*prefix, AUTHCTL, *arguments],
            env={**self.env, **(env or {})},
            timeout=timeout,
            capture_output=True,
            input=input.encode() if isinstance(input, str) else input,
            stdin=subprocess.DEVNULL if input is None else None,
            **more,
        )
        seconds = time.monotonic() - began
        return Ran(
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
            seconds,
        )

    def start(self, *arguments, env=None, **more):
        return subprocess.Popen(
            [AUTHCTL, *arguments],
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )

    def key(self, name, value, *more, origin="https://api.example.com", header="X-API-Key: {key}"):
        return self.run(
            "key", "add", name, "--header", header, "--origin", origin, *more, input=value
        )

    def login(self, server, name="op", *more, who="alice", client="tool", **how):
        arguments = ["login", server.url, "--as", name, "--client-id", client, *more]
        return self.run(*arguments, env={"BROWSER": str(BROWSER), "BROWSER_LOGIN": who}, **how)

    def files(self):
        return sorted(path for path in self.path.rglob("*") if path.is_file())


def injected(call, what):
    """What to put before a command so that a system call of it goes wrong."""
    inject = ["-e", f"trace={call}", "-e", f"inject={call}:{what}"]
    return ["strace", "-f", "-qq", "-o", "/dev/null", *inject]


class Keyring:
    """A session bus and a gnome-keyring with one unlocked collection."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.runtime, self.data = self.folder / "run", self.folder / "data"
        for path in (self.runtime, self.data):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.bus = self.daemon = None
        # The daemon needs its home directory for the keyring file.
        (self.data / "keyrings").mkdir(mode=0o700, exist_ok=True)
        self.start_bus()
        self.start_daemon("pw")

    @property
    def env(self):
        return {
            "PATH": PATH,
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_DATA_HOME": str(self.data),
            "HOME": str(self.folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.runtime}/bus",
        }

    def start_bus(self):
        # No service directories: D-Bus activates no other service.
        config = self.folder / "bus.conf"
        config.write_text(
            f"<busconfig><type>session</type><listen>unix:path={self.runtime}/bus</listen><auth>EXTERNAL</auth><policy context='default'>"
            "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/></policy></busconfig>"
        )
        self.bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"],
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: (self.runtime / "bus").exists())

    def start_daemon(self, password):
        """With a password, the collection is unlocked; without one, it stays locked."""
        arguments = [
            "gnome-keyring-daemon",
            "--foreground",
            "--components=secrets",
            f"--control-directory={self.runtime}",
        ]
        self.daemon = subprocess.Popen(
            arguments + (["--unlock"] if password else []),
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.daemon.stdin.write((password or "").encode())
        self.daemon.stdin.close()
        wait_for(self.owned)

    def revive(self):
        """Starts the daemon again if it has aborted: gnome-keyring 42 may do so when a client vanishes while a session with
        it is negotiated ("gkd_secret_service_get_pkcs11_session: assertion 'client' failed")."""
        if self.daemon.poll() != -signal.SIGTRAP:
            return False
        self.start_daemon("pw")
        return True

    def owned(self):
        asked = self.bus_call(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner",
            "string:org.freedesktop.secrets",
        )
        return "true" in asked

    def bus_call(self, *arguments):
        done = subprocess.run(
            ["dbus-send", "--session", "--print-reply", f"--dest={arguments[0]}", *arguments[1:]],
            env=self.env,
            capture_output=True,
            timeout=20,
        )
        return done.stdout.decode() + done.stderr.decode()

    def lock(self):
        told = self.bus_call(
            "org.freedesktop.secrets",
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login",
        )
        assert "objpath" in told or "array" in told, told

    def stop_daemon(self):
        self.daemon.terminate()
        self.daemon.wait()

    def stop(self):
        for process in (self.daemon, self.bus):
            if process and process.poll() is None:
                process.kill()
                process.wait()


class Server:
    """The npm authorization server."""

    def __init__(self, ttl=3600, env=None):
        node = os.environ.get("NODE") or shutil.which("node")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [node, "server.mjs"],
            cwd=HERE,
            env={"PATH": PATH, "TTL": str(ttl), "HOME": "/nonexistent", **(env or {})},
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url.startswith("http"):
            self.log.seek(0)
            raise AssertionError(
                f"the authorization server did not start: {self.log.read().decode()[-2000:]}"
            )
        # The control port is on loopback, whatever the names in the certificate.
        self.port = int(self.url.rsplit(":", 1)[1])

    def control(self, **change):
        import ssl

        context = ssl._create_unverified_context() if self.url.startswith("https") else None
        scheme = "https" if context else "http"
        data = json.dumps(change).encode() if change else None
        with urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            *([urllib.request.HTTPSHandler(context=context)] if context else []),
        ).open(f"{scheme}://127.0.0.1:{self.port}/control", data, timeout=30) as answer:
            return json.load(answer)

    def next(self, *what):
        self.control(next=list(what))

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def folder():
    # Short paths: a bus address and a socket have a limit.
    path = pathlib.Path(tempfile.mkdtemp(prefix="ac-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def keyring(folder):
    keyring = Keyring(folder / "session")
    yield keyring
    keyring.stop()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.stop()


def vault_home(folder, name="home", **env):
    home = Home(
        pathlib.Path(folder) / name,
        {"PATH": PATH, "HOME": str(folder), "AUTHCTL_STORE": "vault", **env},
    )
    home.run("vault", "init", "--unattended").done()
    return home


def keychain_home(folder, keyring, name="home", **env):
    home = Home(pathlib.Path(folder) / name, {**keyring.env, "AUTHCTL_STORE": "keychain", **env})
    home.keyring = keyring
    return home


@pytest.fixture(params=["keychain", "vault"])
def home(request, folder):
    """A home with each store."""
    if request.param == "vault":
        yield vault_home(folder)
        return
    keyring = Keyring(folder / "session")
    yield keychain_home(folder, keyring)
    keyring.stop()


def quiet_port():
    """A port outside of the ephemeral range, for a server that is restarted on the same port."""
    for _ in range(100):
        port = random.randrange(15000, 30000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie process has already exited.
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def holders():
    """Processes that hold a header for curl."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if b"__hold" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def keepers(home):
    """The keepers of a home that run now: process id and arguments."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                own = f"AUTHCTL_HOME={home.path}".encode()
                is_own = own in (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"__keep" in words and is_own:
                found[int(entry.name)] = [word.decode() for word in words[:-1]]
    return found
