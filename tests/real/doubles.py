"""Doubles of providers' APIs, as their documentation describes them: each answers what is documented and nothing else.

The real program reaches them under their real names: a proxy takes every CONNECT, and speaks TLS with a certificate that
the program is told to trust. Whatever is asked that is not in the contract is kept as a violation, and fails the test.
"""

import base64
import contextlib
import json
import re
import secrets
import socket
import ssl
import threading
import time
import urllib.parse


class Request:
    def __init__(self, host, method, target, headers, body):
        self.host, self.method, self.headers, self.body = host, method, headers, body
        self.path, _, query = target.partition("?")
        self.path = urllib.parse.unquote(self.path)
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))

    @property
    def json(self):
        return json.loads(self.body) if self.body else None

    @property
    def form(self):
        return dict(urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True))

    def __repr__(self):
        return f"{self.method} {self.host}{self.path}"


class World:
    """The proxy and the providers behind it."""

    def __init__(self, authority, doubles):
        self.doubles = doubles
        hosts = sorted({host for double in doubles for host in double.hosts})
        made = authority.sign("world", ",".join(f"DNS:{host}" for host in hosts))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(made["TLS_CERT"], made["TLS_KEY"])
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.env = {
            "https_proxy": f"http://127.0.0.1:{self.socket.getsockname()[1]}",
            "SSL_CERT_FILE": str(authority.certificate),
        }
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError, ssl.SSLError):
            head = self.head(client)
            method, target, _ = head.split("\r\n")[0].split(" ")
            assert method == "CONNECT", method
            host = target.rsplit(":", 1)[0]
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            secure = self.context.wrap_socket(client, server_side=True)
            while self.answer(host, secure):
                pass
            secure.close()

    @staticmethod
    def head(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(1)
            if not more:
                raise OSError("closed")
            data += more
        return data.decode()

    def answer(self, host, connection):
        lines = self.head(connection).split("\r\n")
        method, target, _ = lines[0].split(" ")
        pairs = [line.split(": ", 1) for line in lines[1:] if ": " in line]
        headers = {name.lower(): value for name, value in pairs}
        body = b""
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        request = Request(host, method, target, headers, body)
        double = next((double for double in self.doubles if host in double.hosts), None)
        if double is None:
            raise AssertionError(f"nobody is called {host}")
        answer = double.take(request)
        if answer is None:  # the connection breaks after the provider has acted
            connection.close()
            return False
        status, kind, text = answer
        data = text.encode()
        connection.sendall(
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        return True

    def stop(self):
        # A thread that waits in `accept` would take the connections of the next test.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


class Plain(World):
    """The same on loopback, without a proxy and TLS, for rows of the user."""

    def __init__(self, doubles):
        self.doubles = doubles
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.env = {}
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def serve(self, client):
        with contextlib.suppress(OSError):
            while self.answer(self.doubles[0].hosts[0], client):
                pass
            client.close()


class Key:
    def __init__(self, id, value, label="by hand", **rights):
        self.id, self.value, self.label, self.rights, self.made = (
            id,
            value,
            label,
            rights,
            time.time(),
        )
        self.used = False

    def __repr__(self):
        return f"<{self.id} {self.label}>"


class Double:
    """One provider: its keys, its documented requests, and its errors on request."""

    name, hosts, values = "", (), {}
    settings = {}
    manager = None  # (name, header) of the credential that may manage keys
    header = staticmethod(lambda value: ("authorization", f"Bearer {value}"))
    form = staticmethod(lambda: secrets.token_hex(16))  # how a key looks
    rights = {}
    verifies = True
    listed_by_label = True
    most = None

    def __init__(self):
        self.keys, self.log, self.violations, self.facts = {}, [], [], 0
        self.lock = threading.RLock()
        # The next error: `lose` the response to the creation, answer `403`, `429`, `500`, `quota`; `slow` accepts a key late.
        self.trouble, self.slow, self.revoke_trouble = [], 0, []
        self.dead = []
        first = self.new("by hand", dict(self.rights))
        self.first = first

    def id(self, value):
        return secrets.token_hex(8)

    def new(self, label, rights):
        value = self.form()
        key = Key(self.id(value), value, label, **rights)
        key.slow = 0
        self.keys[key.id] = key
        return key

    # ---- the parts of a contract
    def fact(self, holds, what):
        self.facts += 1
        if not holds:
            self.violations.append(what)
        return holds

    def only(self, request, body, required, optional=()):
        """Checks that every field is documented and no required one is missing."""
        for field in body:
            self.fact(
                field in required or field in optional, f"{request}: undocumented field {field}"
            )
        for field in required:
            self.fact(field in body, f"{request}: without {field}")

    def holder(self, request, manager=False):
        """The owner of the credential in the request: a valid key, or the manager."""
        if manager:
            name, value = self.manager_header()
            return (
                self.fact(
                    request.headers.get(name) == value,
                    f"{request}: the manager's credential is not in `{name}`",
                )
                and "manager"
            )
        for key in self.keys.values():
            name, value = self.header(key.value)
            if request.headers.get(name) == value:
                if key.slow > 0:
                    key.slow -= 1
                    return None
                key.used = True
                return key
        return None

    def manager_header(self):
        return self.header(self.manager[1])

    def reply(self, document=None, status=200):
        return status, "application/json", "" if document is None else json.dumps(document)

    def take(self, request):
        with self.lock:
            self.log.append(request)
            try:
                for method, pattern, serve in self.contract():
                    found = re.fullmatch(pattern, request.path)
                    if found and method == request.method:
                        self.facts += 2
                        return serve(request, *found.groups())
                self.violations.append(f"undocumented: {request}")
                return self.reply({"message": "undocumented"}, 418)
            except Exception as error:  # noqa: BLE001 - a broken double is a failed test
                self.violations.append(
                    f"{request}: {type(error).__name__} {error} (body {request.body[:300]!r})"
                )
                return self.reply({"message": "broken"}, 500)

    # ---- the documented behaviour of all providers
    def acting(self, request):
        """The caller of a request that creates or revokes a key; the documented errors come first."""
        return self.holder(request, manager=self.manager is not None)

    def create(self, request, label, rights, answer):
        if not self.acting(request):
            return self.denied()
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble in (403, 429, 500):
            return self.reply(self.error(trouble), trouble)
        if trouble == "quota" or self.most and len(self.keys) >= self.most:
            return self.reply(self.error("quota"), 403)
        self.fact(
            re.fullmatch(r"authctl-[0-9a-f]{16}", label) is not None,
            f"{request}: the label is {label}",
        )
        key = self.new(label, rights)
        key.slow, self.slow = self.slow, 0
        return None if trouble == "lose" else answer(key)

    def end(self, request, id, answer=None, status=204):
        if not self.acting(request):
            return self.denied()
        trouble = self.revoke_trouble.pop(0) if self.revoke_trouble else None
        if trouble == "lose":
            self.keys.pop(id, None)
            return None
        if trouble:
            return self.reply(self.error(trouble), trouble)
        key = self.keys.pop(id, None)
        if key is None:
            return self.gone()
        self.dead.append(key)
        return self.reply(answer(key) if answer else None, status)

    def check(self, request, answer=lambda key: {}):
        key = self.holder(request)
        return self.reply(answer(key)) if key else self.denied()

    def denied(self):
        return self.reply({"message": "unauthorized"}, 401)

    def gone(self):
        return self.reply({"message": "not found"}, 404)

    def error(self, what):
        return {"message": f"documented error {what}"}

    def lists(self, request, answer):
        return (
            self.reply(answer(list(self.keys.values()))) if self.acting(request) else self.denied()
        )

    def reads(self, request, id, answer):
        if not self.acting(request):
            return self.denied()
        return self.reply(answer(self.keys[id])) if id in self.keys else self.gone()


def soon(days):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))


def moment(text):
    return time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def basic(user, password):
    return "authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
