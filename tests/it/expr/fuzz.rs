//! Whatever anybody may type, over whatever an object may hold.
//!
//! Each property is tried with 256 inputs; `PROPTEST_CASES=100000 cargo test --release --test it fuzz` tries more.

use std::time::{Duration, Instant};

use entrant::Value;
use entrant::expr::Expression;
use entrant::model::{Attributes, Name};
use proptest::prelude::*;
use serde_json::json;

use super::{attributes, context};

/// Texts of valid expressions, of any shape that the grammar has.
fn valid() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z]{1,3}".prop_map(|name| format!("[{name}]")),
        Just("[name.first]".to_owned()),
        Just("[e[t eq \"]\"].v]".to_owned()),
        any::<String>().prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| format!("&H{number:x}")),
        "-?[0-9]{1,25}\\.[0-9]{1,3}",
        Just("%Domain%".to_owned()),
        Just("IgnoreAttributeFlow".to_owned()),
        Just("AuthorizedNull".to_owned()),
        Just("True".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let argument = prop_oneof![
            4 => inner.clone(),
            1 => (inner.clone(), "(=|<>|<|<=|>|>=)", inner.clone()).prop_map(|(a, op, b)| format!("{a} {op}{b}")),
        ];
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}&{b}")),
            (argument.clone(), argument.clone()).prop_map(|(a, b)| format!("append ({a},\t{b})")),
            (inner.clone(), argument.clone(), inner.clone()).prop_map(|(a, b, c)| format!("IIF({a}=[a],{b},{c})")),
            (argument.clone(), argument.clone()).prop_map(|(a, b)| format!("Join({a}, {b}, , )")),
            argument.clone().prop_map(|a| format!("NormalizeDiacritics(StripSpaces({a}))")),
            (argument.clone(), argument).prop_map(|(a, b)| format!("Replace({a}, \"x\"&{b}, , , \"new\", , )")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("Switch({a}, , {b}, Mid({a}, 2, ))")),
            inner.clone().prop_map(|a| format!("Replace({a}, , \"(?<n>\\\\w+)$\", , \"<${{n}}>\")")),
        ]
    })
}

/// Tokens in any order.
fn soup() -> impl Strategy<Value = String> {
    const TOKENS: &[&str] = &[
        "Append(",
        "Join(",
        "IIF(",
        "Replace(",
        "Coalesce(",
        "Switch(",
        "Mid(",
        "Left(",
        "Word(",
        "InStr(",
        "Split(",
        "Item(",
        "Count(",
        "PCase(",
        "ToUpper(",
        "CDate(",
        "DateAdd(",
        "DateDiff(",
        "FormatDateTime(",
        "NumFromDate(",
        "DateFromNum(",
        "Now()",
        "Guid()",
        "RandomString(",
        "Redact(",
        "SelectUniqueValue(",
        "DNComponent(",
        "ConvertFromBase64(",
        "StringFromSid(",
        "RemoveDuplicates(",
        "AppRoleAssignmentsComplex(",
        "BitAnd(",
        "Not(",
        "IgnoreFlowIfNullOrEmpty(",
        "(",
        ")",
        ")",
        ")",
        ",",
        ",",
        ",",
        "[a]",
        "[list]",
        "[long]",
        "[date]",
        "[",
        "]",
        "\"x\"",
        "\"\"",
        "\"d\"",
        "\"(a+)+b\"",
        "\"(?<n>.*)\"",
        "\"n\"",
        "\"yyyy-MM-dd\"",
        "\"",
        "\\",
        "%Domain%",
        "%",
        "&",
        "&H",
        "F",
        "=",
        "<>",
        "<",
        "-",
        "1",
        "99999999",
        ".",
        "NULL",
        "True",
        "IgnoreObjectFlow",
        " ",
        "\n",
        "é",
        "\0",
    ];
    prop::collection::vec(prop::sample::select(TOKENS), 0..40).prop_map(|tokens| tokens.concat())
}

