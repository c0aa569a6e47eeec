"""Every command in the README is run, in order.

What is a real provider there is a double here: the hosts lead to the local authorization server, and the rows of the
catalogue that are logged in to are replaced by the user's own rows with the same names. A block that this test does not
know fails it.
"""

import os
import pathlib
import re
import subprocess

from conftest import AUTHCTL, BROWSER, HERE, Home

ROOT = HERE.parent.parent


def blocks():
    text = (ROOT / "README.md").read_text()
    return [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", text, re.S)]


def row(name, title, url, variables=""):
    return (
        f'name = "{name}"\ntitle = "{title}"\norigins = ["{url}"]\n{variables}[oauth]\nauthorization_endpoint = "{url}/auth"\ntoken_endpoint = "{url}/token"\n'
        f'revocation_endpoint = "{url}/token/revocation"\nissuer = "{url}"\nclient_auth = "none"\ndefault_scopes = ["openid"]\noffline_scopes = ["offline_access"]\n'
        f'authorize_params = {{ prompt = "consent" }}\nrevoke = {{ style = "rfc7009" }}\n'
    )


def test_the_commands_in_the_readme_work(folder, server):
    shown = blocks()
    # The two commands are run by tests/run itself, a rotation by test_recipes, the schedule by
    # test_schedule.
    run_elsewhere = [
        ["cargo run --release --example tour"],
        ["tests/run"],
        ["authctl rotate sendgrid"],
        ["authctl schedule install"],
    ]
    for block in run_elsewhere:
        assert block in shown, f"the README no longer shows {block}"
    home = Home(
        folder / "home",
        {
            "PATH": f"{pathlib.Path(AUTHCTL).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "AUTHCTL_STORE": "vault",
            "BROWSER": str(BROWSER),
        },
    )
    if pathlib.Path(AUTHCTL).name != "authctl":
        os.symlink(AUTHCTL, folder / "authctl")
        home.env["PATH"] = f"{folder}:{home.env['PATH']}"
    home.run("vault", "init", "--unattended").done()
    rows = {"github": row("github", "GitHub", server.url)}
    host = server.url.removeprefix("http://")
    rows["gitlab"] = row(
        "gitlab",
        "GitLab",
        server.url.replace(host, "{host}"),
        f'variables = {{ host = {{ help = "host", default = "{host}" }} }}\n',
    )
    rows["stripe"] = (
        f'name = "stripe"\ntitle = "Stripe"\norigins = ["{server.url}"]\n[key]\nheaders = ["Authorization: Bearer {{key}}"]\nenv = ["STRIPE_API_KEY"]\n'
    )
    for name, text in rows.items():
        (folder / f"{name}.toml").write_text(text)
        home.run("provider", "add", str(folder / f"{name}.toml")).done()
    (folder / ".env").write_text("OPENAI_API_KEY=sk-proj-0123T3BlbkFJ4567\n")
    key = folder / "key.txt"
    key.write_text("sk_test_0123456789\n")
    # The first login asks for a client; the test has registered one.
    home.run("login", "github", "--client-id", "tool").done()
    places = {
        "https://api.github.com/user": f"{server.url}/api/any",
        "https://api.stripe.com/v1/balance": f"{server.url}/api/any",
        "https://issuer.example.com": server.url,
        "https://api.example.com": server.url,
        "gitlab.example.com": host,
        "my-client": "tool",
        # Building takes minutes; the suite runs what `tests/run` has built with the same flags.
        'cargo install --path . --config .cargo/static.toml --target "$(rustc --print host-tuple)"': "true",
    }
    ran = 0
    for block in shown:
        if block in run_elsewhere:
            continue
        for line in block:
            command = line
            for there, here in places.items():
                command = command.replace(there, here)
            assert "example.com" not in command.replace("acme.example", ""), f"no double for {line}"
            done = subprocess.run(
                ["bash", "-c", command], env=home.env, capture_output=True, timeout=60, cwd=folder
            )
            assert done.returncode == 0, (line, done)
            if line.startswith("curl") or "| curl" in line:
                assert done.stdout == b"hello\n", (line, done)
            # A later block uses the login that this one deletes.
            if line.startswith("authctl logout github"):
                home.run("login", "github").done()
            ran += 1
    assert ran >= 12, ran


def test_every_command_of_the_reference_exists_and_helps():
    text = (ROOT / "README.md").read_text()
    for line in text.splitlines():
        found = re.match(r"\| `(\w+)(?: (\w+))?", line)
        if not found:
            continue
        words = [word for word in found.groups() if word and word.islower()]
        done = subprocess.run([AUTHCTL, *words, "--help"], capture_output=True, timeout=20)
        assert done.returncode == 0, line
        assert (
            b"Examples:" in done.stdout
            or len(words) == 2
            or words[0] in ("key", "provider", "vault")
        ), words
