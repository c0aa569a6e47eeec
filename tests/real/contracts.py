"""The APIs of the providers whose keys are rotated, each from the sources in its row."""

import re
import secrets
import string
import time

from doubles import Double, basic, moment, soon

HEX, ALNUM = "0123456789abcdef", string.ascii_letters + string.digits


def some(alphabet, length):
    return "".join(secrets.choice(alphabet) for _ in range(length))


class GitLab(Double):
    """Rolls: one request changes the value and the id of the token and revokes the previous value."""

    name, hosts, roll = "gitlab", ("gitlab.com",), True
    header = staticmethod(lambda value: ("private-token", value))
    form = staticmethod(lambda: "glpat-" + some(ALNUM, 20))
    rights = {"scopes": ["api"], "expires_at": soon(20)[:10], "created_at": soon(-10)}
    # The longest lifetime that the instance allows, in days.
    longest = None

    def contract(self):
        return [
            ("GET", "/api/v4/personal_access_tokens/self", self.itself),
            ("POST", "/api/v4/personal_access_tokens/self/rotate", self.rotate),
        ]

    def itself(self, request):
        return self.check(
            request, lambda key: {"id": key.id, "name": "t", "active": True, **key.rights}
        )

    def rotate(self, request):
        old = self.holder(request)
        if not old:
            return self.denied()
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble in (403, 429):
            return self.reply(self.error(trouble), trouble)
        self.only(request, request.json, ["expires_at"])
        days = (moment(request.json["expires_at"] + "T00:00:00") - time.time()) / 86400
        if self.longest and days > self.longest:
            return self.reply({"message": "400 Bad request - Expiration date is too late"}, 400)
        self.fact(
            self.longest or 28 < days < 31,
            f"it shall live as long as the old one was made for, not {days} days",
        )
        del self.keys[old.id]
        self.dead.append(old)
        key = self.new(
            "rolled", dict(old.rights, expires_at=request.json["expires_at"], created_at=soon(0))
        )
        return (
            None
            if trouble == "lose"
            else self.reply(
                {
                    "id": key.id,
                    "token": key.value,
                    "expires_at": request.json["expires_at"],
                    "scopes": ["api"],
                }
            )
        )


class Cloudflare(Double):
    """Rolls: the same id, a new value."""

    name, hosts, roll = "cloudflare", ("api.cloudflare.com",), True
    form = staticmethod(lambda: "cfut_" + some(ALNUM, 40) + some(HEX, 8))

    def contract(self):
        return [
            ("GET", "/client/v4/user/tokens/verify", self.verify),
            ("PUT", "/client/v4/user/tokens/([0-9a-f]+)/value", self.rotate),
        ]

    def verify(self, request):
        return self.check(
            request, lambda key: {"success": True, "result": {"id": key.id, "status": "active"}}
        )

    def rotate(self, request, id):
        if not (
            self.holder(request)
            or self.manager
            and request.headers.get("authorization") == f"Bearer {self.manager[1]}"
        ):
            return self.denied()
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble in (403, 429):
            return self.reply({"success": False, "errors": [{"message": "no"}]}, trouble)
        self.fact(request.json == {}, "the body is {}")
        self.fact(request.headers.get("content-type") == "application/json", "it is JSON")
        old = self.keys[id]
        gone = type(old)(old.id, old.value)
        self.dead.append(gone)
        old.value = self.form()
        return None if trouble == "lose" else self.reply({"success": True, "result": old.value})


class Algolia(Double):
    name, hosts = "algolia", ("app1234567.algolia.net",)
    values, manager = {"app": "APP1234567"}, ("admin", some(HEX, 32))
    form = staticmethod(lambda: some(HEX, 32))
    parts = staticmethod(lambda value: [value, "APP1234567"])
    header = staticmethod(lambda value: ("x-algolia-api-key", value))
    rights = {"acl": ["search"], "indexes": ["i"], "validity": 0}

    def id(self, value):
        return value

    def contract(self):
        return [
            ("GET", "/1/keys", self.listing),
            ("GET", "/1/keys/([0-9a-f]{32})", self.read),
            ("POST", "/1/keys", self.make),
            ("DELETE", "/1/keys/([0-9a-f]{32})", self.remove),
        ]

    def acting(self, request):
        self.fact(
            request.headers.get("x-algolia-application-id") == "APP1234567", "the application's id"
        )
        return super().acting(request)

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "keys": [
                    {"value": key.value, "description": key.label, **key.rights} for key in keys
                ]
            },
        )

    def read(self, request, id):
        key = self.keys.get(id)
        if key is None:
            return self.gone()
        if key.slow > 0:
            key.slow -= 1
            return self.gone()
        return self.reply({"value": key.value, "description": key.label, **key.rights})

    def make(self, request):
        body = request.json
        self.only(
            request,
            body,
            ["acl", "description"],
            [
                "indexes",
                "validity",
                "referers",
                "queryParameters",
                "maxHitsPerQuery",
                "maxQueriesPerIPPerHour",
            ],
        )
        self.fact(
            body["acl"] == ["search"] and body.get("indexes") == ["i"], "the rights are copied"
        )
        return self.create(
            request,
            body["description"],
            self.rights,
            lambda key: self.reply({"key": key.value, "createdAt": soon(0)}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"deletedAt": soon(0)}, 200)


