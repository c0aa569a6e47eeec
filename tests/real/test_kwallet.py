"""KWallet as the keychain: it answers at once and writes its file up to five seconds later."""

import subprocess
import time

import pytest
from conftest import Keyring, keychain_home, say, wait_for

SECRET = bytes(range(56))


class KWallet(Keyring):
    """A session bus and a kwalletd5 with one open wallet."""

    def start_daemon(self, password):
        config = self.folder / ".config"
        config.mkdir(mode=0o700, exist_ok=True)
        (config / "kwalletrc").write_text(
            "[Wallet]\nEnabled=true\nFirst Use=false\nDefault Wallet=kdewallet\nUse One Wallet=true\nPrompt on Open=false\n"
            "[org.freedesktop.secrets]\napiEnabled=true\n"
        )
        self.serve()
        # A wallet that was just made has no collection before the next start.
        if not self.has_collection():
            self.end()
            self.serve()
        assert self.has_collection()

    @property
    def env(self):
        return {**super().env, "QT_QPA_PLATFORM": "offscreen"}

    def serve(self):
        self.daemon = subprocess.Popen(
            ["kwalletd5"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self.owned)
        self.call(
            "--dest=org.kde.kwalletd5",
            "/modules/kwalletd5",
            "org.kde.KWallet.pamOpen",
            "string:kdewallet",
            "array:byte:" + ",".join(str(byte) for byte in SECRET),
            "int32:0",
        )

    def end(self):
        """What a logout does to it."""
        self.daemon.terminate()
        self.daemon.wait(timeout=10)
        wait_for(lambda: not self.owned())

    def call(self, *arguments):
        done = subprocess.run(
            ["dbus-send", "--session", "--print-reply", *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=20,
        )
        return done.stdout + done.stderr

    def has_collection(self):
        told = self.call(
            "--dest=org.freedesktop.secrets",
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.ReadAlias",
            "string:default",
        )
        return "/collection/" in told


@pytest.fixture
def kwallet(folder):
    service = KWallet(folder / "session" if hasattr(folder, "joinpath") else folder + "/session")
    yield service
    service.stop()


ORIGIN = ("--header", "X-API-Key: {key}", "--origin", "https://api.example.com")


def test_o7_a_credential_survives_the_end_of_the_service_after_a_rename_or_a_move(kwallet, folder):
    home = keychain_home(folder, kwallet)
    home.run("key", "add", "acme", *ORIGIN, input="first-key\n").done()
    home.run("vault", "init", "--unattended").done()
    # By now it is on the disk.
    time.sleep(6)
    for name, command in (
        ("acme/two", ("rename", "acme", "acme/two")),
        ("acme/two", ("move", "acme/two", "--to", "vault")),
        ("acme/two", ("move", "acme/two", "--to", "keychain")),
        ("acme", ("rename", "acme/two", "acme")),
    ):
        home.run(*command).done()
        kwallet.end()
        kwallet.serve()
        assert home.run("token", name).done().out == "first-key\n", command
    # A replacement survives: the sealed file has the new key until the service has it.
    home.run("key", "add", "acme", "--replace", *ORIGIN, input="second-key\n").done()
    kwallet.end()
    kwallet.serve()
    assert home.run("token", "acme").done().out == "second-key\n"
    say("KWallet ended after a rename, two moves, a rename and a replacement: nothing lost")


def test_o7_an_item_that_the_service_lost_is_reported_as_such(kwallet, folder):
    home = keychain_home(folder, kwallet)
    home.run("key", "add", "acme", *ORIGIN, input="first-key\n").done()
    kwallet.end()
    kwallet.serve()
    for command in (
        ("token", "acme"),
        ("status", "acme", "--check"),
        ("key", "set", "acme", "--expires", "never"),
    ):
        ran = home.run(*command)
        assert ran.code != 0 and "is empty" in ran.out + ran.err, ran
    home.run("key", "add", "acme", "--replace", *ORIGIN, input="second-key\n").done()
    assert home.run("token", "acme").done().out == "second-key\n"


def test_o8_no_session_is_negotiated_once_the_wallet_is_unlocked(kwallet, folder):
    """KWallet refuses one negotiated session of 256, because of a key that is one byte short."""
    home = keychain_home(folder, kwallet)
    # kwalletd5 calls its wallet locked until the first client has unlocked it, which shows nothing.
    home.run("key", "add", "acme", *ORIGIN, input="key\n").done()
    for number in range(20):
        name = f"acme/{number}"
        for ran in (
            home.run("-vv", "key", "add", name, *ORIGIN, input=f"key-{number}\n").done(),
            home.run("-vv", "token", name).done(),
            home.run("-vv", "key", "add", name, "--replace", *ORIGIN, input="other\n").done(),
            home.run("-vv", "key", "remove", name).done(),
        ):
            assert "using the keychain library" not in ran.err, ran
    say("KWallet: 80 commands without a negotiated session")


def test_o6_what_another_program_may_have_is_not_gone(kwallet, folder):
    """KWallet took the item; GNOME Keyring, with a keyring of its own that is open, has its place later."""
    home = keychain_home(folder, kwallet)
    for name in ("acme", "acme/two"):
        home.run("key", "add", name, *ORIGIN, input="first-key\n").done()
    time.sleep(6)
    kwallet.end()
    Keyring.start_daemon(kwallet, "pw")
    home.run("vault", "init", "--unattended").done()
    says = "GNOME Keyring provides the keychain now, and KWallet has the item"
    for command in (
        ("token", "acme"),
        ("header", "acme", "--format", "raw"),
        ("key", "set", "acme", "--rotate-every", "10d"),
        ("rename", "acme", "acme/new"),
        ("move", "acme", "--to", "vault"),
        ("key", "remove", "acme"),
        ("status", "acme", "--check"),
    ):
        ran = home.run(*command, "--no-input")
        assert ran.code in (5, 8) and says in ran.out + ran.err, (command, ran)
    # What is stored now is found there, and only the old item stays behind.
    home.run("key", "add", "acme/two", "--replace", *ORIGIN, input="second-key\n").done()
    assert home.run("token", "acme/two").done().out == "second-key\n"
    # The old item does not block its removal.
    home.run("key", "remove", "acme/two").done()
    home.run("token", "acme/two").failed(3)
    kwallet.stop_daemon()
    kwallet.serve()
    assert home.run("token", "acme").done().out == "first-key\n"
