"""`authctl doctor` in ten states of a machine: it names cause and remedy in each; and its prediction for
for cron is what a real cron job then meets."""

import http.server
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import threading
import time

import pytest
from conftest import AUTHCTL, PATH, injected, keychain_home, say, vault_home, wait_for


@pytest.fixture
def clock():
    """A server whose clock is `offset` seconds wrong."""

    class Handler(http.server.BaseHTTPRequestHandler):
        offset = 0

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def date_time_string(self, timestamp=None):
            return super().date_time_string(time.time() + Handler.offset)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield Handler
    server.shutdown()


def doctor(home, clock, *arguments, env=None, **more):
    done = home.run(
        "--json", "doctor", "--server", clock.url, *arguments, env=env, timeout=60, **more
    )
    assert done.out, done
    document = json.loads(done.out)
    text = home.run("doctor", "--server", clock.url, *arguments, env=env, timeout=60, **more).out
    for check in document["checks"]:
        # Every problem has a hint, unless the user cannot change it.
        assert check["status"] == "ok" or check["hint"] or "not looked at" in check["detail"], check
        assert check["name"] in text
    return (
        done.code,
        {check["name"]: check for check in document["checks"]},
        {store["store"]: store for store in document["stores"]},
    )


def test_the_ten_states_of_a_machine(folder, keyring, clock):
    desktop = {"DISPLAY": ":0", "BROWSER": "/bin/true"}
    home = keychain_home(folder, keyring, AUTHCTL_STORE="")
    home.key("acme", "k").done()

    # 1. An unlocked keychain.
    code, checks, stores = doctor(home, clock, env=desktop)
    assert (
        code == 0
        and checks["keychain"]["status"] == "ok"
        and checks["session bus"]["status"] == "ok"
    ), checks
    assert stores["keychain"] == {
        "store": "keychain",
        "credentials": 1,
        "exit_code": 0,
        "detail": "can be read",
    }
    assert (
        checks["browser"]["status"] == "ok"
        and checks["clock"]["status"] == "ok"
        and checks["curl header"]["status"] == "ok"
    ), checks

    # 2. A locked one.
    keyring.lock()
    code, checks, stores = doctor(home, clock)
    assert (
        code == 8
        and "locked" in checks["keychain"]["detail"]
        and "unlock the keychain" in checks["keychain"]["hint"]
    ), checks
    assert stores["keychain"]["exit_code"] == 5 and checks["stores"]["status"] == "problem"

    # 3. A service that hangs.
    keyring.daemon.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    code, checks, stores = doctor(home, clock)
    assert (
        code == 8
        and "did not answer within 10 seconds" in checks["keychain"]["detail"]
        and "window" in checks["keychain"]["hint"]
    ), checks
    assert stores["keychain"]["exit_code"] == 5 and time.monotonic() - began < 60
    keyring.daemon.send_signal(signal.SIGCONT)

    # 4. No bus at all.
    nowhere = {"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": str(folder)}
    code, checks, stores = doctor(home, clock, env=nowhere)
    assert code == 8 and "DBUS_SESSION_BUS_ADDRESS is not set" in checks["session bus"]["detail"], (
        checks
    )
    assert (
        "dbus-run-session" in checks["session bus"]["hint"]
        and "vault init" in checks["stores"]["hint"]
        and stores["keychain"]["exit_code"] == 5
    )

    # 5. A dead one.
    code, checks, _ = doctor(
        home, clock, env={"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/gone"}
    )
    assert code == 8 and checks["session bus"]["detail"].startswith(
        "does not answer: DBUS_SESSION_BUS_ADDRESS points to"
    ), checks
    assert "unset DBUS_SESSION_BUS_ADDRESS" in checks["session bus"]["hint"]

    # With a vault, none of these prevents new credentials; only those in the keychain are affected.
    server = vault_home(folder, "server")
    server.key("acme", "k").done()
    code, checks, stores = doctor(server, clock, env=nowhere)
    assert (
        code == 0
        and "stores" not in checks
        and stores
        == {"vault": {"store": "vault", "credentials": 1, "exit_code": 0, "detail": "can be read"}}
    )

    # 6. No browser.
    bare = folder / "bin"
    bare.mkdir()
    for program in ("sh", "curl", "sleep"):
        os.symlink(shutil.which(program, path=PATH), bare / program)
    code, checks, _ = doctor(server, clock, env={"PATH": str(bare)})
    assert (
        code == 0
        and "no program that opens a browser" in checks["browser"]["detail"]
        and "--no-browser" in checks["browser"]["hint"]
    ), checks

    # 7. A session over SSH.
    code, checks, _ = doctor(
        server, clock, env={"SSH_CONNECTION": "192.0.2.1 5000 192.0.2.7 22", "USER": "ann"}
    )
    assert (
        "this is an SSH session" in checks["browser"]["detail"]
        and "ssh -N -L" in checks["browser"]["hint"]
        and "ann@192.0.2.7" in checks["browser"]["hint"]
    )

    # 8. A container: process 1 does not reap orphaned processes.
    init = folder / "init.py"
    init.write_text(
        "import subprocess, sys\ndone = subprocess.run(sys.argv[1:], capture_output=True)\nprint(done.stdout.decode())\n"
    )
    inside = ["unshare", "--pid", "--fork", "--mount-proc", "/usr/bin/python3", str(init)]
    done = server.run("--json", "doctor", "--server", clock.url, prefix=inside)
    checks = {check["name"]: check for check in json.loads(done.out)["checks"]}
    assert (
        "does not reap orphaned processes" in checks["process 1"]["detail"]
        and "docker run --init" in checks["process 1"]["hint"]
    ), checks

    # 9. A read-only home.
    script = f'mount --bind "{server.path}" "{server.path}" && mount -o remount,ro,bind "{server.path}" && exec "$@"'
    read_only = ["unshare", "--mount", "sh", "-c", script, "sh"]
    code, checks, stores = doctor(server, clock, prefix=read_only)
    assert (
        code == 8
        and "Read-only file system" in checks["folders"]["detail"]
        and "AUTHCTL_HOME" in checks["folders"]["hint"]
    ), checks
    assert stores["vault"]["exit_code"] == 0, "what is there can still be read"

    # 10. A clock that is two hours wrong.
    for offset, words in ((-7200, "2 hours ahead of"), (7200, "behind")):
        clock.offset = offset
        code, checks, _ = doctor(server, clock)
        assert (
            code == 8
            and checks["clock"]["status"] == "problem"
            and words in checks["clock"]["detail"]
            and "set-ntp" in checks["clock"]["hint"]
        ), checks
    clock.offset = 0

    # No network: reported, but not a problem.
    closed = type("Closed", (), {"url": "http://127.0.0.1:9"})
    code, checks, _ = doctor(server, closed)
    assert (
        code == 0
        and "cannot be reached" in checks["clock"]["detail"]
        and "proxy" in checks["clock"]["hint"]
    )
    # No certificates: the network libraries do not start.
    if os.geteuid() == 0:
        empty = folder / "certs"
        empty.mkdir()
        script = f'for place in /etc/ssl /usr/share/ca-certificates /usr/lib/ssl /etc/pki; do [ -d $place ] && mount --bind "{empty}" $place; done; exec "$@"'
        code, checks, _ = doctor(
            server, clock, prefix=["unshare", "--mount", "sh", "-c", script, "sh"]
        )
        assert code == 8 and "ca-certificates" in checks["network"]["detail"], checks
    say("10 states: cause and remedy named in each")


