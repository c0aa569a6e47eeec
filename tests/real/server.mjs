// A certified authorization server (npm oidc-provider) with a protected API beside it. It misbehaves on request.
//
//   node server.mjs                       prints its issuer on the first line
//   POST /control {"ttl":5}               seconds an access token lives from now on
//   POST /control {"next":["busy",…]}     what happens to the next token requests, one each
//   GET  /control                         counters
import http from 'node:http';
import https from 'node:https';
import fs from 'node:fs';
import Provider from 'oidc-provider';

const tls = process.env.TLS_KEY ? { key: fs.readFileSync(process.env.TLS_KEY), cert: fs.readFileSync(process.env.TLS_CERT) } : null;
const state = { ttl: Number(process.env.TTL || 3600), next: [], tokenRequests: 0, refreshes: 0, revocations: 0, api: [], apiFailures: 0, bodies: [] };
let provider;

const server = tls ? https.createServer(tls, handle) : http.createServer(handle);
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => {
  const issuer = `${tls ? 'https' : 'http'}://${process.env.HOST || '127.0.0.1'}:${server.address().port}`;
  const native = { application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'], response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'] };
  provider = new Provider(issuer, {
    clients: [
      { client_id: 'tool', token_endpoint_auth_method: 'none', ...native },
      { client_id: 'agent', client_secret: 'agent-secret', token_endpoint_auth_method: 'client_secret_basic', ...native },
      { client_id: 'confidential', client_secret: 'basic-secret:with/odd+chars%&=', token_endpoint_auth_method: 'client_secret_basic', ...native },
    ],
    pkce: { required: () => true },
    ttl: { AccessToken: () => state.ttl, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600, AuthorizationCode: 60, IdToken: 3600 },
    rotateRefreshToken: true,
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
    claims: { openid: ['sub'], email: ['email'] },
    scopes: ['openid', 'offline_access', 'email'],
    cookies: { keys: ['test'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
  });
  provider.on('grant.success', (ctx) => { if (ctx.oidc.params?.grant_type === 'refresh_token') state.refreshes += 1; });
  provider.on('grant.revoked', () => { state.revocations += 1; });
  provider.on('server_error', (_, error) => console.error(error));
  console.log(issuer);
});

async function handle(request, response) {
  const path = request.url.split('?')[0];
  if (path === '/control') return control(request, response);
  if (path.startsWith('/api')) return api(request, response);
  if (path === '/token' && request.method === 'POST') {
    state.tokenRequests += 1;
    const what = state.next.shift();
    if (await misbehave(what, request, response)) return;
  }
  provider.callback()(request, response);
}

async function misbehave(what, request, response) {
  const answer = (status, type, text) => { request.resume(); response.writeHead(status, { 'content-type': type }); response.end(text); return true; };
  switch (what) {
    case 'busy': return answer(503, 'text/plain', 'busy');
    case 'slow-busy': await new Promise((resolve) => setTimeout(resolve, 1000)); return answer(503, 'text/plain', 'busy');
    case 'limit': response.setHeader('retry-after', '1'); return answer(429, 'application/json', '{"error":"slow_down"}');
    case 'error': response.setHeader('retry-after', '1'); return answer(500, 'text/html', '<h1>Internal Server Error</h1>');
    case 'html': return answer(200, 'text/html', '<html><body>welcome to the hotel</body></html>');
    case 'empty': return answer(200, 'application/json', '');
    case 'reset': request.socket.resetAndDestroy(); return true;
    case 'lost': swallow(response, () => response.socket?.destroy()); return false;
    case 'delay': await new Promise((resolve) => setTimeout(resolve, 20000)); return false;
    case 'slow': swallow(response, null, 1000); return false;
    case 'soon': swallow(response, null, 200); return false;
    case 'late': swallow(response, null, 20000); return false;
    case 'no-expiry': rewrite(response, (body) => { delete body.expires_in; }); return false;
    case 'text-expiry': rewrite(response, (body) => { body.expires_in = String(body.expires_in); }); return false;
    case 'negative-expiry': rewrite(response, (body) => { body.expires_in = -7; }); return false;
    default: return false;
  }
}

// Acts, and then either loses the answer or holds it back.
function swallow(response, lose, hold) {
  const end = response.end.bind(response);
  response.end = (...parts) => { if (lose) lose(); else setTimeout(() => end(...parts), hold); return response; };
}

function rewrite(response, change) {
  const end = response.end.bind(response);
  response.end = (text) => {
    const body = JSON.parse(text);
    change(body);
    const changed = JSON.stringify(body);
    response.setHeader('content-length', Buffer.byteLength(changed));
    return end(changed);
  };
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function control(request, response) {
  if (request.method === 'POST') Object.assign(state, JSON.parse(await body(request)));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(state));
}

// `/api` wants a living access token; `/api/any` takes anything; both remember the headers that came.
async function api(request, response) {
  const path = request.url;
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  state.api.push({ path, headers });
  const token = (request.headers.authorization || '').replace(/^Bearer /, '');
  const found = path.startsWith('/api/any') || (token && (await provider.AccessToken.find(token)));
  if (!found) state.apiFailures += 1;
  response.writeHead(found ? 200 : 401, { 'content-type': 'text/plain' });
  response.end(found ? 'hello\n' : 'no\n');
}
