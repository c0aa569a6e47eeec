"""django-oauth-toolkit as the authorization server: it publishes its endpoints in two documents below its path, and nobody
tuned it to this program."""

import json
import os
import subprocess
import urllib.request

import pytest
from conftest import HERE, PATH, say, vault_home

PYTHON = os.environ.get("DJANGO", "/usr/bin/python3")


class Django:
    def __init__(self):
        self.process = subprocess.Popen(
            [PYTHON, HERE / "django_server.py"],
            env={"PATH": PATH, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http"), "the server did not start"

    def tokens(self):
        with urllib.request.urlopen(self.url.removesuffix("/o") + "/tokens", timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def django():
    server = Django()
    yield server
    server.stop()


@pytest.mark.parametrize("client", ["public", "confidential"])
def test_a_login_is_refreshed_and_revoked(django, folder, client):
    home = vault_home(folder)
    secret = ["--client-secret-stdin"] if client == "confidential" else []
    text = "s+cret/%\n" if secret else ""
    home.login(django, "dot", "--scope", "openid read", *secret, client=client, input=text).done()
    listed = json.loads(home.run("--json", "list").done().out)[0]
    assert listed["scopes"] == ["openid", "read"] and listed["subject"], listed
    first = home.run("token", "dot").done().out
    for _ in range(3):
        home.run("refresh", "dot").done()
    assert home.run("token", "dot").done().out != first
    assert django.tokens()["refresh"] == 1
    # The revocation endpoint is in the second document.
    logout = home.run("logout", "dot").done()
    assert django.tokens()["refresh"] == 0, logout
    say(f"django-oauth-toolkit, {client} client: login, 3 refreshes, and a logout that revokes")


def test_f3_the_url_of_a_document_is_as_good_as_the_issuer(django, folder):
    home = vault_home(folder)
    for number, document in enumerate(("openid-configuration", "oauth-authorization-server")):
        server = type("Server", (), {"url": f"{django.url}/.well-known/{document}"})
        home.login(server, f"dot{number}", "--scope", "read", client="public").done()
        home.run("logout", f"dot{number}").done()
    assert django.tokens()["refresh"] == 0
