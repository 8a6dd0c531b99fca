//! What a service asks for before it takes a token: `WWW-Authenticate`, read by its grammar.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use serde_json::{Map, Value as Json};

use super::base64;

/// The longest header that is read, in bytes.
const MAX_HEADER: usize = 64 * 1024;

/// The most parameters that are kept of a challenge.
const MAX_PARAMETERS: usize = 64;

/// A claims challenge: Graph refuses a token that was good, and says what the next one must fulfil.
///
/// It comes with 401 where the tenant evaluates access continuously: the application was disabled, a policy changed,
/// or the request came from another place. Ask for a new token with these claims, once.
///
/// # Examples
///
/// ```
/// use entrant::auth::ClaimsChallenge;
///
/// let header = r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#;
/// let challenge = ClaimsChallenge::parse(header).expect("a challenge");
/// assert_eq!(challenge.claims(), r#"{"access_token":{}}"#);
/// assert_eq!(ClaimsChallenge::parse(r#"Bearer error="invalid_token""#), None);
/// ```
///
/// See [claims challenges](https://learn.microsoft.com/entra/identity-platform/claims-challenge).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsChallenge {
    claims: String,
}

/// One challenge of a header: its scheme and its parameters, as they were sent.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl ClaimsChallenge {
    /// Finds the challenge among an answer's headers; there may be several headers, and several challenges in each.
    #[must_use]
    pub fn find(headers: &HeaderMap) -> Option<Self> {
        headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| Self::parse(value.to_str().ok()?))
    }

    /// Reads one `WWW-Authenticate` header. Only a `Bearer` challenge with `error="insufficient_claims"` and claims that
    /// are a JSON object is one.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        challenges(header).iter().find_map(|challenge| {
            if !challenge.scheme.eq_ignore_ascii_case("bearer")
                || challenge.parameter("error") != Some("insufficient_claims")
            {
                return None;
            }
            let claims = String::from_utf8(base64::from_any(challenge.parameter("claims")?.trim())?).ok()?;
            let is_object = serde_json::from_str::<Map<String, Json>>(&claims).is_ok();
            is_object.then_some(Self { claims })
        })
    }

    /// What the next token must fulfil, as JSON.
    #[must_use]
    pub fn claims(&self) -> &str {
        &self.claims
    }
}

impl Challenge {
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The `claims` field of a token request: what a challenge asks for, and what this client can do.
pub(super) fn claims_field(challenge: Option<&str>, continuous_access: bool) -> Option<String> {
    let mut claims: Map<String, Json> = match challenge {
        Some(text) => serde_json::from_str(text).ok()?,
        None if !continuous_access => return None,
        None => Map::new(),
    };
    if continuous_access {
        let token = claims.entry("access_token").or_insert_with(|| Json::Object(Map::new()));
        if let Some(token) = token.as_object_mut() {
            token.insert("xms_cc".to_owned(), serde_json::json!({"values": ["cp1"]}));
        }
    }
    Some(Json::Object(claims).to_string())
}

/// Reads the list of challenges by the grammar of RFC 9110, section 11.6.1, but takes values without quotes that should
/// have them. Stops where it is none, and keeps what came before.
fn challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    if header.len() > MAX_HEADER {
        return found;
    }
    let mut rest = Rest(header);
    loop {
        rest.skip(|c| c == ',' || c == ' ' || c == '\t');
        let Some(name) = rest.token() else { return found };
        let after_name = rest.0;
        rest.skip(|c| c == ' ' || c == '\t');
        match found.last_mut() {
            Some(challenge) if rest.0.starts_with('=') => {
                rest.0 = &rest.0[1..];
                rest.skip(|c| c == ' ' || c == '\t');
                let Some(value) = rest.value() else { return found };
                if challenge.parameters.len() < MAX_PARAMETERS {
                    challenge.parameters.push((name.to_owned(), value));
                }
            }
            _ => {
                found.push(Challenge { scheme: name.to_owned(), parameters: Vec::new() });
                if rest.0.len() < after_name.len() {
                    rest.skip_token68();
                }
            }
        }
    }
}

