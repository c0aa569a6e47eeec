//! The rows that come with the program.

/// Name and text of each file in `catalogue/`.
pub(super) const BUILTIN: &[(&str, &str)] = &[
    ("anthropic", include_str!("catalogue/anthropic.toml")),
    ("datadog", include_str!("catalogue/datadog.toml")),
    ("github", include_str!("catalogue/github.toml")),
    ("gitlab", include_str!("catalogue/gitlab.toml")),
    ("google", include_str!("catalogue/google.toml")),
    ("microsoft", include_str!("catalogue/microsoft.toml")),
    ("openai", include_str!("catalogue/openai.toml")),
    ("stripe", include_str!("catalogue/stripe.toml")),
];
