"""The Windows program under Wine: the Credential Manager, the vault, locks between processes, a login through the
loopback listener. WINDOWS names the folder with authctl.exe, as `tests/platforms` printed it."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import HERE, PATH, Ran, Server, say

WINE = "/usr/lib/wine/wine64"


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    """A separate prefix with the program."""
    folder = tmp_path_factory.mktemp("wine")
    env = {
        "PATH": PATH,
        "HOME": str(folder),
        "WINEPREFIX": str(folder / "prefix"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
    }
    program = folder / "program"
    program.mkdir()
    for name in ("authctl.exe", "bcryptprimitives.dll"):
        shutil.copy(pathlib.Path(os.environ["WINDOWS"]) / name, program)
    # The first start creates the prefix and prints warnings.
    subprocess.run([WINE, "wineboot", "--init"], env=env, capture_output=True, timeout=300)
    yield Wine(env, program / "authctl.exe", folder)
    subprocess.run(["/usr/lib/wine/wineserver64", "-k"], env=env, capture_output=True)


class Wine:
    def __init__(self, env, program, folder):
        self.env, self.program, self.folder = env, program, folder

    def home(self, store):
        path = self.folder / f"home-{store}-{os.urandom(3).hex()}"
        path.mkdir()
        # Wine shows the whole file system as drive Z.
        return {
            **self.env,
            "AUTHCTL_HOME": "Z:" + str(path).replace("/", "\\"),
            "AUTHCTL_STORE": store,
        }, path

    def run(self, env, *arguments, input=None):
        done = subprocess.run(
            [WINE, str(self.program), *arguments],
            env=env,
            input=(input or "").encode(),
            capture_output=True,
            timeout=120,
        )
        return Ran(
            done.returncode,
            done.stdout.decode(errors="replace").replace("\r\n", "\n"),
            done.stderr.decode(errors="replace").replace("\r\n", "\n"),
            0,
        )


ORIGIN = ["--header", "X-API-Key: {key}", "--origin", "https://api.example.com"]


@pytest.mark.parametrize("store", ["keychain", "vault"])
def test_a_key_is_added_read_listed_and_removed(wine, store):
    env, path = wine.home(store)
    if store == "vault":
        wine.run(env, "vault", "init", "--unattended").done()
    wine.run(env, "token", "acme").failed(3, "no credential named `acme`")
    wine.run(env, "key", "add", "acme", *ORIGIN, input='k"e\\y 1\r\n').done()
    assert wine.run(env, "token", "acme").done().out == 'k"e\\y 1\n'
    assert wine.run(env, "header", "acme", "--format", "raw").done().out == 'X-API-Key: k"e\\y 1\n'
    listed = json.loads(wine.run(env, "--json", "list").done().out)
    assert [(entry["name"], entry["store"]) for entry in listed] == [("acme", store)]
    wine.run(env, "rename", "acme", "acme/two").done()
    assert wine.run(env, "token", "acme/two").done().out == 'k"e\\y 1\n'
    wine.run(env, "status").done()
    assert json.loads(wine.run(env, "--json", "audit").done().out)[-1]["event"] == "rename"
    # Unsupported commands report it.
    wine.run(env, "curl", "acme/two", "https://api.example.com/").failed(
        125, "needs Linux or macOS"
    )
    wine.run(env, "header", "acme/two").failed(2, "needs Linux")
    wine.run(env, "key", "remove", "acme/two").done()
    wine.run(env, "token", "acme/two").failed(3, "no credential")
    assert not list((path / "sealed").iterdir())


@pytest.mark.parametrize("store", ["keychain", "vault"])
def test_a_record_of_4_kilobytes(wine, store):
    """More than the 2,560 bytes of an item of the Credential Manager: the secrets are then in the sealed file."""
    env, path = wine.home(store)
    if store == "vault":
        wine.run(env, "vault", "init", "--unattended").done()
    key = "k" * 4096
    wine.run(env, "key", "add", "acme", *ORIGIN, input=key).done()
    assert wine.run(env, "token", "acme").done().out == key + "\n"
    wine.run(env, "key", "add", "acme", *ORIGIN, "--replace", input="z" + key).done()
    assert wine.run(env, "token", "acme").done().out == "z" + key + "\n"
    for file in path.rglob("*"):
        assert not file.is_file() or b"kkkkkkkk" not in file.read_bytes()
    wine.run(env, "key", "remove", "acme").done()


def test_a_move_between_the_two_stores(wine):
    env, path = wine.home("keychain")
    wine.run(env, "vault", "init", "--unattended").done()
    wine.run(env, "key", "add", "acme", *ORIGIN, input="k1").done()
    del env["AUTHCTL_STORE"]
    for store in ("vault", "keychain"):
        wine.run(env, "move", "acme", "--to", store).done()
        assert json.loads(wine.run(env, "--json", "list").done().out)[0]["store"] == store
        assert wine.run(env, "token", "acme").done().out == "k1\n"
    assert len(list((path / "sealed").iterdir())) == 1


def login(wine, env, server, name, *more):
    """Drives the browser from Linux: Wine shares the loopback interface."""
    arguments = [
        WINE,
        str(wine.program),
        "login",
        server.url,
        "--as",
        name,
        "--client-id",
        "tool",
        "--no-browser",
        *more,
    ]
    child = subprocess.Popen(
        arguments, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for line in child.stderr:
        if line.strip().startswith(b"http"):
            subprocess.run(
                [str(HERE / "browser.py"), line.strip().decode()],
                env={"PATH": PATH, "BROWSER_LOGIN": "alice"},
                check=True,
                timeout=60,
            )
            break
    out, err = child.communicate(timeout=60)
    return Ran(child.returncode, out.decode(), err.decode(), 0)


@pytest.mark.parametrize("store", ["keychain", "vault"])
def test_a_login_and_20_processes_on_one_lock(wine, store):
    server = Server(ttl=4)
    try:
        env, _ = wine.home(store)
        if store == "vault":
            wine.run(env, "vault", "init", "--unattended").done()
        login(wine, env, server, "op").done()
        before = server.control()["refreshes"]
        import time

        time.sleep(5)
        children = [
            subprocess.Popen(
                [WINE, str(wine.program), "token", "op"],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(20)
        ]
        answers = [child.communicate(timeout=120) for child in children]
        assert all(child.returncode == 0 for child in children), answers
        refreshes = server.control()["refreshes"] - before
        tokens = {out.strip() for out, _ in answers}
        # Twenty starts of Wine take longer than the lifetime of a token (four seconds), but not every process refreshes.
        assert len(tokens) == refreshes <= 6, (refreshes, len(tokens))
        wine.run(env, "refresh", "op").done()
        wine.run(env, "logout", "op").done()
        say(
            f"Windows under Wine, {store}: login, 20 processes at once: {refreshes} refreshes, no login lost"
        )
    finally:
        server.stop()
