"""Every recipe of the catalogue, with the real program, against a double of its provider's documented interface."""

import os
import re

import pytest
from conftest import HERE, say, vault_home
from contracts import BY_HAND, BY_REQUEST, Cloudflare, Databricks, GitHub, GitLab, Resend, SendGrid
from doubles import World
from test_tls import Authority

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
COUNTED = {"recipes": 0, "facts": 0}


def later(hours):
    """An environment in which the clock is ahead."""
    assert os.path.exists(FAKETIME), "faketime is not installed"
    # Without shared memory, which a killed process would leave behind.
    return {
        "LD_PRELOAD": FAKETIME,
        "FAKETIME": f"+{hours}h",
        "FAKETIME_DISABLE_SHM": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


class Place:
    """A home with the key of one double."""

    def __init__(self, folder, double, more=()):
        self.double = double
        self.world = World(Authority(folder), [double, *more])
        self.home = vault_home(folder, **self.world.env)
        self.name = f"{double.name}/it"
        self.add()

    def add(self):
        double, first = self.double, self.double.first
        if double.manager:
            account, value = double.manager
            provider = getattr(double, "manager_of", double.name)
            flags = getattr(double, "manager_flags", None) or (
                ["--origin", double.manager_origin] if hasattr(double, "manager_origin") else []
            )
            given = [
                part
                for name, value in double.values.items()
                for part in ("--set", f"{name}={value}")
                if name in ("host", "app", "account") and provider == double.name and not flags
            ]
            text = (
                double.manager_input()
                if hasattr(double, "manager_input")
                else "\n".join(getattr(double, "parts", lambda value: [value])(value)) + "\n"
            )
            self.manager = provider if provider == account else f"{provider}/{account}"
            self.home.run(
                "key",
                "add",
                self.manager,
                "--no-verify",
                "--rotate-every",
                "never",
                *flags,
                *given,
                input=text,
            ).done()
        values = [
            part for name, value in double.values.items() for part in ("--set", f"{name}={value}")
        ]
        manager = ["--manager", self.manager] if double.manager else []
        id = ["--id", first.id] if getattr(double, "given_id", False) else []
        parts = getattr(double, "parts", lambda value: [value])(first.value)
        self.home.run(
            "key", "add", self.name, *values, *manager, *id, input="\n".join(parts) + "\n"
        ).done()
        double.log.clear()

    def rotate(self, *flags, hours=0, **more):
        forced = ["--force"] if getattr(self.double, "force", False) else []
        ran = self.home.run(
            "-v",
            "rotate",
            self.name,
            "--yes",
            *forced,
            *flags,
            env=later(hours) if hours else None,
            **more,
        )
        assert "only in the vault" not in ran.err, ran
        # No key, old or new, is in the output.
        secrets = [key.value for key in [*self.double.keys.values(), *self.double.dead]] + (
            [self.double.manager[1]] if self.double.manager else []
        )
        for secret in secrets:
            for part in getattr(self.double, "parts", lambda value: [value])(secret)[-1:]:
                assert part not in ran.out + ran.err, ran
        return ran

    def held(self):
        """The value that is printed."""
        handed = (
            self.home.run("--json", "header", self.name, "--format", "json")
            if self.double.header
            else None
        )
        return handed

    def tokens(self):
        double = self.double
        count = len(getattr(double, "parts", lambda value: [value])(double.first.value))
        if count == 1:
            return self.home.run("token", self.name).done().out.strip()
        words = {
            "twilio": ("sid", "secret"),
            "algolia": ("key", "app"),
            "datadog": ("key", "app"),
            "confluent": ("id", "secret"),
        }[double.name]
        return [
            self.home.run("token", self.name, "--part", word).done().out.strip() for word in words
        ]

    def is_active(self, key):
        parts = getattr(self.double, "parts", lambda value: [value])(key.value)
        return self.tokens() == (parts[0] if len(parts) == 1 else parts)

    def tidy(self, live):
        assert self.double.violations == [], self.double.violations
        assert len(self.double.keys) == live, self.double.keys

    def stop(self):
        self.world.stop()
        COUNTED["facts"] += self.double.facts


@pytest.fixture
def place(folder):
    places = []

    def make(kind, **change):
        double = kind()
        for name, value in change.items():
            setattr(double, name, value)
        places.append(Place(folder, double))
        return places[-1]

    yield make
    for one in places:
        one.stop()


def newest(double):
    return list(double.keys.values())[-1]


@pytest.mark.parametrize("kind", BY_REQUEST, ids=lambda kind: kind.__name__)
def test_a_key_is_rotated_as_the_provider_documents_it(place, kind):
    at = place(kind)
    double, rolls = at.double, getattr(kind, "roll", False)
    done = at.rotate().done()
    assert at.is_active(newest(double)), done
    assert double.violations == [], double.violations
    if rolls:
        at.tidy(1)
        assert double.dead, "the old value ended"
    else:
        # Both are valid during the grace period, and no third key is created.
        at.tidy(2)
        before = len(double.log)
        at.rotate().failed(7, "is valid until")
        assert not [request for request in double.log[before:] if request.method == "DELETE"]
        at.rotate(hours=25).done()
        # The previous key is revoked, and one more was created.
        at.tidy(2)
        assert [key.value for key in double.dead] == [double.first.value]
        assert at.is_active(newest(double))
    # Keys that are due are revoked; others are not.
    at.home.run("--json", "rotate", "--due", env=later(60)).done()
    at.tidy(1)
    COUNTED["recipes"] += 1
    say(f"{kind.__name__}: {len(double.log)} requests, {double.facts} facts checked")


@pytest.mark.parametrize("kind", BY_REQUEST, ids=lambda kind: kind.__name__)
def test_the_documented_errors_lose_nothing(place, kind):
    at = place(kind)
    double, rolls = at.double, getattr(kind, "roll", False)
    for trouble, code in [(403, 7), (429, 6)] + ([] if rolls else [("quota", 7)]):
        double.trouble = [trouble]
        at.rotate().failed(code)
        at.tidy(1)
        assert at.is_active(double.first)
    if rolls:
        return
    # The response is lost after the provider has acted: the unused key is found and revoked, then the rotation succeeds.
    double.trouble = ["lose"]
    at.rotate().failed(8, "was lost")
    at.tidy(2)
    assert at.is_active(double.first)
    status = at.home.run("status", at.name)
    assert status.code == 8 and "may have created an unused key" in status.out, status
    double.slow = 2 if kind.verifies or kind.__name__ == "Google" else 0
    at.rotate().done()
    at.tidy(2)
    assert at.is_active(newest(double)), "accepted late"
    # A failed revocation is repeated; a key that is already revoked counts as revoked.
    double.revoke_trouble = [403]
    at.home.run("rotate", "--due", env=later(25)).failed(8)
    at.tidy(2)
    double.revoke_trouble = ["lose"]
    at.home.run("rotate", "--due", env=later(26)).failed(8)
    at.home.run("rotate", "--due", env=later(27)).done()
    at.tidy(1)
    assert at.is_active(newest(double))


@pytest.mark.parametrize("kind", BY_HAND, ids=lambda kind: kind.__name__)
def test_a_manually_created_key_replaces_the_previous_one_which_is_revoked(place, kind):
    at = place(kind)
    double = at.double
    at.rotate().failed(8, "created manually")
    assert at.is_active(double.first)
    at.rotate(input="x" * 60).failed(7, "does not look like")
    at.rotate(input=kind.form()).failed(7, "does not accept")
    new = double.new("by hand", {})
    at.rotate(input=new.value).done()
    assert at.is_active(new)
    at.home.run("rotate", "--due", env=later(25)).done()
    at.tidy(1)
    assert [key.value for key in double.dead] == [double.first.value]
    COUNTED["recipes"] += 1


def test_a_lost_roll_is_settled_by_trying_the_old_key(place):
    at = place(GitLab, trouble=["lose"])
    at.rotate().failed(8, "was lost")
    before = len(at.double.log)
    # The old key is revoked. Using it once more would revoke the whole family, so only the user can continue.
    at.rotate().failed(4, "replaced at the provider")
    assert [request.method for request in at.double.log[before:]] == ["GET"]
    assert at.double.violations == []


def test_a_lost_roll_is_repeated_by_a_manager(place):
    at = place(Cloudflare, manager=("admin", "cfut_" + "m" * 40 + "0" * 8), trouble=["lose"])
    at.rotate().failed(8)
    at.rotate().done()
    at.tidy(1)
    assert at.is_active(newest(at.double))


def test_a_lost_roll_that_never_happened_is_no_roll(place):
    at = place(GitLab)
    # The connection breaks before the provider acts.
    take = at.double.take
    at.double.take = lambda request: None if request.method == "POST" else take(request)
    at.rotate().failed(8, "was lost")
    at.double.take = take
    # For ten minutes the request may still take effect: a second request would race with it.
    at.rotate().failed(8, "may still take effect")
    at.rotate(hours=1).done()
    assert at.is_active(newest(at.double))


def test_a_key_the_provider_does_not_know_yet_is_not_given_up(place):
    """Neither the check nor the list knows the key for a while; it stays stored."""
    at = place(SendGrid)
    lists, double = at.double.lists, at.double
    double.slow = 2
    double.lists = lambda request, answer: (
        double.reply(answer([double.first])) if double.acting(request) else double.denied()
    )
    at.rotate().done()
    double.lists = lists
    assert at.is_active(newest(double)) and len(double.keys) == 2


def test_a_manager_is_refused_if_a_key_can_only_replace_itself(place):
    at = place(GitLab)
    at.home.run("key", "add", "gitlab/admin", "--no-verify", input=GitLab.form()).done()
    at.rotate("--manager", "gitlab/admin").failed(7, "rotate only itself")
    at.tidy(1)
    assert at.is_active(at.double.first)


def test_a_key_from_the_user_after_a_lost_response_is_never_revoked(place):
    """The user finds the unused key on the provider's page, and uses it."""
    at = place(Resend, trouble=["lose"])
    at.rotate().failed(8)
    mine = newest(at.double)
    at.home.run("key", "add", at.name, "--replace", input=mine.value).done()
    at.rotate().failed(7, "key set")
    at.home.run("key", "set", at.name, "--id", mine.id).done()
    at.rotate().done()
    assert mine.id in at.double.keys and at.double.violations == []


def test_a_key_is_never_sent_to_the_host_of_its_successor(place):
    at = place(Databricks)
    at.rotate().done()
    at.double.log.clear()
    moved = at.home.run(
        "key",
        "add",
        at.name,
        "--replace",
        "--no-verify",
        "--set",
        "host=other.cloud.databricks.com",
        input=Databricks.form(),
    ).done()
    assert "may still be valid" in moved.err
    at.home.run("rotate", "--due", env=later(60)).done()
    assert at.double.log == [] and at.double.violations == []


def test_a_mistyped_key_is_not_revoked_by_its_value(place):
    at = place(GitHub)
    theirs, right = at.double.new("another of the person's", {}), at.double.new("by hand", {})
    at.rotate(input=theirs.value).done()
    at.home.run("key", "add", at.name, "--replace", input=right.value).done()
    at.home.run("rotate", "--due", env=later(25)).done()
    assert theirs.id in at.double.keys and right.id in at.double.keys


def test_an_end_that_was_said_belongs_to_the_old_key(place):
    at = place(SendGrid)
    import datetime

    at.home.run(
        "key", "set", at.name, "--expires", str(datetime.date.today() + datetime.timedelta(days=1))
    ).done()
    at.rotate().done()
    for hours in (25, 50, 75):
        at.home.run("rotate", "--due", env=later(hours)).done()
    at.tidy(1)
    assert len([request for request in at.double.log if request.method == "POST"]) == 1


def test_error_messages_of_a_provider_are_shown_without_the_key(place):
    at = place(SendGrid)
    at.double.error = lambda what: {"message": f"not you, {at.double.first.value}"}
    at.double.trouble = [403]
    ran = at.rotate().failed(7, "not you, ")
    kept = [path for path in at.home.files() if path.parent.name not in ("vault", "sealed")]
    assert all(at.double.first.value not in path.read_text(errors="replace") for path in kept), ran


def test_rights_that_cannot_be_read_are_refused_unless_forced(place):
    at = place(SendGrid)
    at.double.first.rights.pop("scopes")
    at.double.first.rights["scopes"] = None
    at.rotate().failed(7, "does not report `scopes`")
    at.tidy(1)


def test_the_suite_has_every_recipe(folder):
    rows = (HERE.parents[1] / "src/provider/catalogue").glob("*.toml")
    kinds = [kind for row in rows for kind in re.findall(r'^kind = "(\w+)"', row.read_text(), re.M)]
    by_request = [kind for kind in kinds if kind in ("roll", "create_revoke", "two_slot")]
    names = {(kind.name, kind.__name__) for kind in BY_REQUEST}
    # `aws` has its own test (test_aws).
    assert len(names) + 1 == len(by_request) and len(BY_HAND) == 2
    say(
        f"recipes by request {len(names) + 1} with AWS, by hand with a request {len(BY_HAND)}; facts checked: {COUNTED['facts']}"
    )


def test_d3_a_lifetime_that_the_provider_limits_can_be_set(place):
    """The lifetime of the old key is copied; an instance may have come to allow less."""
    at = place(GitLab)
    at.double.longest = 8
    for _ in range(2):
        at.rotate().failed(7, f"authctl key set {at.name} --lifetime 90d")
    assert at.double.first.id in at.double.keys
    for lifetime in ("90d", "9d"):
        at.home.run("key", "set", at.name, "--lifetime", lifetime).done()
        at.rotate().failed(7, "Expiration date is too late")
    at.home.run("key", "set", at.name, "--lifetime", "7h").failed(2, "at least 1d")
    at.home.run("key", "set", at.name, "--lifetime", "7d").done()
    assert "new keys  expire after 7d at most" in re.sub(
        " {2,}", "  ", at.home.run("status", at.name).out
    )
    at.rotate().done()
    assert at.is_active(newest(at.double)) and at.double.violations == []
