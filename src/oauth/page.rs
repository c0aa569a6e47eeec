//! The page that the browser shows after the redirect. It is sent after the exchange, so that it
//! reports the real result.

/// The result that the page shows.
pub(super) enum Page<'a> {
    /// The login is stored.
    Done(&'a str),
    /// The login failed; the reason is our own message, never text from the request.
    Failed(&'a str),
}

impl Page<'_> {
    /// The whole document. It loads nothing and runs nothing: the policy in the response header
    /// allows only its inline style.
    pub(super) fn html(&self) -> String {
        let (title, mark, colour, text) = match self {
            Self::Done(name) => (
                "Logged in",
                "✓",
                "#1a7f37",
                format!("authctl has stored the login <b>{}</b>.", escape(name)),
            ),
            Self::Failed(reason) => (
                "Not logged in",
                "✗",
                "#c62828",
                format!("{}.", escape(reason)),
            ),
        };
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>authctl: {title}</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><style>\
             body{{font:1.1rem/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;\
             background:#f6f8fa;color:#1f2328}}main{{text-align:center;padding:2rem;max-width:32rem}}\
             p.mark{{font-size:4rem;line-height:1;margin:0;color:{colour}}}h1{{margin:.5rem 0}}\
             @media(prefers-color-scheme:dark){{body{{background:#0d1117;color:#e6edf3}}}}\
             </style></head><body><main><p class=\"mark\" aria-hidden=\"true\">{mark}</p><h1>{title}</h1><p>{text}</p>\
             <p>You may close this window and go back to the terminal.</p></main></body></html>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_text_becomes_markup() {
        let html = Page::Failed("<script>alert(\"1\")</script>").html();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"));
        assert!(Page::Done("github").html().contains("<b>github</b>"));
    }
}
