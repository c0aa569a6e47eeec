"""The daily run: units, a crontab and files that the real programs accept, and the runs themselves."""

import json
import pathlib
import plistlib
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from conftest import AUTHCTL, Keyring, keychain_home, say, vault_home
from contracts import SendGrid
from doubles import World
from test_recipes import later, newest
from test_tls import Authority


def person(folder, **more):
    """A home with a name that needs quoting."""
    odd = folder / "it's 100% odd"
    odd.mkdir()
    return vault_home(odd, HOME=str(odd), **more), odd


def test_a_systemd_timer_that_systemd_accepts(folder):
    home, odd = person(folder)
    units = odd / ".config/systemd/user"
    # A folder with the usual mode: a unit contains no secret.
    units.mkdir(parents=True)
    units.chmod(0o755)
    home.run("schedule", "install", "--with", "systemd").done()
    service, timer = units / "authctl-rotate.service", units / "authctl-rotate.timer"
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", service, timer],
        capture_output=True,
        text=True,
        env={
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(odd),
            "XDG_RUNTIME_DIR": str(folder),
            "SYSTEMD_LOG_LEVEL": "warning",
        },
    )
    assert checked.returncode == 0 and "authctl-rotate" not in checked.stderr, checked
    text = service.read_text()
    assert "Persistent=true" in timer.read_text() and "RandomizedDelaySec=" in timer.read_text()
    assert f'ExecStart="{AUTHCTL}"' in text and "NoNewPrivileges=true" in text
    level = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", service],
        capture_output=True,
        text=True,
    )
    say((level.stdout.strip().splitlines() or ["no figure"])[-1].strip())
    assert home.run("schedule", "status").done().out.startswith("systemd:")
    # A proxy is copied to the unit, unless it contains a password.
    proxies = {
        "https_proxy": "http://proxy.example:3128",
        "http_proxy": "http://me:pw@proxy.example:3128",
    }
    ran = home.run("schedule", "install", "--with", "systemd", env=proxies).done()
    text = service.read_text()
    assert (
        "http://proxy.example:3128" in text
        and "pw@" not in text
        and "http_proxy contains a password" in ran.err
    ), ran
    # Another user's file beside it stays.
    (units / "mine.service").write_text("[Service]\nExecStart=/bin/true\n")
    home.run("schedule", "remove").done()
    assert sorted(path.name for path in units.iterdir()) == ["mine.service"]
    home.run("schedule", "remove").failed(3)


def test_a_unit_that_somebody_else_wrote_stays(folder):
    home, odd = person(folder)
    mine = odd / ".config/systemd/user/authctl-rotate.service"
    mine.parent.mkdir(parents=True)
    mine.write_text("[Service]\nExecStart=/my/own\n")
    home.run("schedule", "install", "--with", "systemd").failed(
        1, "was not written by `authctl schedule`"
    )
    home.run("schedule", "remove").failed(3)
    assert mine.read_text() == "[Service]\nExecStart=/my/own\n"


