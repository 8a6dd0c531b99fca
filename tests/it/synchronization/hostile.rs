//! Documents that mean no good: an error each, no panic, in bounded time.

use std::time::{Duration, Instant};

use entrant::mapping::AbsentMeans;
use entrant::mapping::synchronization::SynchronizationSchema;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{INBOUND, OUTBOUND, expression, load, sample, small, with_mapping, with_second};

/// Generous, for slow machines and builds without optimisation: what is quadratic takes minutes.
const LIMIT: Duration = Duration::from_secs(60);

fn messages(text: &str) -> Vec<String> {
    let error = SynchronizationSchema::from_json(text).err();
    error.iter().flat_map(|error| error.faults()).map(ToString::to_string).collect()
}

#[test]
fn what_is_no_document_is_refused() {
    let deep = "[".repeat(10_000);
    let nested = format!("{}1{}", r#"{"a":"#.repeat(10_000), "}".repeat(10_000));
    #[rustfmt::skip]
    let table = [
        ("", "EOF"), ("nul", "EOF"), ("{", "EOF"), (&deep, "recursion limit"), (&nested, "recursion limit"),
        ("{} {}", "trailing"), ("{\"a\": 1e999}", "number out of range"), ("\u{0}", "expected"), ("{\"a\": \"\\ud800\"}", "hex escape"),
        ("3", "3 is no object"), ("null", "null is no object"), ("\"x\"", "\"x\" is no object"),
    ];
    for (text, expected) in table {
        let found = messages(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected) && found[0].starts_with("the document: "), "{} of {expected}", found[0]);
    }
}

