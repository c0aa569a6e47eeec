"""What a user sees: screens at 40, 80 and 200 columns and on a dumb terminal, and completions in the real shells.

The screens are compared with `screens/`; AUTHCTL_REWRITE=1 writes them.
"""

import datetime
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import AUTHCTL, HERE, PATH, vault_home, wait_for

SCREENS = HERE / "screens"


class Tmux:
    """A terminal with a shell."""

    def __init__(self, folder, env, columns=80, rows=60, shell="sh", term="xterm-256color"):
        self.socket = folder / f"tmux-{os.urandom(4).hex()}"
        words = " ".join(
            f"'{key}={value}'"
            for key, value in {**env, "TERM": term, "PS1": "$ ", "PROMPT": "$ "}.items()
        )
        self(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            str(columns),
            "-y",
            str(rows),
            f"env -i {words} {shell}",
        )
        self("set-option", "-g", "history-limit", "0")
        time.sleep(0.3)

    def __call__(self, *arguments):
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), *arguments],
            capture_output=True,
            timeout=20,
            env={"PATH": PATH, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done
        return done.stdout.decode()

    def type(self, text):
        self("send-keys", "-l", text)

    def press(self, key):
        self("send-keys", key)

    def screen(self, *how):
        return "\n".join(
            line.rstrip() for line in self("capture-pane", "-p", *how).rstrip().splitlines()
        )

    def run(self, command):
        """The screen after a command, without the command itself."""
        # A unique mark: that of the previous command may still be on the screen.
        self.count = getattr(self, "count", 0) + 1
        self.type(f"clear; {command}; echo en''d-{self.count}.")
        self.press("Enter")
        wait_for(lambda: f"end-{self.count}." in self.screen(), seconds=20)
        return self.screen().split(f"end-{self.count}.")[0].rstrip()

    def stop(self):
        subprocess.run(["tmux", "-S", str(self.socket), "kill-server"], capture_output=True)


@pytest.fixture
def home(folder):
    home = vault_home(folder)
    home.env["PATH"] = f"{folder}/bin:{PATH}"
    (folder / "bin").mkdir()
    os.symlink(AUTHCTL, folder / "bin/authctl")
    home.run(
        "key",
        "add",
        "acme",
        "--header",
        "X-API-Key: {key}",
        "--origin",
        "https://api.acme.example",
        "--origin",
        "https://other.acme.example",
        "--rotate-every",
        "90d",
        input="k",
    ).done()
    home.run(
        "key", "add", "stripe", "--no-verify", "--expires", "2099-12-31", input="sk_test_0123456789"
    ).done()
    home.run("key", "add", "stripe/test-account", "--no-verify", input="sk_test_0123456789").done()
    return home


COMMANDS = {
    "list": "authctl list",
    "status": "authctl status",
    "status-one": "authctl status acme",
    "provider-list": "authctl provider list | head -8",
    "audit": "authctl audit",
    "short-help": "authctl -h",
    "help": "authctl exec --help",
    "error": "authctl token nobody",
    "usage": "authctl token",
    "refused": "authctl curl acme https://elsewhere.example/",
}


def test_r1_r2_the_first_login_is_explained_step_by_step(folder, home):
    """What has to be copied is whole and on a line of its own; a desktop client of Google has no redirect URI."""
    home.env["BROWSER"] = "true"
    screens = []
    for name in ("github", "google", "gitlab", "linear"):
        terminal = Tmux(folder, home.env, columns=80, rows=24)
        terminal.type(f"clear; authctl login {name}")
        terminal.press("Enter")
        wait_for(lambda shown=terminal.screen: "client id:" in shown(), seconds=20)
        screen = terminal.screen()
        terminal.press("C-c")
        terminal.stop()
        lines = [line.strip() for line in screen.splitlines()]
        assert lines[1] == "1. Open this page:" and lines[2].startswith("https://"), screen
        assert ("http://127.0.0.1/callback" in lines) == (name in ("github", "gitlab")), screen
        assert ("Redirect URI" in screen) == (name != "google"), screen
        assert all(len(line) <= 80 for line in screen.splitlines())
        screens.append(f"$ authctl login {name}\n{screen}\n")
    compare("login-80.txt", "\n".join(screens))


@pytest.mark.parametrize(
    "columns,term",
    [(40, "xterm-256color"), (80, "xterm-256color"), (200, "xterm-256color"), (80, "dumb")],
)
def test_screens(folder, home, columns, term):
    # Thirty hours ago, so that relative times keep the same width for an hour.
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=30, minutes=5)
    for path in [home.path / "audit.jsonl", *(home.path / "credentials").rglob("*.toml")]:
        path.write_text(
            re.sub(
                r"20\d\d-\d\d-\d\dT[0-9:.]+Z", then.strftime("%Y-%m-%dT%H:%M:%SZ"), path.read_text()
            )
        )
    tmux = Tmux(folder, home.env, columns=columns, term=term)
    shown = ""
    for name, command in COMMANDS.items():
        screen = dumb(tmux, command) if term == "dumb" else tmux.run(command)
        shown += f"== {name}\n{screen}\n\n"
    tmux.stop()
    longest = max(len(line) for line in shown.splitlines())
    assert longest <= columns
    # Control sequences are not text.
    assert "\x1b" not in shown
    compare(f"{columns}{'-dumb' if term == 'dumb' else ''}.txt", shown)


