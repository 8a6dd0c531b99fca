//! Expressions that Microsoft and others published, with what they give, and more of their kind.

use entrant::expr::{Context, Expression, Outcome, Seed};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{attributes, shown};

#[test]
fn published_and_derived_vectors_hold() {
    let vectors: Vec<Json> =
        serde_json::from_str(include_str!("../../data/expressions.json")).expect("a list of vectors");
    assert_eq!(vectors.len(), 401, "no vector is lost");
    let wrong: Vec<String> = vectors.iter().filter_map(|vector| check(vector).err()).collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn check(vector: &Json) -> Result<(), String> {
    let text = vector["expression"].as_str().expect("an expression");
    let wanted = &vector["expected"];
    let now = vector["now"]
        .as_str()
        .map_or(OffsetDateTime::UNIX_EPOCH, |now| OffsetDateTime::parse(now, &Rfc3339).expect("a moment"));
    let taken = vector["existing"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let mut context = Context::new(now).with_taken(taken).with_seed(Seed::new([1; 32]));
    for (name, value) in vector["parameters"].as_object().into_iter().flatten() {
        context = context.with_parameter(name.as_str(), value.clone());
    }
    let object = attributes(vector["attributes"].clone());
    let outcome = Expression::parse(text)
        .map_err(|error| error.render())
        .and_then(|expression| expression.evaluate(&object, &context).map_err(|error| error.render()));
    let redacted = matches!(outcome, Ok(Outcome::Redacted(_)));
    let got = outcome.map(|outcome| match outcome {
        Outcome::Value(value) | Outcome::Redacted(value) => json!({"value": shown(&value)}),
        Outcome::IgnoreAttribute => json!({"ignoreFlow": true}),
        Outcome::IgnoreObject => json!({"ignoreObject": true}),
        other => panic!("what is {other:?}?"),
    });
    let right = match (&got, wanted) {
        (Err(_), wanted) => *wanted == json!({"error": true}),
        (Ok(got), Json::Object(wanted)) => match got["value"].as_str() {
            Some(text) if wanted.contains_key("guid") => is_guid(text),
            Some(text) if wanted.contains_key("random") => is_random(text, &wanted["random"]),
            Some(text) if wanted.contains_key("matches") => {
                let pattern = wanted["matches"].as_str().expect("a pattern");
                regex::Regex::new(pattern).expect(pattern).is_match(text)
            }
            _ => *got == Json::Object(wanted.clone()),
        },
        (Ok(got), wanted) => got.get("value") == Some(wanted),
    };
    let right = right && (redacted || vector["redacted"] != json!(true));
    match right {
        true => Ok(()),
        false => Err(format!("{}: {text}\n  gives {got:?}, not {wanted}", vector["id"])),
    }
}

fn is_guid(text: &str) -> bool {
    uuid::Uuid::parse_str(text).is_ok_and(|id| id.get_version_num() == 4 && id.to_string() == text)
}

fn is_random(text: &str, wanted: &Json) -> bool {
    let count = |test: fn(char) -> bool| text.chars().filter(|character| test(*character)).count() as u64;
    let least = |name: &str| wanted[name].as_u64().unwrap_or(0);
    let excluded = wanted["exclude"].as_str().unwrap_or_default();
    text.chars().count() as u64 == least("length")
        && count(|character| character.is_ascii_digit()) >= least("minDigits")
        && count(|character| character.is_ascii_uppercase()) >= least("minUpper")
        && count(|character| character.is_ascii_lowercase()) >= least("minLower")
        && count(|character| character.is_ascii_punctuation()) >= least("minSpecial")
        && !text.contains(|character| excluded.contains(character))
}

/// The expressions of two exported schemas.
#[test]
fn mapped_expressions_are_the_same_in_print() {
    let expressions: Vec<String> =
        serde_json::from_str(include_str!("../../data/mapped-expressions.json")).expect("a list of expressions");
    assert_eq!(expressions.len(), 44);
    for text in &expressions {
        let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{}", error.render()));
        let printed = expression.to_string();
        let again = Expression::parse(&printed).unwrap_or_else(|error| panic!("{}", error.render()));
        assert_eq!(expression, again);
        assert_eq!(printed, again.to_string());
    }
}