/// Expressions that somebody uses, with some characters taken out, doubled or changed.
pub(super) fn mutated() -> impl Strategy<Value = String> {
    let known: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../data/expressions.json")).expect("a list of vectors");
    let texts: Vec<String> =
        known.iter().filter_map(|vector| vector["expression"].as_str().map(str::to_owned)).collect();
    let change = (any::<prop::sample::Index>(), 0_usize..12, "[\\[\\](),\"\\\\%&=<>?*+a1 é]{0,3}");
    (prop::sample::select(texts), prop::collection::vec(change, 1..6)).prop_map(|(text, changes)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (place, length, new) in changes {
            let start = place.index(characters.len() + 1);
            let end = (start + length).min(characters.len());
            characters.splice(start..end, new.chars());
        }
        characters.into_iter().collect()
    })
}

/// What an object may hold, of any shape, under the names that the expressions read.
pub(super) fn any_object() -> impl Strategy<Value = Attributes> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        any::<String>().prop_map(Value::from),
        "[ab.@ ]{0,20}".prop_map(Value::from),
        "[0-9]{1,4}-[0-9]{2}-[0-9]{2}(T[0-9:]{5,8}Z)?".prop_map(Value::from),
        (1_usize..30_000).prop_map(|length| Value::from("a".repeat(length))),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Binary(bytes.into())),
        (-377_705_116_800_i64..253_402_300_800)
            .prop_map(|seconds| Value::from(time::OffsetDateTime::from_unix_timestamp(seconds).expect("in range"))),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        let names = prop::sample::select(&["type", "value", "first", "id", "displayName"][..]).prop_map(Name::from);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
            prop::collection::btree_map(names, inner, 0..4).prop_map(|members| Value::Object(members.into())),
        ]
    });
    let names = prop::sample::select(NAMES).prop_map(Name::from);
    prop::collection::vec((names, value), 0..12).prop_map(|pairs| pairs.into_iter().collect())
}

/// The attributes that the vectors read most.
const NAMES: &[&str] = &[
    "a",
    "b",
    "n",
    "x",
    "list",
    "long",
    "date",
    "name",
    "mail",
    "mobile",
    "userPrincipalName",
    "givenName",
    "surname",
    "PreferredFirstName",
    "PreferredLastName",
    "appRoleAssignments",
    "emails",
    "firstName",
    "lastName",
    "StatusHireDate",
    "department",
    "country",
    "WorkerID",
    "proxyAddresses",
    "objectSid",
    "telephoneNumber",
];

/// However an expression and an object come together, it is soon over.
fn is_quick(text: &str, object: &Attributes) -> Result<(), TestCaseError> {
    // Without optimisation the same steps take longer.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 10 });
    let round = || {
        let start = Instant::now();
        if let Ok(expression) = Expression::parse(text)
            && let Err(error) = expression.evaluate(object, &context())
        {
            assert!(text.get(error.span()).is_some(), "{text}: {:?}", error.span());
            assert!(error.char_span().end <= text.chars().count());
        }
        start.elapsed()
    };
    // Whatever else the machine does must not count: the best of some rounds.
    let quickest = (0..12).map(|_| round()).find(|elapsed| *elapsed < limit);
    let shown = |text: String| text.chars().take(300).collect::<String>();
    let (text, object) = (shown(text.to_owned()), shown(format!("{object:?}")));
    prop_assert!(quickest.is_some(), "more than {limit:?} for {text} over {object}");
    Ok(())
}