def compare(name, shown):
    path = SCREENS / name
    if os.environ.get("AUTHCTL_REWRITE"):
        SCREENS.mkdir(exist_ok=True)
        path.write_text(shown)
    assert path.read_text() == shown, f"{path} differs; AUTHCTL_REWRITE=1 writes it"


def dumb(tmux, command):
    """A dumb terminal cannot be cleared: only the output after the line of the command is compared."""
    tmux("clear-history")
    tmux("send-keys", "-R")
    time.sleep(0.1)
    tmux.count = getattr(tmux, "count", 0) + 1
    tmux.type(f"{command}; echo en''d-{tmux.count}.")
    tmux.press("Enter")
    wait_for(lambda: f"end-{tmux.count}." in tmux.screen(), seconds=20)
    screen = tmux.screen().split(f"end-{tmux.count}.")[0]
    return screen.split(f"en''d-{tmux.count}.", 1)[-1].strip("\n").rstrip()


def test_colour_is_for_terminals_that_want_it(folder, home):
    escape = "\x1b["
    with_colour = Tmux(folder, home.env)
    with_colour.run("authctl token nobody")
    assert escape in with_colour.screen("-e")
    with_colour.stop()
    for env, term in (({"NO_COLOR": "1"}, "xterm-256color"), ({}, "dumb")):
        plain = Tmux(folder, {**home.env, **env}, term=term)
        plain.type("authctl token nobody; authctl -h")
        plain.press("Enter")
        wait_for(lambda plain=plain: "run `authctl list`" in plain.screen())
        # tmux keeps the attributes of what was written: none.
        assert escape not in plain.screen("-e"), plain.screen("-e")
        plain.stop()
    # In a pipe there is neither colour nor spinner.
    for arguments in (["token", "nobody"], ["--help"], ["list"], ["doctor"], ["status", "--check"]):
        done = home.run(*arguments)
        assert escape not in done.out + done.err and "\r" not in done.out + done.err, arguments


def test_prompts_are_for_terminals(folder, home):
    tmux = Tmux(folder, home.env)
    tmux.type(
        "authctl key add acme/typed --header 'X-API-Key: {key}' --origin https://api.acme.example"
    )
    tmux.press("Enter")
    wait_for(lambda: "API key (hidden):" in tmux.screen())
    tmux.type("typed-secret-key")
    tmux.press("Enter")
    wait_for(lambda: "stored the key as acme/typed" in tmux.screen())
    assert "typed-secret-key" not in tmux.screen()
    tmux.stop()
    assert home.run("token", "acme/typed").out == "typed-secret-key\n"
    # Without a terminal or with --no-input, nothing is asked.
    tmux = Tmux(folder, home.env)
    tmux.type(
        "authctl --no-input key add acme/more --header 'X: {key}' --origin https://a.example; echo code=$?."
    )
    tmux.press("Enter")
    wait_for(lambda: "code=2." in tmux.screen())
    assert "cannot ask" in tmux.screen()
    tmux.stop()