#[test]
fn members_that_come_twice_are_all_named() {
    let text = r#"{"id": "a", "id": "b", "directories": [{"name": "x", "objects": [], "name": "y"}], "more": {"p": {"q": 1, "q": 2}}}"#;
    let places: Vec<String> =
        messages(text).iter().map(|text| text.split(": ").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(places, ["id", "directories[0].name", "more.p.q"]);
}

/// So many attribute mappings of as many attributes.
fn many(count: usize, target: &str, source: &str) -> Json {
    let mapping = |index: usize| {
        json!({"targetAttributeName": format!("{target}{index}"), "source": {"name": source},
            "matchingPriority": i32::from(index == 0), "defaultValue": "x"})
    };
    let mut json = with_mapping(json!({"attributeMappings": (0..count).map(mapping).collect::<Vec<_>>()}));
    let attributes: Vec<Json> = (0..count).map(|index| json!({"name": format!("a{index}")})).collect();
    json["directories"][1]["objects"][0]["attributes"] = json!(attributes);
    json
}

#[test]
fn a_hundred_thousand_mappings_are_checked_in_time() {
    const COUNT: usize = 100_000;
    let text = many(COUNT, "a", "id").to_string();
    let start = Instant::now();
    let document = SynchronizationSchema::from_json(&text).expect("a document that can be used");
    assert_eq!(document.synchronization_rules[0].object_mappings[0].attribute_mappings.len(), COUNT);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    // All wrong, in their names and in what they read.
    let text = many(COUNT, "b", "nobody").to_string();
    let start = Instant::now();
    let error = SynchronizationSchema::from_json(&text).expect_err("all are wrong");
    assert_eq!(error.faults().len(), COUNT);
    assert!(error.to_string().len() < 5_000);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[test]
fn many_mappings_are_used_in_time() {
    let document = load(&many(10_000, "a", "id")).expect("a document that can be used");
    let start = Instant::now();
    let own = document.mappings().expect("mappings").remove(0);
    own.mapping.compile(&own.target, AbsentMeans::Unknown).expect("a mapping that fits");
    assert!(document.unused().len() < 10 && document.warnings().is_empty());
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[test]
fn many_rules_over_many_classes_are_read_in_time() {
    let mut json = many(2_000, "a", "id");
    let mut rule = json["synchronizationRules"][0].clone();
    let mappings = rule["objectMappings"][0]["attributeMappings"].as_array_mut().expect("a list");
    mappings.truncate(1);
    rule["objectMappings"] = json!(vec![rule["objectMappings"][0].clone(); 10]);
    json["synchronizationRules"] = json!(vec![rule; 500]);
    let names = (0..3_000).map(|index| json!({"name": format!("d{index}")}));
    json["directories"].as_array_mut().expect("a list").extend(names);
    let start = Instant::now();
    let document = load(&json).expect("a document that can be used");
    assert_eq!(document.mappings().expect("mappings").len(), 5_000);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    // What is added for want of a mapping is bounded.
    for attribute in json["directories"][1]["objects"][0]["attributes"].as_array_mut().expect("a list") {
        attribute["required"] = json!(true);
        attribute["defaultValue"] = json!("x");
    }
    let error = load(&json).expect("a document that can be used").mappings().expect_err("far too many");
    assert!(error.faults()[0].message().starts_with("more than 100000 required attributes"), "{error}");
    assert!(start.elapsed() < 2 * LIMIT, "{:?}", start.elapsed());
}

#[test]
fn long_expressions_and_names_are_bounded() {
    let long = format!("Append([title], \"{}\")", "x".repeat(9_970));
    load(&with_second(json!({"source": expression(&long)}))).expect("10,000 characters are right");
    let found = messages(&with_second(json!({"source": expression(&format!("{long} "))})).to_string());
    let too_long =
        messages(&with_second(json!({"source": expression(&format!("{long}{}", " ".repeat(50)))})).to_string());
    assert!(found.is_empty() || found[0].len() < 500, "{found:?}");
    assert!(too_long[0].contains("at most 10000 characters"), "{too_long:?}");
    let name = "n".repeat(100_000);
    let found = messages(&with_second(json!({"targetAttributeName": name})).to_string());
    assert!(found[0].len() < 1_000, "a name is shown shortened");
}

/// Every member of a sample in turn is something that it cannot be, or may be.
#[test]
fn members_of_any_type_make_no_trouble() {
    for strange in [Json::Null, json!([]), json!({}), json!(-1), json!("strange"), json!(true)] {
        for text in [OUTBOUND, INBOUND] {
            let mut json = sample(text);
            let pointers = pointers(&json);
            // A sample of them: each costs a whole document.
            for pointer in pointers.iter().step_by(pointers.len() / 60) {
                let before = std::mem::replace(json.pointer_mut(pointer).expect("it is there"), strange.clone());
                use_up(&json.to_string());
                *json.pointer_mut(pointer).expect("it is there") = before;
            }
        }
    }
}

/// All that can be done with a text, whatever comes out.
fn use_up(text: &str) {
    match SynchronizationSchema::from_json(text) {
        Ok(document) => {
            assert_eq!(document.to_json(), serde_json::from_str::<Json>(text).expect("it is JSON"));
            document.warnings().iter().for_each(|warning| _ = warning.render());
            _ = document.unused();
            for own in document.mappings().expect("what is checked can be mapped") {
                _ = own.mapping.compile(&own.target, AbsentMeans::Unknown);
            }
        }
        Err(error) => assert!(!error.faults().is_empty() && !error.render().is_empty()),
    }
}

/// The places of all values below the root.
fn pointers(json: &Json) -> Vec<String> {
    fn walk(json: &Json, at: &str, found: &mut Vec<String>) {
        let mut go = |name: String, value: &Json| {
            let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            found.push(at.clone());
            walk(value, &at, found);
        };
        match json {
            Json::Array(items) => items.iter().enumerate().for_each(|(index, item)| go(index.to_string(), item)),
            Json::Object(members) => members.iter().for_each(|(name, value)| go(name.clone(), value)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(json, "", &mut found);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Values of a sample change places, vanish, or lose a character.
    #[test]
    fn mutated_samples_make_no_trouble(
        outbound in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8), 1..6),
    ) {
        let mut json = sample(if outbound { OUTBOUND } else { INBOUND });
        for (place, other, what) in changes {
            let pointers = pointers(&json);
            let from = json.pointer(&pointers[other.index(pointers.len())]).cloned().unwrap_or_default();
            let Some(value) = json.pointer_mut(&pointers[place.index(pointers.len())]) else { continue };
            match (what, value) {
                (0, value) => *value = from,
                (1, Json::Array(items)) if !items.is_empty() => _ = items.remove(other.index(items.len())),
                (1, Json::Object(members)) => {
                    let name = members.keys().nth(other.index(members.len().max(1))).cloned();
                    name.map(|name| members.remove(&name));
                }
                (2, Json::String(text)) => {
                    let kept: Vec<char> = text.chars().collect();
                    let at = other.index(kept.len().max(1));
                    *text = kept.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, one)| one).collect();
                }
                (3, Json::Array(items)) => items.push(from),
                (_, value) => *value = Json::Null,
            }
        }
        if json.to_string().len() < 2_000_000 {
            use_up(&json.to_string());
        }
    }

    /// Texts that are nearly JSON.
    #[test]
    fn cut_and_broken_texts_make_no_trouble(at in any::<prop::sample::Index>(), broken in "[\\[\\]{}\",:0a\\\\]{1,4}") {
        let text = small().to_string();
        let at = at.index(text.len());
        if text.is_char_boundary(at) {
            for text in [text[..at].to_owned(), format!("{}{broken}{}", &text[..at], &text[at..])] {
                if serde_json::from_str::<Json>(&text).is_err() {
                    prop_assert!(SynchronizationSchema::from_json(&text).is_err(), "{}", text);
                }
            }
        }
    }
}
