"""A rotation never loses what it made: killed at every call, lost responses, stores that refuse, keys from the user, and
readers that never stop."""

import json
import os
import secrets
import signal
import subprocess
import threading
import time

import pytest
from conftest import AUTHCTL, CURL, HERE, Keyring, keepers, keychain_home, say, vault_home
from contracts import Cloudflare, GitHub, GitLab, SendGrid
from doubles import Double, Plain, World
from test_crash import killed_at
from test_recipes import Place, later, newest

CALLS = ["fsync", "rename", "renameat", "renameat2", "sendto", "recvfrom", "connect", "openat"]


class Slots(Double):
    """Two values at any time; each can be regenerated."""

    name, hosts, verifies = "slotted", ("slots",), True
    header = staticmethod(lambda value: ("x-key", value))

    def __init__(self):
        super().__init__()
        self.keys.clear()
        self.open = False
        self.slots = {"key1": secrets.token_hex(8), "key2": secrets.token_hex(8)}

    def contract(self):
        return [
            ("GET", "/me", self.me),
            ("POST", "/listKeys", self.listing),
            ("POST", "/regenerateKey", self.again),
        ]

    def known(self, request):
        return self.open or request.headers.get("x-key") in self.slots.values()

    def me(self, request):
        return (
            self.reply({}) if request.headers.get("x-key") in self.slots.values() else self.denied()
        )

    def listing(self, request):
        return (
            self.reply(
                {"keys": [{"keyName": name, "value": value} for name, value in self.slots.items()]}
            )
            if self.known(request)
            else self.denied()
        )

    def again(self, request):
        if not self.known(request):
            return self.denied()
        self.only(request, request.json, ["keyName"])
        self.slots[request.json["keyName"]] = secrets.token_hex(8)
        trouble = self.trouble.pop(0) if self.trouble else None
        return (
            None
            if trouble == "lose"
            else self.reply({"newKey": self.slots[request.json["keyName"]]})
        )


SLOTTED = """
name = "slotted"
title = "Slotted"
origins = ["URL"]
[key]
headers = ["X-Key: {key}"]
check = { url = "URL/me" }
[[rotation]]
kind = "two_slot"
slots = ["key1", "key2"]
[rotation.create]
call = { method = "POST", url = "URL/regenerateKey", json = { keyName = "${id}" } }
parts = { key = "/newKey" }
[rotation.list]
call = { method = "POST", url = "URL/listKeys" }
items = "/keys"
id = "/keyName"
value = "/value"
"""

OWN = """
name = "mine"
title = "Mine"
origins = ["http://127.0.0.1:9"]
[key]
headers = ["X-Key: {key}"]
[[rotation]]
kind = "command"
program = ["PROGRAM", "STATE", "IDS"]
"""


class Slotted:
    """A home with a key in one of two slots."""

    def __init__(self, folder):
        self.double = Slots()
        self.world = Plain([self.double])
        self.home = vault_home(folder)
        self.name = "slotted"
        (folder / "slotted.toml").write_text(SLOTTED.replace("URL", self.world.url))
        self.home.run("provider", "add", str(folder / "slotted.toml")).done()
        self.home.run("key", "add", "slotted", input=self.double.slots["key1"]).done()
        self.first = self.double.slots["key1"]

    def rotate(self, hours=0):
        return self.home.run("rotate", self.name, env=later(hours) if hours else None)

    def check(self):
        assert self.double.violations == []
        assert self.home.run("token", self.name).done().out.strip() in self.double.slots.values()

    def stop(self):
        self.world.stop()


class Commanded:
    """A home with a key that the user's program rotates."""

    def __init__(self, folder, ids="plain"):
        self.state = folder / "keys.json"
        self.state.write_text(json.dumps({"1": {"value": "first", "label": "by hand"}}))
        self.home = vault_home(folder)
        self.name = "mine"
        (folder / "mine.toml").write_text(
            OWN.replace("PROGRAM", str(HERE / "program.py"))
            .replace("STATE", str(self.state))
            .replace("IDS", ids)
        )
        self.home.run("provider", "add", str(folder / "mine.toml")).done()
        self.home.run("key", "add", "mine", "--id", "1", input="first").done()

    def rotate(self, hours=0):
        return self.home.run("rotate", self.name, env=later(hours) if hours else None)

    def check(self):
        keys = json.loads(self.state.read_text())
        assert [key["value"] for key in keys.values()] == [
            self.home.run("token", "mine").done().out.strip()
        ]

    def stop(self):
        pass


