//! The expression language from outside: published vectors, errors with their places, and whatever anybody may type.

mod functions;
mod functions_dates;
mod fuzz;
mod mapped;
mod steps;
mod syntax;
mod values;
mod vectors;

use entrant::Value;
use entrant::expr::{Context, Expression, Outcome, Seed, text_form};
use entrant::model::Attributes;
use serde_json::json;
use time::macros::datetime;

fn context() -> Context {
    Context::new(datetime!(2025-07-30 12:00 UTC)).with_parameter("Domain", "contoso.com").with_seed(Seed::new([7; 32]))
}

fn attributes(json: serde_json::Value) -> Attributes {
    serde_json::from_value(json).expect("attributes are a JSON object")
}

/// What an expression gives, in the form of the vectors.
fn evaluate(expression: &str, attributes: &Attributes, context: &Context) -> Result<serde_json::Value, String> {
    let expression = Expression::parse(expression).map_err(|error| error.to_string())?;
    let outcome = expression.evaluate(attributes, context).map_err(|error| error.to_string())?;
    Ok(match outcome {
        Outcome::Value(value) | Outcome::Redacted(value) => shown(&value),
        Outcome::IgnoreAttribute => json!({"ignoreFlow": true}),
        Outcome::IgnoreObject => json!({"ignoreObject": true}),
        other => panic!("what is {other:?}?"),
    })
}

fn shown(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => json!(null),
        Value::List(elements) => elements.iter().map(shown).collect(),
        single => json!(text_form(single).expect("a single value")),
    }
}
