"""kill -9 at every step, and at random moments: nothing that reached the disk and nothing that the provider still
accepts is lost."""

import re
import subprocess
import threading
import time

import browser
import pytest
from conftest import Server, injected, keychain_home, say, vault_home

# `renameat` is what the binary calls on x86-64; the others are here for other systems.
CALLS = ["fsync", "rename", "renameat", "renameat2", "sendto", "recvfrom"]


def sealed_state(home):
    return {
        path.name: path.read_bytes()
        for path in (home.path / "sealed").glob("*")
        if not path.name.startswith(".")
    }


def killed_at(home, call, k, *arguments, env=None, input=None):
    """Runs a command that is killed at its k-th such system call; returns whether it was."""
    prefix = injected(call, f"signal=SIGKILL:when={k}")
    ran = home.run(*arguments, prefix=prefix, env=env, input=input)
    # The command itself, or its keeper, which it reports.
    died = ran.code in (-9, 137) or "ended unexpectedly" in ran.err + ran.out
    if died and home.keyring:
        # The daemon may not have noticed yet that its client was killed.
        time.sleep(0.02)
        if home.keyring.revive():
            say(
                f"gnome-keyring itself aborted when its client was killed at call {k} of {call}, and was started again"
            )
    return died, ran


def each_kill(home, *arguments, before=None, env=None, input=None, limit=60):
    """Every call of every kind, until the command gets through."""
    for call in CALLS:
        for k in range(1, limit):
            if before:
                before()
            died, ran = killed_at(home, call, k, *arguments, env=env, input=input)
            yield call, k, died, ran
            if not died:
                assert ran.code == 0, (call, k, ran)
                break
        else:
            raise AssertionError(f"{call} never ends")


class Elsewhere:
    """A browser elsewhere: `BROWSER` only writes the URL to a file."""

    def __init__(self, folder):
        self.place, self.going = folder / "address", True
        script = folder / "leave-address"
        script.write_text(f'#!/bin/sh\necho "$1" > {self.place}\n')
        script.chmod(0o755)
        self.env = {"BROWSER": str(script)}
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while self.going:
            # A whole line: the script only writes, since a rename would be one of the calls that are counted.
            if self.place.exists() and self.place.read_text().endswith("\n"):
                url = self.place.read_text().strip()
                self.place.unlink()
                try:
                    browser.visit(url, "alice")
                except Exception:  # nobody listens any more, in one of many ways
                    pass
            time.sleep(0.01)

    def stop(self):
        self.going = False


class Watch:
    """Whether the login must have survived: always, unless the server had acted and its response had not reached the disk."""

    def __init__(self, home, server):
        self.home, self.server = home, server
        self.before = server.control()["refreshes"], sealed_state(home)

    def in_window(self):
        # The server may still handle the request of a killed process.
        time.sleep(0.05)
        acted = self.server.control()["refreshes"] > self.before[0]
        return acted and sealed_state(self.home) == self.before[1]


def test_a_login_survives_a_kill_at_every_call_of_a_refresh(home, server):
    home.login(server).done()
    kills = lost = 0
    watch = None

    def before():
        nonlocal watch
        watch = Watch(home, server)

    for call, k, died, _ in each_kill(home, "refresh", "op", before=before):
        if not died:
            continue
        kills += 1
        window = watch.in_window()
        ran = home.run("refresh", "op")
        if ran.code:
            assert window and ran.code == 4, (call, k, ran)
            lost += 1
            home.login(server).done()
    say(
        f"refresh killed at {kills} calls: {lost} fell between the server's act and the sync (the residual), no other loss"
    )
    assert kills > 6


