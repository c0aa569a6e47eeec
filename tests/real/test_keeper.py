"""What talks to a provider outlives the command that started it: callers are killed, nothing is lost."""

import fcntl
import os
import pty
import random
import signal
import subprocess
import time

import pytest
from conftest import (
    AUTHCTL,
    Keyring,
    Server,
    keepers,
    keychain_home,
    say,
    vault_home,
    wait_for,
)
from contracts import GitLab, SendGrid
from test_crash import Elsewhere
from test_recipes import later, newest
from test_rotate import Requested

KILLS = int(os.environ.get("KILLS", "300"))


def gone(home, within=2.0):
    """No keeper is left."""
    wait_for(lambda: not keepers(home), within)


def store_home(folder, store):
    keyring = Keyring(folder / "session") if store == "keychain" else None
    return (keychain_home(folder, keyring) if keyring else vault_home(folder)), keyring


@pytest.mark.parametrize("whom", ["caller", "group"])
@pytest.mark.parametrize("store", ["keychain", "vault"])
def test_a_killed_caller_loses_no_login(folder, server, store, whom):
    """The server rotates, without a grace period and with reuse detection: a lost answer is a lost login."""
    home, keyring = store_home(folder, store)
    home.login(server).done()
    whole = sorted(home.run("refresh", "op").done().seconds for _ in range(5))[2]
    chance = random.Random(411)
    killed = acted = 0
    for moment in range(KILLS):
        before = server.control()["refreshes"]
        process = subprocess.Popen(
            [AUTHCTL, "refresh", "op"],
            env=home.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        time.sleep(chance.uniform(0, whole))
        if whom == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.send_signal(signal.SIGKILL)
        process.wait()
        killed += process.returncode == -9
        ran = home.run("token", "op", "--min-ttl", "0s")
        if ran.code == 5 and keyring and keyring.revive():
            ran = home.run("token", "op", "--min-ttl", "0s")
        assert ran.code == 0, (moment, ran)
        acted += server.control()["refreshes"] > before
    home.run("refresh", "op").done()
    gone(home)
    say(
        f"{store}: {killed} of {KILLS} refreshes of {whole * 1000:.0f} ms killed ({whom}), in {acted} the server had acted: 0 logins lost"
    )
    assert acted > KILLS / 10, acted
    if keyring:
        keyring.stop()


@pytest.mark.parametrize("how", ["timeout", "terminal", "ctrl-c"])
def test_other_ways_to_end_a_caller_lose_no_login(folder, how):
    server, home = Server(), vault_home(folder)
    home.login(server).done()
    for _ in range(5):
        server.control(refreshes=0, next=["slow"])
        if how == "timeout":
            command = ["timeout", "-s", "KILL", "0.3", AUTHCTL, "refresh", "op"]
            assert subprocess.run(command, env=home.env, capture_output=True).returncode in (
                -9,
                137,
            )
        elif how == "terminal":
            pid, terminal = pty.fork()
            if pid == 0:
                os.execve(AUTHCTL, [AUTHCTL, "refresh", "op"], home.env)
            time.sleep(0.3)
            os.close(terminal)
            os.waitpid(pid, 0)
        else:
            pid, terminal = pty.fork()
            if pid == 0:
                os.execve(AUTHCTL, [AUTHCTL, "refresh", "op"], home.env)
            time.sleep(0.3)
            began = time.monotonic()
            os.write(terminal, b"\x03")
            os.waitpid(pid, 0)
            assert time.monotonic() - began < 0.2, "the caller ends at once"
            os.close(terminal)
        home.run("token", "op").done()
        wait_for(lambda: server.control()["refreshes"] == 1)
        gone(home)
    home.run("refresh", "op").done()
    gone(home)
    server.stop()


@pytest.mark.parametrize("whom", ["caller", "group"])
def test_a_killed_caller_loses_no_code(folder, server, whom):
    """A code can be redeemed once: after the server has acted, the login is there."""
    home, elsewhere = vault_home(folder), Elsewhere(folder)
    chance = random.Random(6749)
    kills = KILLS // 10
    for moment in range(kills):
        name = f"op/{moment}"
        server.control(tokenRequests=0, next=["soon"])
        command = [AUTHCTL, "login", server.url, "--as", name, "--client-id", "tool"]
        process = subprocess.Popen(
            command,
            env={**home.env, **elsewhere.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        wait_for(lambda: server.control()["tokenRequests"])
        time.sleep(chance.uniform(0, 0.25))
        if whom == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        gone(home)
        home.run("token", name).done()
        home.run("refresh", name).done()
    events = home.run("audit", "--json", "--last", "1000").done().out
    assert events.count('"login"') == kills, "each login is in the audit log, once"
    elsewhere.stop()
    say(f"{kills} logins killed after the code was sent ({whom}): 0 lost")


@pytest.mark.parametrize("kind", ["roll", "create"])
def test_a_killed_caller_loses_no_key(folder, kind):
    at = Requested(folder, GitLab() if kind == "roll" else SendGrid())
    began = time.monotonic()
    at.rotate().done()
    whole = time.monotonic() - began
    chance = random.Random(2026)
    # A roll leaves no key that has to be revoked later.
    step = 25 if kind == "create" else 0
    hours, acted, kills = step, 0, KILLS // 5
    at.home.run("rotate", "--due", env=later(hours)).done()
    for moment in range(kills):
        before = newest(at.double).value
        process = subprocess.Popen(
            [AUTHCTL, "rotate", at.name, "--yes"],
            env={**at.home.env, **later(hours)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        time.sleep(chance.uniform(0, whole))
        if moment % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        gone(at.home, 10)
        acted += newest(at.double).value != before
        # What was begun is done, without another command.
        assert at.is_active(newest(at.double)), moment
        hours += step
        at.home.run("rotate", "--due", env=later(hours)).done()
        at.check()
        hours += step
    at.stop()
    say(f"{kind}: {kills} rotations of {whole * 1000:.0f} ms killed, {acted} new keys, 0 lost")
    assert acted > kills / 10, acted


def test_fifty_on_an_expired_token_have_one_keeper(folder):
    server, home = Server(ttl=2), vault_home(folder)
    home.login(server).done()
    time.sleep(2.1)
    server.control(ttl=3600)
    before = server.control()["refreshes"]
    running = [home.start("token", "op") for _ in range(50)]
    tokens = {process.communicate(timeout=60)[0] for process in running}
    assert len(tokens) == 1 and all(process.returncode == 0 for process in running)
    assert server.control()["refreshes"] == before + 1
    gone(home)
    server.stop()


def test_a_keeper_holds_nothing_of_its_caller(folder):
    """A script's lock on a file of its own, and a pipe that is read until its last writer closes it."""
    server, home = Server(), vault_home(folder)
    home.login(server).done()
    server.next("slow")
    held = open(folder / "lock", "w")
    fcntl.flock(held, fcntl.LOCK_EX)
    os.set_inheritable(held.fileno(), True)
    running = home.start("refresh", "op", close_fds=False)
    wait_for(lambda: keepers(home))
    held.close()
    running.kill()
    running.wait()
    (name,) = keepers(home).values()
    assert name[0] == "authctl" and "refresh" in name and "op" in name, name
    again = open(folder / "lock", "w")
    wait_for(lambda: _try_lock(again), 0.5)
    began = time.monotonic()
    assert running.stdout.read() == b"" and running.stderr.read() == b""
    assert time.monotonic() - began < 0.5 and keepers(home), (
        "the pipes are closed, the keeper works"
    )
    gone(home, 15)
    server.stop()


def _try_lock(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def test_a_killed_keeper_is_reported_and_frees_the_lock(folder):
    server, home = Server(), vault_home(folder)
    home.login(server).done()
    server.next("slow")
    running = home.start("refresh", "op")
    for pid in wait_for(lambda: keepers(home)):
        os.kill(pid, signal.SIGKILL)
    said = running.communicate(timeout=5)[1].decode()
    assert running.returncode == 6 and "ended unexpectedly" in said, said
    # The lock is free at once; the server may have spent the token.
    assert home.run("refresh", "op").code in (0, 4)
    server.stop()