class Requested(Place):
    """A home with the key of a provider that creates keys by request."""

    def check(self):
        assert self.double.violations == [], self.double.violations
        assert len(self.double.keys) == 1, self.double.keys
        assert self.is_active(newest(self.double))

    def rotate(self, *flags, hours=0, **more):
        return super().rotate(*flags, hours=hours, **more)


def killed_while_pending(at):
    """A rotation that is killed while its new key is stored, but not accepted yet."""
    at.double.slow = 10**6
    began = at.home.start("rotate", at.name, "--yes")
    while len(at.double.keys) < 2:
        time.sleep(0.05)
    time.sleep(0.5)
    for pid in [*keepers(at.home), began.pid]:
        os.kill(pid, signal.SIGKILL)
    began.communicate()


def at_kind(kind, folder):
    if kind == "two_slot":
        return Slotted(folder)
    if kind == "command":
        return Commanded(folder)
    if kind == "roll":
        double = Cloudflare()
        double.manager = ("admin", "cfut_" + "m" * 40 + "0" * 8)
        return Requested(folder, double)
    return Requested(folder, SendGrid())


@pytest.mark.parametrize("kind", ["create_revoke", "roll", "two_slot", "command"])
def test_promise_02_a_rotation_never_loses_what_it_made(kind, folder):
    """SIGKILL at every call of a rotation and of the run that revokes the previous key; afterwards there is one valid key."""
    at = at_kind(kind, folder)
    hours, kills = 0, 0
    # A roll leaves no key to revoke.
    for arguments in (["rotate", at.name, "--yes"], ["rotate", "--due"])[
        : 1 if kind == "roll" else 2
    ]:
        for call in CALLS:
            for k in range(1, 400):
                if arguments[1] == "--due":
                    # A key to revoke: a rotation, and its grace period.
                    at.rotate(hours=hours).done()
                    hours += 25
                # Opening a file is not a step: every fifth is enough.
                if call == "openat" and k % 5:
                    continue
                died, ran = killed_at(at.home, call, k, *arguments, env=later(hours))
                # Its children are killed as well.
                if not died and "SIGKILL" not in ran.err + ran.out:
                    assert ran.code == 0, (call, k, ran)
                    hours += 25
                    at.home.run("rotate", "--due", env=later(hours)).done()
                    break
                kills += 1
                again = at.rotate(hours=hours)
                # For ten minutes, a requested roll may still take effect.
                assert again.code in ((0, 7, 8) if kind == "roll" else (0, 7)), (call, k, again)
                hours += 25
                last = at.home.run("rotate", "--due", env=later(hours))
                assert last.code == 0, (call, k, last)
                hours += 1
                at.check()
            else:
                raise AssertionError(f"{call} never ends")
    at.stop()
    say(f"{kind}: killed at {kills} calls, lost 0")
    assert kills > 20


def test_a_roll_without_a_manager_loses_only_what_the_provider_revoked(folder):
    """GitLab's rotation, without a manager: the known limit in the documentation."""
    kills = residual = 0
    for call in ("fsync", "renameat", "sendto", "recvfrom"):
        for k in range(1, 60):
            place = folder / f"{call}{k}"
            place.mkdir()
            at = Requested(place, GitLab())
            at.double.log.clear()
            died, ran = killed_at(at.home, call, k, "rotate", at.name, "--yes")
            if not died:
                at.stop()
                break
            kills += 1
            again = at.rotate()
            if again.code == 8 and "may still take effect" in again.err:
                again = at.rotate(hours=1)
            if again.code == 4:
                # The provider had acted, and the response had not reached the disk.
                assert any(request.method == "POST" for request in at.double.log)
                residual += 1
            else:
                assert again.code == 0, again
                at.check()
            at.stop()
    say(
        f"a roll without a manager: killed at {kills} calls, {residual} between the provider's act and the disk (the residual), lost 0 otherwise"
    )


def test_a_store_that_refuses_after_the_create_loses_nothing(folder):
    keyring = Keyring(folder / "session")
    double = SendGrid()
    world = World(__import__("test_tls").Authority(folder), [double])
    home = keychain_home(folder, keyring, **world.env)
    home.run("key", "add", "sendgrid", input=double.first.value).done()
    create = double.create

    def lock_first(*arguments):
        answer = create(*arguments)
        keyring.lock()
        return answer

    double.create = lock_first
    ran = home.run("rotate", "sendgrid", "--yes")
    assert ran.code == 0 and "only in its sealed file" in ran.err, ran
    # The store cannot be opened now, and no key is revoked.
    home.run("rotate", "--due", env=later(25)).failed(5)
    assert len(double.keys) == 2
    keyring.stop_daemon()
    keyring.start_daemon("pw")
    double.create = create
    assert home.run("token", "sendgrid").done().out.strip() == newest(double).value
    home.run("rotate", "--due", env=later(25)).done()
    assert list(double.keys.values()) == [newest(double)] and double.violations == []
    world.stop()
    keyring.stop()


