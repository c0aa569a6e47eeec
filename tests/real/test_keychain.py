"""The keychain in all its states: a locked keychain is never treated as empty, and nothing hangs."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest
from conftest import AUTHCTL, BROWSER, PATH, Home, keychain_home, say, vault_home, wait_for


class Deaf:
    """A bus that accepts the connection and never answers."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(8)
        self.held = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            self.held.append(self.socket.accept()[0])


def locked(keyring, home):
    keyring.lock()


def no_service(keyring, home):
    keyring.stop_daemon()


def no_bus(keyring, home):
    home.env.pop("DBUS_SESSION_BUS_ADDRESS")
    home.env["XDG_RUNTIME_DIR"] = "/nonexistent"


def dead_bus(keyring, home):
    home.env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent/bus"


def deaf_bus(keyring, home):
    home.deaf = Deaf(keyring.runtime / "deaf")
    home.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={keyring.runtime}/deaf"


def stopped_service(keyring, home):
    keyring.daemon.send_signal(19)


def test_a_move_between_keychain_and_vault_and_back(folder, keyring, server):
    home = keychain_home(folder, keyring)
    home.run("vault", "init", "--unattended").done()
    env = {"AUTHCTL_STORE": ""}
    home.login(
        server,
        "op",
        "--client-secret-stdin",
        client="confidential",
        input="basic-secret:with/odd+chars%&=",
    ).done()
    home.key("acme", "k1").done()

    def found():
        return (
            subprocess.run(
                ["secret-tool", "search", "--all", "service", "authctl"],
                env=home.env,
                capture_output=True,
            )
            .stderr.decode()
            .count("username")
        )

    assert found() == 3, "a key, a login and its client's secret"
    for name in ("op", "acme"):
        document = json.loads(home.run("--json", "move", name, "--to", "vault", env=env).done().out)
        assert document == {"name": name, "store": "vault"}
    assert found() == 0, "nothing is left in the keychain, the client's secret included"
    keyring.lock()
    home.run("refresh", "op", env=env).done()
    assert home.run("token", "acme", env=env).done().out == "k1\n"
    # A locked keychain stores nothing, and nothing changes.
    home.run("move", "op", "--to", "keychain", env=env).failed(5)
    home.run("refresh", "op", env=env).done()
    keyring.stop_daemon()
    keyring.start_daemon("pw")
    home.run("move", "op", "--to", "keychain", env=env).done()
    home.run("refresh", "op", env=env).done()
    assert found() == 2 and len(list((home.path / "sealed").iterdir())) == 2
    home.run("logout", "op", env=env).done()


