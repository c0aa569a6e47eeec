//! The endpoints.

use super::http::{Request, answer, read};
use super::{CLIENT_SECRET, Code, Grant, Issuer, Misbehaviour};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};

impl Issuer {
    pub(super) fn serve(&self, stream: TcpStream) {
        let Some(request) = read(&stream) else { return };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => reply(stream, 200, &self.metadata()),
            ("GET", "/authorize") => self.authorize(stream, &request),
            ("POST", "/token") => self.token(stream, &request),
            ("POST", "/revoke") => self.revoke(stream, &request),
            (_, path) if path.starts_with("/api") => self.api(stream, &request),
            _ => reply(stream, 404, &json!({ "error": "not_found" })),
        }
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.url);
        json!({
            "issuer": self.url,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "revocation_endpoint": at("/revoke"),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
            "authorization_response_iss_parameter_supported": true,
            "scopes_supported": ["openid", "offline_access", "read", "write"],
        })
    }

    /// Whoever asks is logged in at once: the page with the password is not what is tested here.
    fn authorize(&self, stream: TcpStream, request: &Request) {
        let get = |name: &str| request.query.get(name).cloned();
        let fail = |stream, why: &str| answer(stream, 400, "text/plain", "", why.as_bytes());
        let (Some(redirect_uri), Some(state), Some(client_id)) =
            (get("redirect_uri"), get("state"), get("client_id"))
        else {
            return fail(stream, "redirect_uri, state and client_id are required");
        };
        let loopback =
            redirect_uri.starts_with("http://127.0.0.1:") && redirect_uri.ends_with("/callback");
        if !loopback || get("response_type").as_deref() != Some("code") {
            return fail(stream, "unknown redirect_uri or response_type");
        }
        if get("code_challenge_method").as_deref() != Some("S256")
            || get("code_challenge").is_none_or(|text| text.len() != 43)
        {
            return fail(stream, "PKCE with S256 is required");
        }
        let mut books = self.books();
        if !books.settings.knows_clients {
            return fail(stream, "Unknown client");
        }
        books.counter += 1;
        let code = format!("code-{}-{}", books.counter, books.counter * 7919);
        let scope = get("scope")
            .unwrap_or_default()
            .split(' ')
            .filter(|word| !["offline_access", "admin"].contains(word))
            .collect::<Vec<_>>()
            .join(" ");
        let grant = Grant {
            client_id,
            scope,
            subject: books.settings.subject.clone(),
            family: books.counter,
        };
        let made = Code {
            grant,
            challenge: get("code_challenge"),
            redirect_uri: redirect_uri.clone(),
            nonce: get("nonce"),
        };
        books.codes.insert(code.clone(), made);
        let iss = books
            .settings
            .sends_iss
            .clone()
            .unwrap_or_else(|| self.url.clone());
        drop(books);
        let mut target = url::Url::parse(&redirect_uri).expect("checked above");
        target
            .query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &state);
        if !iss.is_empty() {
            target.query_pairs_mut().append_pair("iss", &iss);
        }
        answer(
            stream,
            302,
            "text/plain",
            &format!("Location: {target}\r\n"),
            b"",
        );
    }

    fn token(&self, stream: TcpStream, request: &Request) {
        let misbehaviour = {
            let mut books = self.books();
            books.token_requests += 1;
            books.misbehaviours.pop_front()
        };
        match &misbehaviour {
            Some(Misbehaviour::Busy) => return answer(stream, 503, "text/plain", "", b"busy"),
            Some(Misbehaviour::Answer(status, kind, body)) => {
                return answer(stream, *status, kind, "Retry-After: 1\r\n", body.as_bytes());
            }
            Some(Misbehaviour::Reset) => return,
            Some(Misbehaviour::Redirect(target)) => {
                return answer(
                    stream,
                    307,
                    "text/plain",
                    &format!("Location: {target}\r\n"),
                    b"",
                );
            }
            Some(Misbehaviour::Slow(time)) => std::thread::sleep(*time),
            Some(Misbehaviour::SlowRefusal(time)) => {
                std::thread::sleep(*time);
                return reply(stream, 400, &json!({ "error": "invalid_grant" }));
            }
            _ => {}
        }
        let (status, mut body) = match self.grant(request) {
            Ok(body) => (200, body),
            Err((status, error)) => (status, json!({ "error": error })),
        };
        match misbehaviour {
            Some(Misbehaviour::LoseReply) => return,
            Some(Misbehaviour::Huge) => {
                return answer(
                    stream,
                    200,
                    "application/json",
                    "",
                    &vec![b' '; 8 * 1024 * 1024],
                );
            }
            Some(Misbehaviour::Form(form)) => {
                let (status, headers, bytes) = form(&body);
                return answer(stream, status, "application/json", headers, &bytes);
            }
            Some(Misbehaviour::ExpiresIn(None)) => drop(
                body.as_object_mut()
                    .and_then(|body| body.remove("expires_in")),
            ),
            Some(Misbehaviour::ExpiresIn(Some(text))) => {
                body["expires_in"] = serde_json::from_str(text).expect("the test gives JSON")
            }
            Some(Misbehaviour::AccessToken(suffix)) => {
                body["access_token"] = format!(
                    "{}{suffix}",
                    body["access_token"].as_str().unwrap_or_default()
                )
                .into();
            }
            Some(Misbehaviour::Tokens(suffix)) => {
                for field in ["access_token", "refresh_token"] {
                    body[field] =
                        format!("{}{suffix}", body[field].as_str().unwrap_or_default()).into();
                }
            }
            _ => {}
        }
        reply(stream, status, &body);
    }

    fn grant(&self, request: &Request) -> Result<Value, (u16, &'static str)> {
        let client_id = client(request)?;
        if !self.books().settings.knows_clients {
            return Err((401, "invalid_client"));
        }
        let get = |name: &str| request.form.get(name).map(String::as_str);
        let mut books = self.books();
        // What the refresh asked for, if it named a scope.
        let mut scope = None;
        let (grant, nonce) = match get("grant_type") {
            Some("authorization_code") => {
                let code = books
                    .codes
                    .remove(get("code").unwrap_or_default())
                    .ok_or((400, "invalid_grant"))?;
                let digest = ring::digest::digest(
                    &ring::digest::SHA256,
                    get("code_verifier").unwrap_or_default().as_bytes(),
                );
                let proven = code.challenge == Some(URL_SAFE_NO_PAD.encode(digest));
                if !proven
                    || get("redirect_uri") != Some(&code.redirect_uri)
                    || code.grant.client_id != client_id
                {
                    return Err((400, "invalid_grant"));
                }
                (code.grant, code.nonce)
            }
            Some("refresh_token") => {
                let token = get("refresh_token").unwrap_or_default().to_owned();
                let (grant, spent) = books
                    .refresh_tokens
                    .get(&token)
                    .cloned()
                    .ok_or((400, "invalid_grant"))?;
                if books.settings.rotates && spent {
                    books.dead_families.push(grant.family);
                }
                if books.dead_families.contains(&grant.family) || grant.client_id != client_id {
                    return Err((400, "invalid_grant"));
                }
                let asked: Vec<&str> = get("scope")
                    .unwrap_or_default()
                    .split(' ')
                    .filter(|word| !word.is_empty() && *word != "offline_access")
                    .collect();
                if asked
                    .iter()
                    .any(|word| !grant.scope.split(' ').any(|granted| granted == *word))
                {
                    return Err((400, "invalid_scope"));
                }
                if books.settings.rotates {
                    books.refresh_tokens.insert(token, (grant.clone(), true));
                }
                books.refreshes += 1;
                books.refresh_scopes.push(get("scope").map(str::to_owned));
                scope = (!asked.is_empty()).then(|| asked.join(" "));
                (grant, None)
            }
            _ => return Err((400, "unsupported_grant_type")),
        };
        books.counter += 1;
        let number = books.counter;
        let (access, refresh) = (
            format!("access-{number}-token"),
            format!("refresh-{number}-token"),
        );
        let lifetime = books.settings.access_lifetime;
        books.access_tokens.insert(
            access.clone(),
            (
                grant.clone(),
                Instant::now() + Duration::from_secs(lifetime),
            ),
        );
        let mut body = json!({ "access_token": access, "token_type": "Bearer", "expires_in": lifetime, "scope": scope.as_ref().unwrap_or(&grant.scope) });
        if books.settings.refresh_tokens
            && (books.settings.rotates
                || nonce.is_some()
                || get("grant_type") == Some("authorization_code"))
        {
            books
                .refresh_tokens
                .insert(refresh.clone(), (grant.clone(), false));
            body["refresh_token"] = refresh.into();
        }
        if grant.scope.split(' ').any(|word| word == "openid")
            && get("grant_type") == Some("authorization_code")
        {
            let claims = json!({ "iss": self.url, "sub": grant.subject, "aud": client_id, "nonce": nonce, "email": format!("{}@example.com", grant.subject) });
            body["id_token"] =
                format!("e30.{}.none", URL_SAFE_NO_PAD.encode(claims.to_string())).into();
        }
        Ok(body)
    }

    fn revoke(&self, stream: TcpStream, request: &Request) {
        if client(request).is_err() {
            return reply(stream, 401, &json!({ "error": "invalid_client" }));
        }
        let token = request.form.get("token").cloned().unwrap_or_default();
        let mut books = self.books();
        books.revocation_requests += 1;
        if let Some((status, body)) = books.refuses_revocations
            && (!body.contains("Field required") || !request.form.contains_key("client_secret"))
        {
            drop(books);
            return reply(
                stream,
                status,
                &serde_json::from_str(body).unwrap_or_default(),
            );
        }
        if let Some((grant, _)) = books.refresh_tokens.remove(&token) {
            books.dead_families.push(grant.family);
            books
                .access_tokens
                .retain(|_, (other, _)| other.family != grant.family);
            books.revocations += 1;
        }
        drop(books);
        reply(stream, 200, &json!({}));
    }

    /// `/api` wants a bearer token; `/api/key` takes any `X-API-Key`; both remember what came.
    fn api(&self, stream: TcpStream, request: &Request) {
        let mut books = self.books();
        books.api_requests.push(request.head.clone());
        if request.path == "/api/ends" {
            let answer = books.api_answer.clone();
            drop(books);
            return reply(
                stream,
                200,
                &serde_json::from_str(&answer).unwrap_or_default(),
            );
        }
        if request.path == "/api/key" {
            drop(books);
            let status = if request
                .headers
                .get("x-api-key")
                .is_some_and(|key| !key.contains("bad"))
            {
                200
            } else {
                401
            };
            return reply(
                stream,
                status,
                &json!({ "owner": { "login": "key-owner" } }),
            );
        }
        let token = request
            .headers
            .get("authorization")
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        let valid = books
            .access_tokens
            .get(token)
            .filter(|(_, ends)| *ends > Instant::now())
            .map(|(grant, _)| grant.subject.clone());
        drop(books);
        match valid {
            Some(subject) => reply(stream, 200, &json!({ "hello": subject })),
            None => reply(stream, 401, &json!({ "error": "invalid_token" })),
        }
    }
}