class Twilio(Double):
    name, hosts, force = "twilio", ("api.twilio.com", "verify.twilio.com"), True
    account = "AC" + some(HEX, 32)
    values, manager = {"account": account}, ("main", some(ALNUM, 32))
    parts = staticmethod(lambda value: value.split(":"))
    header = staticmethod(lambda value: basic(*value.split(":")))
    form = staticmethod(lambda: "SK" + some(HEX, 32) + ":" + some(ALNUM, 32))

    def id(self, value):
        return value.split(":")[0]

    def manager_header(self):
        return basic(self.account, self.manager[1])

    def manager_input(self):
        return f"{self.account}\n{self.manager[1]}\n"

    def contract(self):
        base = f"/2010-04-01/Accounts/{self.account}/Keys"
        return [
            ("GET", "/v2/Services", self.check),
            ("GET", f"{base}.json", self.listing),
            ("POST", f"{base}.json", self.make),
            ("DELETE", base + r"/(SK\w+)\.json", self.remove),
        ]

    def listing(self, request):
        self.only(request, request.query, [], ["PageSize"])
        return self.lists(
            request,
            lambda keys: {
                "keys": [{"sid": key.id, "friendly_name": key.label} for key in keys],
                "next_page_uri": None,
            },
        )

    def make(self, request):
        self.only(request, request.form, ["FriendlyName"])
        return self.create(
            request,
            request.form["FriendlyName"],
            {},
            lambda key: self.reply({"sid": key.id, "secret": key.value.split(":")[1]}, 201),
        )

    def remove(self, request, id):
        return self.end(request, id)


class SendGrid(Double):
    name, hosts = "sendgrid", ("api.sendgrid.com",)
    form = staticmethod(lambda: f"SG.{some(ALNUM, 22)}.{some(ALNUM, 43)}")
    rights = {"scopes": ["mail.send", "api_keys.create", "api_keys.read", "api_keys.delete"]}
    # T3: what it gives to every key by itself, and what nobody may ask for.
    given = ["2fa_required", "sender_verification_eligible"]

    def id(self, value):
        return value.split(".")[1]

    def contract(self):
        one = r"/v3/api_keys/([\w-]+)"
        return [
            ("GET", "/v3/scopes", self.check),
            ("GET", "/v3/api_keys", self.listing),
            ("GET", one, self.read),
            ("POST", "/v3/api_keys", self.make),
            ("DELETE", one, self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {"result": [{"name": key.label, "api_key_id": key.id} for key in keys]},
        )

    def read(self, request, id):
        return self.reads(
            request,
            id,
            lambda key: {
                "name": key.label,
                "api_key_id": key.id,
                "scopes": key.rights["scopes"] and [*self.given, *key.rights["scopes"]],
            },
        )

    def make(self, request):
        self.only(request, request.json, ["name", "scopes"])
        if set(self.given) & set(request.json["scopes"]):
            return self.reply({"errors": [{"field": None, "message": "unexpected error"}]}, 500)
        self.fact(
            request.json["scopes"] == self.rights["scopes"],
            "without them it would be a key with full access",
        )
        return self.create(
            request,
            request.json["name"],
            self.rights,
            lambda key: self.reply(
                {"api_key": key.value, "api_key_id": key.id, "name": key.label}, 201
            ),
        )

    def remove(self, request, id):
        return self.end(request, id)


class OpenAIService(Double):
    name, hosts, force, given_id = "openai", ("api.openai.com",), True, True
    values, manager = (
        {"project": "proj_1"},
        ("admin", "sk-admin-" + some(ALNUM, 20) + "T3BlbkFJ" + some(ALNUM, 20)),
    )
    form = staticmethod(lambda: "sk-svcacct-" + some(ALNUM, 20) + "T3BlbkFJ" + some(ALNUM, 20))

    def contract(self):
        base = "/v1/organization/projects/proj_1/service_accounts"
        return [
            ("GET", "/v1/models", self.check),
            ("GET", base, self.listing),
            ("POST", base, self.make),
            ("DELETE", base + r"/(\w+)", self.remove),
        ]

    def check(self, request):
        if request.headers.get("authorization") == f"Bearer {self.manager[1]}":
            return self.reply({"data": []})
        return super().check(request)

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "data": [{"id": key.id, "name": key.label} for key in keys],
                "has_more": False,
            },
        )

    def make(self, request):
        self.only(request, request.json, ["name"])
        return self.create(
            request,
            request.json["name"],
            {},
            lambda key: self.reply(
                {"id": key.id, "name": key.label, "api_key": {"id": "k", "value": key.value}}
            ),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"id": key.id, "deleted": True}, 200)


class OpenAIAdmin(Double):
    name, hosts = "openai", ("api.openai.com",)
    form = staticmethod(lambda: "sk-admin-" + some(ALNUM, 20) + "T3BlbkFJ" + some(ALNUM, 20))

    def contract(self):
        base = "/v1/organization/admin_api_keys"
        return [
            ("GET", "/v1/models", self.check),
            ("GET", base, self.listing),
            ("POST", base, self.make),
            ("DELETE", base + r"/(\w+)", self.remove),
        ]

    def listing(self, request):
        if request.query.get("limit") == "1":
            return self.check(
                request, lambda key: {"data": [{"id": "x", "name": "y"}], "has_more": True}
            )
        return self.lists(
            request,
            lambda keys: {
                "data": [
                    {
                        "id": key.id,
                        "name": key.label,
                        "redacted_value": f"{key.value[:12]}**********{key.value[-4:]}",
                    }
                    for key in keys
                ],
                "has_more": False,
            },
        )

    def make(self, request):
        self.only(request, request.json, ["name"], ["expires_in_seconds"])
        return self.create(
            request,
            request.json["name"],
            {},
            lambda key: self.reply({"id": key.id, "name": key.label, "value": key.value}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"id": key.id, "deleted": True}, 200)


class Datadog(Double):
    name, hosts = "datadog", ("api.datadoghq.com",)
    app = some(HEX, 40)
    parts = staticmethod(lambda value: [value, Datadog.app])
    header = staticmethod(lambda value: ("dd-api-key", value))
    form = staticmethod(lambda: some(HEX, 32))

    def contract(self):
        return [
            ("GET", "/api/v2/validate_keys", self.check),
            ("GET", "/api/v2/api_keys", self.listing),
            ("POST", "/api/v2/api_keys", self.make),
            ("DELETE", r"/api/v2/api_keys/(\w+)", self.remove),
        ]

    def acting(self, request):
        self.fact(request.headers.get("dd-application-key") == self.app, "the application key")
        return super().acting(request)

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "data": [
                    {"id": key.id, "attributes": {"name": key.label, "key": key.value}}
                    for key in keys
                ]
            },
        )

    def make(self, request):
        body = request.json
        self.only(request, body, ["data"])
        self.fact(
            body["data"]["type"] == "api_keys" and set(body["data"]) == {"type", "attributes"},
            "the documented envelope",
        )
        self.only(request, body["data"]["attributes"], ["name"])
        return self.create(
            request,
            body["data"]["attributes"]["name"],
            {},
            lambda key: self.reply({"data": {"id": key.id, "attributes": {"key": key.value}}}, 201),
        )

    def remove(self, request, id):
        return self.end(request, id)


