"""Signals, unusual ids, locked stores, and pipes without input."""

import json
import signal
import subprocess
import time

import pytest
from conftest import AUTHCTL, Keyring, Server, keepers, keychain_home, say, vault_home, wait_for
from contracts import GitLab, Linode, Resend, SendGrid
from doubles import World
from test_recipes import later, newest
from test_rotate import Commanded, Requested, killed_while_pending
from test_tls import Authority


def stopped(process, by=signal.SIGINT, within=15):
    began = time.monotonic()
    process.send_signal(by)
    process.wait(timeout=within)
    return time.monotonic() - began


def test_ctrl_c_does_not_lose_a_roll_in_progress(folder):
    at = Requested(folder, GitLab())
    rotate = at.double.rotate

    def late(request):
        answer = rotate(request)
        time.sleep(3)
        return answer

    at.double.rotate = late
    running = at.home.start("rotate", at.name, "--yes")
    wait_for(lambda: at.double.dead)
    assert stopped(running) < 0.5
    assert running.returncode == -signal.SIGINT, running.stderr.read()
    wait_for(lambda: not keepers(at.home))
    assert at.tokens() == newest(at.double).value and at.home.run("status", at.name).code == 0
    at.stop()


def test_an_interrupted_refresh_goes_on_and_is_no_failure_that_others_repeat(folder):
    server, home = Server(), vault_home(folder)
    home.login(server).done()
    server.process.send_signal(signal.SIGSTOP)
    running = home.start("refresh", "op")
    time.sleep(1)
    seconds = stopped(running)
    assert running.returncode == -signal.SIGINT and seconds < 0.5, running.stderr.read()
    status = home.run("status", "op").done()
    assert "failed" not in status.out, "nobody knows yet what the answer will be"
    before = home.run("token", "op").done().out
    server.process.send_signal(signal.SIGCONT)
    wait_for(lambda: home.run("token", "op").done().out != before)
    server.stop()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_after_its_logins_as_before(by, folder):
    server, double = Server(), SendGrid()
    world = World(Authority(folder), [double])
    home = vault_home(folder, **world.env)
    home.login(server, "a").done()
    home.run("key", "add", "sendgrid", input=double.first.value).done()
    double.slow = 10**6
    running = home.start("rotate", "a", "sendgrid", "--yes")
    wait_for(lambda: len(double.keys) == 2)
    time.sleep(0.5)
    assert stopped(running, by) < 0.5 and running.returncode == -by, running
    double.slow, newest(double).slow = 0, 0
    # Nobody interrupts what has begun.
    wait_for(lambda: not keepers(home), 60)
    assert home.run("token", "sendgrid").done().out.strip() == newest(double).value
    world.stop()
    server.stop()


@pytest.mark.parametrize("kind", ["number", "text", "empty"])
def test_odd_ids_cost_no_key(kind, folder):
    at = Commanded(folder, kind)
    if kind == "empty":
        at.rotate().failed(8, "is empty")
        assert at.home.run("token", "mine").done().out == "first\n"
        return
    at.rotate().done()
    at.home.run("rotate", "--due", env=later(25)).done()
    at.check()
    at.rotate(hours=25).done()
    at.home.run("rotate", "--due", env=later(50)).done()
    at.check()


def test_the_end_of_a_key_is_known_whichever_run_hands_it_out(folder):
    at = Requested(folder, Linode())
    killed_while_pending(at)
    newest(at.double).slow = 0
    at.rotate().done()
    entry = next(
        entry
        for entry in json.loads(at.home.run("--json", "list").done().out)
        if entry["name"] == at.name
    )
    assert entry["expires"], entry
    at.stop()


def test_a_locked_store_of_a_manager_affects_only_keys_that_need_it(folder):
    keyring, resend, sendgrid = Keyring(folder / "session"), Resend(), SendGrid()
    world = World(Authority(folder), [resend, sendgrid])
    home = keychain_home(folder, keyring, **world.env)
    home.run("vault", "init", "--unattended").done()
    in_vault = {"AUTHCTL_STORE": "vault"}
    home.run(
        "key",
        "add",
        "resend/admin",
        "--no-verify",
        "--rotate-every",
        "never",
        input=resend.new("admin", dict(resend.rights)).value,
    ).done()
    home.run(
        "key",
        "add",
        "resend/it",
        "--no-verify",
        "--manager",
        "resend/admin",
        env=in_vault,
        input=resend.first.value,
    ).done()
    home.run("key", "add", "sendgrid", env=in_vault, input=sendgrid.first.value).done()
    keyring.lock()
    ran = home.run("--json", "rotate", "resend/it", "sendgrid", "--yes")
    results = {line["name"]: line["result"] for line in json.loads(ran.out)["results"]}
    assert ran.code == 5 and results == {"resend/it": "store_unavailable", "sendgrid": "rotated"}, (
        ran
    )
    world.stop()
    keyring.stop()


def test_a_key_that_only_the_user_can_revoke_is_reported(folder):
    home = vault_home(folder)
    (folder / "hand.toml").write_text(
        'name = "hand"\ntitle = "Hand"\norigins = ["https://hand.example"]\n[key]\nheaders = ["X-Key: {key}"]\npage = "https://hand.example/keys"\n'
        '[[rotation]]\nkind = "assisted"\nsteps = ["Make one"]\n'
    )
    home.run("provider", "add", str(folder / "hand.toml")).done()
    home.run("key", "add", "hand", input="first").done()
    home.run("rotate", "hand", input="second").done()
    status = home.run("status", "hand").done()
    assert "revoke the previous key" in status.out and "https://hand.example/keys" in status.out, (
        status
    )
    status = home.run("status", "hand", env=later(25))
    assert status.code == 8 and "run `authctl rotate --due hand`" in status.out, status
    # It is not reported as revoked, and no other key is requested.
    ran = home.run("rotate", "--due", "hand", env=later(25))
    assert (
        ran.code == 8
        and "revoke the previous key" in ran.out
        and "stays valid until you revoke it" in ran.err
    ), ran
    assert home.run("token", "hand").done().out == "second\n"
    home.run("rotate", "--due", env=later(25)).done()


def test_a_silent_pipe_is_not_waited_for(folder):
    home = vault_home(folder)
    home.run("key", "add", "stripe", "--no-verify", input="sk_test_" + "a" * 24).done()
    began = time.monotonic()
    running = subprocess.Popen(
        [AUTHCTL, "--no-input", "rotate", "stripe"],
        env=home.env,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.wait(timeout=10) == 8 and time.monotonic() - began < 5, running.stderr.read()
    say("interruptions: a roll, a refresh and a run of many end as they should")


def test_a_stopped_scheduled_run_is_reported(folder):
    at = Requested(folder, GitLab())
    at.rotate().done()
    rotate = at.double.rotate

    def late(request):
        time.sleep(3)
        return rotate(request)

    at.double.rotate = late
    running = at.home.start("rotate", "--due", "--scheduled", env=later(24 * 40))
    wait_for(lambda: keepers(at.home))
    assert stopped(running, signal.SIGTERM) < 1 and running.returncode == 130
    assert 'outcome = "interrupted"' in (at.home.path / "last-run.toml").read_text()
    wait_for(lambda: not keepers(at.home))
    assert at.tokens() == newest(at.double).value
    at.stop()
