"""TLS with a certificate authority of our own: a server without its certificate gets no code and no secret."""

import pathlib
import socket
import subprocess
import threading

import pytest
from conftest import BROWSER, Server, quiet_port, say, vault_home


class Authority:
    """A certificate authority and its certificates."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / "ca.pem"
        self.openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "3650",
            "-subj",
            "/CN=authctl test CA",
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign",
        )

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def sign(self, name, host, expired=False):
        (self.folder / f"{name}.ext").write_text(
            f"subjectAltName={host}\nextendedKeyUsage=serverAuth\n"
        )
        self.openssl(
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={name}",
        )
        if expired:
            # `x509 -req` cannot set a start date in the past; `ca` can.
            (self.folder / "index.txt").write_text("")
            (self.folder / "serial").write_text("1000\n")
            (self.folder / "ca.cnf").write_text(
                "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
            )
            self.openssl(
                "ca",
                "-batch",
                "-config",
                "ca.cnf",
                "-cert",
                "ca.pem",
                "-keyfile",
                "ca.key",
                "-in",
                f"{name}.csr",
                "-out",
                f"{name}.pem",
                "-notext",
                "-extfile",
                f"{name}.ext",
                "-startdate",
                "20240101000000Z",
                "-enddate",
                "20240201000000Z",
            )
        else:
            self.openssl(
                "x509",
                "-req",
                "-in",
                f"{name}.csr",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-days",
                "3650",
                "-out",
                f"{name}.pem",
                "-extfile",
                f"{name}.ext",
            )
        return {
            "TLS_KEY": str(self.folder / f"{name}.key"),
            "TLS_CERT": str(self.folder / f"{name}.pem"),
        }


class Proxy:
    """An HTTP proxy that supports CONNECT and records the traffic."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.connected, self.clear = [], b""
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.clear += head
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        assert method == b"CONNECT", method
        self.connected.append(target.decode())
        # Every name resolves to this machine.
        upstream = socket.create_connection(("127.0.0.1", int(target.rsplit(b":", 1)[1])))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=self.copy, args=(upstream, client), daemon=True).start()
        self.copy(client, upstream)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.fixture
def authority(folder):
    return Authority(folder)


def test_a_private_authority_works_and_others_are_refused(folder, authority):
    good = Server(
        env={**authority.sign("good", "IP:127.0.0.1,DNS:localhost"), "PORT": str(quiet_port())}
    )
    env = {"SSL_CERT_FILE": str(authority.certificate)}
    home = vault_home(folder, **env)
    home.login(good).done()
    home.run("refresh", "op").done()
    requests = good.control()["tokenRequests"]
    # The same server, which the CA bundle of the system does not trust.
    stranger = home.run(
        "refresh", "op", env={"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    ).failed(6)
    assert good.control()["tokenRequests"] == requests
    say(f"unknown authority: exit 6, {stranger.err.splitlines()[0][:120]}")
    missing = home.run("token", "op", "--refresh", env={"SSL_CERT_FILE": "/nonexistent"})
    assert missing.code == 6, missing
    good.stop()
    for name, host, expired, says in (
        ("wrong-host", "DNS:other.example", False, ""),
        ("expired", "IP:127.0.0.1", True, ""),
    ):
        server = Server(env={**authority.sign(name, host, expired), "PORT": str(good.port)})
        # The stored failure of the last attempt is not tested here.
        other = vault_home(folder, name, **env)
        ran = other.login(server, "op").failed(6, says)
        assert server.control()["tokenRequests"] == 0
        say(f"{name}: exit 6, {ran.err.splitlines()[0][:140]}")
        import time

        time.sleep(3.2)
        ran = home.run("refresh", "op").failed(6)
        assert server.control()["tokenRequests"] == 0, "no secret was sent"
        server.stop()
    # With the right certificate, the login works as before.
    server = Server(env={**authority.sign("good", "IP:127.0.0.1"), "PORT": str(good.port)})
    time.sleep(3.2)
    assert home.run("refresh", "op").code == 4, "a server with an empty memory knows no token"
    server.stop()


def test_through_a_proxy(folder, authority):
    server = Server(env={**authority.sign("proxied", "DNS:issuer.test"), "HOST": "issuer.test"})
    proxy = Proxy()
    env = {"SSL_CERT_FILE": str(authority.certificate), "HTTPS_PROXY": proxy.url}
    home = vault_home(folder, **env)
    # The simulated browser has no proxy and cannot resolve the name: it gets the loopback address instead.
    script = folder / "browser"
    script.write_text(
        f"#!/bin/sh\nexec /usr/bin/python3 - \"$1\" <<'END'\nimport socket, ssl, sys\nsys.path.insert(0, {str(BROWSER.parent)!r})\n"
        "real = socket.getaddrinfo\n"
        "socket.getaddrinfo = lambda host, *rest, **more: real('127.0.0.1' if host == 'issuer.test' else host, *rest, **more)\n"
        "import browser\nprint(browser.visit(sys.argv[1], 'alice'))\nEND\n"
    )
    script.chmod(0o755)
    home.run(
        "login", server.url, "--as", "op", "--client-id", "tool", env={"BROWSER": str(script)}
    ).done()
    home.run("refresh", "op").done()
    assert set(proxy.connected) == {f"issuer.test:{server.port}"}, proxy.connected
    assert b"refresh" not in proxy.clear and b"code" not in proxy.clear
    # An unreachable proxy: nothing bypasses it.
    requests = server.control()["tokenRequests"]
    home.run("refresh", "op", env={"HTTPS_PROXY": "http://127.0.0.1:1"}).failed(6)
    assert server.control()["tokenRequests"] == requests
    say(
        f"through an HTTPS proxy: login and refresh, {len(proxy.connected)} tunnels to {proxy.connected[0].split(':')[0]}"
    )
    server.stop()