class Vercel(Double):
    name, hosts = "vercel", ("api.vercel.com",)
    values = {"team": "team_1", "project": "prj_1"}
    form = staticmethod(lambda: "vcp_" + some(ALNUM, 30))
    rights = {
        "createdAt": int((time.time() - 10 * 86400) * 1000),
        "expiresAt": int((time.time() + 20 * 86400) * 1000),
    }

    def contract(self):
        one = r"/v5/user/tokens/(\w+)"
        return [
            ("GET", "/v2/user", lambda r: self.check(r, lambda key: {"user": {"username": "me"}})),
            ("GET", "/v5/user/tokens", self.listing),
            ("GET", one, self.read),
            ("POST", "/v3/user/tokens", self.make),
            ("DELETE", r"/v3/user/tokens/(\w+)", self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "tokens": [{"id": key.id, "name": key.label} for key in keys],
                "pagination": {"next": None},
            },
        )

    def read(self, request, id):
        holder = self.acting(request)
        id = holder.id if holder and id == "current" else id
        return self.reads(
            request, id, lambda key: {"token": {"id": key.id, "name": key.label, **key.rights}}
        )

    def make(self, request):
        body = request.json
        self.only(request, request.query, ["teamId"])
        self.only(request, body, ["name", "projectId", "expiresAt"])
        self.fact(
            request.query["teamId"] == "team_1" and body["projectId"] == "prj_1",
            "without them it would be wider",
        )
        days = (body["expiresAt"] / 1000 - time.time()) / 86400
        self.fact(29 < days < 31.5, f"as long as the old one was made for, not {days} days")
        return self.create(
            request,
            body["name"],
            self.rights,
            lambda key: self.reply(
                {"token": {"id": key.id, "expiresAt": body["expiresAt"]}, "bearerToken": key.value}
            ),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"tokenId": key.id}, 200)


