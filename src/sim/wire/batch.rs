//! `POST /$batch`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Map, Value};

use super::answer::{Answer, Body, Refusal, Trace};
use super::routes::{Asked, Call};
use crate::sim::lists::query::Target;
use crate::sim::objects::stored::write_text;
use crate::sim::state::State;
use crate::sim::trouble::fault::Place;

const MAX_ITEMS: usize = 20;

/// One request of a batch.
struct Item {
    id: String,
    method: String,
    url: String,
    headers: Map<String, Value>,
    body: Vec<u8>,
    depends_on: Vec<String>,
}

impl State {
    pub(crate) fn batch(
        &mut self,
        call: &Call<'_>,
        trace: &Trace,
        delay: &mut Duration,
    ) -> Result<Option<Answer>, Refusal> {
        let items = in_order(read(&call.json()?)?)?;
        self.requests.batch_items += items.len();
        // Whether each was carried out well.
        let mut done: HashMap<String, bool> = HashMap::new();
        let mut answers = Vec::with_capacity(items.len());
        for item in &items {
            let trace = Trace {
                request_id: self.chance.uuid(),
                client_request_id: header(item, "client-request-id").unwrap_or(&trace.client_request_id).to_owned(),
                now: trace.now,
            };
            let answer = if item.depends_on.iter().all(|other| done.get(other) == Some(&true)) {
                match self.item(item, call, &trace, delay) {
                    Some(answer) => answer,
                    None => return Ok(None),
                }
            } else {
                Refusal::new(424, "FailedDependency", "Failed due to failed dependency.").into_answer(&trace)
            };
            done.insert(item.id.to_lowercase(), answer.is_success());
            answers.push((item.id.clone(), answer));
        }
        self.chance.shuffle(&mut answers);
        Ok(Some(Answer::json(200, envelope(answers))))
    }

    fn item(&mut self, item: &Item, outer: &Call<'_>, trace: &Trace, delay: &mut Duration) -> Option<Answer> {
        let target = match target(&item.url) {
            Ok(target) => target,
            Err(refusal) => return Some(refusal.into_answer(trace)),
        };
        let call = Call {
            method: &item.method,
            target,
            headers: Asked {
                metadata: false,
                identity: None,
                authorization: outer.headers.authorization.clone(),
                content_type: header(item, "content-type").map(str::to_owned),
                consistency_level: header(item, "consistencylevel").map(str::to_owned),
                client_request_id: Some(trace.client_request_id.clone()),
                prefer: header(item, "prefer").map(str::to_owned),
            },
            body: &item.body,
            origin: outer.origin,
            now: outer.now,
            has_waited: !item.depends_on.is_empty(),
        };
        self.conduct(Place::Batch, &call, trace, delay)
    }
}

/// Addresses are relative to the version.
fn target(url: &str) -> Result<Target, Refusal> {
    let start = url.split(['/', '?']).next().unwrap_or_default();
    if start.contains(':') || url.starts_with("//") {
        return Err(Refusal::protocol("The url of a request in a batch is relative to the root of the version."));
    }
    Target::parse(&format!("/v1.0/{}", url.trim_start_matches('/')))
}

fn header<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    let (_, value) = item.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str()
}

/// Reads the envelope; what is wrong with it refuses the whole batch.
fn read(envelope: &Value) -> Result<Vec<Item>, Refusal> {
    let requests = envelope.get("requests").and_then(Value::as_array);
    let requests = requests.ok_or_else(|| malformed("Invalid batch payload format."))?;
    if requests.is_empty() || requests.len() > MAX_ITEMS {
        let count = requests.len();
        return Err(malformed(format!("A batch holds 1 to {MAX_ITEMS} requests; this one has {count}.")));
    }
    let mut ids = HashSet::new();
    let items = requests.iter().map(read_item).collect::<Result<Vec<_>, _>>()?;
    for item in &items {
        if !ids.insert(item.id.to_lowercase()) {
            return Err(malformed(format!("Request Id : '{}' has to be unique in a batch.", item.id)));
        }
    }
    match items.iter().flat_map(|item| &item.depends_on).find(|other| !ids.contains(*other)) {
        Some(unknown) => Err(malformed(format!("A request depends on '{unknown}', which is not in the batch."))),
        None => Ok(items),
    }
}

/// Those that wait for others come as soon as these are through. What can never come refuses the whole batch, before
/// anything is carried out.
fn in_order(items: Vec<Item>) -> Result<Vec<Item>, Refusal> {
    let mut ordered: Vec<Item> = Vec::with_capacity(items.len());
    let mut placed: HashSet<String> = HashSet::new();
    let mut waiting = items;
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut left = Vec::new();
        for item in waiting {
            if item.depends_on.iter().all(|other| placed.contains(other)) {
                placed.insert(item.id.to_lowercase());
                ordered.push(item);
            } else {
                left.push(item);
            }
        }
        if left.len() == before {
            return Err(malformed("The requests of the batch wait for each other."));
        }
        waiting = left;
    }
    Ok(ordered)
}

fn read_item(request: &Value) -> Result<Item, Refusal> {
    let invalid = || malformed("Invalid batch payload format.");
    let text = |name: &str| request.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = request.get("id").and_then(id_text).ok_or_else(invalid)?;
    let headers = match request.get("headers") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(headers)) => headers.clone(),
        Some(_) => return Err(invalid()),
    };
    let depends_on = match request.get("dependsOn") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(ids)) => {
            let ids: Option<Vec<_>> = ids.iter().map(|id| Some(id_text(id)?.to_lowercase())).collect();
            ids.ok_or_else(invalid)?
        }
        Some(_) => return Err(invalid()),
    };
    let body = match request.get("body") {
        None | Some(Value::Null) => None,
        Some(body @ Value::Object(_)) => Some(body.to_string().into_bytes()),
        Some(_) => return Err(malformed(format!("The body of request '{id}' is not a JSON object."))),
    };
    let method = text("method").ok_or_else(invalid)?.to_ascii_uppercase();
    let item = Item {
        method,
        url: text("url").ok_or_else(invalid)?.to_owned(),
        headers,
        depends_on,
        body: body.clone().unwrap_or_default(),
        id,
    };
    let writes = matches!(item.method.as_str(), "POST" | "PATCH" | "PUT");
    if (writes || body.is_some()) && (body.is_none() || header(&item, "content-type").is_none()) {
        let id = &item.id;
        return Err(malformed(format!("Write request id : {id} does not contain Content-Type header or body.")));
    }
    Ok(item)
}

/// Ids may be sent as numbers; they come back as text.
fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::protocol(message)
}

/// `{"responses":[…]}`; bodies are JSON already and are copied as they are.
fn envelope(answers: Vec<(String, Answer)>) -> Vec<u8> {
    let mut out = Vec::from(*b"{\"responses\":[");
    for (index, (id, answer)) in answers.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"id\":");
        write_text(&id, &mut out);
        out.extend_from_slice(format!(",\"status\":{}", answer.status).as_bytes());
        let headers: Map<_, _> =
            answer.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        out.extend_from_slice(format!(",\"headers\":{}", Value::Object(headers)).as_bytes());
        match answer.body {
            Body::Empty => {}
            Body::Json(body) => {
                out.extend_from_slice(b",\"body\":");
                out.extend_from_slice(&body);
            }
            Body::Text(text) => {
                out.extend_from_slice(b",\"body\":");
                write_text(&text, &mut out);
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}
