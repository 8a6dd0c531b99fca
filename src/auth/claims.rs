//! What a token says of the application.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{AccessToken, base64};

/// The longest token that is looked into, in bytes; Entra's stay far below.
const MAX_TOKEN: usize = 256 * 1024;

/// The most entries of a claim that are kept.
const MAX_ENTRIES: usize = 1_000;

/// The longest entry that is kept, in bytes.
const MAX_ENTRY: usize = 200;

/// In `wids` of tokens of applications, and no directory role.
const NO_ROLE: &str = "0997a1d0-0d1d-4acb-b408-d5ca73121e90";

/// What an access token says of the application's rights, as far as it can be read: for advice and for guards, not for
/// trust. Its signature is not looked at, and what is not there is empty.
///
/// A token keeps what it said when it was issued: a new grant shows in the next one.
///
/// See [access token claims](https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TokenClaims {
    /// The permissions that were granted, such as `User.ReadWrite.All`.
    pub roles: Vec<String>,
    /// The template ids of the directory roles, and one that is none.
    pub wids: Vec<String>,
    /// The permissions that act for the person who signed in, such as `User.Read`; none where an application signed in.
    pub scopes: Vec<String>,
    /// What the token is for: the root of Graph, or Graph's own application id.
    pub audience: Option<String>,
    /// The tenant's id.
    pub tenant: Option<String>,
    /// The application's client id.
    pub application: Option<String>,
    /// The id of the application's service principal, or of the person who signed in.
    pub object: Option<String>,
}

impl TokenClaims {
    /// The template ids of the directory roles that the application holds.
    pub fn directory_roles(&self) -> impl Iterator<Item = &str> {
        self.wids.iter().map(String::as_str).filter(|id| !id.eq_ignore_ascii_case(NO_ROLE))
    }

    /// Whether a permission was granted by this name.
    #[must_use]
    pub fn has_permission(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role == name)
    }
}

impl AccessToken {
    /// What the token says of the application's rights; empty if it is no token that can be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::auth::AccessToken;
    ///
    /// // The middle is {"roles":["User.Read.All"]}.
    /// let token = AccessToken::new("e30.eyJyb2xlcyI6WyJVc2VyLlJlYWQuQWxsIl19.c2ln");
    /// assert!(token.claims().has_permission("User.Read.All"));
    /// assert_eq!(AccessToken::new("opaque").claims().roles, Vec::<String>::new());
    /// ```
    #[must_use]
    pub fn claims(&self) -> TokenClaims {
        read(self.secret.expose()).unwrap_or_default()
    }
}

fn read(token: &str) -> Option<TokenClaims> {
    #[derive(Deserialize)]
    struct Payload {
        #[serde(default)]
        roles: Json,
        #[serde(default)]
        wids: Json,
        #[serde(default)]
        scp: Json,
        #[serde(default)]
        aud: Json,
        #[serde(default)]
        tid: Json,
        #[serde(default)]
        appid: Json,
        #[serde(default)]
        oid: Json,
    }
    if token.len() > MAX_TOKEN {
        return None;
    }
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload: Payload = serde_json::from_slice(&base64::from_url(payload)?).ok()?;
    let scopes = payload.scp.as_str().unwrap_or_default().split(' ').filter(is_plain);
    Some(TokenClaims {
        roles: texts(&payload.roles),
        wids: texts(&payload.wids),
        scopes: scopes.take(MAX_ENTRIES).map(str::to_owned).collect(),
        audience: text(&payload.aud),
        tenant: text(&payload.tid),
        application: text(&payload.appid),
        object: text(&payload.oid),
    })
}

fn text(claim: &Json) -> Option<String> {
    claim.as_str().filter(is_plain).map(str::to_owned)
}

