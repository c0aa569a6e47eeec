"""`curl $(authctl header NAME) URL` in the real shells, and what other processes can see of it."""

import base64
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import AUTHCTL, CURL, PATH, alive, holders, keychain_home, say, vault_home, wait_for

SHELLS = ["bash", "dash", "zsh", "fish"]
# Every character with a special meaning in a shell, in curl's config or in a header.
NASTY = "q\"uo'te\\back *?[x] $HOME `id` #;&|~ %20 {a,b} end"


def shell(home, name, script, env=None, prefix=(), cwd=None):
    path = shutil.which(name, path=PATH)
    assert path, f"{name} is not installed"
    everything = {**home.env, "AUTHCTL": AUTHCTL, "FISH_UNIT_TESTS_RUNNING": "1", **(env or {})}
    flags = ["--no-config"] if name == "fish" else []
    return subprocess.run(
        [*prefix, path, *flags, "-c", script],
        env=everything,
        capture_output=True,
        timeout=60,
        cwd=cwd or home.path,
    )


def arrived(server):
    return [
        {key.lower(): value for key, value in request["headers"]}
        for request in server.control()["api"]
    ]


@pytest.mark.parametrize("name", SHELLS)
def test_exactly_the_right_header_arrives(folder, server, name):
    home = vault_home(folder)
    here = {"origin": server.url}
    home.key("bearer", "tok-en_1.2~3+/=", header="Authorization: Bearer {key}", **here).done()
    home.key("basic", "pass wo:rd", header="Authorization: Basic {basic:key:}", **here).done()
    home.key("nasty", NASTY, **here).done()
    home.run(
        "key",
        "add",
        "two",
        "--header",
        "X-One: {key}",
        "--header",
        "X-Two: a {key} b",
        "--origin",
        server.url,
        input=NASTY,
    ).done()
    expected = {
        "bearer": {"authorization": "Bearer tok-en_1.2~3+/="},
        "basic": {"authorization": "Basic " + base64.b64encode(b"pass wo:rd:").decode()},
        "nasty": {"x-api-key": NASTY},
        "two": {"x-one": NASTY, "x-two": f"a {NASTY} b"},
    }
    # Files that a glob could match.
    for trap in ("x", "-K", "end"):
        (home.path / trap).write_text("trap")
    server.control(api=[])
    for credential in expected:
        done = shell(
            home,
            name,
            f"curl -fsS ($AUTHCTL header {credential}) {server.url}/api/any"
            if name == "fish"
            else f'curl -fsS $("$AUTHCTL" header {credential}) {server.url}/api/any',
        )
        assert (done.returncode, done.stdout) == (0, b"hello\n"), done
    for (credential, headers), request in zip(expected.items(), arrived(server), strict=True):
        for key, value in headers.items():
            assert request[key] == value, credential
    # A failure stops curl; no request is sent without the header.
    server.control(api=[])
    for what in ("absent", "'bad name'", "two --no-such-flag", ""):
        done = shell(
            home,
            name,
            f"curl -fsS ($AUTHCTL header {what}) {server.url}/api/any"
            if name == "fish"
            else f'curl -fsS $("$AUTHCTL" header {what}) {server.url}/api/any',
        )
        assert done.returncode == 26, (what, done)
    assert not arrived(server)


def secrets_in(text, secret):
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode().rstrip("="),
        secret.encode().hex(),
    }
    return [form for form in forms if form in text]


@pytest.mark.parametrize("name", SHELLS)
def test_no_argument_list_and_no_shell_trace_shows_the_secret(folder, server, name):
    home = vault_home(folder)
    secret = "PlantedSecretInShells42"
    home.key("acme", secret, origin=server.url).done()
    trace = folder / "trace"
    script = (
        f"curl -fsS ($AUTHCTL header acme) {server.url}/api/any"
        if name == "fish"
        else f'set -x; curl -fsS $("$AUTHCTL" header acme) {server.url}/api/any'
    )
    if name == "fish":
        script = "set fish_trace 1; " + script
    done = shell(
        home,
        name,
        script,
        prefix=["strace", "-f", "-qq", "-e", "trace=execve", "-v", "-s", "65535", "-o", str(trace)],
    )
    assert done.returncode == 0, done
    text = trace.read_text()
    assert text.count("execve(") >= 3 and "header" in text
    for seen in (text, done.stderr.decode()):
        assert not secrets_in(seen, secret), seen
    # The environment of the holder is empty, and its arguments contain nothing.
    assert secret not in (home.env | {}).values()