def test_a_redirect_is_pasted_while_the_listener_listens(folder, home, server):
    """In a terminal, with a browser elsewhere: the last URL is pasted, and other lines change nothing."""
    import browser

    tmux = Tmux(folder, home.env, columns=200)
    tmux.type(f"authctl login {server.url} --as op --client-id tool --no-browser; echo code=$?.")
    tmux.press("Enter")
    wait_for(lambda: "paste the URL" in tmux.screen())
    url = re.search(r"^ +(http://\S+)$", tmux("capture-pane", "-p", "-J"), re.M)[1]
    ends_on = browser.visit(url, "alice", follow_loopback=False)
    for line, told in (
        ("nonsense", "this is not the URL of the last page"),
        ("http://127.0.0.1/callback?code=x&state=wrong", "with the `state` of another login"),
        (
            "http://127.0.0.1/callback?error=access_denied",
            "an error response (access_denied) without",
        ),
    ):
        tmux.type(line)
        tmux.press("Enter")
        wait_for(lambda told=told: told in tmux.screen())
    tmux.type(ends_on)
    tmux.press("Enter")
    wait_for(lambda: "code=0." in tmux.screen())
    assert "logged in to op" in tmux.screen()
    tmux.stop()
    home.run("token", "op").done()
    # A pipe is not read: a loop that reads its lines gets them all.
    script = f'printf "a\\nb\\n" | while read name; do "{AUTHCTL}" login {server.url} --as op/$name --client-id tool --no-browser --timeout 1s; echo loop-$name; done'
    done = subprocess.run(["sh", "-c", script], env=home.env, capture_output=True, timeout=30)
    assert done.stdout == b"loop-a\nloop-b\n", done
    # Many lines do not extend the deadline.
    done = subprocess.run(
        [
            "sh",
            "-c",
            f'yes | timeout 20 "{AUTHCTL}" login {server.url} --as op/y --client-id tool --no-browser --timeout 1s; echo code=$?',
        ],
        env=home.env,
        capture_output=True,
        timeout=30,
    )
    assert b"code=1" in done.stdout, done


