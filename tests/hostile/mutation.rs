//! A network that changes one answer.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use entrant::http::Transport;
use entrant::{Error, ErrorKind, Result};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use serde_json::{Value as Json, json};

/// More requests than any run of the small worlds here can need.
const TOO_MANY: usize = 3_000;

/// What becomes of one answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mutation {
    /// A field, by its JSON pointer.
    Field(String, Change),
    Status(u16),
    Body(Body),
    Header(&'static str, &'static str),
    /// A refusal that repeats the whole request with its token; of a batch, each of its entries.
    Repeated,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Change {
    Removed,
    /// Twice, with this value and with another.
    Doubled,
    /// What is written in its place.
    Raw(&'static str),
    /// The other of two truths.
    Turned,
    /// 10,000 brackets.
    Deep,
    /// 200 kB of text.
    Long,
    BadUtf8,
    /// The id of another object.
    Other,
    /// The token that the request came with.
    Echo,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Body {
    Empty,
    Half,
    Html,
    Null,
    List,
    Deep,
    Marked,
    Utf16,
    Packed,
}

pub(crate) const CHANGES: [Change; 20] = [
    Change::Removed,
    Change::Doubled,
    Change::Turned,
    Change::Deep,
    Change::Long,
    Change::BadUtf8,
    Change::Other,
    Change::Echo,
    Change::Raw("null"),
    Change::Raw("[]"),
    Change::Raw("{}"),
    Change::Raw("\"\""),
    Change::Raw("\"a/../b?c=d#e\""),
    Change::Raw("\"a\\u0000b\""),
    Change::Raw("\"\\ud800\""),
    Change::Raw("0"),
    Change::Raw("-1"),
    Change::Raw("1e400"),
    Change::Raw("99999999999999999999999999999999"),
    Change::Raw("\"https://evil.example/v1.0/users?$skiptoken=a\""),
];

pub(crate) const WHOLE: [Mutation; 28] = [
    Mutation::Repeated,
    Mutation::Status(204),
    Mutation::Status(202),
    Mutation::Status(302),
    Mutation::Status(400),
    Mutation::Status(401),
    Mutation::Status(403),
    Mutation::Status(404),
    Mutation::Status(409),
    Mutation::Status(410),
    Mutation::Status(429),
    Mutation::Status(500),
    Mutation::Status(503),
    Mutation::Status(999),
    Mutation::Body(Body::Empty),
    Mutation::Body(Body::Half),
    Mutation::Body(Body::Html),
    Mutation::Body(Body::Null),
    Mutation::Body(Body::List),
    Mutation::Body(Body::Deep),
    Mutation::Body(Body::Marked),
    Mutation::Body(Body::Utf16),
    Mutation::Body(Body::Packed),
    Mutation::Header("content-type", "text/html; charset=utf-16"),
    Mutation::Header("retry-after", "99999999999999999999"),
    Mutation::Header("location", "https://evil.example/"),
    Mutation::Header("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
    Mutation::Header("x-ms-throttle-limit-percentage", "1e308"),
];

/// The id that a lie names: of an object that has nothing to do with the run.
pub(crate) type OtherId = Arc<str>;

/// Hands requests on, with pages of three, and changes the answer to one of them.
#[derive(Clone)]
pub(crate) struct Liar {
    inner: Arc<dyn Transport>,
    other: OtherId,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    lie: Option<(usize, Mutation)>,
    has_lied: bool,
    answers: Vec<Option<Json>>,
    tokens: Vec<String>,
}

impl fmt::Debug for Liar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Liar")
    }
}

impl Liar {
    pub(crate) fn new(inner: Arc<dyn Transport>, other: &str, lie: Option<(usize, Mutation)>) -> Self {
        let shared = Shared { lie, ..Shared::default() };
        Self { inner, other: other.into(), shared: Arc::new(Mutex::new(shared)) }
    }

    /// All answers so far, as JSON where they are.
    pub(crate) fn answers(&self) -> Vec<Option<Json>> {
        self.shared().answers.clone()
    }

    pub(crate) fn has_lied(&self) -> bool {
        self.shared().has_lied
    }

    /// Whether there were so many requests that something does not end.
    pub(crate) fn was_flooded(&self) -> bool {
        self.shared().answers.len() >= TOO_MANY
    }

    /// Every token that was sent.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.shared().tokens.clone()
    }

    /// Every token and code that was answered.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let names = ["access_token", "refresh_token", "device_code", "id_token"];
        let answers = self.answers();
        let text = |answer: &Json, name: &str| answer[name].as_str().map(str::to_owned);
        answers.iter().flatten().flat_map(|answer| names.iter().filter_map(|name| text(answer, name))).collect()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no test panics with it")
    }
}

#[async_trait]
impl Transport for Liar {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let token = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
        let token = token.trim_start_matches("Bearer ").to_owned();
        if self.was_flooded() {
            return Err(Error::new(ErrorKind::Invalid, "there is no end to it"));
        }
        let asked = request.body().clone();
        let answer = self.inner.send(with_small_pages(request)).await?;
        let mut shared = self.shared();
        if !token.is_empty() && !shared.tokens.contains(&token) {
            shared.tokens.push(token.clone());
        }
        let number = shared.answers.len();
        shared.answers.push(serde_json::from_slice(answer.body()).ok());
        match shared.lie.clone() {
            Some((at, mutation)) if at == number => {
                let (changed, done) = mutated(answer, &mutation, &self.other, &token, &asked);
                shared.has_lied = done;
                Ok(changed)
            }
            _ => Ok(answer),
        }
    }
}