def test_a_key_from_the_user_during_a_rotation(folder):
    at = Requested(folder, SendGrid())
    double = at.double
    # The new key is never accepted during this run; the user interrupts it.
    killed_while_pending(at)
    pending = newest(double)
    mine = double.new("by hand", dict(double.rights))
    at.home.run("key", "add", at.name, "--replace", input=mine.value).done()
    assert at.is_active(mine)
    pending.slow = 0
    # The created key is revoked after the grace period; the user's own key is not.
    at.home.run("rotate", "--due", env=later(25)).done()
    assert (
        pending.id not in double.keys and mine.id in double.keys and double.first.id in double.keys
    )
    assert at.is_active(mine) and double.violations == []
    at.stop()


def test_a_killed_key_add_loses_no_created_key(folder):
    kills = 0
    for call in ("fsync", "renameat", "openat"):
        for k in range(1, 80):
            place = folder / f"{call}{k}"
            place.mkdir()
            at = Requested(place, SendGrid())
            at.home.run("key", "set", at.name, "--rotate-every", "never").done()
            at.rotate().done()
            made, mine = newest(at.double), at.double.new("by hand", dict(at.double.rights))
            at.home.run("rotate", "--due", env=later(25)).done()
            died, ran = killed_at(
                at.home,
                call,
                k * (3 if call == "openat" else 1),
                "key",
                "add",
                at.name,
                "--replace",
                input=mine.value,
            )
            if not died:
                assert ran.code == 0, ran
                at.stop()
                break
            kills += 1
            at.home.run("rotate", "--due", env=later(60)).done()
            held = at.tokens()
            assert held in (made.value, mine.value)
            # Whichever key is stored now, the other created key is not lost.
            assert (made.id in at.double.keys) == (held == made.value), (call, k)
            at.stop()
    say(f"key add --replace killed at {kills} calls, nothing forgotten")
    assert kills > 10


def test_a_pending_key_that_is_gone_at_the_provider_is_dropped_in_time(folder):
    at = Requested(folder, SendGrid())
    double = at.double
    killed_while_pending(at)
    status = at.home.run("status", at.name)
    assert status.code == 8 and "a new key is stored, but not accepted yet" in status.out, status
    # The user has deleted it. While the provider may only be slow, the key stays stored and is reported.
    double.keys.pop(newest(double).id)
    waiting = at.home.start("rotate", at.name)
    at.home.run("token", at.name).done()
    assert (
        waiting.wait(timeout=90) == 8
        and b"not accepted by the provider yet" in waiting.stderr.read()
    )
    assert at.is_active(double.first)
    at.home.run("rotate", "--due", env=later(1)).done()
    assert at.home.run("status", at.name).code == 0
    at.rotate(hours=1).done()
    at.home.run("rotate", "--due", env=later(27)).done()
    at.check()
    at.stop()


def test_two_slots_ask_which_slot_has_the_key(folder):
    at = Slotted(folder)
    at.double.trouble = ["lose"]
    at.rotate().done()
    assert at.double.slots["key1"] == at.first, (
        "the idle one was made, twice, and the other left alone"
    )
    at.check()
    # The user has regenerated both: the slot cannot be determined, and nothing changes.
    at.rotate(hours=25).done()
    at.double.slots, at.double.open = {"key1": "a" * 16, "key2": "b" * 16}, True
    before = dict(at.double.slots)
    at.rotate(hours=60).failed(7, "in neither slot")
    assert at.double.slots == before
    at.stop()


def test_a_program_gets_its_secrets_only_on_standard_input(folder):
    at = Commanded(folder)
    trace = folder / "trace"
    ran = at.home.run(
        "rotate",
        "mine",
        prefix=["strace", "-f", "-qq", "-s", "65535", "-v", "-e", "trace=execve", "-o", str(trace)],
    )
    ran.done()
    value = at.home.run("token", "mine").done().out.strip()
    text = trace.read_text()
    assert "program.py" in text and value not in text and '"first"' not in text
    # An edited program is not run: the row differs from the binding of the key.
    row = at.home.path / "providers" / "mine.toml"
    row.write_text(row.read_text().replace("program.py", "other.py"))
    at.rotate().failed(7)