USER = "authctl-test"


@pytest.fixture
def user():
    """A separate user with its own crontab."""
    subprocess.run(["userdel", "-rf", USER], capture_output=True)
    subprocess.run(["useradd", "-m", "-s", "/bin/sh", USER], check=True)
    yield pwd.getpwnam(USER)
    subprocess.run(["crontab", "-u", USER, "-r"], capture_output=True)
    subprocess.run(["userdel", "-rf", USER], capture_output=True)


def test_as_cron_predicts_the_result_of_a_real_cron_job(folder, keyring, clock, user):
    place = pathlib.Path(user.pw_dir)
    program = place / "authctl"
    shutil.copy(AUTHCTL, program)
    env = {"PATH": PATH, "HOME": str(place), "LOGNAME": USER, "USER": USER}
    session = {
        **env,
        **{
            key: value
            for key, value in keyring.env.items()
            if key in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
        },
    }

    def run(*arguments, env, input=None, prefix=()):
        return subprocess.run(
            [*prefix, program, *arguments], env=env, input=input, capture_output=True, timeout=60
        )

    # root writes to no other user's home.
    os.chown(place, 0, 0)
    add = ["--header", "X-API-Key: {key}", "--origin", "https://api.example.com"]
    for arguments, there, key in [
        (["vault", "init", "--unattended"], env, None),
        (["--store", "keychain", "key", "add", "inkeychain", *add], session, b"k\n"),
        (["--store", "vault", "key", "add", "invault", *add], session, b"k\n"),
    ]:
        done = run(*arguments, env=there, input=key)
        assert done.returncode == 0, done
    subprocess.run(["chown", "-R", f"{USER}:{USER}", place], check=True)
    as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    # In the desktop session, both work; in the environment of cron, only one does.
    done = run("--json", "doctor", "--as-cron", "--server", clock.url, env=env, prefix=as_user)
    document = json.loads(done.stdout)
    foretold = {store["store"]: store["exit_code"] for store in document["stores"]}
    assert (
        document["as_cron"] and foretold == {"keychain": 5, "vault": 0} and done.returncode == 8
    ), document

    job = place / "job"
    job.write_text(
        f"#!/bin/sh\nfor name in inkeychain invault; do {program} token $name > {place}/$name.out 2> {place}/$name.err; echo $? > {place}/$name.code; done\ntouch {place}/done\n"
    )
    job.chmod(0o755)
    table = subprocess.run(
        ["crontab", "-u", USER, "-"], input=f"* * * * * {job}\n".encode(), capture_output=True
    )
    assert table.returncode == 0, table
    pidfile = pathlib.Path("/run/crond.pid")
    before = pidfile.read_text() if pidfile.exists() else None
    cron = subprocess.Popen(["cron", "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for(lambda: (place / "done").exists(), seconds=130, pause=0.5)
    finally:
        cron.kill()
        cron.wait()
        if before is None:
            pidfile.unlink(missing_ok=True)
    met = {store: int((place / f"in{store}.code").read_text()) for store in ("keychain", "vault")}
    assert met == foretold, (met, (place / "inkeychain.err").read_text())
    assert (place / "invault.out").read_text() == "k\n"
    # Variables that are set only here are reported.
    done = run(
        "--json",
        "doctor",
        "--as-cron",
        "--server",
        clock.url,
        env={**env, "AUTHCTL_STORE": "vault"},
        prefix=as_user,
    )
    assert any(
        check["name"] == "environment" and "AUTHCTL_STORE" in check["detail"]
        for check in json.loads(done.stdout)["checks"]
    )
    say(f"--as-cron foretold {foretold}, a real cron job met {met}")


@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def test_o5_a_file_system_without_locks_is_said(folder, error):
    """Some network file systems have none. What changes something fails before it changes it, and `doctor` knows."""
    home = vault_home(folder)
    home.key("acme", "k1").done()
    prefix = injected("flock", f"error={error}")
    hint = "does not support file locks; set AUTHCTL_HOME to a folder on a local disk"
    for command in (
        ["rename", "acme", "other"],
        ["key", "remove", "acme"],
        ["key", "set", "acme", "--expires", "never"],
    ):
        ran = home.run(*command, prefix=prefix)
        assert ran.code == 1 and hint in ran.err, ran
    ran = home.run("doctor", prefix=prefix)
    assert ran.code == 8 and hint in ran.out + ran.err, ran
    assert home.run("token", "acme", prefix=prefix).done().out == "k1\n"
