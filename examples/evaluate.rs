//! Evaluates expressions and scoping filters over objects: JSON Lines in, JSON Lines out.
//!
//! ```sh
//! echo '{"id": 1, "expression": "ToLower([mail])", "attributes": {"mail": "Ada@example.com"}}' |
//!     cargo run --example evaluate -- --explain
//! ```
//!
//! With `--explain` each answer has the parts of the expression too, each with what it gives.

use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use entrant::expr::{Context, EvaluationError, Expression, Outcome, Seed, text_form};
use entrant::mapping::{ScopeVerdict, ScopingFilter};
use entrant::model::{Attributes, Value};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Reads JSON Lines on stdin and writes a JSON line for each on stdout
///
/// In: {"id": …, "expression": …, "attributes": {…}} with optional "now" (RFC 3339), "existing" (the values that are
/// taken, for SelectUniqueValue) and "parameters" (for %Name%); or {"id": …, "scope": {…}, "attributes": {…}} with a
/// filter of a synchronizationSchema.
///
/// Out: {"id": …, "value": …}, {"id": …, "ignoreFlow": true}, {"id": …, "ignoreObject": true} or
/// {"id": …, "error": {"message": …, "span": [start, end]}}, the span in characters.
#[derive(Parser)]
struct Flags {
    /// Adds "steps" to each answer of an expression: its parts, inner ones first, each with what it gives
    #[arg(long)]
    explain: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot read stdin or write stdout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> io::Result<()> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let seed = Seed::new(seed);
    let mut out = BufWriter::new(io::stdout().lock());
    for (number, line) in io::stdin().lock().split(b'\n').enumerate() {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let mut answer = Map::new();
        match serde_json::from_slice::<Json>(&line) {
            Ok(Json::Object(mut input)) => {
                answer.insert("id".to_owned(), input.remove("id").unwrap_or_default());
                // Each line draws random values of its own.
                answer.extend(evaluate(input, seed, &number.to_string(), flags).unwrap_or_else(fault));
            }
            Ok(_) => answer.extend(fault(Fault::from("this line is no JSON object"))),
            Err(error) => answer.extend(fault(Fault::from(format!("this line is no JSON: {error}")))),
        }
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

/// What is wrong, and where in the expression.
struct Fault {
    message: String,
    span: Option<std::ops::Range<usize>>,
}

impl<T: Into<String>> From<T> for Fault {
    fn from(message: T) -> Self {
        Self { message: message.into(), span: None }
    }
}

fn fault(fault: Fault) -> Map<String, Json> {
    let mut error = Map::from_iter([("message".to_owned(), json!(fault.message))]);
    if let Some(span) = fault.span {
        error.insert("span".to_owned(), json!([span.start, span.end]));
    }
    Map::from_iter([("error".to_owned(), Json::Object(error))])
}

fn evaluate(
    mut input: Map<String, Json>,
    seed: Seed,
    subject: &str,
    flags: &Flags,
) -> Result<Map<String, Json>, Fault> {
    let attributes = match input.remove("attributes").unwrap_or_default() {
        Json::Null => Attributes::new(),
        Json::Object(members) => members.into_iter().map(|(name, value)| (name.into(), Value::from(value))).collect(),
        _ => return Err("attributes is no JSON object".into()),
    };
    match (input.get("expression"), input.get("scope")) {
        (Some(Json::String(text)), None) => {
            let context = context(&input)?.with_seed(seed).with_subject(subject);
            by_expression(text, &attributes, &context, flags)
        }
        (None, Some(scope)) => by_scope(scope, &attributes),
        _ => Err("a line has either an expression, which is text, or a scope".into()),
    }
}

fn context(input: &Map<String, Json>) -> Result<Context, Fault> {
    let now = match input.get("now") {
        None | Some(Json::Null) => OffsetDateTime::now_utc(),
        Some(now) => now
            .as_str()
            .and_then(|now| OffsetDateTime::parse(now, &Rfc3339).ok())
            .ok_or("now is no moment such as 2024-12-31T23:59:59Z")?,
    };
    let mut context = Context::new(now);
    match input.get("existing") {
        None | Some(Json::Null) => {}
        Some(Json::Array(values)) => {
            let texts: Option<Vec<&str>> = values.iter().map(Json::as_str).collect();
            context = context.with_taken(texts.ok_or("existing is no list of texts")?);
        }
        Some(_) => return Err("existing is no list of texts".into()),
    }
    match input.get("parameters") {
        None | Some(Json::Null) => {}
        Some(Json::Object(parameters)) => {
            for (name, value) in parameters {
                context = context.with_parameter(name.as_str(), value.clone());
            }
        }
        Some(_) => return Err("parameters is no JSON object".into()),
    }
    Ok(context)
}

fn by_expression(
    text: &str,
    attributes: &Attributes,
    context: &Context,
    flags: &Flags,
) -> Result<Map<String, Json>, Fault> {
    let expression = Expression::parse(text).map_err(|error| Fault {
        message: format!("{}: {}", error.message(), error.accepted()),
        span: Some(error.char_span()),
    })?;
    let mut answer = self::answer(expression.evaluate(attributes, context));
    if flags.explain {
        let steps = expression.steps(attributes, context).into_iter().map(|step| {
            let mut told = Map::from_iter([("part".to_owned(), json!(step.text))]);
            told.extend(step.outcome.map_or_else(|| one("notReached", json!(true)), self::answer));
            Json::Object(told)
        });
        answer.insert("steps".to_owned(), steps.collect());
    }
    Ok(answer)
}

fn one(name: &str, value: Json) -> Map<String, Json> {
    Map::from_iter([(name.to_owned(), value)])
}

fn answer(outcome: Result<Outcome, EvaluationError>) -> Map<String, Json> {
    match outcome {
        Ok(Outcome::Value(value)) => one("value", shown(&value)),
        Ok(Outcome::Redacted(value)) => {
            one("value", shown(&value)).into_iter().chain(one("redacted", json!(true))).collect()
        }
        Ok(Outcome::IgnoreAttribute) => one("ignoreFlow", json!(true)),
        Ok(Outcome::IgnoreObject) => one("ignoreObject", json!(true)),
        Ok(_) => fault(Fault::from("this program is older than its library")),
        Err(error) => fault(Fault { message: error.message().to_owned(), span: Some(error.char_span()) }),
    }
}

/// Single values in their text form, lists as arrays of it.
fn shown(value: &Value) -> Json {
    match value {
        Value::List(elements) => elements.iter().map(shown).collect(),
        other => text_form(other).map_or_else(|| other.into(), Into::into),
    }
}

fn by_scope(scope: &Json, attributes: &Attributes) -> Result<Map<String, Json>, Fault> {
    let filter = ScopingFilter::from_json(&scope.to_string()).map_err(|error| error.to_string())?;
    let verdict = filter.evaluate(attributes).map_err(|error| error.to_string())?;
    Ok(Map::from_iter([("value".to_owned(), json!(verdict == ScopeVerdict::InScope))]))
}
