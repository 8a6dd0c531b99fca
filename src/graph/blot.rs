//! Keeps out of errors what was sent in confidence: a service, or something on the way to it, may repeat it.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::auth::AccessToken;
use crate::http::redact::without_secret;
use crate::secret::Secret;

/// Members of requests whose text nobody else may see, in lower case.
const SECRET: &[&str] = &["password", "secrettext"];

/// What must not be repeated of one request.
#[derive(Debug)]
pub(crate) struct Blot(Vec<Secret>);

impl Blot {
    /// The token that a request went with, and the passwords in its body or, in a batch, in the request as JSON.
    pub(super) fn of(token: &AccessToken, request: &[u8]) -> Self {
        let mut secrets = vec![token.secret.clone()];
        if let Ok(json) = serde_json::from_slice(request) {
            collect(&json, &mut secrets);
        }
        Self(secrets)
    }

    /// The text without any of it.
    pub(super) fn out_of<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.iter().fold(Cow::Borrowed(text), |text, secret| match text.contains(secret.expose()) {
            true => Cow::Owned(without_secret(&text, secret.expose())),
            false => text,
        })
    }
}

fn collect(json: &Json, secrets: &mut Vec<Secret>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                match value {
                    Json::String(text) if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) => {
                        secrets.push(Secret::from(text.as_str()));
                    }
                    other => collect(other, secrets),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, secrets)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_repeated() {
        let request = br#"{"method":"POST","body":{"passwordProfile":{"password":"hunter2","x":[{"Password":"p2"}]},"city":"Bonn"}}"#;
        let blot = Blot::of(&AccessToken::new("t0ken"), request);
        for (text, shown) in
            [("'hunter2' is too weak, t0ken", "'…' is too weak, …"), ("p2p2", "……"), ("Bonn", "Bonn"), ("", "")]
        {
            assert_eq!(blot.out_of(text), shown);
        }
        assert!(!format!("{blot:?}").contains("hunter2"));
        assert_eq!(Blot::of(&AccessToken::new(""), b"no JSON").out_of("text"), "text");
    }
}