fn is_plain(text: &&str) -> bool {
    !text.is_empty() && text.len() <= MAX_ENTRY && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The entries that are names or ids: no text that would tell people something else.
fn texts(claim: &Json) -> Vec<String> {
    let entries = claim.as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().filter_map(Json::as_str).filter(is_plain).take(MAX_ENTRIES).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn encoded(bytes: &[u8]) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
        let letter = |bits: &[bool]| {
            let value = (0..6).fold(0, |value, at| value << 1 | usize::from(bits.get(at).copied().unwrap_or(false)));
            char::from(LETTERS[value])
        };
        bits.chunks(6).map(letter).collect()
    }

    fn claims_of(payload: &Json) -> TokenClaims {
        AccessToken::new(format!("{}.{}.sig", encoded(b"{}"), encoded(payload.to_string().as_bytes()))).claims()
    }

    #[test]
    fn permissions_and_roles_are_read() {
        let claims = claims_of(&json!({
            "aud": "https://graph.microsoft.com",
            "app_displayname": "Sync \u{1f680} für Ö",
            "tid": "a\nb",
            "appid": "11111111-2222-3333-4444-555555555555",
            "scp": "User.Read  openid",
            "roles": ["User.ReadWrite.All", "Group.ReadWrite.All"],
            "wids": ["fe930be7-5e62-47db-91af-98c3a49a38b1", "0997A1D0-0d1d-4acb-b408-d5ca73121e90"],
        }));
        assert!(claims.has_permission("User.ReadWrite.All") && !claims.has_permission("User.Read"));
        assert_eq!(claims.wids.len(), 2);
        assert_eq!(claims.directory_roles().collect::<Vec<_>>(), ["fe930be7-5e62-47db-91af-98c3a49a38b1"]);
        assert_eq!(claims.audience.as_deref(), Some("https://graph.microsoft.com"));
        assert_eq!(claims.application.as_deref(), Some("11111111-2222-3333-4444-555555555555"));
        assert_eq!((claims.tenant, claims.object), (None, None), "what is no plain text is left out");
        assert_eq!(claims.scopes, ["User.Read", "openid"]);
    }

    #[test]
    fn what_is_no_list_of_names_is_empty() {
        let nothing = TokenClaims::default();
        for payload in [
            json!({}),
            json!({"roles": null, "wids": "fe930be7-5e62-47db-91af-98c3a49a38b1"}),
            json!({"roles": {"0": "x"}, "wids": 7, "aud": ["x"], "tid": 1, "appid": {}, "oid": "", "scp": ["User.Read"]}),
            json!({"roles": [1, null, [], {}, "", "two words", "line\nbreak", "ünïcode", "x".repeat(201)]}),
            json!([]),
            json!("roles"),
            json!(null),
        ] {
            assert_eq!(claims_of(&payload), nothing, "{payload}");
        }
        assert_eq!(claims_of(&json!({"roles": vec!["x"; 5_000]})).roles.len(), MAX_ENTRIES);
    }

    #[test]
    fn hostile_tokens_are_empty() {
        let payload = encoded(br#"{"roles":["x"]}"#);
        let deep = encoded("[".repeat(100_000).as_bytes());
        let nested = encoded(format!("{{\"roles\":{}", "[".repeat(100_000)).as_bytes());
        let long = format!("a.{}.b", encoded(&vec![b' '; MAX_TOKEN]));
        let tokens = [
            "",
            ".",
            "..",
            "...",
            "opaque",
            "a.b.c",
            "a.A.c",
            "a.====.c",
            "a.=e30.c",
            "a.e3 0.c",
            "a.é30.c",
            "a.\u{0}.c",
            "a.__79.c",
            &payload,
            &format!("a.{payload}"),
            &format!("a.{payload}.c.d"),
            &format!("{payload}.a.c"),
            &format!("a.{deep}.c"),
            &format!("a.{nested}.c"),
            &long,
        ];
        for token in tokens {
            let claims = AccessToken::new(token).claims();
            assert_eq!(claims, TokenClaims::default(), "{}", &token.chars().take(40).collect::<String>());
        }
        assert_eq!(AccessToken::new(format!("a.{payload}==.c")).claims().roles, ["x"], "padding is no harm");
    }

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(bytes: Vec<u8>) {
            prop_assert_eq!(base64::from_url(&encoded(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_read_or_empty(token in "\\PC*|[A-Za-z0-9_.=-]*") {
            let claims = AccessToken::new(token).claims();
            prop_assert!(claims.roles.len() <= MAX_ENTRIES);
        }
    }
}