@pytest.mark.parametrize("kind", ["create_revoke", "roll", "two_slot", "command"])
def test_readers_in_a_loop_through_twenty_rotations(kind, folder):
    """Every 50 ms, a process asks for the header and uses it."""
    at = at_kind(kind, folder)
    url = {
        "create_revoke": "https://api.sendgrid.com/v3/scopes",
        "roll": "https://api.cloudflare.com/client/v4/user/tokens/verify",
    }.get(kind)
    if kind == "two_slot":
        url = f"{at.world.url}/me"
    going, reads, failed = True, 0, []
    env = {**at.home.env, "CURL_CA_BUNDLE": at.home.env.get("SSL_CERT_FILE", "")}

    def read():
        nonlocal reads
        if kind == "command":
            value = subprocess.run(
                [AUTHCTL, "token", "mine"], env=env, capture_output=True, text=True
            )
            keys = [key["value"] for key in json.loads(at.state.read_text()).values()]
            return value.returncode == 0 and value.stdout.strip() in keys, value.stderr
        script = f"{CURL} -fsS $({AUTHCTL} header {at.name}) {url}"
        ran = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True)
        return ran.returncode == 0, ran.stderr

    def loop():
        nonlocal reads
        while going:
            asked = time.monotonic()
            fine, said = read()
            reads += 1
            if not fine:
                failed.append((asked, said))
            time.sleep(max(0.0, 0.05 - (time.monotonic() - asked)))

    reader = threading.Thread(target=loop)
    reader.start()
    switches = []
    for round in range(20):
        began = time.monotonic()
        at.rotate(hours=round * 25 or 0).done()
        switches.append((began, time.monotonic()))
        # The lifetime of a reader: every process that asked before the switch has finished.
        seen = reads
        while reads < seen + 3:
            time.sleep(0.02)
    going = False
    reader.join()
    at.stop()
    if kind == "roll":
        # The provider revokes the old value with the request: only processes that had it at that moment fail.
        torn = [
            asked
            for asked, _ in failed
            if any(began - 0.5 < asked < ended for began, ended in switches)
        ]
        assert len(torn) == len(failed), failed
        say(
            f"roll: {reads} reads through 20 rotations, {len(failed)} held the old value when the provider ended it (the residual)"
        )
        return
    assert failed == []
    say(f"{kind}: {reads} reads through 20 rotations, no failure")
    assert reads >= 60


def test_a_manually_created_key_survives_a_kill(folder):
    at = Place(folder, GitHub())
    kills, hours = 0, 0
    for call in ("fsync", "renameat", "sendto", "recvfrom"):
        for k in range(1, 80):
            new = at.double.new("by hand", {})
            died, ran = killed_at(
                at.home, call, k, "rotate", at.name, "--yes", input=new.value, env=later(hours)
            )
            hours += 25
            if not died:
                assert ran.code == 0, ran
                break
            kills += 1
            # Stored or not stored yet; then it is entered again.
            held = at.home.run("token", at.name).done().out.strip()
            assert any(key.value == held for key in at.double.keys.values())
            again = at.rotate(input=new.value, hours=hours)
            assert again.code in (0, 7), again
            assert at.is_active(new)
            hours += 25
            at.home.run("rotate", "--due", env=later(hours)).done()
            assert list(at.double.keys.values()) == [new]
    say(f"by hand: killed at {kills} calls, lost 0")
    at.stop()


def test_a_child_of_the_user_s_program_does_not_hold_the_lock(folder):
    at = Commanded(folder)
    program = folder / "with-child"
    program.write_text(
        f'#!/bin/sh\nsleep 20 < /dev/null > /dev/null 2>&1 &\nexec {HERE / "program.py"} "$@"\n'
    )
    program.chmod(0o755)
    row = (folder / "mine.toml").read_text().replace(str(HERE / "program.py"), str(program))
    (folder / "mine.toml").write_text(row)
    at.home.run("provider", "add", str(folder / "mine.toml"), "--replace").done()
    at.home.run("key", "add", "mine", "--id", "1", "--replace", input="first").done()
    at.rotate().done()
    began = time.monotonic()
    at.home.run("key", "set", "mine", "--rotate-every", "30d").done()
    assert time.monotonic() - began < 5, "the lock is free"