class Linode(Double):
    name, hosts = "linode", ("api.linode.com",)
    form = staticmethod(lambda: some(HEX, 64))
    rights = {
        "scopes": "linodes:read_only account:read_write",
        "created": soon(-10)[:19],
        "expiry": soon(20)[:19],
    }

    def contract(self):
        one = r"/v4/profile/tokens/(\w+)"
        return [
            ("GET", "/v4/profile", lambda r: self.check(r, lambda key: {"username": "me"})),
            ("GET", "/v4/profile/tokens", self.listing),
            ("GET", one, self.read),
            ("POST", "/v4/profile/tokens", self.make),
            ("DELETE", one, self.remove),
        ]

    def shown(self, key):
        return {"id": key.id, "label": key.label, "token": key.value[:16], **key.rights}

    def listing(self, request):
        return self.lists(
            request, lambda keys: {"data": [self.shown(key) for key in keys], "pages": 1}
        )

    def read(self, request, id):
        return self.reads(request, id, self.shown)

    def make(self, request):
        body = request.json
        self.only(request, body, ["label", "scopes", "expiry"])
        self.fact(
            body["scopes"] == self.rights["scopes"],
            "without scopes it would have those of the caller",
        )
        self.fact(
            re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body["expiry"])
            and 29 < (moment(body["expiry"]) - time.time()) / 86400 < 31.5,
            "without expiry it would have no end",
        )
        return self.create(
            request,
            body["label"],
            self.rights,
            lambda key: self.reply({"id": key.id, "token": key.value, "expiry": body["expiry"]}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {}, 200)


class Databricks(Double):
    name, hosts, given_id, force = "databricks", ("acme.cloud.databricks.com",), True, True
    values = {"host": "acme.cloud.databricks.com"}
    form = staticmethod(lambda: "dapi" + some(HEX, 32))

    def contract(self):
        return [
            (
                "GET",
                "/api/2.0/preview/scim/v2/Me",
                lambda r: self.check(r, lambda key: {"userName": "me"}),
            ),
            ("GET", "/api/2.0/token/list", self.listing),
            ("POST", "/api/2.0/token/create", self.make),
            ("POST", "/api/2.0/token/delete", self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "token_infos": [{"token_id": key.id, "comment": key.label} for key in keys]
            },
        )

    def make(self, request):
        self.only(request, request.json, ["comment", "lifetime_seconds"], ["scopes"])
        self.fact(
            request.json["lifetime_seconds"] <= 90 * 86400,
            "without a lifetime it would live for two years",
        )
        return self.create(
            request,
            request.json["comment"],
            {},
            lambda key: self.reply({"token_value": key.value, "token_info": {"token_id": key.id}}),
        )

    def remove(self, request):
        self.only(request, request.json, ["token_id"])
        return self.end(request, request.json["token_id"], lambda key: {}, 200)

    def gone(self):
        return self.reply(
            {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such token"}, 404
        )


class NewRelic(Double):
    name, hosts, given_id = "newrelic", ("api.newrelic.com",), True
    values = {"account": "1", "user": "2"}
    header = staticmethod(lambda value: ("api-key", value))
    form = staticmethod(lambda: "NRAK-" + some(string.ascii_uppercase + string.digits, 27))

    def contract(self):
        return [("POST", "/graphql", self.graphql)]

    def graphql(self, request):
        query, variables = request.json["query"], request.json.get("variables", {})
        if "apiAccessCreateKeys" in query:
            (wanted,) = variables["keys"]["user"]
            self.only(request, wanted, ["accountId", "userId", "name"])
            self.fact(
                wanted["accountId"] == 1 and wanted["userId"] == 2,
                "numbers, as the schema has them",
            )
            return self.create(
                request,
                wanted["name"],
                {},
                lambda key: self.reply(
                    {
                        "data": {
                            "apiAccessCreateKeys": {
                                "createdKeys": [
                                    {
                                        "id": key.id,
                                        "key": key.value,
                                        "name": key.label,
                                        "type": "USER",
                                    }
                                ],
                                "errors": [],
                            }
                        }
                    }
                ),
            )
        if "apiAccessDeleteKeys" in query:
            (id,) = variables["keys"]["userKeyIds"]
            return self.end(
                request,
                id,
                lambda key: {
                    "data": {"apiAccessDeleteKeys": {"deletedKeys": [{"id": key.id}], "errors": []}}
                },
                200,
            )
        if "keySearch" in query:
            return self.lists(
                request,
                lambda keys: {
                    "data": {
                        "actor": {
                            "apiAccess": {
                                "keySearch": {
                                    "keys": [
                                        {"id": key.id, "name": key.label, "type": "USER"}
                                        for key in keys
                                    ],
                                    "nextCursor": None,
                                }
                            }
                        }
                    }
                },
            )
        return self.check(
            request, lambda key: {"data": {"actor": {"user": {"email": "me@example.com"}}}}
        )

    def gone(self):  # GraphQL says 200 and means it
        return self.reply({}, 404)


class Heroku(Double):
    name, hosts = "heroku", ("api.heroku.com",)
    form = staticmethod(lambda: "HRKU-AA" + some(ALNUM, 58))
    rights = {"scope": ["read"], "created_at": soon(-10)}

    def contract(self):
        one = r"/oauth/authorizations/(\w+)"
        return [
            ("GET", "/account", lambda r: self.check(r, lambda key: {"email": "me"})),
            ("GET", "/oauth/authorizations", self.listing),
            ("GET", one, self.read),
            ("POST", "/oauth/authorizations", self.make),
            ("DELETE", one, self.remove),
        ]

    def take(self, request):
        self.fact(
            request.headers.get("accept") == "application/vnd.heroku+json; version=3",
            f"{request}: the version in Accept",
        )
        return super().take(request)

    def shown(self, key):
        return {
            "id": key.id,
            "description": key.label,
            "access_token": {"token": key.value, "expires_in": None},
            **key.rights,
        }

    def listing(self, request):
        return self.lists(request, lambda keys: [self.shown(key) for key in keys])

    def read(self, request, id):
        return self.reads(request, id, self.shown)

    def make(self, request):
        self.only(request, request.json, ["description", "scope"], ["expires_in"])
        self.fact(request.json["scope"] == ["read"], "the scope is copied")
        return self.create(
            request,
            request.json["description"],
            self.rights,
            lambda key: self.reply(self.shown(key), 201),
        )

    def remove(self, request, id):
        return self.end(request, id, self.shown, 200)


class Mailgun(Double):
    name, hosts, given_id = "mailgun", ("api.mailgun.net",), True
    values = {"role": "sending", "kind": "domain", "domain": "mg.example.com"}
    header = staticmethod(lambda value: basic("api", value))
    form = staticmethod(lambda: f"{some(HEX, 32)}-{some(HEX, 8)}-{some(HEX, 8)}")

    def contract(self):
        return [
            ("GET", "/v4/domains", self.check),
            ("GET", "/v1/keys", self.listing),
            ("POST", "/v1/keys", self.make),
            ("DELETE", r"/v1/keys/(\w+)", self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {"items": [{"id": key.id, "description": key.label} for key in keys]},
        )

    def make(self, request):
        self.only(
            request, request.form, ["role", "kind", "description", "domain_name"], ["expiration"]
        )
        self.fact(
            request.form["role"] == "sending" and request.form["domain_name"] == "mg.example.com",
            "what the key may do",
        )
        return self.create(
            request,
            request.form["description"],
            {},
            lambda key: self.reply(
                {"key": {"id": key.id, "secret": key.value, "is_disabled": False}}
            ),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"message": "key deleted"}, 200)


class Resend(Double):
    name, hosts, given_id = "resend", ("api.resend.com",), True
    values = {"permission": "sending_access", "domain": "d1"}
    form = staticmethod(lambda: "re_" + some(ALNUM, 30))

    def contract(self):
        return [
            ("GET", "/domains", self.check),
            ("GET", "/api-keys", self.listing),
            ("POST", "/api-keys", self.make),
            ("DELETE", r"/api-keys/(\w+)", self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "data": [{"id": key.id, "name": key.label, "created_at": soon(0)} for key in keys]
            },
        )

    def make(self, request):
        self.only(request, request.json, ["name", "permission", "domain_id"])
        self.fact(
            request.json["permission"] == "sending_access" and request.json["domain_id"] == "d1",
            "or it would be wider",
        )
        return self.create(
            request,
            request.json["name"],
            {},
            lambda key: self.reply({"id": key.id, "token": key.value}, 201),
        )

    def remove(self, request, id):
        return self.end(request, id, status=200)


class Supabase(Double):
    name, hosts = "supabase-project", ("api.supabase.com", "ref1.supabase.co")
    values, manager, manager_of = (
        {"project": "ref1"},
        ("supabase", "sbp_" + some(HEX, 40)),
        "supabase",
    )
    header = staticmethod(lambda value: ("authorization", f"Bearer {value}"))
    form = staticmethod(lambda: "sb_secret_" + some(ALNUM, 30))
    verifies = False

    def contract(self):
        base = "/v1/projects/ref1/api-keys"
        return [
            ("GET", "/v1/projects", lambda request: self.reply([])),
            ("GET", base, self.listing),
            ("POST", base, self.make),
            ("DELETE", base + r"/(\w+)", self.remove),
        ]

    def listing(self, request):
        self.fact(request.query == {"reveal": "true"}, "without it no value is shown")
        return self.lists(
            request,
            lambda keys: [{"id": key.id, "name": key.label, "api_key": key.value} for key in keys],
        )

    def make(self, request):
        self.fact(request.query == {"reveal": "true"}, "without it no value is shown")
        self.only(request, request.json, ["type", "name", "secret_jwt_template"])
        self.fact(request.json["type"] == "secret", "a secret key")
        return self.create(
            request,
            request.json["name"],
            {},
            lambda key: self.reply({"id": key.id, "api_key": key.value}, 201),
        )

    def remove(self, request, id):
        self.fact(
            request.query == {"was_compromised": "false", "reason": "rotation"}, "why it goes"
        )
        return self.end(request, id, lambda key: {"id": key.id}, 200)


class Docker(Double):
    name, hosts, given_id = "docker", ("hub.docker.com",), True
    values = {"user": "me"}
    form = staticmethod(lambda: "dckr_pat_" + some(ALNUM, 27))
    rights = {"scopes": ["repo:read"], "created_at": soon(-10), "expires_at": soon(20)}

    def contract(self):
        one = r"/v2/access-tokens/(\w+)"
        return [
            ("POST", "/v2/auth/token", self.exchange),
            ("GET", "/v2/access-tokens", self.listing),
            ("GET", one, self.read),
            ("POST", "/v2/access-tokens", self.make),
            ("DELETE", one, self.remove),
        ]

    def exchange(self, request):
        self.fact("authorization" not in request.headers, "nothing but the body says who it is")
        self.only(request, request.json, ["identifier", "secret"])
        key = next((key for key in self.keys.values() if key.value == request.json["secret"]), None)
        if key is None or key.slow > 0:
            if key:
                key.slow -= 1
            return self.denied()
        return self.reply({"access_token": "jwt-" + key.id})

    def holder(self, request, manager=False):
        return next(
            (
                key
                for key in self.keys.values()
                if request.headers.get("authorization") == f"Bearer jwt-{key.id}"
            ),
            None,
        )

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "results": [{"uuid": key.id, "token_label": key.label} for key in keys],
                "next": None,
            },
        )

    def read(self, request, id):
        return self.reads(
            request,
            id,
            lambda key: {"uuid": key.id, "token_label": key.label, "is_active": True, **key.rights},
        )

    def make(self, request):
        self.only(request, request.json, ["token_label", "scopes", "expires_at"])
        self.fact(
            request.json["scopes"] == ["repo:read"] and request.json["expires_at"].endswith("Z"),
            "rights and end",
        )
        return self.create(
            request,
            request.json["token_label"],
            self.rights,
            lambda key: self.reply({"uuid": key.id, "token": key.value}, 201),
        )

    def remove(self, request, id):
        return self.end(request, id)


