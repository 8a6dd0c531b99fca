//! What whole expressions give, and what is known of those whose value is random, unique, redacted or of its time.

use std::collections::BTreeSet;

use entrant::Value;
use entrant::expr::{Context, Expression, Outcome, Seed};
use serde_json::json;
use time::macros::datetime;

use super::functions::object;
use super::{context, evaluate};

#[test]
fn expressions_have_the_values_that_the_reference_says() {
    let person = object();
    #[rustfmt::skip]
    let table = [
        (r#"[a] & "-" & [n] & [null]"#, json!("x-15"), "null joins as nothing"),
        (r#"[a]&&HF"#, json!("x15"), "the second ampersand begins a number"),
        ("&HFFFFFFFFFFFFFFFF", json!("-1"), "64 bits, two's complement"),
        ("-1.50", json!("-1.50"), "a decimal number is its text"),
        ("99999999999999999999", json!("99999999999999999999"), "so is one past 64 bits"),
        (r#"Append("a\+", "\\")"#, json!(r"a\+\"), "an unknown escape keeps its backslash"),
        ("Append\n\t( [ a ] ,\r\n\"y\" )", json!("xy"), "white space anywhere"),
        (r#"IIF([n] = "15", True, False)"#, json!("True"), "a number and its text"),
        (r#"IIF([flag] = "true", "y", "n")"#, json!("y"), "a Boolean without case"),
        (r#"IIF([null] = "", "y", "n")"#, json!("y"), "null is equal to empty text"),
        (r#"IIF([missing] < 1, "y", "n")"#, json!("n"), "and has no order"),
        (r#"IIF(False, Append([list], [list]), "lazy")"#, json!("lazy"), "the other branch is not evaluated"),
        (r#"Coalesce([none], [empty], [a], [complex] & "x")"#, json!("x"), "the rest is not evaluated"),
        ("Coalesce([null], )", json!(null), "the last argument may be left empty"),
        ("Coalesce([a], IgnoreAttributeFlow)", json!("x"), "a marker that is not reached does nothing"),
        ("ToLower(Append(IgnoreAttributeFlow, [a]))", json!({"ignoreFlow": true}), "a marker is the result of it all"),
        (r#"[a] & IgnoreObjectFlow"#, json!({"ignoreObject": true}), "also when joined"),
        ("IIF(IgnoreThisFlow = 1, 1, 2)", json!({"ignoreFlow": true}), "also when compared"),
        ("NULL", json!(null), "null by name"),
        (r#"Append("a", CRLF)"#, json!("a\r\n"), "the line end"),
        (r#"Join("@", [a], %Domain%)"#, json!("x@contoso.com"), "a parameter"),
        (r#"Join([null], "a", "b")"#, json!("ab"), "a null separator is empty"),
        (r#"Join("-", [list], , [a])"#, json!("b-c-x"), "elements, and an argument left empty"),
        (r#"Append([list], "!")"#, json!(["b!", null, "c!"]), "element by element"),
        (r#"ToLower("ÀİIẞ")"#, json!("àİiß"), "one character for one"),
        (r#"ToLower("Iİ", "az-Latn-AZ")"#, json!("ıi"), "the dotless i"),
        (r#"ToLower("I", [null])"#, json!("i"), "no culture is the invariant one"),
        (r#"Replace([null], "a", , , "b")"#, json!(null), "null gives null"),
        (r#"Replace("aXa", "a", , , [null])"#, json!("X"), "by nothing"),
        (r#"Replace([list], "b", , , , , "<b>")"#, json!(["<b>", null, "<c>"]), "a template for each element"),
        (r#"Replace("x", "b", , , "ignored", , "<b>")"#, json!("<x>"), "a template comes first"),
        ("[complex.member]", json!("inside"), "a path"),
    ];
    for (expression, expected, why) in table {
        assert_eq!(evaluate(expression, &person, &context()), Ok(expected), "{why}: {expression}");
    }
}

#[test]
fn the_default_domain_is_a_parameter() {
    let expression = Expression::parse("DefaultDomain()").expect("an expression");
    assert_eq!(expression.parameters(), ["DefaultDomain"]);
    let context = context().with_parameter("DefaultDomain", "contoso.onmicrosoft.com");
    let outcome = expression.evaluate(&object(), &context).expect("a value");
    assert_eq!(outcome, Outcome::Value(Value::text("contoso.onmicrosoft.com")));
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#randomstring>.
#[test]
fn random_string_and_guid() {
    let draw = |text: &str, context: &Context| {
        let expression = Expression::parse(text).expect("an expression");
        assert!(expression.is_random());
        match expression.evaluate(&object(), context).expect("a value") {
            Outcome::Value(value) => value.as_text().expect("text").to_owned(),
            other => panic!("what is {other:?}?"),
        }
    };
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let context = context().with_seed(Seed::new([seed; 32]));
        let password = draw(r#"RandomString(16, 2, 2, 2, 2, "0OIl1\"'")"#, &context);
        let count = |test: fn(&u8) -> bool| password.bytes().filter(test).count();
        assert_eq!(password.len(), 16, "{password}");
        assert!(count(u8::is_ascii_digit) >= 2 && count(u8::is_ascii_punctuation) >= 2, "{password}");
        assert!(count(u8::is_ascii_uppercase) >= 2 && count(u8::is_ascii_lowercase) >= 2, "{password}");
        assert!(!password.contains(['0', 'O', 'I', 'l', '1', '"', '\'']), "{password}");
        assert!(seen.insert(password), "the same for another seed");
        let pin = draw("RandomString(6, 3, 0, 0, 3)", &context);
        assert_eq!(pin.bytes().filter(u8::is_ascii_digit).count(), 3, "{pin}");
        assert_eq!(pin.bytes().filter(u8::is_ascii_lowercase).count(), 3, "{pin}");
        let id = uuid::Uuid::parse_str(&draw("Guid()", &context)).expect("a GUID");
        assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
        assert_eq!(draw("RandomString(0, 0, 0, 0, 0)", &context), "");
    }
    let both = draw("Guid() & Guid()", &context());
    assert_ne!(both[..36], both[36..], "each call draws anew");
    assert_eq!(both, draw("Guid() & Guid()", &context()), "the same seed gives the same");
    let of = |subject: &str| draw("Guid()", &context().with_subject(subject));
    assert_ne!(of("1"), of("2"), "each subject has its own");
    assert_eq!(of("1"), of("1"));
    let without = Context::new(datetime!(2025-01-01 0:00 UTC));
    let error = evaluate("Guid()", &object(), &without).expect_err("no seed");
    assert_eq!(error, "there is no seed to draw random values from (character 1)");
    assert_eq!(format!("{:?}", Seed::new([1; 32])), "Seed(…)");
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#selectuniquevalue>.
#[test]
fn select_unique_value() {
    let text = r#"SelectUniqueValue([null], [a], ToUpper("strasse"), [empty], Error("not reached"))"#;
    let expression = Expression::parse(text).expect("an expression");
    assert!(expression.asks_what_is_taken());
    assert!(!Expression::parse("[a]").expect("an expression").asks_what_is_taken());
    let get = |taken: &[&str]| expression.evaluate(&object(), &context().with_taken(taken.iter().copied()));
    assert_eq!(get(&[]), Ok(Outcome::Value("x".into())));
    assert_eq!(get(&["X"]), Ok(Outcome::Value("STRASSE".into())), "compared without case");
    assert!(get(&["x", "Strasse"]).is_err(), "the last is evaluated once the others are taken");

    let (object, context) = (object(), context());
    let mut candidates = expression.candidates(&object, &context);
    assert_eq!(candidates.next(), Some(Ok(Outcome::Value("x".into()))));
    assert_eq!(candidates.next(), Some(Ok(Outcome::Value("STRASSE".into()))));
    assert!(candidates.next().is_some_and(|error| error.is_err()));
    assert_eq!(candidates.next(), None);

    let all = Expression::parse(r#"SelectUniqueValue("a", "b")"#).expect("an expression");
    let error = all.evaluate(&object, &context.clone().with_taken(["A"]).with_taken(["B"])).expect_err("all taken");
    assert_eq!(error.to_string(), "every value is taken, also the last, \"b\" (character 1)");
    let none = Expression::parse("SelectUniqueValue([null], [empty])").expect("an expression");
    let error = none.evaluate(&object, &context).expect_err("nothing to try");
    assert_eq!(error.to_string(), "there is no value to try (character 1)");
    let ignored = Expression::parse("SelectUniqueValue(IgnoreAttributeFlow, [a])").expect("an expression");
    assert_eq!(ignored.evaluate(&object, &context), Ok(Outcome::IgnoreAttribute));
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#redact>.
#[test]
fn what_is_redacted_stays_so() {
    let outcome = |text: &str| {
        let expression = Expression::parse(text).expect("an expression");
        (expression.redacts(), expression.evaluate(&object(), &context()).expect("a value"))
    };
    assert_eq!(outcome("Redact([a])"), (true, Outcome::Redacted("x".into())));
    assert_eq!(outcome(r#"Append("a", ToUpper(Redact([a])))"#), (true, Outcome::Redacted("aX".into())));
    assert_eq!(outcome(r#"IIF(Redact([a]) = "x", "y", "n")"#), (true, Outcome::Redacted("y".into())));
    assert_eq!(outcome(r#"IIF([a] = "y", Redact([a]), "n")"#), (true, Outcome::Value("n".into())));
    assert_eq!(outcome("[a]"), (false, Outcome::Value("x".into())));
    assert_eq!(outcome("Redact([a])").1.value(), Some(&Value::text("x")));
    assert_eq!(format!("{:?}", outcome("Redact([a])").1), "Redacted(…)");
    assert_eq!(format!("{:?}", outcome("[a]").1), r#"Value("x")"#);
    let expression = Expression::parse(r#"Redact("constant")"#).expect("an expression");
    assert_eq!(format!("{expression:?}"), "Expression(Redact(…))");
}

#[test]
fn what_reads_the_clock_is_known() {
    for (text, reads) in [
        ("Now()", true),
        ("CDate([a])", false),
        (r#"FormatDateTime([a], , "MM-dd", "yyyy")"#, true),
        (r#"FormatDateTime([a], , "yyyy-MM", "yyyy")"#, false),
        (r#"FormatDateTime([a], , [b], "yyyy")"#, true),
    ] {
        assert_eq!(Expression::parse(text).expect("an expression").reads_clock(), reads, "{text}");
    }
}
