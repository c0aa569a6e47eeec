#!/usr/bin/env python3
"""An authorization server made with django-oauth-toolkit: its metadata is in two documents, and only one of them has the
revocation endpoint. Prints its issuer, then serves until it is ended. Whoever comes is logged in as `alice`."""

import os
import secrets
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import include, path


def alice(get_response):
    """Everybody is logged in."""
    from django.contrib.auth.models import User

    def handle(request):
        request.user = User.objects.get(username="alice")
        return get_response(request)

    return handle


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


def main():
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    settings.configure(
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": "file:memory?mode=memory&cache=shared",
                "OPTIONS": {"uri": True},
            }
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", f"{__name__}.alice"],
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
        USE_TZ=True,
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": pem,
            "SCOPES": {"openid": "OpenID", "read": "read"},
            "ROTATE_REFRESH_TOKEN": True,
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "ACCESS_TOKEN_EXPIRE_SECONDS": int(os.environ.get("TTL", "3600")),
        },
    )
    django.setup()
    urlpatterns.extend([path("o/", include("oauth2_provider.urls")), path("tokens", tokens)])
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    User.objects.create_user("alice", "alice@example.com", "pw")
    for kind, secret in (
        (Application.CLIENT_PUBLIC, ""),
        (Application.CLIENT_CONFIDENTIAL, "s+cret/%"),
    ):
        Application.objects.create(
            client_id="public" if kind == Application.CLIENT_PUBLIC else "confidential",
            client_type=kind,
            client_secret=secret,
            authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
            redirect_uris="http://127.0.0.1/callback",
            skip_authorization=True,
            algorithm=Application.RS256_ALGORITHM,
        )
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    print(f"http://127.0.0.1:{server.server_port}/o", flush=True)
    server.serve_forever()


def tokens(request):
    """What the database has, for the test."""
    from django.http import JsonResponse
    from oauth2_provider.models import AccessToken, RefreshToken

    return JsonResponse(
        {
            "access": AccessToken.objects.count(),
            "refresh": RefreshToken.objects.filter(revoked__isnull=True).count(),
        }
    )


urlpatterns = []

if __name__ == "__main__":
    main()
