//! What an operation leaves in a trace.

use std::fmt;
use std::sync::{Arc, Mutex};

use ::tracing::field::{Field, Visit};
use ::tracing::span::{Attributes, Id, Record};
use ::tracing::subscriber::DefaultGuard;
use ::tracing::{Dispatch, Event, Metadata, Subscriber};
use serde_json::json;

use super::script::{Reply, Script, builder, clock};

/// Keeps what spans are told.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Listens to this thread until what it gives is dropped.
    ///
    /// With one listener only, what another thread meets first would count as of no interest to anybody; so there are two.
    pub(crate) fn listen(&self) -> (Dispatch, DefaultGuard) {
        let another = Dispatch::new(Self::default());
        (another, ::tracing::subscriber::set_default(self.clone()))
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().expect("no test panics with it").clone()
    }
}

impl Visit for Notes {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().expect("no test panics with it").push(format!("{}={value:?}", field.name()));
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("entrant")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.0.lock().expect("no test panics with it").push(span.metadata().name().to_owned());
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_span_tells_of_attempts_ids_and_units_and_nothing_secret() {
    let notes = Notes::default();
    let guard = notes.listen();
    let script = Script::new(|number, _| match number {
        0 => Reply::Answer(
            503,
            vec![("request-id", "r1".to_owned())],
            r#"{"error":{"code":"serviceNotAvailable"}}"#.to_owned(),
        ),
        _ => Reply::Answer(201, vec![("request-id", "r2".to_owned())], "{\"id\":\"1\"}".to_owned()),
    });
    let graph = builder(&script, &clock()).build().expect("a client");
    let body = json!({"passwordProfile": {"password": "s3cret"}});
    graph.users().create(&body).query("$filter", "s3cret").await.expect("created");
    drop(guard);
    let notes = notes.told();
    let spans = notes.iter().filter(|note| *note == "graph").count();
    assert_eq!(spans, 1, "one span for all attempts: {notes:?}");
    for expected in
        ["method=\"POST\"", "path=\"/v1.0/users\"", "units=1", "attempt=2", "status=201", "request_id=\"r2\""]
    {
        assert!(notes.iter().any(|note| note == expected), "{expected} in {notes:?}");
    }
    assert!(!notes.iter().any(|note| note.contains("s3cret") || note.contains("t0ken")), "{notes:?}");
}
