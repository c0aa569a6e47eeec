//! The page authctl-providers(5): every field of a row, from the comments of its types. A test
//! writes it to `man/`.

use super::{Catalogue, Row};
use serde_json::Value;

/// The text before the fields.
const HEAD: &str = r#".TH AUTHCTL-PROVIDERS 5 2026-11-24 "authctl" "authctl manual"
.SH NAME
authctl-providers \- the definition of a provider
.SH DESCRIPTION
A provider definition, a row of the catalogue, is a TOML file.
It contains the OAuth endpoints of the provider, the ways in which its servers deviate from the
standards, the format of its API keys, and the origins to which its tokens and keys may be sent.
The command
.B authctl provider show
.I NAME
prints a built\-in row.
The command
.B authctl provider add
.I FILE
checks a row of your own and stores it in
.IR $XDG_CONFIG_HOME/authctl/providers .
It replaces a built\-in row of the same name.
.PP
A row cannot redirect a credential that is already stored: the origins of a credential are stored
with its secret, and if the row differs from them, the credential is not used (exit code 7).
Every URL must be https, except for loopback addresses.
.SH EXAMPLE
.nf
name = "acme"
title = "Acme"
origins = ["https://api.acme.example"]

[oauth]
authorization_endpoint = "https://acme.example/oauth/authorize"
token_endpoint = "https://acme.example/oauth/token"
revocation_endpoint = "https://acme.example/oauth/revoke"
default_scopes = ["read"]
redirect = { host = "127.0.0.1", path = "/callback" }
revoke = { style = "rfc7009" }

[key]
parts = [{ name = "key", label = "API key", pattern = "acme_[a-z0-9]{32}" }]
headers = ["X\-API\-Key: {key}"]
prefixes = ["acme_"]
env = ["ACME_API_KEY"]
check = { url = "https://api.acme.example/me", label = "/email" }

[[rotation]]
kind = "create_revoke"
settings = { team = { help = "the id of the team" } }
identify = { listed = "/hint" }
read = { url = "https://api.acme.example/keys/${id}" }
lifetime = { created = "/created_at", expires = "/expires_at" }
revoke = { method = "DELETE", url = "https://api.acme.example/keys/${id}" }

[rotation.create.call]
method = "POST"
url = "https://api.acme.example/teams/${team}/keys"
json = { name = "${label}", rights = "${old:/rights}", expires_at = "${expires?:rfc3339}" }

[rotation.create]
id = "/id"
parts = { key = "/key" }

[rotation.list]
call = { url = "https://api.acme.example/keys" }
items = "/keys"
id = "/id"
label = "/name"
.fi
"#;

/// The text after the fields: the placeholders of a request, which no type describes.
const WORDS: &str = r#".SH "PLACEHOLDERS IN A REQUEST"
In the URL and the body of a request of
.BR [[rotation]] ,
a placeholder in
.B ${ }
stands for a value.
If a string consists of one placeholder, the value keeps its type: a list stays a list, a number stays a number.
A question mark after the name
.RB ( ${expires?:date} )
omits the field if there is no value.
Without the question mark, a missing value means that the rotation is refused; with
.BR \-\-force ,
a field is omitted if the provider does not report its value for the current key.
.TP
.B ${label}
the label of the new key, by which it can be found
.TP
.B ${id}
the id of the key to which the request applies; in a recipe with two slots, the slot
.TP
.B ${part:NAME}
a part of the key to which the request applies
.TP
.B ${old:/POINTER}
a value in the response of
.B read
for the current key (JSON pointer, RFC 6901)
.TP
.B ${nullable:/POINTER}
the same, but null is a valid value (no limit)
.TP
.B ${expires:FORMAT}
the expiry of the new key, which has the same lifetime as the current one. FORMAT is
.B date
(2027\-01\-31),
.B datetime
(without a time zone),
.BR rfc3339 ,
.B millis
(since 1970), or
.B seconds
(from now)
.TP
.B ${number:NAME}
a setting, as a number
.TP
.B ${NAME}
a variable of the row, or a setting of the recipe
"#;

/// The text about the program of a recipe.
const PROGRAM: &str = r#".SH "YOUR OWN PROGRAM"
A recipe of the kind
.B command
runs a program that creates and revokes keys.
It is run once for each step. It reads one JSON document from standard input and must print one to
standard output within a minute.
No secret is passed as an argument or in the environment.
The input contains
.I version
(1),
.I action
(create, list, verify or revoke),
.I name
(of the credential),
.I label
(create: the label of the new key),
.I id
(revoke: the id of the key),
.I key
(the parts of the key to which the action applies),
.I active
(the parts of the key in use) and
.IR settings .
The response to create contains
.I id
and
.I key
(its parts); the response to list,
.I keys
(a list of
.I id
and
.IR label );
the response to verify,
.I good
(true or false); the response to revoke is an empty object.
If the response contains
.I error
(a sentence) instead, the step failed and had no effect;
.I unsupported
(true) means that the program does not support the action.
If the exit code is not 0, the step may have had an effect, so authctl lists the keys to find out.
.PP
Like the origins, the program is bound to the key: if the row later names another program, that
program is not run (exit code 7).
.PP
.nf
[[rotation]]
kind = "command"
program = ["/usr/local/bin/rotate\-acme"]
.fi
.PP
.nf
#!/bin/sh
# Acme's own tool creates and revokes keys.
asked=$(cat)
case $(printf %s "$asked" | jq \-r .action) in
create) acmectl key create \-\-label "$(printf %s "$asked" | jq \-r .label)" |
    jq "{id, key: {key: .secret}}" ;;