STATES = [locked, no_service, no_bus, dead_bus, deaf_bus, stopped_service]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_keychain_failures_have_their_exit_codes_and_lose_nothing(folder, keyring, server, state):
    home = keychain_home(folder, keyring)
    home.login(server).done()
    home.key("acme", "k1", origin="http://127.0.0.1:1").done()

    def kept():
        return {
            path: path.read_bytes()
            for path in home.files()
            if path.name != "audit.jsonl"
            if "locks" not in path.parts
        }

    before = kept()
    env = dict(home.env)
    state(keyring, home)
    asked = len(server.control()["api"])
    slowest = 0.0
    # In parallel: some of these take the whole time limit.
    commands = (
        ["token", "op"],
        ["token", "acme"],
        ["header", "op"],
        ["refresh", "op"],
        ["logout", "op"],
        ["key", "remove", "acme"],
    )
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asking = [(arguments, pool.submit(home.run, *arguments)) for arguments in commands]
        new = pool.submit(home.key, "other", "k2", origin="http://127.0.0.1:1")
    for arguments, ran in asking:
        ran = ran.result()
        slowest = max(slowest, ran.seconds)
        assert ran.code == 5, (arguments, ran)
        assert "keychain" in ran.err and "login required" not in ran.err, ran
        assert ran.seconds < 12, ran
        if arguments[0] == "header":
            assert ran.out == "-K\n/dev/null/authctl-store-unavailable\n", ran
        else:
            assert ran.out == "", ran
    new = new.result().failed(5)
    assert new.seconds < 12
    done = subprocess.run(
        ["sh", "-c", f'curl -fsS $("$A" header op) {server.url}/api/any'],
        env={**home.env, "A": AUTHCTL},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 26, done
    assert len(server.control()["api"]) == asked, "no request was sent"
    assert kept() == before
    say(f"{state.__name__}: exit 5, slowest {slowest:.1f} s, {new.err.splitlines()[0]}")
    # After unlocking, everything is there. Each state has its own exit code.
    if state is stopped_service:
        keyring.daemon.send_signal(18)
    elif state in (locked, no_service):
        if state is locked:
            keyring.stop_daemon()
        keyring.start_daemon("pw")
    home.env = env
    home.run("token", "op").done()
    assert home.run("token", "acme").done().out == "k1\n"
    home.run("refresh", "op").done()
    home.run("logout", "op").done()


def test_the_budget_is_for_the_keychain_and_not_for_slow_people_and_servers(
    folder, keyring, server
):
    """A browser that takes twelve seconds and a server that takes twenty do not count against the ten seconds of the keychain."""
    home = keychain_home(folder, keyring)
    slow = folder / "slow-browser"
    slow.write_text(f'#!/bin/sh\nsleep 12\nexec {BROWSER} "$1"\n')
    slow.chmod(0o755)
    home.run(
        "login", server.url, "--as", "op", "--client-id", "tool", env={"BROWSER": str(slow)}
    ).done()
    server.next("delay")
    running = [home.start("token", "op", "--refresh") for _ in range(2)]
    tokens = [process.communicate(timeout=90)[0] for process in running]
    assert all(process.returncode == 0 for process in running) and tokens[0] == tokens[1] != b"", (
        tokens
    )
    assert server.control()["refreshes"] == 1
    home.run("refresh", "op").done()


def test_the_choice_of_a_store_is_explained_and_both_alternatives_are_named(folder, keyring):
    home = Home(folder / "home", keyring.env)
    ran = home.run(
        "-v", "key", "add", "acme", "--header", "X: {key}", "--origin", "https://a.test", input="k"
    ).done()
    assert "storing new credentials in the keychain" in ran.err, ran
    keyring.lock()
    add = ["key", "add", "other", "--header", "X: {key}", "--origin", "https://a.test"]
    for _ in range(4):
        ran = home.run(*add, input="k")
        time.sleep(0.1)
        if not keyring.revive():
            break
        keyring.lock()
    ran.failed(5, "is locked")
    assert "authctl vault init" in ran.err, ran
    home.run("vault", "init", "--unattended").done()
    for _ in range(4):
        ran = home.run("-v", *add, input="k").done()
        time.sleep(0.1)
        # The service itself may have aborted, which is no lock.
        if not keyring.revive():
            break
        keyring.lock()
        home.run("key", "remove", "other").done()
    assert "the keychain is locked" in ran.err, ran
    # The key in the locked keychain was not moved and is not missing.
    home.run("token", "acme").failed(5, "the keychain is locked")
    assert home.run("token", "other").done().out == "k\n"


def test_a_refresh_continues_when_the_store_refuses_the_write(folder, keyring, server):
    """The sealed file has the record; the next refresh updates the store."""
    home = keychain_home(folder, keyring)
    home.login(server).done()
    # A keychain that can be read but not written: its file and folder are read-only. Modes do not stop root, so
    # strace refuses the write instead.
    trace = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-p",
        str(keyring.daemon.pid),
        "-e",
        "trace=rename",
        "-e",
        "inject=rename:error=ENOSPC",
    ]
    tracer = subprocess.Popen(trace)
    import time

    time.sleep(0.5)
    ran = home.run("refresh", "op").done()
    tracer.terminate()
    tracer.wait()
    say(
        f"store refusing the write: exit {ran.code}, {ran.err.strip().splitlines()[0] if ran.err.strip() else 'no warning'}"
    )
    home.run("refresh", "op").done()
    keyring.stop_daemon()
    keyring.start_daemon("pw")
    home.run("refresh", "op").done()