class Grafana(Double):
    name, hosts, given_id = "grafana", ("acme.grafana.net",), True
    values, manager = (
        {"host": "acme.grafana.net", "account": "7", "lifetime": "2592000"},
        ("admin", "glsa_" + some(ALNUM, 32) + "_" + some(HEX, 8)),
    )
    form = staticmethod(lambda: f"glsa_{some(ALNUM, 32)}_{some(HEX, 8)}")

    def contract(self):
        base = "/api/serviceaccounts/7/tokens"
        return [
            ("GET", "/api/access-control/user/permissions", self.permissions),
            ("GET", base, self.listing),
            ("POST", base, self.make),
            ("DELETE", base + r"/(\w+)", self.remove),
        ]

    def permissions(self, request):
        return (
            self.reply({})
            if request.headers.get("authorization") == f"Bearer {self.manager[1]}"
            else self.check(request)
        )

    def listing(self, request):
        return self.lists(request, lambda keys: [{"id": key.id, "name": key.label} for key in keys])

    def make(self, request):
        self.only(request, request.json, ["name", "secondsToLive"])
        self.fact(request.json["secondsToLive"] == 2592000, "0 would be no end")
        return self.create(
            request,
            request.json["name"],
            {},
            lambda key: self.reply({"id": key.id, "name": key.label, "key": key.value}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"message": "Service account token deleted"}, 200)


class OpenRouter(Double):
    name, hosts = "openrouter", ("openrouter.ai",)
    manager = ("manager", "sk-or-v1-" + some(HEX, 64))
    form = staticmethod(lambda: "sk-or-v1-" + some(HEX, 64))
    rights = {
        "limit": 25,
        "limit_reset": "monthly",
        "created_at": soon(-10),
        "expires_at": soon(20),
    }

    def contract(self):
        one = r"/api/v1/keys/(\w+)"
        return [
            ("GET", "/api/v1/key", self.itself),
            ("GET", "/api/v1/keys", self.listing),
            ("GET", one, self.read),
            ("POST", "/api/v1/keys", self.make),
            ("DELETE", one, self.remove),
        ]

    def itself(self, request):
        return (
            self.reply({"data": {}})
            if request.headers.get("authorization") == f"Bearer {self.manager[1]}"
            else self.check(request, lambda key: {"data": {"label": key.value[:12]}})
        )

    def shown(self, key):
        return {
            "hash": key.id,
            "name": key.label,
            "label": f"{key.value[:12]}...{key.value[-3:]}",
            **key.rights,
        }

    def listing(self, request):
        return self.lists(request, lambda keys: {"data": [self.shown(key) for key in keys]})

    def read(self, request, id):
        return self.reads(request, id, lambda key: {"data": self.shown(key)})

    def make(self, request):
        self.only(request, request.json, ["name", "limit"], ["limit_reset", "expires_at"])
        self.fact(
            request.json["limit"] == 25 and request.json["limit_reset"] == "monthly",
            "without a limit spending would have no end",
        )
        self.fact(request.json["expires_at"].endswith("Z"), "in UTC")
        return self.create(
            request,
            request.json["name"],
            self.rights,
            lambda key: self.reply({"data": self.shown(key), "key": key.value}, 201),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"deleted": True}, 200)