/// Whatever the text: an error within it, or an expression that is the same as its normal form.
fn is_sound(text: &str) -> Result<(), TestCaseError> {
    match Expression::parse(text) {
        Ok(expression) => {
            let printed = expression.to_string();
            let again = Expression::parse(&printed).map_err(|error| TestCaseError::fail(error.render()))?;
            prop_assert_eq!(&expression, &again);
            prop_assert_eq!(again.to_string(), printed);
            prop_assert_eq!(expression.attributes(), again.attributes());
            let object = attributes(json!({"a": "Ä b", "b": 7, "list": ["x", 1, null], "name": {"first": true}}));
            let first = expression.evaluate(&object, &context());
            let second = again.evaluate(&object, &context());
            prop_assert_eq!(first.is_ok(), second.is_ok());
            if let (Ok(first), Ok(second)) = (first, second) {
                prop_assert_eq!(first, second);
            }
        }
        Err(error) => {
            let span = error.span();
            prop_assert!(span.start <= span.end && text.get(span).is_some());
            prop_assert!(error.char_span().end <= text.chars().count());
            prop_assert!(error.render().contains(error.message()));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(text in any::<String>()) {
        is_sound(&text)?;
    }

    #[test]
    fn any_bytes_are_an_expression_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), object in any_object()) {
        let text = String::from_utf8_lossy(&bytes);
        is_sound(&text)?;
        is_quick(&text, &object)?;
    }

    #[test]
    fn any_tokens_are_an_expression_or_an_error(text in soup()) {
        is_sound(&text)?;
    }

    #[test]
    fn any_tokens_are_quick(text in soup(), object in any_object()) {
        is_quick(&text, &object)?;
    }

    #[test]
    fn mutated_expressions_are_an_expression_or_an_error(text in mutated(), object in any_object()) {
        is_sound(&text)?;
        is_quick(&text, &object)?;
    }

    #[test]
    fn printing_and_parsing_give_the_same_expression(text in valid()) {
        prop_assert!(Expression::parse(&text).is_ok(), "{}", Expression::parse(&text).expect_err("checked").render());
        is_sound(&text)?;
    }
}

#[test]
fn what_takes_long_is_stopped_in_time() {
    let long = "a".repeat(200_000);
    let objects = attributes(json!({
        "a": "a".repeat(50_000), "long": long, "list": vec!["a"; 50_000],
        "emails": vec![json!({"type": "x", "value": "y"}); 20_000],
    }));
    let nested = |function: &str, rest: &str| {
        format!("{}[long]{}", format!("{function}(").repeat(120), format!("{rest})").repeat(120))
    };
    for text in [
        r#"Replace([long], , "(a+)+b", , "x")"#.to_owned(),
        r#"Replace([long], , "(?<=a*b)x|.*.*.*y", , "x")"#.to_owned(),
        r#"Replace([long], , "(?i)[^\\w\\p{L}-[x]]", , "x")"#.to_owned(),
        format!("Join(\"\", {})", vec![r#"Replace([a], , "(a|a)*c", , "")"#; 200].join(",")),
        format!("Join(\"\", {})", vec!["[emails[type eq \"z\"].value]"; 300].join(",")),
        format!("Join(\"\", {})", vec!["Count([emails.value])"; 300].join(",")),
        format!("IIF({} = 1, 1, 2)", vec!["[long]"; 1_500].join("&")),
        format!("Switch([long], 1, {})", vec!["[long] & 1, 2"; 600].join(",")),
        format!("Join(\"\", {})", vec!["Word([long], 1, [long])"; 300].join(",")),
        format!("Join(\"\", {})", vec!["Count([list])"; 700].join(",")),
        format!("Join(\"\", {})", vec!["InStr([long], [a] & 1, 1, vbTextCompare)"; 200].join(",")),
        format!("Join(\"\", {})", vec!["PCase([a], [long])"; 300].join(",")),
        format!("Join(\"\", {})", vec!["RandomString(8, 1, 1, 1, 1, [long] & [a])"; 200].join(",")),
        format!("Join(\"\", {})", vec!["CDate([long] = [long])"; 300].join(",")),
        format!("Join(\"\", {})", vec!["Replace([long], [a] & \"c\", , , [a])"; 300].join(",")),
        nested("NormalizeDiacritics", ""),
        nested("ToUpper", ""),
        nested("PCase", ""),
        nested("ConvertToBase64", ""),
        nested("Append", ",[long]"),
        nested("Split", ",\"b\""),
        nested("RemoveDuplicates", ""),
    ] {
        is_quick(&text, &objects).unwrap_or_else(|error| panic!("{error}"));
    }
}