def test_a_kill_in_a_login_leaves_the_old_one_or_the_new_one(home, server, folder):
    home.login(server).done()
    kills = 0
    # The browser is not a child of the process that is killed: its own system calls do not count.
    elsewhere = Elsewhere(folder)
    env = elsewhere.env
    for _, _, died, _ in each_kill(
        home, "login", server.url, "--as", "op", "--client-id", "tool", "--timeout", "5s", env=env
    ):
        kills += died
        home.run("refresh", "op").done()
    # A first login: stored or not stored, never incomplete.
    home.run("logout", "op").done()
    outcomes = {0: 0, 3: 0}
    for call, k, died, _ in each_kill(
        home, "login", server.url, "--as", "new", "--client-id", "tool", "--timeout", "5s", env=env
    ):
        kills += died
        ran = home.run("refresh", "new")
        assert ran.code in outcomes, (call, k, ran)
        outcomes[ran.code] += 1
        if ran.code == 0:
            home.run("logout", "new").done()
        assert not sealed_state(home), (call, k)
    elsewhere.stop()
    say(
        f"login killed at {kills} calls: a second login never lost the first; a first login was there {outcomes[0]} times, not there {outcomes[3]} times"
    )


def test_a_kill_while_the_client_changes_leaves_a_login_that_works(home, server, folder):
    home.login(server).done()
    elsewhere = Elsewhere(folder)
    clients = [("confidential", "basic-secret:with/odd+chars%&="), ("tool", None)]
    kills = turn = 0
    for call in ("fsync", "renameat"):
        for k in range(1, 60):
            # A different client each time, so that every login changes it.
            client, secret = clients[turn % 2]
            turn += 1
            more = ["--client-secret-stdin"] if secret else []
            died, ran = killed_at(
                home,
                call,
                k,
                "login",
                server.url,
                "--as",
                "op",
                "--client-id",
                client,
                "--timeout",
                "5s",
                *more,
                env=elsewhere.env,
                input=secret,
            )
            kills += died
            home.run("refresh", "op").done()
            if not died:
                assert ran.code == 0, (call, k, ran)
                break
    elsewhere.stop()
    home.login(server).done()
    home.run("refresh", "op").done()
    left = (
        subprocess.run(
            ["secret-tool", "search", "--all", "service", "authctl"],
            env=home.env,
            capture_output=True,
        ).stderr.decode()
        if home.env["AUTHCTL_STORE"] == "keychain"
        else ""
    )
    assert left.count("client:") <= 1, left
    say(
        f"a login with another client killed at {kills} calls: the old or the new one works ({left.count('client:')} client secrets left)"
    )


def items(home):
    """The content of the store, independent of the index."""
    if home.env["AUTHCTL_STORE"] == "vault":
        return [path for path in (home.path / "vault").glob("*.age") if path.name != "identity.age"]
    found = subprocess.run(
        ["secret-tool", "search", "--all", "service", "authctl"], env=home.env, capture_output=True
    ).stderr.decode()
    return [line for line in found.splitlines() if "username" in line and "client:" not in line]


def test_a_kill_in_key_add_leaves_all_or_nothing(home):
    kills, outcomes = 0, {0: 0, 3: 0}
    for call, k, died, _ in each_kill(
        home, "key", "add", "acme", "--header", "X: {key}", "--origin", "https://a.test", input="k1"
    ):
        kills += died
        ran = home.run("token", "acme")
        assert ran.code in outcomes and ran.out in ("", "k1\n"), (call, k, ran)
        outcomes[ran.code] += 1
        if ran.code == 0:
            home.run("key", "remove", "acme").done()
        left = [item for item in items(home) if "probe" not in str(item)]
        assert not left and not sealed_state(home), (call, k, left)
    home.key("acme", "k1").done()
    replaced = 0
    for call, k, died, _ in each_kill(
        home,
        "key",
        "add",
        "acme",
        "--replace",
        "--header",
        "X: {key}",
        "--origin",
        "https://a.test",
        input="k2",
    ):
        kills += died
        ran = home.run("token", "acme").done()
        assert ran.out in ("k1\n", "k2\n"), (call, k, ran)
        replaced += ran.out == "k2\n"
        home.key("acme", "k1", "--replace").done()
    say(
        f"key add killed at {kills} calls: stored {outcomes[0]} times, not there {outcomes[3]} times, replaced {replaced} times, nothing in between"
    )


def test_a_kill_in_a_logout_is_finished_by_the_next_command(home, server):
    kills = 0
    home.login(server).done()

    def before():
        if home.run("token", "op").code:
            home.login(server).done()

    for call, k, died, _ in each_kill(home, "logout", "op", before=before):
        kills += died
        ran = home.run("token", "op")
        assert ran.code in (0, 3), (call, k, ran)
        if ran.code == 3:
            assert (
                not items(home)
                and not sealed_state(home)
                and not list((home.path / "credentials").rglob("*.toml"))
            ), (call, k)
    say(f"logout killed at {kills} calls: there or gone, nothing left behind")