SHELLS = {
    "bash": ("bash --norc -i", "source <(authctl completions bash)"),
    "bash with its package": (
        "bash --norc -i",
        "source /usr/share/bash-completion/bash_completion; source <(authctl completions bash)",
    ),
    "zsh": ("zsh -f -i", "autoload -U compinit; compinit -u -D; source <(authctl completions zsh)"),
    "fish": ("fish --no-config -i", "authctl completions fish | source"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_tab_completes_names(folder, home, shell):
    start, load = SHELLS[shell]
    assert shutil.which(shell.split()[0], path=PATH), f"{shell} is not installed"
    for name in ("acme/job@ci.example", "acme/job@ci+x", "acme/a+b@c"):
        home.key(name, "k").done()
    env = {**home.env, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    tmux = Tmux(folder, env, columns=120, shell=start)
    tmux.type(load)
    tmux.press("Enter")
    time.sleep(1)
    for typed, expected in [
        ("authctl token ac", "authctl token acme"),
        ("authctl curl stripe/t", "authctl curl stripe/test-account"),
        ("authctl exec ac", "authctl exec acme"),
        ("authctl login gith", "authctl login github"),
        ("authctl provider show sentr", "authctl provider show sentry"),
        ("authctl move acme --to va", "authctl move acme --to vault"),
        ("authctl --store keyc", "authctl --store keychain"),
        ("authctl hea", "authctl header"),
        ("authctl header acme --form", "authctl header acme --format"),
        # S1: bash cuts words at `@`, `=` and `:`.
        ("authctl token acme/job@c", "authctl token acme/job@ci"),
        ("authctl token acme/job@ci.", "authctl token acme/job@ci.example"),
        ("authctl token acme/a+b@", "authctl token acme/a+b@c"),
        ("authctl move acme --to=va", "authctl move acme --to=vault"),
        ("authctl header acme --format=r", "authctl header acme --format=raw"),
        ("echo a:b=c; authctl token acme/a", "a:b=c; authctl token acme/a+b@c"),
        # S2
        ("authctl exec acme -- printen", "authctl exec acme -- printenv"),
        ("authctl man key-ex", "authctl man key-export"),
        ("authctl man secr", "authctl man secrets"),
    ]:
        # A shell on a busy machine may drop what is typed while it draws its prompt.
        for attempt in range(4):
            tmux.press("C-c") if shell.startswith("bash") else tmux.press("C-u")
            tmux.type(typed)
            tmux.press("Tab")
            try:
                wait_for(lambda expected=expected: expected in tmux.screen(), seconds=5)
                break
            except AssertionError:
                assert attempt < 3, tmux.screen()
    tmux.stop()


def test_completion_uses_no_store_and_no_network(folder, home):
    """Only the index and the catalogue: without the vault, it completes as before, and it opens no socket."""
    shutil.move(home.path / "vault", folder / "elsewhere")
    trace = folder / "trace"
    env = {"AUTHCTL_COMPLETE": "fish"}
    done = home.run(
        "--",
        "authctl",
        "token",
        "",
        env=env,
        prefix=["strace", "-f", "-qq", "-e", "trace=socket,connect,openat", "-o", str(trace)],
    )
    assert done.code == 0 and {line.split("\t")[0] for line in done.out.splitlines()} >= {
        "acme",
        "stripe",
        "stripe/test-account",
    }, done
    text = trace.read_text()
    assert (
        "socket(" not in text
        and "connect(" not in text
        and "/vault" not in text
        and "/sealed" not in text
    )


def test_the_powershell_script_is_made(home):
    """No PowerShell is packaged for Debian, so the script is only made and compared here, and not run."""
    made = home.run("completions", "powershell").done().out
    assert (
        "Register-ArgumentCompleter" in made
        and made == (HERE.parent.parent / "completions/authctl.ps1").read_text()
    )


@pytest.mark.parametrize("how", ["ctrl-c", "ctrl-d", "term"])
def test_a_prompt_leaves_the_terminal_as_it_was(folder, how):
    import pty
    import termios

    home = vault_home(folder)
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    command = [
        "setsid",
        "-w",
        "-c",
        AUTHCTL,
        "key",
        "add",
        "acme",
        "--header",
        "X: {key}",
        "--origin",
        "https://a.example",
    ]
    asked = subprocess.Popen(
        command, env={**home.env, "TERM": "xterm"}, stdin=slave, stdout=slave, stderr=slave
    )
    said = b""
    while b"hidden" not in said:
        said += os.read(master, 1000)
    wait_for(lambda: not termios.tcgetattr(slave)[3] & termios.ECHO)
    if how == "term":
        children = (
            (pathlib.Path("/proc") / str(asked.pid) / "task" / str(asked.pid) / "children")
            .read_text()
            .split()
        )
        for pid in children or [asked.pid]:
            os.kill(int(pid), signal.SIGTERM)
    else:
        os.write(master, {"ctrl-c": b"\x03", "ctrl-d": b"\x04"}[how])
    code = asked.wait(timeout=20)
    assert code == (1 if how == "ctrl-d" else 130), (code, said)
    assert termios.tcgetattr(slave) == before


def test_i3_a_prompt_says_where_a_key_is_made(folder, home):
    tmux = Tmux(folder, home.env, columns=120)
    for provider, page in (
        ("openai", "https://platform.openai.com/"),
        ("stripe/more", "https://dashboard.stripe.com/"),
        ("resend", "https://resend.com/api-keys"),
    ):
        tmux.type(f"authctl key add {provider}; echo code=$?.")
        tmux.press("Enter")
        wait_for(lambda page=page: f"create a key at {page}" in tmux.screen())
        wait_for(lambda: tmux.screen().rstrip().endswith("(hidden):"))
        tmux.press("C-c")
        wait_for(lambda: "code=130." in tmux.screen())
        tmux("send-keys", "-R")
        tmux("clear-history")
    tmux.stop()


def test_p2_a_client_that_was_typed_is_kept_if_the_browser_is_not(folder, home):
    """A site shows a client secret once."""
    tmux = Tmux(folder, home.env, columns=160)
    tmux.type("authctl login github --no-browser; echo code=$?.")
    tmux.press("Enter")
    wait_for(lambda: "client id:" in tmux.screen())
    tmux.type("typed-id")
    tmux.press("Enter")
    wait_for(lambda: "client secret" in tmux.screen())
    tmux.type("typed-client-secret")
    tmux.press("Enter")
    wait_for(lambda: "open this URL" in tmux.screen())
    tmux.press("C-c")
    wait_for(lambda: "code=130." in tmux.screen())
    assert "typed-client-secret" not in tmux.screen()
    assert "typed-id" in home.run("client", "list").done().out
    tmux("send-keys", "-R")
    tmux.type("authctl login github --no-browser; echo again=$?.")
    tmux.press("Enter")
    wait_for(lambda: "using the client id typed-id" in tmux.screen())
    wait_for(lambda: "open this URL" in tmux.screen())
    tmux.press("C-c")
    wait_for(lambda: "again=130." in tmux.screen())
    tmux.stop()
    home.run("client", "remove", "github").done()
