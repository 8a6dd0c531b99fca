//! What the tenant answers, and how it refuses.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::sim::users::property::Class;

/// The content type of everything that the directory answers.
pub(crate) const DIRECTORY_JSON: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// One answer, of a request or of an item of a batch.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Empty,
    /// JSON as text: large lists are written once and never parsed again.
    Json(Vec<u8>),
    Text(String),
}

impl Answer {
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![
                ("Content-Type", DIRECTORY_JSON.to_owned()),
                ("OData-Version", "4.0".to_owned()),
                ("Cache-Control", "no-cache".to_owned()),
            ],
            body: Body::Json(body),
        }
    }

    pub(crate) fn value(status: u16, body: &Value) -> Self {
        Self::json(status, body.to_string().into_bytes())
    }

    pub(crate) fn no_content() -> Self {
        Self { status: 204, headers: vec![("Cache-Control", "no-cache".to_owned())], body: Body::Empty }
    }

    pub(crate) fn text(text: String) -> Self {
        Self {
            status: 200,
            headers: vec![
                ("Content-Type", "text/plain".to_owned()),
                ("OData-Version", "4.0".to_owned()),
                ("Cache-Control", "no-cache".to_owned()),
            ],
            body: Body::Text(text),
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        match self.body {
            Body::Empty => Vec::new(),
            Body::Json(bytes) => bytes,
            Body::Text(text) => text.into_bytes(),
        }
    }
}

/// Why a request is refused, in Graph's words.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) details: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// What names one exchange in headers and errors.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) request_id: Uuid,
    pub(crate) client_request_id: String,
    pub(crate) now: OffsetDateTime,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    pub(crate) fn not_found(key: &str) -> Self {
        Self::new(
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{key}' does not exist or one of its queried reference-property objects are not present."
            ),
        )
    }

    pub(crate) fn segment(segment: &str) -> Self {
        Self::protocol(format!("Resource not found for the segment '{segment}'."))
    }

    pub(crate) fn method() -> Self {
        Self::new(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    }

    pub(crate) fn invalid_value(property: &str) -> Self {
        Self::invalid_value_of(Class::User, property)
    }

    pub(crate) fn invalid_value_of(class: Class, property: &str) -> Self {
        let resource = class.resource();
        Self::bad(format!("Invalid value specified for property '{property}' of resource '{resource}'."))
    }

    pub(crate) fn missing_value_of(class: Class, property: &str) -> Self {
        Self::bad(format!("A value is required for property '{property}' of resource '{}'.", class.resource()))
    }

    pub(crate) fn read_only(property: &str) -> Self {
        Self::bad(format!("Property '{property}' is read-only and cannot be set."))
    }

    pub(crate) fn unknown_property(class: Class, name: &str) -> Self {
        if name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("extension_")) {
            return Self::bad(format!("The following extension properties are not available: {name}."));
        }
        Self::bad(format!(
            "The property '{name}' does not exist on type 'microsoft.graph.{}'. Make sure to only use property names \
             that are defined by the type.",
            class.name()
        ))
    }

    pub(crate) fn denied() -> Self {
        Self::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    }

    /// What a directory outside keeps.
    pub(crate) fn on_premises() -> Self {
        Self::bad(
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects \
             currently undergoing migration.",
        )
    }

    /// A link to or from an object that has not come to all replicas.
    pub(crate) fn not_replicated() -> Self {
        Self::bad("The source resource object or one of the objects being referenced don't exist.")
    }

    pub(crate) fn linked_already(relation: &str) -> Self {
        Self::bad(format!(
            "One or more added object references already exist for the following modified properties: '{relation}'."
        ))
    }

    pub(crate) fn unsupported_link(relation: &str) -> Self {
        Self::bad(format!(
            "One or more added object references are of a type that is not supported for the following modified \
             properties: '{relation}'."
        ))
    }

    /// A value that another object has.
    pub(crate) fn conflict(property: &str, class: Class, holder: Uuid) -> Self {
        let message = format!("Another object with the same value for property {property} already exists.");
        let mut refusal = Self::bad(message);
        let holder = format!("{}_{holder}", class.resource());
        refusal.details = vec![("ObjectConflict", property.to_owned()), ("ConflictingObjects", holder)];
        refusal
    }

    pub(crate) fn into_answer(self, trace: &Trace) -> Answer {
        let mut inner = Map::new();
        inner.insert("date".to_owned(), json!(error_date(trace.now)));
        inner.insert("request-id".to_owned(), json!(trace.request_id));
        inner.insert("client-request-id".to_owned(), json!(trace.client_request_id));
        if self.status == 429 {
            for (name, text) in [("code", "429"), ("message", "Please retry after"), ("status", "429")] {
                inner.insert(name.to_owned(), json!(text));
            }
        }
        let mut error = json!({"code": self.code, "message": self.message});
        if !self.details.is_empty() {
            error["details"] = self
                .details
                .iter()
                .map(|(code, target)| json!({"code": code, "message": self.message, "target": target}))
                .collect();
        }
        error["innerError"] = Value::Object(inner);
        Answer {
            status: self.status,
            headers: [("Content-Type", "application/json".to_owned()), ("Cache-Control", "no-cache".to_owned())]
                .into_iter()
                .chain(self.headers)
                .collect(),
            body: Body::Json(json!({ "error": error }).to_string().into_bytes()),
        }
    }
}

/// `2026-03-04T10:15:30Z`.
pub(crate) fn date(at: OffsetDateTime) -> String {
    format!("{}Z", error_date(at))
}

/// A date that a request gives, as it is stored; `None` for other texts, and for what is beyond the years 0 to 9999 in UTC.
pub(crate) fn read_date(text: &str) -> Option<String> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(time::UtcOffset::UTC)?;
    (0..=9_999).contains(&at.year()).then(|| date(at))
}

/// Seconds since 1970 as a date.
pub(crate) fn date_of(seconds: i64) -> String {
    date(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

/// Errors are dated in UTC without saying so.
fn error_date(at: OffsetDateTime) -> String {
    // Hours that have no name in UTC come from no clock, and requests that name them are refused.
    let at = at.checked_to_offset(time::UtcOffset::UTC).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