def test_the_raw_form_goes_through_a_pipe(folder, server):
    home = vault_home(folder)
    home.key("acme", NASTY, origin=server.url).done()
    server.control(api=[])
    trace = folder / "trace"
    done = shell(
        home,
        "dash",
        f'"$AUTHCTL" header acme --format raw | curl -fsS -H @- {server.url}/api/any',
        prefix=["strace", "-f", "-qq", "-e", "trace=execve", "-v", "-s", "65535", "-o", str(trace)],
    )
    assert done.returncode == 0, done
    assert arrived(server)[0]["x-api-key"] == NASTY
    assert not secrets_in(trace.read_text(), NASTY)


def test_redirects_and_plain_http_do_not_carry_a_key_away(folder, server):
    home = vault_home(folder)
    # Bound to https: curl refuses http before it connects.
    home.key("acme", "k1").done()
    server.control(api=[])
    done = shell(home, "dash", f'curl -sS $("$AUTHCTL" header acme) {server.url}/api/any')
    assert done.returncode == 1 and b"http" in done.stderr, done
    assert not arrived(server)
    home.key("local", "k2", origin=server.url).done()
    done = shell(home, "dash", f'curl -sSL $("$AUTHCTL" header local) {server.url}/session/end')
    config = pathlib.Path(home.run("header", "local").done().out.split()[1]).read_text()
    assert "max-redirs = 0" in config


def test_two_readers_share_a_path_and_a_killed_holder_stops_curl(folder, server):
    home = vault_home(folder)
    home.key("acme", "k", origin=server.url).done()
    words = home.run("header", "acme").done().out.split("\n")
    assert words[0] == "-K" and re.fullmatch(r"/proc/\d+/fd/\d+", words[1])
    running = [
        subprocess.Popen(
            [CURL, "-fsS", "-K", words[1], f"{server.url}/api/any"], stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in running] == [b"hello\n"] * 2
    words = home.run("header", "acme").done().out.split("\n")
    pid = int(words[1].split("/")[2])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))
    done = subprocess.run(
        [CURL, "-fsS", "-K", words[1], f"{server.url}/api/any"], capture_output=True
    )
    assert done.returncode == 26, done


def test_only_the_holder_has_the_memory_file(folder):
    home = vault_home(folder)
    home.key("acme", "PlantedSecret77").done()
    words = home.run("header", "acme").done().out.split("\n")
    proc = pathlib.Path(words[1]).parent.parent
    number = words[1].rsplit("/", 1)[1]
    assert int(number) >= 900
    assert (proc / "environ").read_bytes() == b""
    assert os.readlink(proc / "cwd") == "/"
    assert b"Planted" not in (proc / "cmdline").read_bytes()
    assert int((proc / "stat").read_text().rsplit(")", 1)[1].split()[3]) == int(proc.name), (
        "a session of its own"
    )
    targets = {entry: os.readlink(proc / "fd" / entry) for entry in os.listdir(proc / "fd")}
    others = [
        target
        for entry, target in targets.items()
        if entry != number and target != "/dev/null" and "inotify" not in target
    ]
    assert not others, targets
    # Another user gets EACCES; the memory of the holder never contained the secret.
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", words[1]],
        capture_output=True,
    )
    assert done.returncode and b"Permission denied" in done.stderr, done


def test_a_script_s_lock_is_not_held_on(folder, server):
    home = vault_home(folder)
    home.key("acme", "k", origin=server.url).done()
    script = f'exec 9>{folder}/lock; flock 9; curl -fsS $("$AUTHCTL" header acme) {server.url}/api/any; exec 9>&-; flock -n {folder}/lock true && echo free'
    done = shell(home, "bash", script)
    assert done.stdout == b"hello\nfree\n", done