def test_a_kill_in_a_renaming_leaves_one_name(home, server):
    """One of the two names works, the other one is unknown, and there is one refresh token."""
    home.login(server).done()
    kills = renamed = 0
    now, other = "op", "op/other"
    for call in CALLS:
        for k in range(1, 60):
            died, ran = killed_at(home, call, k, "rename", now, other)
            kills += died
            codes = [home.run("refresh", name).code for name in (now, other)]
            assert sorted(codes) == [0, 3], (call, k, codes, ran)
            assert (
                len(items(home)) == 1
                and len(sealed_state(home)) == 1
                and len(list((home.path / "credentials").rglob("*.toml"))) == 1
            ), (call, k, items(home))
            if codes[1] == 0:
                renamed += 1
                now, other = other, now
            if not died:
                assert ran.code == 0, (call, k, ran)
                break
        else:
            raise AssertionError(f"{call} never ends")
    say(
        f"rename killed at {kills} calls: one name works, the other is unknown ({renamed} times the new one), the token lives once"
    )
    assert kills > 6


def test_a_kill_in_a_move_leaves_one_authority(folder, keyring, server):
    home = keychain_home(folder, keyring)
    home.run("vault", "init", "--unattended").done()
    home.login(server).done()
    env = {"AUTHCTL_STORE": ""}

    def vault():
        return [path for path in (home.path / "vault").glob("*.age") if path.name != "identity.age"]

    kills = moved = 0
    place, other = "keychain", "vault"
    for call in CALLS:
        for k in range(1, 80):
            died, ran = killed_at(home, call, k, "move", "op", "--to", other, env=env)
            kills += died
            home.run("refresh", "op", env=env).done()
            index = (home.path / "credentials/op/default.toml").read_text()
            there = "vault" if 'store = "vault"' in index else "keychain"
            held = {
                "keychain": [item for item in items(home) if "probe" not in item],
                "vault": vault(),
            }
            assert (
                'state = "active"' in index
                and len(held[there]) == 1
                and not held["vault" if there == "keychain" else "keychain"]
            ), (call, k, held, ran)
            assert len(sealed_state(home)) == 1, (call, k)
            if there == other:
                moved += 1
                place, other = other, place
            if not died:
                assert ran.code == 0, (call, k, ran)
                break
        else:
            raise AssertionError(f"{call} never ends")
    say(f"move killed at {kills} calls: the login works, in one store ({moved} times the new one)")
    assert kills > 10


@pytest.mark.parametrize("store", ["vault"])
def test_how_long_the_window_is(folder, store):
    server = Server()
    home = vault_home(folder)
    home.login(server).done()
    trace = folder / "trace"
    times = []
    for _ in range(20):
        home.run(
            "refresh",
            "op",
            prefix=[
                "strace",
                "-f",
                "-ttt",
                "-T",
                "-o",
                str(trace),
                "-e",
                "trace=recvfrom,fsync,rename,renameat,renameat2",
            ],
        ).done()
        received = synced = None
        renamed = False
        for line in trace.read_text().splitlines():
            found = re.match(r"\d+\s+([\d.]+) (\w+)\((.*?)(?:<([\d.]+)>)?$", line)
            if not found:
                continue
            at, call, rest, took = float(found[1]), found[2], found[3], float(found[4] or 0)
            if (
                call == "recvfrom"
                and "access_token" in rest
                or call == "recvfrom"
                and "HTTP/1.1 200" in rest
            ):
                received = at + took
            if call.startswith("rename") and "/sealed/" in rest and received:
                renamed = True
            if call == "fsync" and renamed and synced is None:
                synced = at + took
        assert received and synced, trace.read_text()[-2000:]
        times.append((synced - received) * 1000)
    times.sort()
    say(
        f"from receipt to the sync of file and folder, under strace: median {times[10]:.1f} ms, longest {times[-1]:.1f} ms"
    )
    server.stop()
