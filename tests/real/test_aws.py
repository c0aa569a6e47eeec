"""AWS IAM, against PyPI's moto server: two full rotations, and the two keys that a user may have."""

import os
import socket
import subprocess
import time
import urllib.request

import pytest
from conftest import PATH, quiet_port, say, vault_home, wait_for
from doubles import World
from test_recipes import later
from test_tls import Authority

MOTO = os.environ.get("MOTO", "/usr/bin/moto_server")


class Moto:
    """Moto behind the real names of its services."""

    hosts = ("iam.amazonaws.com", "sts.amazonaws.com")
    facts = 0

    def __init__(self):
        self.port = quiet_port()
        self.process = subprocess.Popen(
            [MOTO, "-H", "127.0.0.1", "-p", str(self.port)],
            env={"PATH": PATH},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: self.open(), 30)
        self.log, self.lose = [], None

    def open(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def send(self, method, path, headers, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers, method=method
        )
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                request, timeout=30
            ) as answer:
                return answer.status, answer.headers.get_content_type(), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get_content_type(), error.read().decode()

    def take(self, request):
        action = request.form.get("Action")
        self.log.append(action)
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=A"), (
            request.headers
        )
        answer = self.send(
            request.method,
            request.path,
            {name: value for name, value in request.headers.items() if name != "host"}
            | {"Host": request.host},
            request.body,
        )
        if action == self.lose:
            self.lose = None
            return None
        return answer

    def act(self, **form):
        """As a user does it in the console."""
        import urllib.parse

        scope = f"{time.strftime('%Y%m%d')}/us-east-1/iam/aws4_request"
        headers = {
            "Host": "iam.amazonaws.com",
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{scope}, SignedHeaders=host, Signature=0",
        }
        return self.send(
            "POST", "/", headers, urllib.parse.urlencode({"Version": "2010-05-08", **form}).encode()
        )[2]

    def keys(self):
        text = self.act(Action="ListAccessKeys", UserName="me")
        return sorted(part.split("<")[0] for part in text.split("<AccessKeyId>")[1:])

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def moto():
    moto = Moto()
    yield moto
    moto.stop()


def test_two_rotations_and_the_limit_of_two_keys(folder, moto):
    moto.act(Action="CreateUser", UserName="me")
    made = moto.act(Action="CreateAccessKey", UserName="me")
    id, secret = (
        made.split(f"<{tag}>")[1].split("<")[0] for tag in ("AccessKeyId", "SecretAccessKey")
    )
    world = World(Authority(folder), [moto])
    home = vault_home(folder, **world.env)
    home.run("key", "add", "aws", input=f"{id}\n{secret}\n").done()

    def active():
        return home.run("token", "aws", "--part", "id").done().out.strip()

    home.run("rotate", "aws", "--yes").done()
    second = active()
    assert sorted([id, second]) == moto.keys() and second != id
    assert moto.log == ["ListAccessKeys", "CreateAccessKey", "GetCallerIdentity"], moto.log
    # The first key is revoked after the grace period, then another one is created.
    home.run("rotate", "aws", env=later(25)).done()
    third = active()
    assert sorted([second, third]) == moto.keys()
    home.run("rotate", "--due", env=later(50)).done()
    assert moto.keys() == [third] == [active()]

    # A lost response: a key without a label may be the user's, so it is revoked only with `--force`.
    moto.lose = "CreateAccessKey"
    home.run("rotate", "aws").failed(8, "was lost")
    assert len(moto.keys()) == 2
    home.run("rotate", "aws").failed(7, "may belong to somebody else")
    home.run("rotate", "--due").failed(8)
    assert len(moto.keys()) == 2 and active() == third
    home.run("rotate", "aws", "--force").done()
    assert len(moto.keys()) == 2 and active() in moto.keys() and active() != third
    home.run("rotate", "--due", env=later(25)).done()
    assert moto.keys() == [active()]

    # The limit is two keys, and the user created the second one: no key is revoked, and the limit is explained.
    moto.act(Action="CreateAccessKey", UserName="me")
    before = moto.keys()
    home.run("rotate", "aws", env=later(48)).failed(
        7, "the provider allows 2 keys, and there are already 2"
    )
    assert moto.keys() == before
    world.stop()
    say("three rotations, a lost answer, and the limit explained")