def test_two_hundred_headers_leave_no_process_behind(folder, server):
    home = vault_home(folder)
    home.key("acme", "k", origin=server.url).done()
    before = set(holders())
    done = shell(
        home,
        "dash",
        f'for i in $(seq 200); do curl -fsS $("$AUTHCTL" header acme) {server.url}/api/any || exit 1; done',
    )
    assert done.returncode == 0, done.stderr.decode()
    began = time.monotonic()
    wait_for(lambda: not set(holders()) - before, 2)
    say(f"200 headers: no holder {time.monotonic() - began:.1f} s after the last")


def test_more_holders_than_inotify_instances(folder, server):
    """A user may have 128 inotify instances; a busy script must not fail because of that."""
    home = vault_home(folder)
    home.key("acme", "k", origin=server.url).done()
    libc = ctypes.CDLL(None)
    taken = []
    while (instance := libc.inotify_init1(0)) >= 0:
        taken.append(instance)
    before = set(holders())
    try:
        done = shell(
            home,
            "dash",
            f'for i in $(seq 30); do curl -fsS $("$AUTHCTL" header acme) {server.url}/api/any || exit 1; done',
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        times = sorted(home.run("header", "acme").done().seconds * 1000 for _ in range(100))
        # Nobody reads these.
        for holder in set(holders()) - before:
            os.kill(holder, signal.SIGKILL)
        say(
            f"100 headers without an inotify instance: median {times[50]:.1f} ms, longest {times[-1]:.1f} ms"
        )
        done = shell(
            home, "dash", f'curl -fsS $("$AUTHCTL" header acme) {server.url}/api/any || exit 1'
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        began = time.monotonic()
        wait_for(lambda: not set(holders()) - before, 2)
    finally:
        for instance in taken:
            os.close(instance)
    say(
        f"{len(taken)} inotify instances taken: 31 headers all the same, no holder {time.monotonic() - began:.1f} s after the last"
    )


def test_it_works_as_an_unprivileged_user_from_cron_s_environment_and_under_set_e(folder, server):
    home = folder / "nobody"
    home.mkdir(mode=0o700)
    os.chown(home, 65534, 65534)
    binary = folder / "authctl"
    shutil.copy(AUTHCTL, binary)
    binary.chmod(0o755)
    script = (
        f"set -eu; export AUTHCTL_HOME={home}/a AUTHCTL_STORE=vault; {binary} vault init --unattended; "
        f'printf k | {binary} key add acme --header "X-API-Key: {{key}}" --origin {server.url}; curl -fsS $({binary} header acme) {server.url}/api/any; echo end'
    )
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*user, "env", "-i", "sh", "-c", script], capture_output=True, timeout=60, cwd=home
    )
    assert done.stdout == b"hello\nend\n", done
    # The process cannot be inspected, even by the same user.
    fifo = home / "fifo"
    os.mkfifo(fifo)
    os.chown(fifo, 65534, 65534)
    process = subprocess.Popen(
        [
            *user,
            "env",
            "-i",
            f"AUTHCTL_HOME={home}/a",
            "AUTHCTL_STORE=vault",
            str(binary),
            "key",
            "add",
            "other",
            "--header",
            "X: {key}",
            "--origin",
            "https://a.test",
        ],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: b"key" in pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes())
    time.sleep(0.3)
    peek = subprocess.run([*user, "cat", f"/proc/{process.pid}/environ"], capture_output=True)
    assert b"Permission denied" in peek.stderr, peek
    process.communicate(b"k")


def test_a_keychain_credential_goes_the_same_way(folder, keyring, server):
    home = keychain_home(folder, keyring)
    home.login(server).done()
    for name in SHELLS:
        done = shell(
            home,
            name,
            f"curl -fsS ($AUTHCTL header op) {server.url}/api"
            if name == "fish"
            else f'curl -fsS $("$AUTHCTL" header op) {server.url}/api',
        )
        assert done.stdout == b"hello\n", done