@pytest.mark.parametrize("store", ["keychain", "vault"])
def test_a_read_only_home_serves_a_cached_login(folder, keyring, server, store):
    """As an unprivileged user: root may write anywhere."""
    source = keychain_home(folder, keyring) if store == "keychain" else vault_home(folder)
    source.login(server).done()
    subprocess.run(["mount", "--bind", source.path, source.path], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", source.path], check=True)
    try:
        before = server.control()["tokenRequests"]
        source.run("token", "op").done()
        source.run("header", "op", "--format", "raw").done()
        ran = source.run("refresh", "op").failed(1, "Read-only file system")
        assert server.control()["tokenRequests"] == before, "no token was spent"
        say(
            f"read-only home, {store}: cached token served, refresh: {ran.err.splitlines()[0].split('/')[0]}…"
        )
    finally:
        subprocess.run(["umount", source.path], check=True)
    source.run("refresh", "op").done()


@pytest.mark.parametrize("store", ["keychain", "vault"])
def test_a_full_disk_stops_a_refresh_before_the_token_is_spent(folder, keyring, server, store):
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", disk], check=True)
    try:
        home = keychain_home(disk, keyring) if store == "keychain" else vault_home(disk)
        home.login(server).done()
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as out, contextlib.suppress(OSError):
            while True:
                out.write(b"x" * 1024)
        before = server.control()["tokenRequests"]
        home.run("token", "op").done()
        ran = home.run("refresh", "op")
        assert ran.code == 1 and "No space left" in ran.err, ran
        assert server.control()["tokenRequests"] == before
        new = home.key("acme", "k")
        assert new.code in (1, 5), new
        done = home.login(server, "two")
        assert done.code in (1, 5), done
        assert home.run("token", "acme").code == 3
        filler.unlink()
        home.run("refresh", "op").done()
        home.key("acme", "k").done()
        say(f"full disk, {store}: {ran.err.splitlines()[0][:60]}…, nothing spent, nothing lost")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_the_cached_path_opens_no_certificate_and_no_socket_but_the_bus(folder, keyring, server):
    home = keychain_home(folder, keyring)
    home.login(server).done()
    trace = folder / "trace"
    home.run(
        "token",
        "op",
        prefix=[
            "strace",
            "-f",
            "-o",
            str(trace),
            "-e",
            "trace=openat,open,connect,socket,execve,flock,rename,renameat2,unlink,fsync",
        ],
    ).done()
    text = trace.read_text()
    sockets = re.findall(r"connect\(.*", text)
    assert sockets and all("AF_UNIX" in line and "bus" in line for line in sockets), sockets
    assert not re.search(r"\.(pem|crt)|/ssl|ca-certificates|resolv\.conf", text)
    assert "flock(" not in text and "rename" not in text and "fsync(" not in text
    writes = [
        line
        for line in text.splitlines()
        if "O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line
    ]
    assert not [line for line in writes if str(home.path) in line], writes
    say(f"cached token: {len(sockets)} connection (the bus), no certificate, lock or write")


def test_a_passphrase_vault_asks_for_it_and_never_in_a_script(folder, server):
    home = Home(folder / "home", {"PATH": PATH, "HOME": str(folder), "AUTHCTL_STORE": "vault"})
    home.run("vault", "init").failed(2, "cannot ask for a passphrase without a terminal")
    passphrase = folder / "passphrase"
    passphrase.write_text("correct horse battery\n")
    typed = subprocess.run(
        ["script", "-qec", f"{AUTHCTL} vault init", "/dev/null"],
        env=home.env,
        input=b"correct horse battery\ncorrect horse battery\n",
        capture_output=True,
        timeout=60,
    )
    assert typed.returncode == 0, typed
    home.key("acme", "k").done()
    # O1: whoever has just typed the passphrase is not asked for it again at once.
    if b"stays unlocked" in typed.stdout:
        assert home.run("token", "acme").done().out == "k\n"
        home.run("vault", "lock").done()
    home.run("token", "acme").failed(5, "the vault is locked")
    assert (
        home.run("token", "acme", env={"AUTHCTL_VAULT_PASSPHRASE_FILE": str(passphrase)}).done().out
        == "k\n"
    )
    wrong = folder / "wrong"
    wrong.write_text("wrong")
    home.run("token", "acme", env={"AUTHCTL_VAULT_PASSPHRASE_FILE": str(wrong)}).failed(
        5, "wrong passphrase"
    )
    unlocked = home.run(
        "vault", "unlock", "--for", "30s", env={"AUTHCTL_VAULT_PASSPHRASE_FILE": str(passphrase)}
    )
    if unlocked.code == 0:
        assert home.run("token", "acme").done().out == "k\n"
        # A new session keyring, as in cron or over ssh.
        done = subprocess.run(
            ["keyctl", "session", "-", AUTHCTL, "token", "acme"],
            env=home.env,
            capture_output=True,
            timeout=30,
        )
        assert done.stdout == b"k\n", done
        home.run("vault", "lock").done()
        say("vault unlock: the kernel keyring keeps the identity, also for a new session")
    else:
        # A sandbox without kernel keyrings: `vault init` must report that before it asks for a passphrase.
        assert b"every command will need the passphrase" in typed.stdout, typed
        say(
            f"vault unlock: the kernel refuses here, and `vault init` says so: {unlocked.err.splitlines()[0]}"
        )
    home.run("token", "acme").failed(5)
    # age itself can decrypt the files of the vault.
    identity = subprocess.run(
        ["script", "-qec", f"age -d {home.path}/vault/identity.age", "/dev/null"],
        input=b"correct horse battery\n",
        capture_output=True,
        timeout=60,
    )
    assert b"AGE-SECRET-KEY-1" in identity.stdout, identity
    key = folder / "key"
    key.write_bytes(re.search(rb"AGE-SECRET-KEY-1\w+", identity.stdout).group())
    key.chmod(0o600)
    record = next(
        path for path in (home.path / "vault").glob("*.age") if path.name != "identity.age"
    )
    opened = subprocess.run(["age", "-d", "-i", key, record], capture_output=True)
    assert b'"active":{"key":"k"}' in opened.stdout, opened
    assert home.run("token", "acme", env={"AUTHCTL_VAULT_IDENTITY": str(key)}).done().out == "k\n"
    assert os.stat(home.path / "vault").st_mode & 0o777 == 0o700
    assert pathlib.Path(record).stat().st_mode & 0o777 == 0o600


def test_the_cache_gives_tokens_without_the_keychain_until_it_ends(folder, keyring, server):
    """A locked keychain shows what was read from the kernel keyring."""
    home = keychain_home(folder, keyring)
    home.login(server).done()
    home.key("acme", "k", origin=server.url).done()
    config = home.path / "config.toml"

    def ends(*command, after=0.0):
        """The token is there while the keychain is locked, and not any more after `command`."""
        home.run("token", "op").done()
        keyring.lock()
        token = home.run("token", "op").done().out
        assert home.run("header", "op", "--format", "raw").done().out.endswith(token)
        if command:
            home.run(*command)
        time.sleep(after)
        home.run("token", "op").failed(5, "the keychain is locked")
        reopen()

    def reopen():
        keyring.stop_daemon()
        keyring.start_daemon("pw")

    def keeps_nothing():
        home.run("token", "op").done()
        keyring.lock()
        home.run("token", "op").failed(5, "the keychain is locked")
        reopen()

    keeps_nothing()
    config.write_text('cache = "1m"\n')
    assert "for 60 seconds after the store is read" in home.run("status").done().out
    checks = json.loads(home.run("--json", "doctor").out)["checks"]
    (check,) = [check for check in checks if check["name"] == "cache"]
    if "has no effect" in check["detail"]:
        # A sandbox without kernel keyrings: the keychain is read every time.
        home.run("token", "op").done()
        say(f"cache: the kernel refuses here, and `doctor` says so: {check['detail']}")
        return
    say("cache: the kernel keyring keeps the key of a sealed file until it is told to forget it")
    ends("lock")
    # A refresh needs the keychain; whoever asks for one ends the cache.
    ends("rename", "op", "op/other")
    # An API key is always read from the keychain.
    home.run("token", "acme").done()
    home.run("token", "op").done()
    keyring.lock()
    home.run("token", "op").done()
    home.run("token", "acme").failed(5, "the keychain is locked")
    home.run("token", "op", "--refresh").failed(5, "the keychain is locked")
    reopen()
    config.write_text('cache = "2s"\n')
    ends(after=2.5)
    config.write_text('cache = "1m"\n[credentials.op]\ncache = "never"\n')
    keeps_nothing()
    # Nothing of a login that is gone stays in the kernel.
    config.write_text('cache = "1m"\n')
    home.run("token", "op").done()
    sealed = [path.name for path in (home.path / "sealed").iterdir()]
    assert any(name in kept_keys() for name in sealed), kept_keys()
    home.run("logout", "op")
    assert not any(name in kept_keys() for name in sealed), kept_keys()


def kept_keys():
    """The keys in the kernel's user keyring. An invalidated one (`i`) stays listed until it is collected."""
    lines = pathlib.Path("/proc/keys").read_text().splitlines()
    return "\n".join(line for line in lines if "i" not in line.split()[1])


def test_o6_what_may_be_in_another_keyring_is_not_gone(folder, keyring, server):
    """A service without a keyring, or with a locked one, may not be the one that took the item."""
    home = keychain_home(folder, keyring)
    home.run(
        "key", "add", "acme", "--header", "X: {key}", "--origin", "https://a.test", input="k1"
    ).done()
    home.login(server).done()
    real = keyring.data / "keyrings"
    aside = keyring.data / "aside"
    files = {file.name: file.read_bytes() for file in real.iterdir()}
    index = {file: file.read_bytes() for file in (home.path / "credentials").rglob("*.toml")}
    commands = [
        ("token", "acme"),
        ("header", "acme", "--format", "raw"),
        ("key", "set", "acme", "--rotate-every", "10d"),
        ("rename", "acme", "acme/new"),
        ("move", "acme", "--to", "vault"),
        ("key", "remove", "acme"),
        ("token", "op", "--refresh"),
        ("refresh", "op"),
        ("logout", "op", "--local"),
        ("status", "acme", "--check"),
    ]
    for state in ["no keyring", "locked"]:
        keyring.stop_daemon()
        if state == "no keyring":
            real.rename(aside)
            real.mkdir(mode=0o700)
        keyring.start_daemon(None)
        for arguments in commands:
            ran = home.run(*arguments, "--no-input")
            assert ran.code in (5, 8) and "no longer" not in ran.err, (state, arguments, ran)
            assert "--replace" not in ran.err, (state, arguments, ran)
            assert ran.out == "" or arguments[0] in ("status", "logout"), (
                state,
                arguments,
                ran,
            )
        if state == "no keyring":
            ran = home.run("token", "acme").failed(5, "it has no keyring yet")
            assert "create" in ran.err, ran
            shutil.rmtree(real)
            aside.rename(real)
    found = {file: file.read_bytes() for file in (home.path / "credentials").rglob("*.toml")}
    assert found.keys() == index.keys()
    assert {file.name for file in real.iterdir()} == files.keys()
    keyring.stop_daemon()
    keyring.start_daemon("pw")
    assert home.run("token", "acme").done().out == "k1\n"
    home.run("refresh", "op").done()
    # What is really gone is still said to be.
    home.run("key", "remove", "acme").done()
    home.run("token", "acme").failed(3)


def test_o10_an_open_keychain_with_our_items_is_not_tried_with_another(folder, keyring):
    """Some services keep what is deleted, test items too."""
    home = keychain_home(folder, keyring)
    with open(f"{folder}/calls", "w") as calls:
        monitor = subprocess.Popen(
            ["dbus-monitor", "--session", "member='CreateItem'"], env=keyring.env, stdout=calls
        )
        wait_for(lambda: pathlib.Path(calls.name).stat().st_size > 0)
        for name in ("acme", "acme/two", "acme/three"):
            home.run(
                "key", "add", name, "--header", "X: {key}", "--origin", "https://a.test", input="k1"
            ).done()
        counted = pathlib.Path(calls.name).read_text().count("member=CreateItem")
        monitor.kill()
        monitor.wait()
    # A test item and a key, then keys alone.
    assert counted == 4, pathlib.Path(calls.name).read_text()


CLONE = """
import secretstorage, sys
bus = secretstorage.dbus_init()
items = list(secretstorage.search_items(bus, {"service": "authctl"}))
if sys.argv[1] == "count":
    print(len(items))
    sys.exit()
secret = items[0].get_secret() if sys.argv[1] == "same" else sys.argv[2].encode()
collection = secretstorage.get_default_collection(bus)
collection.create_item("clone", items[0].get_attributes(), secret, replace=False)
"""


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_o11_items_with_the_same_content_count_as_one(folder, keyring, copies):
    """A keyring that was copied or restored contains them; what differs needs a person."""
    home = keychain_home(folder, keyring)

    def clone(*words):
        command = ["/usr/bin/python3", "-c", CLONE, *words]
        return subprocess.run(command, env=home.env, capture_output=True, text=True, check=True)

    home.key("acme", "k1").done()
    for _ in range(copies):
        clone("same")
    assert clone("count").stdout == f"{copies + 1}\n"
    assert home.run("token", "acme").done().out == "k1\n"
    home.key("acme", "k2", "--replace").done()
    assert home.run("token", "acme").done().out == "k2\n"
    assert clone("count").stdout == "1\n"
    clone("same")
    home.run("rename", "acme", "other").done()
    assert home.run("token", "other").done().out == "k2\n"
    home.run("key", "remove", "other").done()
    assert clone("count").stdout == "0\n"
    home.key("acme", "k3").done()
    clone("other", "different")
    home.run("token", "acme").failed(5, "several different items with the same attributes")
    home.run("key", "remove", "acme").failed(5, "several different items")
    assert clone("count").stdout == "2\n"