class XAI(Double):
    name, hosts = "xai", ("api.x.ai", "management-api.x.ai")
    values, manager, manager_origin = (
        {"team": "t1"},
        ("manager", "xai-token-" + some(ALNUM, 60)),
        "https://management-api.x.ai",
    )
    form = staticmethod(lambda: "xai-" + some(ALNUM, 80))
    rights = {"acls": ["api-key:model:grok", "api-key:endpoint:chat"]}

    def contract(self):
        one = r"/auth/api-keys/(\w+)"
        return [
            (
                "GET",
                "/v1/api-key",
                lambda r: self.check(r, lambda key: {"api_key_id": key.id, "name": key.label}),
            ),
            ("GET", "/auth/teams/t1/api-keys", self.listing),
            ("GET", one, self.read),
            ("POST", "/auth/teams/t1/api-keys", self.make),
            ("DELETE", one, self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {"apiKeys": [{"apiKeyId": key.id, "name": key.label} for key in keys]},
        )

    def read(self, request, id):
        return self.reads(
            request, id, lambda key: {"apiKeyId": key.id, "name": key.label, **key.rights}
        )

    def make(self, request):
        self.only(request, request.json, ["name", "acls"], ["qps"])
        self.fact(request.json["acls"] == self.rights["acls"], "the rights are copied")
        return self.create(
            request,
            request.json["name"],
            self.rights,
            lambda key: self.reply({"apiKey": key.value, "apiKeyId": key.id}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {}, 200)


class ElevenLabs(Double):
    name, hosts = "elevenlabs", ("api.elevenlabs.io",)
    values, manager = {"account": "sa1"}, ("admin", "sk_" + some(HEX, 48))
    header = staticmethod(lambda value: ("xi-api-key", value))
    form = staticmethod(lambda: "sk_" + some(HEX, 48))
    rights = {
        "permissions": ["text_to_speech"],
        "character_limit": 1000,
        "allowed_ips": ["192.0.2.1"],
    }

    def contract(self):
        base = "/v1/service-accounts/sa1/api-keys"
        one = base + r"/(\w+)"
        return [
            ("GET", "/v1/user", self.user),
            ("GET", base, self.listing),
            ("GET", one, self.read),
            ("POST", base, self.make),
            ("DELETE", one, self.remove),
        ]

    def user(self, request):
        return (
            self.reply({})
            if request.headers.get("xi-api-key") == self.manager[1]
            else self.check(request)
        )

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "api-keys": [
                    {"key_id": key.id, "name": key.label, "hint": key.value[:12]} for key in keys
                ]
            },
        )

    def read(self, request, id):
        return self.reads(request, id, lambda key: {"key_id": key.id, **key.rights})

    def make(self, request):
        self.only(
            request, request.json, ["name", "permissions"], ["character_limit", "allowed_ips"]
        )
        self.fact(
            request.json == {"name": request.json["name"], **self.rights},
            "rights, limit and addresses are copied",
        )
        return self.create(
            request,
            request.json["name"],
            self.rights,
            lambda key: self.reply({"key_id": key.id, "xi-api-key": key.value}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {}, 200)


class Google(Double):
    name, hosts, verifies = "google", ("apikeys.googleapis.com",), False
    values, manager, manager_origin = (
        {"project": "p1"},
        ("cloud", "ya29." + some(ALNUM, 40)),
        "https://apikeys.googleapis.com",
    )
    manager_flags = [
        "--header",
        "Authorization: Bearer {key}",
        "--origin",
        "https://apikeys.googleapis.com",
    ]
    form = staticmethod(lambda: "AIza" + some(ALNUM, 35))
    rights = {"restrictions": {"apiTargets": [{"service": "generativelanguage.googleapis.com"}]}}
    base = "projects/p1/locations/global/keys/"

    def id(self, value):
        return self.base + getattr(self, "chosen", secrets.token_hex(8))

    def contract(self):
        one = r"/v2/(projects/p1/locations/global/keys/[\w-]+)"
        return [
            ("GET", "/v2/keys:lookupKey", self.lookup),
            ("GET", "/v2/projects/p1/locations/global/keys", self.listing),
            ("GET", one, self.read),
            ("GET", one + "/keyString", self.string),
            ("POST", "/v2/projects/p1/locations/global/keys", self.make),
            ("DELETE", one, self.remove),
        ]

    def lookup(self, request):
        self.only(request, request.query, ["keyString"])
        if not self.acting(request):
            return self.denied()
        key = next(
            (key for key in self.keys.values() if key.value == request.query["keyString"]), None
        )
        return self.reply({"parent": "projects/p1", "name": key.id}) if key else self.gone()

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {"keys": [{"name": key.id, "displayName": key.label} for key in keys]},
        )

    def read(self, request, id):
        return self.reads(
            request, id, lambda key: {"name": key.id, "displayName": key.label, **key.rights}
        )

    def string(self, request, id):
        key = self.keys.get(id)
        if key and key.slow > 0:  # the operation is still running
            key.slow -= 1
            return self.gone()
        return self.reads(request, id, lambda key: {"keyString": key.value})

    def make(self, request):
        self.only(request, request.query, ["keyId"])
        self.only(request, request.json, ["displayName", "restrictions"])
        self.fact(
            request.json["restrictions"] == self.rights["restrictions"],
            "without restrictions it would be good for everything",
        )
        self.fact(
            re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", request.query["keyId"]) is not None,
            "the documented form of an id",
        )
        self.chosen = request.query["keyId"]
        return self.create(
            request,
            request.json["displayName"],
            self.rights,
            lambda key: self.reply({"name": "operations/1", "done": False}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"name": "operations/2", "done": True}, 200)


