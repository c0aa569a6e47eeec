#!/usr/bin/python3
"""Simulates a browser: follows redirects with cookies and submits the server's development forms.

    browser.py URL [LOGIN]

The login name may also come from BROWSER_LOGIN. Prints the last page.
"""

import html.parser
import http.cookiejar
import os
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request


class Form(html.parser.HTMLParser):
    """The first form of a page."""

    def __init__(self):
        super().__init__()
        self.action, self.fields = None, {}

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = attributes.get("action", "")
        elif tag == "input" and attributes.get("name"):
            self.fields[attributes["name"]] = attributes.get("value", "")


class Arrived(Exception):
    """The redirect at the end of a login, as shown by a browser that cannot reach this machine."""


class Elsewhere(urllib.request.HTTPRedirectHandler):
    """Stops at the redirect URI instead of requesting it."""

    def __init__(self, redirect_uri):
        self.redirect_uri = redirect_uri

    def redirect_request(self, request, answer, code, message, headers, url):
        if url.startswith(self.redirect_uri):
            raise Arrived(url)
        return super().redirect_request(request, answer, code, message, headers, url)


def visit(url, login, follow_loopback=True):
    context = ssl.create_default_context()
    if not follow_loopback:
        redirect_uri = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["redirect_uri"][0]
        try:
            return walk(url, login, context, Elsewhere(redirect_uri))
        except Arrived as arrived:
            return str(arrived)
    return walk(url, login, context)


def walk(url, login, context, *handlers):
    opener = urllib.request.build_opener(
        *handlers,
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
    )
    answer, page = None, ""
    for _ in range(8):
        data = None
        if answer is not None:
            form = Form()
            form.feed(page)
            if form.action is None:
                return answer.status, page
            url = urllib.parse.urljoin(answer.geturl(), form.action)
            fields = dict(form.fields)
            if "login" in fields:
                fields.update(login=login, password="x")
            data = urllib.parse.urlencode(fields).encode()
        try:
            answer = opener.open(url, data, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        page = answer.read().decode(errors="replace")
    return answer.status, page


if __name__ == "__main__":
    status, text = visit(
        sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else os.environ.get("BROWSER_LOGIN", "alice")
    )
    print(status, text)