@pytest.mark.parametrize(
    "before", ["", "MAILTO=me@example.com\n17 * * * * true # 100\\%\n", "# no line end"]
)
def test_a_region_of_a_real_crontab(folder, before):
    home, odd = person(folder)
    kept = subprocess.run(["crontab", "-l"], capture_output=True, text=True)
    try:
        subprocess.run(["crontab", "-r"], capture_output=True)
        if before:
            subprocess.run(
                ["crontab", "-"],
                input=before if before.endswith("\n") else before + "\n",
                text=True,
                check=True,
            )
        home.run("schedule", "install", "--with", "crontab").done()
        home.run("schedule", "install", "--with", "crontab").done()
        table = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=True).stdout
        (line,) = [line for line in table.splitlines() if "rotate --due" in line]
        # As cron reads it: `\%` is a percent sign, the rest is for the shell.
        command = line.split(" ", 5)[5].replace("\\%", "%")
        ran = subprocess.run(
            ["/bin/sh", "-c", command],
            env={"HOME": str(odd), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran
        assert "done (exit code 0)" in home.run("schedule", "status").done().out
        home.run("schedule", "remove").done()
        after = subprocess.run(["crontab", "-l"], capture_output=True, text=True).stdout
        assert after.strip() == before.strip()
    finally:
        subprocess.run(["crontab", "-r"], capture_output=True)
        if kept.returncode == 0:
            subprocess.run(["crontab", "-"], input=kept.stdout, text=True)


def test_l1_a_schedule_outlives_an_upgrade_or_says_that_it_does_not(folder):
    home, _ = person(folder)
    place = pathlib.Path(folder) / "cellar"
    real = place / "c/0.1/authctl"
    real.parent.mkdir(parents=True)
    shutil.copy(AUTHCTL, real)
    link = place / "bin/authctl"
    link.parent.mkdir()
    link.symlink_to("../c/0.1/authctl")
    path = {"PATH": f"{link.parent}:/usr/bin:/bin"}
    kept = subprocess.run(["crontab", "-l"], capture_output=True, text=True)

    def run(program, *arguments, cwd=None, **env):
        return subprocess.run(
            [program, *arguments],
            env=home.env | env,
            cwd=cwd,
            capture_output=True,
            text=True,
            executable=str(link) if program == "authctl" else None,
        )

    def named():
        done = run(link, "--json", "schedule", "status", **path)
        return json.loads(done.stdout)["program"]

    try:
        subprocess.run(["crontab", "-r"], capture_output=True)
        ways = [
            ("authctl", None, path),
            (str(link), None, {}),
            ("../bin/authctl", link.parent, {}),
            (str(real), None, path),
        ]
        for program, cwd, env in ways:
            done = run(program, "schedule", "install", "--with", "crontab", cwd=cwd, **env)
            assert done.returncode == 0, (program, done)
            found = pathlib.Path(named())
            assert found.is_absolute() and "0.1" not in str(found), (program, found)
            assert found.samefile(link), (program, found)
        # Without another name, it is the file itself.
        done = run(str(real), "schedule", "install", "--with", "crontab", PATH="/usr/bin:/bin")
        assert done.returncode == 0 and named() == str(real), (done, named())

        # An upgrade removes the file that the schedule names.
        newer = place / "c/0.2/authctl"
        newer.parent.mkdir()
        real.rename(newer)
        link.unlink()
        link.symlink_to("../c/0.2/authctl")
        status = run(link, "schedule", "status", **path)
        assert f"the schedule runs {real}, which does not exist" in status.stdout, status
        whole = run(link, "status", **path)
        assert whole.returncode == 8 and "which does not exist" in whole.stdout, whole
        doctor = json.loads(run(link, "--json", "doctor", **path).stdout)
        check = next(check for check in doctor["checks"] if check["name"] == "schedule")
        assert check["status"] == "problem" and "schedule install" in check["hint"], check
        run(link, "schedule", "install", "--with", "crontab", **path)
        assert named() == str(link)
        assert run(link, "status", **path).returncode == 0

        # Another version in its place.
        link.unlink()
        link.write_text("#!/bin/sh\necho authctl 0.0.9\n")
        link.chmod(0o755)
        status = run(str(newer), "schedule", "status", **path)
        assert "which is authctl 0.0.9, not authctl" in status.stdout, status
        doctor = json.loads(run(str(newer), "--json", "doctor", **path).stdout)
        check = next(check for check in doctor["checks"] if check["name"] == "schedule")
        assert check["status"] == "note" and "0.0.9" in check["detail"], check
    finally:
        subprocess.run(["crontab", "-r"], capture_output=True)
        if kept.returncode == 0:
            subprocess.run(["crontab", "-"], input=kept.stdout, text=True)
    # A unit of systemd.
    env = path | {"XDG_CONFIG_HOME": str(place / "config")}
    run(str(newer), "schedule", "install", "--with", "systemd", **env)
    status = run(str(newer), "--json", "schedule", "status", **env)
    assert json.loads(status.stdout)["program"] == str(newer), status
    newer.rename(real.parent.parent / "authctl")
    moved = real.parent.parent / "authctl"
    status = run(str(moved), "schedule", "status", **env)
    assert f"runs {newer}, which does not exist" in status.stdout, status


def test_an_agent_and_a_task_that_parsers_accept(folder):
    home, odd = person(folder)
    home.run("schedule", "install", "--with", "launchd")
    (path,) = (odd / "Library/LaunchAgents").iterdir()
    agent = plistlib.loads(path.read_bytes())
    assert agent["ProgramArguments"] == [
        AUTHCTL,
        "--quiet",
        "--no-input",
        "rotate",
        "--due",
        "--scheduled",
    ]
    assert (
        agent["EnvironmentVariables"]["AUTHCTL_HOME"] == str(home.path)
        and agent["StartCalendarInterval"]["Hour"] == 11
    )
    home.run("schedule", "remove").done()
    assert not path.exists()
    # Without a Task Scheduler, only the file of the task can be checked.
    home.run("schedule", "install", "--with", "task-scheduler", env={"TMPDIR": str(folder)}).failed(
        1, "schtasks"
    )
    task = ElementTree.parse(folder / "authctl-rotate.xml").getroot()
    space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    assert (
        task.find(f".//{space}Command").text == AUTHCTL
        and task.find(f".//{space}StartWhenAvailable").text == "true"
    )
    assert task.find(f".//{space}Arguments").text == "--quiet --no-input rotate --due --scheduled"


JOB = ["--quiet", "--no-input", "rotate", "--due", "--scheduled"]


def bare(home, world_env, hours=0):
    """The environment of a cron job, with the variables of the crontab."""
    return {
        "HOME": home.env["HOME"],
        "PATH": "/usr/bin:/bin",
        "SHELL": "/bin/sh",
        "AUTHCTL_HOME": str(home.path),
        **world_env,
        **(later(hours) if hours else {}),
    }


def test_a_run_from_an_empty_environment_rotates_with_the_vault(folder):
    double = SendGrid()
    world = World(Authority(folder), [double])
    home = vault_home(folder, **world.env)
    home.run("key", "add", "sendgrid", "--rotate-every", "10d", input=double.first.value).done()
    assert (
        subprocess.run([AUTHCTL, *JOB], env=bare(home, world.env), capture_output=True).returncode
        == 0
    )
    assert len(double.keys) == 1, "nothing was due"
    # It asks nothing: the recipe has unverified facts, and the user has not agreed.
    ran = subprocess.run(
        [AUTHCTL, *JOB], env=bare(home, world.env, 11 * 24), capture_output=True, text=True
    )
    assert ran.returncode == 8 and len(double.keys) == 1, ran
    home.run("rotate", "sendgrid", "--yes").done()
    hours = 24 * 12
    ran = subprocess.run(
        [AUTHCTL, *JOB], env=bare(home, world.env, hours), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran
    ran = subprocess.run(
        [AUTHCTL, *JOB], env=bare(home, world.env, hours + 25), capture_output=True, text=True
    )
    assert ran.returncode == 0 and double.violations == [], ran
    assert home.run("token", "sendgrid").done().out.strip() == newest(double).value
    assert "done (exit code 0)" in home.run("schedule", "status").done().out
    world.stop()


def test_a_run_with_a_locked_keychain_fails_at_once_and_is_reported(folder):
    keyring = Keyring(folder / "session")
    double = SendGrid()
    world = World(Authority(folder), [double])
    told = folder / "told.json"
    home = keychain_home(folder, keyring, **world.env)
    (home.path / "config.toml").write_text(
        f'store = "keychain"\n[rotation]\nnotify = ["/bin/sh", "-c", "cat > {told}"]\n'
    )
    for name in ("sendgrid", "sendgrid/two", "sendgrid/three"):
        home.run("key", "add", name, "--rotate-every", "10d", input=double.first.value).done()
    keyring.lock()
    env = {
        **bare(home, world.env, 11 * 24),
        "DBUS_SESSION_BUS_ADDRESS": keyring.env["DBUS_SESSION_BUS_ADDRESS"],
    }
    import time

    began = time.monotonic()
    ran = subprocess.run([AUTHCTL, *JOB], env=env, capture_output=True, text=True)
    seconds = time.monotonic() - began
    assert ran.returncode == 5 and seconds < 15, ran
    # Also without a bus, as under cron.
    ran = subprocess.run(
        [AUTHCTL, *JOB], env=bare(home, world.env, 11 * 24), capture_output=True, text=True
    )
    assert ran.returncode == 5, ran
    assert json.loads(told.read_text())["code"] == 5
    status = home.run("--json", "schedule", "status").done()
    assert json.loads(status.out)["last_code"] == 5
    # The next command in a terminal reports it once; one in a pipe does not.
    assert "scheduled rotation" not in home.run("list").done().err
    typed = ["script", "-qec", f"{AUTHCTL} list", "/dev/null"]
    first, second = (
        subprocess.run(
            typed, env={**home.env, "TERM": "xterm"}, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    )
    assert (
        "the scheduled rotation" in first
        and "exit code 5" in first
        and "the scheduled rotation" not in second
    )
    world.stop()
    keyring.stop()
    say(
        f"a locked keychain: exit code 5 after {seconds:.1f} s for three due keys, told once in a terminal, and to the user's program"
    )