list) acmectl key list | jq "{keys: [.[] | {id, label}]}" ;;
revoke) printf %s "$asked" | jq \-r .id | acmectl key delete \-\-from\-stdin && echo "{}" ;;
*) echo "{\e"unsupported\e": true}" ;;
esac
.fi
"#;

const FOOT: &str = r".SH SEE ALSO
.BR authctl (1),
.BR authctl-provider-add (1),
.BR authctl (7)
";

/// The whole page.
pub fn page() -> String {
    let schema = serde_json::to_value(schemars::schema_for!(Row)).unwrap();
    let mut text = HEAD.to_owned();
    table(&schema, &schema, "FIELDS", &mut text);
    for (title, name) in [
        ("[variables.NAME]", "Variable"),
        ("[oauth]", "OAuthSpec"),
        ("[oauth.refresh]", "RefreshSpec"),
        ("[oauth.redirect]", "Redirect"),
        ("[oauth.revoke]", "RevokeSpec"),
        ("[oauth.whoami]", "WhoAmI"),
        ("[oauth.register]", "Register"),
        ("[key]", "KeySpec"),
        ("[[key.parts]]", "Part"),
        ("[key.check]", "Check"),
        ("[[rotation]]", "Recipe"),
        ("[rotation.when]", "When"),
        ("[rotation.settings.NAME]", "Setting"),
        ("[rotation.session]", "Session"),
        ("[rotation.identify]", "Identify"),
        ("[rotation.lifetime]", "Lifetime"),
        ("[rotation.create]", "Create"),
        ("[rotation.list]", "List"),
        ("a request", "Call"),
    ] {
        table(&schema, &schema["$defs"][name], title, &mut text);
    }
    text + WORDS + PROGRAM + FOOT
}

fn table(schema: &Value, table: &Value, title: &str, text: &mut String) {
    text.push_str(&format!(
        ".SH \"{}\"\n",
        title.to_uppercase().replace("NAME", "name")
    ));
    let required: Vec<&str> = table["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, field) in table["properties"].as_object().unwrap() {
        let must = if required.contains(&name.as_str()) {
            ", required"
        } else {
            ""
        };
        text.push_str(&format!(
            ".TP\n.B {name}\n({}{must})\n{}\n",
            kind(schema, field),
            escape(field["description"].as_str().unwrap_or_default())
        ));
        for (value, meaning) in choices(schema, field) {
            text.push_str(&format!(
                ".RS\n.TP\n.B \"{value}\"\n{}\n.RE\n",
                escape(&meaning)
            ));
        }
    }
}

/// The type of a field, in a word or two.
fn kind(schema: &Value, field: &Value) -> String {
    let field = resolve(schema, field);
    if field["oneOf"].is_array() {
        return "one of these".into();
    }
    let kinds: Vec<&str> = match &field["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .filter(|kind| *kind != "null")
            .collect(),
        _ => Vec::new(),
    };
    match kinds.first().copied() {
        Some("string") => "string".into(),
        Some("integer" | "number") => "number".into(),
        Some("boolean") => "true or false".into(),
        Some("array") => format!(
            "list of {}",
            kind(schema, &field["items"])
                .replace("table", "tables")
                .replace("string", "strings")
                .replace("number", "numbers")
        ),
        _ => "table".into(),
    }
}

fn resolve<'a>(schema: &'a Value, field: &'a Value) -> &'a Value {
    if let Some(name) = field["$ref"].as_str() {
        return &schema["$defs"][name.trim_start_matches("#/$defs/")];
    }
    match field["anyOf"]
        .as_array()
        .and_then(|choices| choices.first())
    {
        Some(choice) => resolve(schema, choice),
        None => field,
    }
}

/// The values of a field that has only a few.
fn choices(schema: &Value, field: &Value) -> Vec<(String, String)> {
    let choices = resolve(schema, field)["oneOf"]
        .as_array()
        .into_iter()
        .flatten();
    let one = |choice: &Value| {
        Some((
            choice["const"].as_str()?.to_owned(),
            choice["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        ))
    };
    choices.filter_map(one).collect()
}

fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    text.lines()
        .map(|line| {
            if line.starts_with(['.', '\'']) {
                format!("\\&{line}")
            } else {
                line.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_example_of_the_page_is_a_row() {
    let example = HEAD
        .split(".nf\n")
        .nth(1)
        .unwrap()
        .split("\n.fi")
        .next()
        .unwrap()
        .replace("\\-", "-");
    let row: Row = toml::from_str(&example).unwrap();
    row.example().unwrap();
    let home = tempfile::tempdir().unwrap();
    Catalogue::new(&crate::config::Paths::in_one(home.path()))
        .add(&row)
        .unwrap();
}