class Neon(Double):
    name, hosts, given_id = "neon", ("console.neon.tech",), True
    form = staticmethod(lambda: "napi_" + some(ALNUM, 64))

    def id(self, value):
        return str(1000 + secrets.randbelow(10**9))

    def contract(self):
        return [
            ("GET", "/api/v2/projects", self.check),
            ("GET", "/api/v2/api_keys", self.listing),
            ("POST", "/api/v2/api_keys", self.make),
            ("DELETE", r"/api/v2/api_keys/(\d+)", self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request, lambda keys: [{"id": int(key.id), "name": key.label} for key in keys]
        )

    def make(self, request):
        self.only(request, request.json, ["key_name"])
        return self.create(
            request,
            request.json["key_name"],
            {},
            lambda key: self.reply({"id": int(key.id), "key": key.value}),
        )

    def remove(self, request, id):
        return self.end(request, id, lambda key: {"id": int(key.id), "revoked": True}, 200)


class Pulumi(Double):
    name, hosts, given_id = "pulumi", ("api.pulumi.com",), True
    values = {"expires": "0"}
    header = staticmethod(lambda value: ("authorization", f"token {value}"))
    form = staticmethod(lambda: "pul-" + some(HEX, 40))

    def contract(self):
        return [
            ("GET", "/api/user/stacks", self.check),
            ("GET", "/api/user/tokens", self.listing),
            ("POST", "/api/user/tokens", self.make),
            ("DELETE", r"/api/user/tokens/(\w+)", self.remove),
        ]

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {"tokens": [{"id": key.id, "description": key.label} for key in keys]},
        )

    def make(self, request):
        self.only(request, request.json, ["description", "expires"])
        self.fact(request.json["expires"] == 0, "a number, 0 for never")
        self.fact(request.headers.get("accept") == "application/vnd.pulumi+8", "the version")
        return self.create(
            request,
            request.json["description"],
            {},
            lambda key: self.reply({"id": key.id, "tokenValue": key.value}),
        )

    def remove(self, request, id):
        return self.end(request, id)


class Terraform(Double):
    name, hosts, given_id = "terraform", ("app.terraform.io",), True
    values = {"user": "user-1"}
    form = staticmethod(lambda: some(ALNUM, 14) + ".atlasv1." + some(ALNUM, 67))
    rights = {"created-at": soon(-10), "expired-at": soon(20)}

    def id(self, value):
        return "at-" + some(ALNUM, 12)

    def contract(self):
        one = r"/api/v2/authentication-tokens/(at-\w+)"
        return [
            ("GET", "/api/v2/account/details", self.check),
            ("GET", "/api/v2/users/user-1/authentication-tokens", self.listing),
            ("POST", "/api/v2/users/user-1/authentication-tokens", self.make),
            ("GET", one, self.read),
            ("DELETE", one, self.remove),
        ]

    def shown(self, key):
        return {
            "id": key.id,
            "type": "authentication-tokens",
            "attributes": {"description": key.label, **key.rights},
        }

    def listing(self, request):
        return self.lists(request, lambda keys: {"data": [self.shown(key) for key in keys]})

    def read(self, request, id):
        return self.reads(request, id, lambda key: {"data": self.shown(key)})

    def make(self, request):
        data = request.json["data"]
        self.fact(data["type"] == "authentication-tokens", "the type of the document")
        self.only(request, data["attributes"], ["description", "expired-at"])
        days = (moment(data["attributes"]["expired-at"]) - time.time()) / 86400
        # The clock of the second rotation is a day ahead.
        self.fact(28 < days < 32, f"as long as the previous one, not {days} days")
        rights = {"created-at": soon(0), "expired-at": data["attributes"]["expired-at"]}

        def answer(key):
            shown = self.shown(key)
            shown["attributes"]["token"] = key.value
            return self.reply({"data": shown}, 201)

        return self.create(request, data["attributes"]["description"], rights, answer)

    def remove(self, request, id):
        return self.end(request, id)


class Deepgram(Double):
    name, hosts, given_id = "deepgram", ("api.deepgram.com",), True
    values = {"project": "p1"}
    header = staticmethod(lambda value: ("authorization", f"Token {value}"))
    form = staticmethod(lambda: some(HEX, 40))
    rights = {"scopes": ["usage:write", "keys:write"]}

    def contract(self):
        one = r"/v1/projects/p1/keys/(\w+)"
        return [
            ("GET", "/v1/projects", self.check),
            ("GET", "/v1/projects/p1/keys", self.listing),
            ("POST", "/v1/projects/p1/keys", self.make),
            ("GET", one, self.read),
            ("DELETE", one, self.remove),
        ]

    def shown(self, key):
        return {"api_key_id": key.id, "comment": key.label, "scopes": key.rights["scopes"]}

    def listing(self, request):
        self.fact(request.query == {"status": "active"}, "only keys that are active")
        return self.lists(
            request, lambda keys: {"api_keys": [{"api_key": self.shown(key)} for key in keys]}
        )

    def read(self, request, id):
        return self.reads(request, id, lambda key: {"api_key": self.shown(key)})

    def make(self, request):
        self.only(request, request.json, ["comment", "scopes"])
        self.fact(request.json["scopes"] == self.rights["scopes"], "the scopes are copied")
        return self.create(
            request,
            request.json["comment"],
            self.rights,
            lambda key: self.reply({**self.shown(key), "key": key.value}),
        )

    def remove(self, request, id):
        return self.end(request, id)


class LaunchDarkly(Double):
    """Rolls: the same id, a new value."""

    name, hosts, roll = "launchdarkly", ("app.launchdarkly.com",), True
    header = staticmethod(lambda value: ("authorization", value))
    form = staticmethod(lambda: "api-" + "-".join(some(HEX, length) for length in (8, 4, 4, 4, 12)))

    def contract(self):
        return [
            ("GET", "/api/v2/caller-identity", self.itself),
            ("POST", r"/api/v2/tokens/(\w+)/reset", self.rotate),
        ]

    def itself(self, request):
        return self.check(request, lambda key: {"tokenId": key.id, "tokenKind": "auth"})

    def rotate(self, request, id):
        if not self.holder(request):
            return self.denied()
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble in (403, 429):
            return self.reply({"message": "no"}, trouble)
        self.fact(request.query == {}, "without `expiry` the previous value ends at once")
        old = self.keys[id]
        self.dead.append(type(old)(old.id, old.value))
        old.value = self.form()
        return None if trouble == "lose" else self.reply({"_id": id, "token": old.value})