/// What is left to read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(what);
    }

    fn take(&mut self, what: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !what(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn token(&mut self) -> Option<&'a str> {
        let token = self.take(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
        (!token.is_empty()).then_some(token)
    }

    /// Passes over a bare word such as that of `Negotiate`, which is not a list of parameters.
    fn skip_token68(&mut self) {
        let mut ahead = Self(self.0);
        let word = ahead.take(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        ahead.skip(|c| c == '=');
        ahead.skip(|c| c == ' ' || c == '\t');
        if !word.is_empty() && (ahead.0.is_empty() || ahead.0.starts_with(',')) {
            self.0 = ahead.0;
        }
    }

    fn value(&mut self) -> Option<String> {
        if !self.0.starts_with('"') {
            return Some(self.take(|c| c != ',' && c != ' ' && c != '\t').to_owned());
        }
        let mut value = String::new();
        let mut characters = self.0.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn challenges_are_read_by_the_grammar() {
        type Read<'a> = (&'a str, &'a [(&'a str, &'a str)]);
        let table: &[(&str, &[Read<'_>])] = &[
            ("", &[]),
            (",, ,", &[]),
            ("Bearer", &[("Bearer", &[])]),
            ("Negotiate, Bearer a=b", &[("Negotiate", &[]), ("Bearer", &[("a", "b")])]),
            ("Negotiate a87421000492aa874209af8bc028==, Basic", &[("Negotiate", &[]), ("Basic", &[])]),
            ("Bearer a = \"x, y=z\" , b=c", &[("Bearer", &[("a", "x, y=z"), ("b", "c")])]),
            (r#"Bearer a="q\"u\\o\te""#, &[("Bearer", &[("a", "q\"u\\ote")])]),
            ("PoP nonce=\"e==\", Bearer realm=\"\"", &[("PoP", &[("nonce", "e==")]), ("Bearer", &[("realm", "")])]),
            ("Bearer uri=https://x/y?z, b=\"\"", &[("Bearer", &[("uri", "https://x/y?z"), ("b", "")])]),
            ("Bearer a=\"open", &[("Bearer", &[])]),
            ("Bearer a=\"open\\", &[("Bearer", &[])]),
            ("a=b", &[("a", &[])]),
            ("Bearer a=b; c=d", &[("Bearer", &[("a", "b;"), ("c", "d")])]),
        ];
        for (header, expected) in table {
            let expected: Vec<Challenge> = expected
                .iter()
                .map(|(scheme, parameters)| Challenge {
                    scheme: (*scheme).to_owned(),
                    parameters: parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                })
                .collect();
            assert_eq!(challenges(header), expected, "{header}");
        }
    }

    #[test]
    fn the_samples_are_read() {
        let samples: Json =
            serde_json::from_str(include_str!("../../tests/data/auth/graph/cae-challenge.json")).expect("JSON");
        for sample in samples["www_authenticate"].as_array().expect("a list") {
            let challenge = ClaimsChallenge::parse(sample["header"].as_str().expect("text"));
            let claims = challenge.as_ref().map(ClaimsChallenge::claims);
            assert_eq!(claims, sample["claims"].as_str(), "{}", sample["name"]);
        }
        let first = samples["www_authenticate"][0]["claims"].as_str().expect("text");
        let field: Json = serde_json::from_str(&claims_field(Some(first), true).expect("a field")).expect("JSON");
        let wanted: Json =
            serde_json::from_str(samples["claims_form_field_with_cp1"].as_str().expect("text")).expect("JSON");
        assert_eq!(field, wanted);
    }

    #[test]
    fn the_second_header_counts_too() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, "Negotiate".parse().expect("a header"));
        assert_eq!(ClaimsChallenge::find(&headers), None);
        let challenge = "bearer error=insufficient_claims, claims=e30";
        headers.append(WWW_AUTHENTICATE, challenge.parse().expect("a header"));
        assert_eq!(ClaimsChallenge::find(&headers).expect("one").claims(), "{}");
    }

    #[test]
    fn claims_that_are_no_object_are_no_challenge() {
        for claims in ["W10", "bnVsbA", "_w", "x", "e30 e30", "Zm9v"] {
            let header = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
            assert_eq!(ClaimsChallenge::parse(&header), None, "{claims}");
        }
        assert_eq!(claims_field(None, false), None);
        assert_eq!(claims_field(None, true).expect("a field"), r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#);
        assert_eq!(claims_field(Some("[]"), true), None);
        assert_eq!(claims_field(Some(r#"{"access_token":7}"#), true).expect("sent"), r#"{"access_token":7}"#);
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_left(header in "\\PC*|[A-Za-z=\", \\\\]*") {
            for challenge in challenges(&header) {
                prop_assert!(!challenge.scheme.is_empty());
            }
            let _ = ClaimsChallenge::parse(&header);
        }
    }
}
