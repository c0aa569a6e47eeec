#!/bin/sh
# oidc-agent 4.2.6 (Debian 12): how a client authenticates at the token endpoint.
#
# Expected: the client id and the secret are form-encoded before they go into HTTP Basic (RFC 6749
# section 2.3.1), and a client without a secret sends its `client_id` in the body (section 3.2.1).
#
# Seen: the secret goes into HTTP Basic as it is, and a client without a secret sends HTTP Basic
# with an empty one, and no `client_id` in the body. A server that decodes the header reads another
# secret if it contains `+` or `%`; oidc-provider 9 refuses both requests.
#
#   secret a+b/c%d: Basic tool:a+b/c%d, client_id in the body: no
#   no secret: Basic tool:, client_id in the body: no
#
# Needs Debian 12 with python3; downloads packages into a temporary folder.
set -eu
folder=$(mktemp -d)
pid=
trap 'if [ -n "$pid" ]; then kill $pid; fi; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq oidc-agent-cli=4.2.6-1 liboidc-agent4=4.2.6-1 libcjson1 libmicrohttpd12 libqrencode4 \
    libsecret-1-0 libsodium23 libseccomp2 libcurl4 > /dev/null 2>&1
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu
PATH=$folder/root/usr/bin:$PATH
OIDC_CONFIG_DIR=$folder/config
export LD_LIBRARY_PATH PATH OIDC_CONFIG_DIR
mkdir "$OIDC_CONFIG_DIR"
echo pw > password

cat > server.py << 'END'
import base64, http.server, json, urllib.parse

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        url = f"http://127.0.0.1:{self.server.server_port}"
        self.answer({"issuer": url, "authorization_endpoint": url + "/auth", "token_endpoint": url + "/token",
                     "scopes_supported": ["openid", "offline_access"], "response_types_supported": ["code"],
                     "grant_types_supported": ["authorization_code", "refresh_token"],
                     "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]})

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        kind, _, text = self.headers.get("Authorization", "none").partition(" ")
        with open("seen", "a") as seen:
            seen.write(f"{kind} {base64.b64decode(text).decode()}, client_id in the body: {'yes' if 'client_id' in form else 'no'}\n")
        self.answer({"access_token": "at", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt"})

    def log_message(self, *args):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
open("port", "w").write(str(server.server_port))
server.serve_forever()
END
python3 server.py &
pid=$!
while [ ! -s port ]; do sleep 0.1; done

oidc-agent > agent
. ./agent > /dev/null
pid="$pid $(sed -n 's/.*OIDCD_PID=\([0-9]*\).*/\1/p' agent)"
oidc-agent --version
try() { # secret, account
    : > seen
    oidc-gen "$2" --manual --rt=rt "--issuer=http://127.0.0.1:$(cat port)" --client-id=tool "--client-secret=$1" \
        "--scope=openid offline_access" --redirect-uri=http://localhost:4242 --pw-file=password --prompt=none \
        --confirm-default < /dev/null > gen.log 2>&1 || { cat gen.log; exit 1; }
    head -1 seen
}
{
    echo "secret a+b/c%d: $(try 'a+b/c%d' one)"
    echo "no secret: $(try '' two)"
} | tee found
cat > expected << 'END'
secret a+b/c%d: Basic tool:a+b/c%d, client_id in the body: no
no secret: Basic tool:, client_id in the body: no
END
diff expected found && echo "as described"
