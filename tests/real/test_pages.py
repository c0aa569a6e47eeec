"""The manual's pages, the JSON documents against their committed schemas, and the templates of packages."""

import json
import subprocess

import jsonschema
from conftest import AUTHCTL, HERE, say, vault_home

ROOT = HERE.parent.parent


def test_every_page_is_without_error(folder):
    pages = sorted((ROOT / "man").iterdir())
    for page in pages:
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, timeout=30
        )
        assert done.returncode == 0, done.stdout.decode()
        rendered = subprocess.run(
            ["mandoc", "-T", "utf8", page], capture_output=True, timeout=30
        ).stdout.decode()
        assert len(rendered) > 500, page
    # The program prints the same pages, and `man` finds the ones it writes.
    done = subprocess.run(
        [AUTHCTL, "man", "--dir", folder / "man"],
        env={"HOME": str(folder)},
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0, done
    for page in pages:
        assert (
            folder / "man" / f"man{page.suffix[1:]}" / page.name
        ).read_text() == page.read_text(), page
    for words in (["authctl"], ["7", "authctl"], ["authctl-providers"], ["authctl-key-add"]):
        shown = subprocess.run(
            ["man", "-M", folder / "man", *words],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            timeout=30,
        )
        assert shown.returncode == 0 and b"NAME" in shown.stdout, (words, shown)
    say(f"{len(pages)} pages of the manual without error")


def test_a_page_is_formatted_in_a_terminal_and_printed_in_a_pipe(folder):
    """`authctl man` shows a page through `man` and its pager; without `man`, it prints the source."""
    env = {"HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}

    def terminal(path):
        command = ["/usr/bin/script", "-qec", f"{AUTHCTL} man token", "/dev/null"]
        shown = subprocess.run(command, env={**env, "PATH": path}, capture_output=True, timeout=30)
        assert shown.returncode == 0, shown
        return shown.stdout.decode()

    page = terminal("/usr/bin:/bin")
    assert "AUTHCTL-TOKEN(1)" in page and "authctl manual" in page and ".TH" not in page
    empty = folder / "empty"
    empty.mkdir()
    assert terminal(str(empty)).startswith(".TH AUTHCTL-TOKEN 1")
    piped = subprocess.run([AUTHCTL, "man", "token"], env=env, capture_output=True, timeout=30)
    assert piped.stdout.startswith(b".TH AUTHCTL-TOKEN 1"), piped


def test_every_json_document_fits_its_schema(folder, server):
    home = vault_home(folder)
    checked = set()

    def check(schema, *arguments, code=0, **more):
        done = home.run("--json", *arguments, **more)
        assert done.code == code, (arguments, done)
        document = json.loads(done.out)
        described = json.loads((ROOT / f"tests/schemas/{schema}.json").read_text())
        jsonschema.validate(
            document,
            described,
            cls=jsonschema.Draft7Validator if "$schema" not in described else None,
        )
        # A schema that allows everything proves nothing, so every field must be described.
        one = document[0] if isinstance(document, list) and document else document
        known = described.get("properties") or described.get("$defs", {}).get(
            described.get("items", {}).get("$ref", "/").split("/")[-1], {}
        ).get("properties", {})
        if isinstance(one, dict):
            assert set(one) <= set(known), (schema, set(one) - set(known))
        checked.add(schema)
        return document

    add = ["--header", "X-API-Key: {key}", "--origin", "https://api.example.com"]
    check("vault", "vault", "passwd", "--unattended")
    check("key-add", "key", "add", "acme", *add, "--expires", "2099-12-31", input="k")
    home.login(server).done()
    home.run("login", "op", "--no-browser", "--timeout", "1s")
    check("token", "token", "op")
    check("token", "token", "acme")
    check("header", "header", "op", "--format", "json")
    check("refresh", "refresh", "op")
    check("list", "list")
    check("status", "status")
    check("status", "status", "op", "--check")
    check("client-list", "client", "list")
    check("audit", "audit")
    check("provider-list", "provider", "list")
    for name in ("github", "slack", "aws", "grafana", "cloudflare"):
        check("provider-show", "provider", "show", name)
    (folder / "mine.toml").write_text(
        'name = "mine"\ntitle = "Mine"\norigins = ["https://a.example"]\n[key]\nheaders = ["X: {key}"]\n'
    )
    check("provider-add", "provider", "add", str(folder / "mine.toml"))
    check("provider-check", "provider", "check", str(folder / "mine.toml"))
    check("provider-remove", "provider", "remove", "mine")
    check("key-set", "key", "set", "acme", "--rotate-every", "14d")
    check("rotate", "rotate", "op")
    check("rotate-dry-run", "rotate", "--dry-run")
    check("schedule", "schedule", "status")
    (folder / ".env").write_text(
        "OPENAI_API_KEY=sk-proj-0123T3BlbkFJ4567\nSTRIPE_API_KEY=nonsense\n"
    )
    check("key-import", "key", "import", str(folder / ".env"), "--dry-run", code=8)
    check("rename", "rename", "acme", "acme/two")
    recipient = (home.path / "vault/recipient").read_text().strip()
    check(
        "key-export", "key", "export", "--to-age", recipient, "--output", str(folder / "keys.age")
    )
    check(
        "key-import",
        "key",
        "import",
        str(folder / "keys.age"),
        "--identity",
        str(home.path / "vault/identity.age"),
        "--replace",
    )
    check("key-remove", "key", "remove", "acme/two")
    check("logout", "logout", "op")
    check("client-remove", "client", "remove", "op")
    check("client-add", "client", "add", "gitlab", "--client-id", "x")
    check("lock", "lock")
    check("doctor", "doctor", "--server", server.url)
    check(
        "login",
        "login",
        server.url,
        "--as",
        "again",
        "--client-id",
        "tool",
        env={"BROWSER": str(HERE / "browser.py"), "BROWSER_LOGIN": "alice"},
    )
    # A move needs a second store; its document is checked with a keychain (test_keychain).
    missing = {path.stem for path in (ROOT / "tests/schemas").iterdir()} - checked
    assert missing == {"move"}, missing
    say(f"{len(checked)} JSON documents fit their schemas")


def test_the_templates_of_packages_are_filled(folder):
    for name in (
        "aarch64-apple-darwin.tar.gz",
        "x86_64-unknown-linux-gnu.tar.gz",
        "x86_64-pc-windows-msvc.zip",
    ):
        (folder / f"authctl-1.2.3-{name}").write_text(name)
    done = subprocess.run(
        [
            ROOT / ".github/packaging/fill",
            "1.2.3",
            "https://example.com/v1.2.3",
            "https://example.com",
            folder,
        ],
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == 0, done
    manifest = json.loads((folder / "authctl.json").read_text())
    assert manifest["version"] == "1.2.3" and len(manifest["architecture"]["64bit"]["hash"]) == 64
    formula = (folder / "authctl.rb").read_text()
    assert 'version "1.2.3"' in formula and "@" not in formula
    # Every file that the formula installs is in a release.
    for path in ("completions/authctl.bash", "completions/_authctl", "completions/authctl.fish"):
        assert path in formula and (ROOT / path).exists()
    assert (
        subprocess.run(
            ["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True
        ).returncode
        == 0
    )
