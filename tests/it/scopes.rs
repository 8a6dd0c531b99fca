//! Entra's scoping filters over objects.

use entrant::mapping::{ScopeVerdict, ScopingFilter};
use entrant::model::Attributes;
use serde_json::{Value as Json, json};

fn attributes(json: &Json) -> Attributes {
    serde_json::from_value(json.clone()).expect("attributes are a JSON object")
}

fn verdict(scope: &Json, object: &Json) -> Result<ScopeVerdict, String> {
    let filter = ScopingFilter::from_json(&scope.to_string()).map_err(|error| error.to_string())?;
    filter.evaluate(&attributes(object)).map_err(|error| error.to_string())
}

fn clause(operator: &str, values: Json) -> Json {
    json!({"groups": [{"name": "g", "clauses": [
        {"sourceOperandName": "a", "operatorName": operator, "targetOperand": {"values": values}}
    ]}]})
}

#[test]
fn published_and_derived_vectors_hold() {
    let vectors: Vec<Json> = serde_json::from_str(include_str!("../data/scopes.json")).expect("a list of vectors");
    assert_eq!(vectors.len(), 65, "no vector is lost");
    for vector in &vectors {
        let got = verdict(&vector["scope"], &vector["attributes"]);
        let expected = &vector["expected"];
        match expected.as_bool() {
            Some(expected) => {
                assert_eq!(got.as_ref().map(|got| *got == ScopeVerdict::InScope), Ok(expected), "{vector}");
            }
            None => assert!(got.is_err() && *expected == json!({"error": true}), "{vector}"),
        }
        let reason = match got {
            Ok(ScopeVerdict::LeftScope) => "groups",
            Ok(ScopeVerdict::NotRead) => "inputFilter",
            Ok(ScopeVerdict::OtherCategory) => "category",
            _ => continue,
        };
        if let Some(expected) = vector["expectedReason"].as_str() {
            assert_eq!(reason, expected, "{vector}");
        }
    }
}

#[test]
fn operators_hold_as_the_reference_says() {
    #[rustfmt::skip]
    let table = [
        ("NOT EQUALS", json!(["x", "y"]), json!("z"), Ok(true), "none of several"),
        ("NOT_EQUALS", json!(["x", "y"]), json!("y"), Ok(false), "any spelling"),
        ("equals", json!(["FALSE"]), json!(false), Ok(true), "a Boolean without case"),
        ("EQUALS", json!([7]), json!(7), Ok(true), "an operand that is no text"),
        ("IS TRUE", json!(null), json!("tRUE"), Ok(true), "text that is a Boolean"),
        ("IS FALSE", json!([]), json!(null), Ok(false), "null is not False"),
        ("IS FALSE", json!(["ignored"]), json!("false"), Ok(true), "the operand does not count"),
        ("IS NULL", json!([]), json!([]), Ok(true), "an empty list"),
        ("IS NOT NULL", json!([]), json!(false), Ok(true), "False is a value"),
        ("Greater_Than", json!(["5"]), json!("abc"), Ok(false), "no whole number"),
        ("Greater_Than", json!(["5", "100"]), json!(6), Ok(true), "any of several"),
        ("GREATER THAN OR EQUALS", json!(["-1"]), json!("-1"), Ok(true), "a negative number"),
        ("NOT REGEX MATCH", json!(["^a", "b$"]), json!("xb"), Ok(false), "none of several patterns"),
        ("REGEX MATCH", json!(["^x$"]), json!("x\n"), Ok(true), "before a last line feed, as in .NET"),
        ("Includes", json!(["A"]), json!("a"), Ok(false), "by case"),
        ("&", json!(["US,CA"]), json!("CA"), Ok(true), "within the operand"),
        ("!&", json!(["US", "CA"]), json!("CA"), Ok(false), "within none"),
        ("Greater_Than", json!(["x"]), json!(1), Err("groups[0].clauses[0]: \"x\" is no whole number"), "an operand"),
        ("REGEX MATCH", json!(null), json!(1), Err("groups[0].clauses[0]: REGEX MATCH needs targetOperand with values, and each of them is text"), "no operand"),
        ("EQUAL", json!(["x"]), json!(1), Err("groups[0].clauses[0]: there is no operator \"EQUAL\": did you mean EQUALS?"), "a misspelt one"),
        ("REGEX MATCH", json!(["[a"]), json!(1), Err("groups[0].clauses[0]: the pattern \"[a\" is wrong: the bracket is not closed (character 1 of the pattern)"), "a pattern"),
        ("EQUALS", json!(["x"]), json!(["x"]), Err("a: it holds a list or a complex value, and a filter looks at single ones"), "a list"),
        ("REGEX MATCH", json!(["(a+)+b"]), json!("a".repeat(5_000)), Err("a: the pattern takes too much work for this value"), "a pattern that does not end"),
    ];
    for (operator, values, value, expected, why) in table {
        let got = verdict(&clause(operator, values), &json!({"a": value}));
        let got = got.map(|verdict| verdict == ScopeVerdict::InScope);
        assert_eq!(got.as_ref().map_err(String::as_str), expected.as_ref().map_err(|error| *error), "{why}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    for json in ["", "7", "[]", "{\"groups\": 7}", "{\"groups\": [{}]}", "{\"groups\": [{\"clauses\": [{}]}]}"] {
        assert!(ScopingFilter::from_json(json).is_err(), "{json}");
    }
    let unnamed = clause("EQUALS", json!(["x"])).to_string().replace("\"a\"", "\" \"");
    assert!(ScopingFilter::from_json(&unnamed).is_err());
    for json in ["null", "{}", "{\"groups\": null}"] {
        let filter = ScopingFilter::from_json(json).expect(json);
        assert_eq!(filter.evaluate(&Attributes::new()), Ok(ScopeVerdict::InScope), "{json}");
    }
}

#[test]
fn a_filter_knows_what_it_reads_and_what_entra_would_not() {
    let text = clause("EQUALS", json!(["x"])).to_string();
    let filter = ScopingFilter::from_json(&text.replace("\"a\"", "\"name.first\"")).expect("a filter");
    assert_eq!(filter.attributes(), ["name", "name.first"]);
    assert!(filter.warnings().is_empty());
    let filter = ScopingFilter::from_json(&text.replace("\"a\"", "\"userType\"")).expect("a filter");
    assert_eq!(filter.warnings(), ["Entra does not filter on userType; it is evaluated here"]);
}