/// So that small lists have links to further pages, too.
fn with_small_pages(request: Request<Bytes>) -> Request<Bytes> {
    let small = |text: &str| text.replace("$top=999", "$top=3");
    let (mut parts, body) = request.into_parts();
    parts.uri = small(&parts.uri.to_string()).parse().expect("still an address");
    let body = match parts.uri.path().ends_with("/$batch") {
        true => small(std::str::from_utf8(&body).expect("text")).into(),
        false => body,
    };
    Request::from_parts(parts, body)
}

/// All places of a JSON value but itself, as pointers.
pub(crate) fn places(json: &Json) -> Vec<String> {
    fn walk(json: &Json, at: &str, places: &mut Vec<String>) {
        let mut step = |name: &str, child: &Json| {
            let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            places.push(at.clone());
            walk(child, &at, places);
        };
        match json {
            Json::Object(members) => members.iter().for_each(|(name, child)| step(name, child)),
            Json::Array(items) => items.iter().enumerate().for_each(|(at, child)| step(&at.to_string(), child)),
            _ => {}
        }
    }
    let mut places = Vec::new();
    walk(json, "", &mut places);
    places
}

fn mutated(
    answer: Response<Bytes>,
    mutation: &Mutation,
    other: &str,
    token: &str,
    asked: &Bytes,
) -> (Response<Bytes>, bool) {
    let (mut parts, body) = answer.into_parts();
    let mut done = true;
    let body: Vec<u8> = match mutation {
        Mutation::Status(status) => {
            parts.status = StatusCode::from_u16(*status).expect("a status");
            body.to_vec()
        }
        Mutation::Repeated => {
            let (status, body) = repeated(token, asked);
            parts.status = status;
            body.to_string().into_bytes()
        }
        Mutation::Header(name, value) => {
            parts.headers.insert(*name, HeaderValue::from_static(value));
            body.to_vec()
        }
        Mutation::Body(kind) => match kind {
            Body::Empty => Vec::new(),
            Body::Half => body[..body.len() / 2].to_vec(),
            Body::Html => {
                parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                format!("<html><body>{token}</body></html>").into_bytes()
            }
            Body::Null => b"null".to_vec(),
            Body::List => b"[]".to_vec(),
            Body::Deep => "[".repeat(10_000).into_bytes(),
            Body::Marked => [b"\xef\xbb\xbf", &body[..]].concat(),
            Body::Utf16 => String::from_utf8_lossy(&body).encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Body::Packed => b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03".to_vec(),
        },
        Mutation::Field(place, change) => match changed(&body, place, *change, other, token) {
            Some(body) => body,
            None => {
                done = false;
                body.to_vec()
            }
        },
    };
    parts.headers.remove(CONTENT_LENGTH);
    (Response::from_parts(parts, body.into()), done)
}

fn repeated(token: &str, asked: &Bytes) -> (StatusCode, Json) {
    let refusal = |asked: &str| {
        let said = format!("{token} {asked}");
        json!({"error": {
            "code": asked, "message": said, "target": said, "details": [{"code": said, "message": asked, "target": said}],
            "innerError": {"request-id": said, "client-request-id": said},
        }, "error_description": said, "error_codes": [said], "trace_id": said})
    };
    let batch: Option<Json> = serde_json::from_slice(asked).ok();
    match batch.as_ref().and_then(|batch| batch["requests"].as_array()) {
        Some(requests) => {
            let refused = |request: &Json| {
                // A body as text has its own quotes escaped; what matters is what stands between them.
                let headers = json!({"request-id": token, "www-authenticate": token});
                json!({"id": request["id"], "status": 400, "headers": headers, "body": refusal(&request.to_string())})
            };
            (StatusCode::OK, json!({"responses": requests.iter().map(refused).collect::<Vec<_>>()}))
        }
        None => (StatusCode::BAD_REQUEST, refusal(&String::from_utf8_lossy(asked))),
    }
}

const MARK: &str = "\u{e000}here\u{e000}";

fn changed(body: &[u8], place: &str, change: Change, other: &str, token: &str) -> Option<Vec<u8>> {
    let mut json: Json = serde_json::from_slice(body).ok()?;
    let (parent, name) = place.rsplit_once('/')?;
    let name = name.replace("~1", "/").replace("~0", "~");
    let was = json.pointer(place)?.clone();
    let text = was.to_string();
    let raw: Vec<u8> = match change {
        Change::Removed => {
            match json.pointer_mut(parent)? {
                Json::Object(members) => drop(members.remove(&name)),
                Json::Array(items) => drop(items.remove(name.parse().ok()?)),
                _ => return None,
            }
            return Some(json.to_string().into_bytes());
        }
        Change::Doubled => match json.pointer(parent)? {
            Json::Object(_) => format!("{text},{}:{text}", Json::from(name)).into_bytes(),
            _ => format!("{text},{text}").into_bytes(),
        },
        Change::Turned => match was {
            Json::Bool(was) => (!was).to_string().into_bytes(),
            _ => return None,
        },
        Change::Raw(raw) => raw.as_bytes().to_vec(),
        Change::Deep => format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
        Change::Long => format!("\"{}\"", "x".repeat(200_000)).into_bytes(),
        Change::BadUtf8 => b"\"\xff\xfe\"".to_vec(),
        Change::Other => Json::from(other).to_string().into_bytes(),
        Change::Echo => Json::from(token).to_string().into_bytes(),
    };
    *json.pointer_mut(place)? = Json::from(MARK);
    let written = json.to_string();
    let (before, after) = written.split_once(&Json::from(MARK).to_string())?;
    Some([before.as_bytes(), &raw, after.as_bytes()].concat())
}
