"""Whose file, whose folder, linked or not, readable or not: root leaves a user's files alone, what cannot be read is not
empty, and a link stays a link."""

import os
import pathlib
import shutil

import pytest
from conftest import Home, say

USER = 65534
KEY = ("--header", "X: {key}", "--origin", "https://a.test")
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")


class UserHome(Home):
    """A home of another user than root."""

    def __init__(self, folder):
        super().__init__(folder, {"AUTHCTL_STORE": "vault"})
        os.chown(self.path, USER, USER)

    def user(self, *arguments, **more):
        return self.run(*arguments, prefix=AS_USER, **more)

    def owners(self):
        """The owners of all files."""
        files = [self.path, *self.path.rglob("*")]
        return {file.lstat().st_uid for file in files}

    def files(self):
        """All files with their contents."""
        return {file: file.read_bytes() for file in sorted(self.path.rglob("*")) if file.is_file()}


@pytest.fixture
def home(tmp_path):
    for folder in [tmp_path, *tmp_path.parents]:
        if folder == pathlib.Path("/"):
            break
        folder.chmod(folder.stat().st_mode | 0o055)
    home = UserHome(tmp_path / "home")
    home.user("vault", "init", "--unattended").done()
    home.user("key", "add", "acme", *KEY, input="k1").done()
    return home


def test_m1_root_writes_nothing_into_the_home_of_a_user(home):
    before = home.files()
    row = home.path.parent / "row.toml"
    row.write_text(
        'name = "own"\ntitle = "Own"\norigins = ["https://a.test"]\n[key]\nheaders = ["X: {key}"]\n'
    )
    attempts = [
        ("key", "set", "acme", "--rotate-every", "10d"),
        ("key", "add", "acme/two", *KEY),
        ("key", "add", "acme", "--replace", *KEY),
        ("key", "remove", "acme"),
        ("rename", "acme", "acme/new"),
        ("provider", "add", str(row)),
        ("client", "add", "gitlab", "--client-id", "x"),
        ("vault", "passwd", "--unattended"),
        ("rotate", "acme"),
    ]
    for arguments in attempts:
        ran = home.run(*arguments, input="k2")
        assert ran.code != 0 and "delete" not in ran.err, (arguments, ran)
        if arguments[0] != "rotate":
            ran.failed(7, f"belongs to the user with the id {USER}")
            assert "sudo -u" in ran.err and "sudo -H" in ran.err, ran
        assert home.owners() == {USER}, (arguments, ran)
    assert home.files() == before
    assert home.run("token", "acme").out == "k1\n"
    assert home.user("token", "acme").out == "k1\n"
    # Without AUTHCTL_HOME, and where nothing is there yet.
    empty = home.path.parent / "u"
    empty.mkdir()
    os.chown(empty, USER, USER)
    env = {"HOME": str(empty), "AUTHCTL_STORE": "vault"}
    ran = home.run("vault", "init", "--unattended", env=env | {"AUTHCTL_HOME": ""})
    assert ran.code == 7 and list(empty.iterdir()) == [], ran
    say(f"{len(attempts) + 1} commands of root in the home of a user: nothing written")


def test_m1_a_file_of_root_is_named_with_its_owner(home):
    files = [file for file in home.path.rglob("*") if file.is_file() and "lock" not in str(file)]
    named = 0
    for file in files:
        os.chown(file, 0, 0)
        ran = home.user("token", "acme")
        if ran.code != 0:
            named += 1
            assert "Permission denied" in ran.err or "denied" in ran.err, (file, ran)
            assert "delete" not in ran.err, (file, ran)
        status = home.user("status", "acme")
        assert "delete that file" not in status.err + status.out, (file, status)
        os.chown(file, USER, USER)
        assert home.user("token", "acme").out == "k1\n"
    entry = home.path / "credentials/acme/default.toml"
    os.chown(entry, 0, 0)
    ran = home.user("token", "acme")
    assert "it belongs to root" in ran.err and "sudo chown" in ran.err, ran
    assert named >= 2, named


def test_m2_a_folder_that_cannot_be_read_is_not_empty(home):
    (home.path / "providers").mkdir()
    (home.path / "clients").mkdir()
    for folder in ["providers", "clients", "credentials"]:
        os.chown(home.path / folder, USER, USER)
    commands = {
        "credentials": [
            ("list",),
            ("--json", "list"),
            ("status",),
            ("rotate", "--due"),
            ("rotate", "--due", "--dry-run"),
            ("rotate", "--due", "--scheduled"),
            ("token", "acme"),
            ("key", "add", "acme/other", *KEY),
        ],
        "credentials/acme": [
            ("list",),
            ("status",),
            ("rotate", "--due"),
            ("rotate", "--due", "--scheduled"),
            ("token", "acme"),
        ],
        "providers": [("provider", "list"), ("key", "import", "-")],
        "clients": [("client", "list")],
        "sealed": [("token", "acme")],
        "vault": [("token", "acme")],
    }
    for folder, tried in commands.items():
        os.chmod(home.path / folder, 0)
        for arguments in tried:
            ran = home.user(*arguments, input="STRIPE_API_KEY=sk_test_" + "0" * 23 + "7")
            assert ran.code not in (0, 3), (folder, arguments, ran)
            assert "delete" not in ran.err, (folder, arguments, ran)
        if folder.startswith("credentials"):
            run = home.path / "last-run.toml"
            assert not run.exists() or "done" not in run.read_text(), run.read_text()
        os.chmod(home.path / folder, 0o700)
    assert home.user("token", "acme").out == "k1\n"
    # What is not there is empty.
    for folder in ["providers", "clients"]:
        shutil.rmtree(home.path / folder)
    home.user("provider", "list").done()
    home.user("client", "list").done()


def test_m3_a_link_stays_a_link(home):
    dotfiles = home.path.parent / "dotfiles"
    dotfiles.mkdir(mode=0o755)
    os.chown(dotfiles, USER, USER)
    row = home.path.parent / "own.toml"
    text = 'name = "own"\ntitle = "{}"\norigins = ["https://a.test"]\n[key]\nheaders = ["X: {{key}}"]\n'
    row.write_text(text.format("First"))
    home.user("provider", "add", str(row)).done()
    home.user("client", "add", "gitlab", "--client-id", "first").done()
    linked = ["providers/own.toml", "clients/gitlab.toml", "credentials/acme/default.toml"]
    for name in linked:
        target = dotfiles / pathlib.Path(name).name
        (home.path / name).rename(target)
        (home.path / name).symlink_to(target)
    row.write_text(text.format("Second"))
    home.user("provider", "add", str(row), "--replace").done()
    home.user("client", "add", "gitlab", "--client-id", "second").done()
    home.user("key", "set", "acme", "--rotate-every", "10d").done()
    for name, says in zip(linked, ["Second", "second", "10d"], strict=True):
        assert (home.path / name).is_symlink(), name
        assert says in (home.path / name).read_text(), name
    # A folder that others can change, and a link that leads nowhere.
    dotfiles.chmod(0o777)
    ran = home.user("provider", "add", str(row), "--replace")
    ran.failed(7, "can be changed by other users")
    dotfiles.chmod(0o755)
    (dotfiles / "gitlab.toml").unlink()
    ran = home.user("client", "add", "gitlab", "--client-id", "third")
    assert ran.code == 1 and (home.path / "clients/gitlab.toml").is_symlink(), ran