class Confluent(Double):
    name, hosts = "confluent", ("api.confluent.cloud",)
    manager = ("cloud", "CLOUDKEY12345678:" + some(ALNUM, 60))
    parts = staticmethod(lambda value: value.split(":"))
    header = staticmethod(lambda value: basic(*value.split(":")))
    form = staticmethod(lambda: some("ABCDEFGHIJ0123456789", 16) + ":cflt" + some(ALNUM, 60))
    rights = {"owner": "sa-1", "resource": "lkc-1"}
    verifies = False

    def id(self, value):
        return value.split(":")[0]

    def contract(self):
        one = "/iam/v2/api-keys/([A-Z0-9]{16})"
        return [
            ("GET", "/iam/v2/api-keys", self.listing),
            ("POST", "/iam/v2/api-keys", self.make),
            ("GET", one, self.read),
            ("DELETE", one, self.remove),
        ]

    def shown(self, key):
        return {
            "id": key.id,
            "spec": {
                "display_name": key.label,
                "owner": {"id": key.rights["owner"]},
                "resource": {"id": key.rights["resource"]},
            },
        }

    def listing(self, request):
        return self.lists(request, lambda keys: {"data": [self.shown(key) for key in keys]})

    def read(self, request, id):
        return self.reads(request, id, self.shown)

    def make(self, request):
        spec = request.json["spec"]
        self.only(request, spec, ["display_name", "owner", "resource"], ["description"])
        self.fact(spec["owner"] == {"id": "sa-1"}, "the owner is copied")
        self.fact(spec["resource"] == {"id": "lkc-1"}, "the resource is copied")

        def answer(key):
            shown = self.shown(key)
            shown["spec"]["secret"] = key.value.split(":")[1]
            return self.reply(shown, 202)

        return self.create(request, spec["display_name"], self.rights, answer)

    def remove(self, request, id):
        return self.end(request, id)


class Doppler(Double):
    name, hosts, given_id = "doppler", ("api.doppler.com",), True
    values = {"project": "p", "config": "prd", "access": "read"}
    manager = ("admin", "dp.pt." + some(ALNUM, 43))
    form = staticmethod(lambda: "dp.st.prd." + some(ALNUM, 43))

    def contract(self):
        base = "/v3/configs/config/tokens"
        return [
            ("GET", "/v3/me", self.itself),
            ("GET", base, self.listing),
            ("POST", base, self.make),
            ("DELETE", f"{base}/token", self.remove),
        ]

    def itself(self, request):
        if request.headers.get("authorization") == f"Bearer {self.manager[1]}":
            return self.reply({"type": "personal"})
        return self.check(request)

    def of_config(self, request):
        self.fact(request.query == {"project": "p", "config": "prd"}, f"{request}: of one config")

    def listing(self, request):
        self.of_config(request)
        return self.lists(
            request,
            lambda keys: {"tokens": [{"slug": key.id, "name": key.label} for key in keys]},
        )

    def make(self, request):
        self.of_config(request)
        self.only(request, request.json, ["name", "access"], ["expire_at"])
        self.fact(request.json["access"] == "read", "the access is that of the previous token")
        return self.create(
            request,
            request.json["name"],
            {},
            lambda key: self.reply({"token": {"slug": key.id, "key": key.value}}),
        )

    def remove(self, request):
        self.of_config(request)
        self.only(request, request.json, ["slug"])
        return self.end(request, request.json["slug"])


class GitHub(Double):
    """The user creates the new token; the previous one is revoked by its value, without a credential."""

    name, hosts, by_hand = "github", ("api.github.com",), True
    form = staticmethod(lambda: "ghp_" + some(ALNUM, 36))

    def contract(self):
        return [
            ("GET", "/user", lambda r: self.check(r, lambda key: {"login": "me"})),
            ("POST", "/credentials/revoke", self.revoke),
        ]

    def revoke(self, request):
        self.fact(
            "authorization" not in request.headers, "an authenticated request is answered with 403"
        )
        self.only(request, request.json, ["credentials"])
        for value in request.json["credentials"]:
            for key in [key for key in self.keys.values() if key.value == value]:
                self.dead.append(self.keys.pop(key.id))
        return self.reply(None, 202)


class Anthropic(Double):
    """The user creates the new key; an admin key disables the previous one."""

    name, hosts, by_hand = "anthropic", ("api.anthropic.com",), True
    manager = ("admin", "sk-ant-admin01-" + some(ALNUM, 93) + "AA")
    header = staticmethod(lambda value: ("x-api-key", value))
    form = staticmethod(lambda: "sk-ant-api03-" + some(ALNUM, 93) + "AA")

    def contract(self):
        base = "/v1/organizations/api_keys"
        return [
            ("GET", "/v1/models", self.models),
            ("GET", base, self.listing),
            ("POST", base + r"/(\w+)", self.disable),
        ]

    def take(self, request):
        self.fact(
            request.headers.get("anthropic-version") == "2023-06-01", f"{request}: the version"
        )
        return super().take(request)

    def models(self, request):
        return (
            self.reply({})
            if request.headers.get("x-api-key") == self.manager[1]
            else self.check(request)
        )

    def listing(self, request):
        return self.lists(
            request,
            lambda keys: {
                "data": [
                    {
                        "id": key.id,
                        "name": key.label,
                        "partial_key_hint": f"{key.value[:16]}...{key.value[-4:]}",
                    }
                    for key in keys
                ],
                "has_more": False,
            },
        )

    def disable(self, request, id):
        self.fact(request.json == {"status": "inactive"}, "reversible")
        return self.end(request, id, lambda key: {"id": key.id, "status": "inactive"}, 200)


BY_REQUEST = [
    GitLab,
    Cloudflare,
    Algolia,
    Twilio,
    SendGrid,
    OpenAIService,
    OpenAIAdmin,
    Datadog,
    Vercel,
    Linode,
    Databricks,
    NewRelic,
    Heroku,
    Mailgun,
    Resend,
    Supabase,
    Docker,
    Grafana,
    OpenRouter,
    XAI,
    ElevenLabs,
    Google,
    Neon,
    Pulumi,
    Terraform,
    Deepgram,
    LaunchDarkly,
    Confluent,
    Doppler,
]
BY_HAND = [GitHub, Anthropic]
