"""`authctl exec`: the secret is in the program's environment and nowhere else, and the program behaves as if it had been started directly."""

import hashlib
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

from conftest import AUTHCTL, say, vault_home, wait_for

# Unique for this run: processes of an earlier run must not be mistaken for ours.
SECRET = f"PlantedExecSecret{os.urandom(8).hex()}"


def ready(folder):
    home = vault_home(folder)
    home.key("acme", SECRET).done()
    return home


def test_promise_03_the_secret_is_in_the_environment_and_nowhere_else(folder):
    home = ready(folder)
    trace = folder / "trace"
    marker = folder / "marker"
    child = subprocess.Popen(
        [AUTHCTL, "exec", "acme=ACME_KEY", "--", "sh", "-c", f"echo $$ > {marker}; exec sleep 30"],
        env=home.env,
    )
    pid = int(wait_for(lambda: marker.exists() and marker.read_text().strip()))
    # The program has replaced authctl: the same process, without a parent in between.
    assert pid == child.pid
    # While the shell becomes `sleep`, the kernel shows an empty environment.
    environ = wait_for(lambda: pathlib.Path(f"/proc/{pid}/environ").read_bytes())
    assert f"ACME_KEY={SECRET}".encode() in environ
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                assert SECRET.encode() not in (process / "cmdline").read_bytes(), process
                environment = (process / "environ").read_bytes()
                children = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                assert (
                    SECRET.encode() not in environment
                    or int(process.name) == pid
                    or int(children) == pid
                ), process
            except OSError:
                pass
    # It writes no core dump, whatever the limit was.
    assert re.search(
        r"Max core file size +[01] +[01] ", pathlib.Path(f"/proc/{pid}/limits").read_text()
    )
    child.send_signal(signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM, "a signal is the program's own"
    done = home.run(
        "-vv",
        "exec",
        "acme=ACME_KEY",
        "--",
        "true",
        prefix=["strace", "-f", "-qq", "-e", "trace=execve", "-v", "-s", "65535", "-o", str(trace)],
    )
    assert done.code == 0 and SECRET not in done.out + done.err
    shown = [line for line in trace.read_text().splitlines() if SECRET in line]
    assert len(shown) == 1 or all('"ACME_KEY=' in line for line in shown)
    assert all(SECRET not in line.split("], [")[0] for line in shown), "not in an argument list"
    for path in home.files():
        assert SECRET.encode() not in path.read_bytes(), path


def test_exit_codes_signals_and_arguments_pass_unchanged(folder):
    home = ready(folder)
    for code in (0, 1, 2, 5, 42, 125, 126, 127, 255):
        assert home.run("exec", "acme=K", "--", "sh", "-c", f"exit {code}").code == code
    for name in ("TERM", "KILL", "HUP", "PIPE"):
        assert home.run("exec", "acme=K", "--", "sh", "-c", f"kill -{name} $$").code == -getattr(
            signal, f"SIG{name}"
        )
    done = home.run(
        "exec", "acme=K", "--", "printf", "%s|", "a b", "--json", "-q", "--", "$K", "\\n"
    )
    assert done.out == "a b|--json|-q|--|$K|\\n|", done
    # Descriptors and the working directory are those of the caller.
    script = (
        f'cd {folder} && exec 7> seven && "{AUTHCTL}" exec acme=K -- sh -c "pwd; echo to-seven >&7"'
    )
    done = subprocess.run(["bash", "-c", script], env=home.env, capture_output=True, timeout=20)
    assert (
        done.stdout.decode().strip() == str(folder)
        and (folder / "seven").read_text() == "to-seven\n"
    )


def test_100_megabytes_pass_through_a_pipe_unchanged(folder):
    home = ready(folder)
    source = folder / "source"
    with open(source, "wb") as out:
        for _ in range(100):
            out.write(os.urandom(1_000_000))
    began = time.monotonic()
    with open(source, "rb") as stdin:
        done = subprocess.run(
            [AUTHCTL, "exec", "acme=K", "--", "cat"],
            env=home.env,
            stdin=stdin,
            capture_output=True,
            timeout=60,
        )
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(source.read_bytes()).digest()
    # A reader that closes the pipe ends the writer with SIGPIPE, as without authctl.
    script = f'"{AUTHCTL}" exec acme=K -- yes | head -1'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}"], env=home.env, capture_output=True, timeout=20
    )
    assert done.stdout == b"y\n" and done.returncode == 141, done
    say(f"100 MB through exec in {time.monotonic() - began:.1f} s")


class Terminal:
    """An interactive bash on its own terminal."""

    def __init__(self, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(
                "/bin/bash",
                ["bash", "--norc", "-i"],
                {**env, "TERM": "xterm", "PS1": "ready> ", "HISTFILE": "/dev/null"},
            )
        self.text = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, wanted, seconds=10):
        end = time.monotonic() + seconds
        while wanted not in self.text:
            assert time.monotonic() < end, f"{wanted!r} never came: {self.text!r}"
            if select.select([self.fd], [], [], 0.2)[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
        before, self.text = self.text.split(wanted, 1)
        return before

    def stop(self):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def test_ctrl_c_and_ctrl_z_are_the_program_s(folder):
    home = ready(folder)
    terminal = Terminal(home.env)
    terminal.until("ready> ")
    # Ctrl-C reaches the program, which handles it.
    terminal.type(
        f'"{AUTHCTL}" exec acme=K -- bash -c \'trap "echo caught-"it INT; echo star""ted; sleep 20; echo go""ne; exit 3\'; echo code=$?.\n'
    )
    terminal.until("started")
    time.sleep(0.3)
    terminal.type("\x03")
    terminal.until("caught-it")
    terminal.until("gone")
    terminal.until("code=3.")
    # Ctrl-Z stops it, fg goes on, and it controls the terminal: it can read a line.
    terminal.type(
        f'"{AUTHCTL}" exec acme=K -- bash -c \'echo wai""ting; read line; echo got-$line\'\n'
    )
    terminal.until("waiting")
    time.sleep(0.3)
    terminal.type("\x1a")
    terminal.until("Stopped")
    terminal.type("fg\n")
    time.sleep(0.5)
    terminal.type("hello\n")
    terminal.until("got-hello")
    terminal.stop()