/// Client authentication: `tool` is public, `confidential` has a secret and must send it with
/// Basic.
fn client(request: &Request) -> Result<String, (u16, &'static str)> {
    let denied = (401, "invalid_client");
    if let Some(basic) = request
        .headers
        .get("authorization")
        .and_then(|value| value.strip_prefix("Basic "))
    {
        let pair = STANDARD
            .decode(basic)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or(denied)?;
        let (id, secret) = pair.split_once(':').ok_or(denied)?;
        // RFC 6749 section 2.3.1: both were form-encoded first.
        let decoded = |text: &str| {
            url::form_urlencoded::parse(format!("x={text}").as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
        };
        let good = id == "confidential" && decoded(secret).as_deref() == Some(CLIENT_SECRET);
        return if good && !request.form.contains_key("client_secret") {
            Ok(id.to_owned())
        } else {
            Err(denied)
        };
    }
    match request.form.get("client_id").map(String::as_str) {
        Some("tool")
            if request
                .form
                .get("client_secret")
                .is_none_or(String::is_empty) =>
        {
            Ok("tool".into())
        }
        _ => Err(denied),
    }
}

fn reply(stream: TcpStream, status: u16, body: &Value) {
    answer(
        stream,
        status,
        "application/json",
        "",
        body.to_string().as_bytes(),
    );
}
