//! The expression language from outside: published vectors, errors with their places, and whatever anybody may type.

use entrant::Value;
use entrant::expr::{Context, Expression, Outcome, text_form};
use entrant::model::Attributes;
use proptest::prelude::*;
use serde_json::json;
use time::OffsetDateTime;

fn context() -> Context {
    Context::new(OffsetDateTime::UNIX_EPOCH).with_parameter("Domain", "contoso.com")
}

fn attributes(json: serde_json::Value) -> Attributes {
    serde_json::from_value(json).expect("attributes are a JSON object")
}

/// What an expression gives, in the form of the vectors.
fn evaluate(expression: &str, attributes: &Attributes, context: &Context) -> Result<serde_json::Value, String> {
    let expression = Expression::parse(expression).map_err(|error| error.to_string())?;
    let outcome = expression.evaluate(attributes, context).map_err(|error| error.to_string())?;
    Ok(match outcome {
        Outcome::Value(value) => shown(&value),
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

#[test]
fn published_and_derived_vectors_hold() {
    let vectors: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../samples/expressions.json")).expect("a list of vectors");
    assert_eq!(vectors.len(), 86, "no vector is lost");
    let mut wrong = Vec::new();
    for vector in &vectors {
        let expression = vector["expression"].as_str().expect("an expression");
        let mut context = Context::new(OffsetDateTime::UNIX_EPOCH);
        for (name, value) in vector["parameters"].as_object().into_iter().flatten() {
            context = context.with_parameter(name.as_str(), value.clone());
        }
        let got = evaluate(expression, &attributes(vector["attributes"].clone()), &context);
        let right = match &got {
            Ok(value) => *value == vector["expected"],
            Err(_) => vector["expected"] == json!({"error": true}),
        };
        if !right {
            wrong.push(format!("{}: {expression}: {got:?}, not {}", vector["id"], vector["expected"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expressions_have_the_values_that_the_reference_says() {
    let person = attributes(json!({
        "a": "x", "empty": "", "null": null, "n": 15, "list": ["b", null, "c"], "none": [], "flag": true,
        "complex": {"member": "inside"},
    }));
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
fn a_wrong_expression_is_refused_with_its_place() {
    #[rustfmt::skip]
    let table = [
        ("", 0..0, "a value is missing here"),
        ("Append([a], )", 0..13, "Append needs its argument 2 (suffix)"),
        ("Append(\"x\")", 0..11, "Append takes 2 arguments and has 1"),
        ("Join(\"-\")", 0..9, "Join takes 2 or more arguments and has 1"),
        ("IIF()", 0..5, "IIF takes 3 arguments and has 0"),
        ("Replace([a])", 0..12, "Replace does not know what to replace with what"),
        ("Replace([a], , \"[0-9]\", , \"x\")", 15..22, "Replace with a regular expression is not supported yet in this version"),
        ("Replace([a], , [p], \"g\", , [b], )", 15..18, "Replace with a regular expression is not supported yet in this version"),
        ("Switch([a], , \"b\", \"c\")", 0..6, "the function Switch is not supported yet in this version"),
        ("PadLeft([a])", 0..7, "PadLeft is an Entra Connect function"),
        ("Apend([a], 1)", 0..5, "there is no function Apend"),
        ("ignoreattributeflow", 0..19, "there is no word ignoreattributeflow"),
        ("[a] [b]", 4..5, "'[' does not belong here"),
        ("[a] = [b] = [c]", 10..11, "a comparison cannot be compared again"),
        ("[a] && [b]", 5..6, "a value is expected here"),
        ("([a])", 0..1, "'(' cannot begin a value"),
        ("[a])", 3..4, "this is left over after the expression"),
        ("ToLower([a]", 7..8, "the parenthesis is not closed"),
        ("ToLower(", 7..8, "the parenthesis is not closed"),
        ("Append([ ], \"x\")", 7..10, "the attribute has no name"),
        ("[a \"]", 0..1, "the bracket is not closed"),
        ("\"a\\", 0..1, "the text is not closed"),
        ("%Do main%", 0..3, "this is no parameter"),
        ("%1%", 0..2, "this is no parameter"),
        ("- 1", 0..1, "a minus stands before digits only"),
        ("&H", 0..2, "this is no hexadecimal number"),
        ("&H11111111111111111", 0..19, "this is no hexadecimal number"),
        ("1abc", 1..2, "'a' does not belong here"),
    ];
    for (text, span, message) in table {
        let error = Expression::parse(text).expect_err(text);
        assert_eq!((error.span(), error.message()), (span, message), "{text}");
        assert!(!error.accepted().is_empty(), "{text}");
    }
}

#[test]
fn an_error_shows_the_line_and_says_what_would_be_accepted() {
    let error = Expression::parse("Append(\n\t\"é\",\n\t“x”)").expect_err("smart quotes");
    assert_eq!(error.to_string(), "'“' cannot begin a value (character 16): write text in straight double quotes");
    assert_eq!(error.char_span(), 15..16);
    assert_eq!(
        error.render(),
        "error: '“' cannot begin a value\n  |\n3 |  “x”)\n  |  ^ write text in straight double quotes"
    );

    let expression = Expression::parse("Append(\"é\", [list])").expect("an expression");
    let error = expression.evaluate(&attributes(json!({"list": ["a"]})), &context()).expect_err("a list is no text");
    assert_eq!(error.to_string(), "a list or complex value is no text (character 13)");
    assert_eq!(
        error.render(),
        "error: a list or complex value is no text\n  |\n1 | Append(\"é\", [list])\n  |             ^^^^^^"
    );
}

#[test]
fn what_cannot_be_evaluated_is_an_error_of_that_object() {
    let object = attributes(json!({"list": ["a"], "complex": {}, "empty": ""}));
    for (expression, expected) in [
        ("%Missing%", "the parameter %Missing% is not defined (character 1)"),
        ("IIF(\"maybe\", 1, 2)", "\"maybe\" is neither True nor False (character 5)"),
        ("IIF([list], 1, 2)", "a list or complex value is neither True nor False (character 5)"),
        ("IIF([list] = 1, 1, 2)", "a list or complex value cannot be compared (character 5)"),
        ("ToLower([complex])", "a list or complex value is no text (character 9)"),
        ("ToLower(\"a\", \"not a culture\")", "\"not a culture\" is no culture such as en-US (character 14)"),
        ("Replace(\"a\", [empty], , , \"b\")", "the text to replace (oldValue) is empty (character 14)"),
    ] {
        assert_eq!(evaluate(expression, &object, &context()), Err(expected.to_owned()));
    }
}

#[test]
fn an_expression_knows_what_it_reads() {
    let expression =
        Expression::parse("Join(%B%, [z], [name.first], IIF([z] = %A%, [x:y], %B%))").expect("an expression");
    assert_eq!(expression.attributes(), ["name", "name.first", "x", "x:y", "z"]);
    assert_eq!(expression.parameters(), ["A", "B"]);
    assert!(!expression.reads_clock());
}

#[test]
fn size_and_depth_are_bounded() {
    let longest = format!("\"{}\"", "é".repeat(9_998));
    assert!(Expression::parse(&longest).is_ok());
    let error = Expression::parse(&format!("{longest} ")).expect_err("10,001 characters");
    assert_eq!(error.message(), "the expression is too long");

    let nested = |levels: usize| format!("{}[a]{}", "ToLower(".repeat(levels), ")".repeat(levels));
    let error = Expression::parse(&nested(129)).expect_err("129 levels");
    assert_eq!((error.message(), error.span()), ("the expression is nested too deeply", 1024..1031));
    // Half the stack that a thread usually has, without optimisation.
    let deep = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
        let expression = Expression::parse(&nested(128)).expect("128 levels");
        assert_eq!(expression, Expression::parse(&expression.to_string()).expect("its normal form"));
        expression.evaluate(&attributes(json!({"a": "X"})), &context())
    });
    let outcome = deep.expect("a thread").join().expect("no overflow").expect("a value");
    assert_eq!(outcome, Outcome::Value(Value::text("x")));
}

#[test]
fn a_text_that_doubles_and_doubles_is_stopped() {
    let mut expression = "\"a\"".to_owned();
    for _ in 0..100 {
        expression = format!("Replace({expression}, \"a\", , , \"aa\")");
    }
    let error = evaluate(&expression, &Attributes::new(), &context()).expect_err("2^100 characters");
    assert!(error.starts_with("the result is longer than 1000000 bytes"), "{error}");
    let many: Vec<&str> = vec!["a"; 1_001];
    let template = "b".repeat(999);
    let expression = format!("Replace([many], \"x\", , , , , \"x{template}\")");
    let error = evaluate(&expression, &attributes(json!({"many": many})), &context()).expect_err("a list of 1001 KB");
    assert!(error.starts_with("the result is longer than 1000000 bytes"), "{error}");
}

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
            (argument.clone(), argument.clone(), inner.clone()).prop_map(|(a, b, c)| format!("IIF({a},{b},{c})")),
            (argument.clone(), argument.clone()).prop_map(|(a, b)| format!("Join({a}, {b}, , )")),
            argument.clone().prop_map(|a| format!("NormalizeDiacritics(StripSpaces({a}))")),
            (argument.clone(), argument).prop_map(|(a, b)| format!("Replace({a}, {b}, , , \"new\", , )")),
        ]
    })
}

/// Tokens in any order.
fn soup() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("Append"),
        Just("Join("),
        Just("IIF"),
        Just("Replace("),
        Just("Coalesce("),
        Just("("),
        Just(")"),
        Just(","),
        Just("[a]"),
        Just("[list]"),
        Just("["),
        Just("]"),
        Just("\"x\""),
        Just("\""),
        Just("\\"),
        Just("%Domain%"),
        Just("%"),
        Just("&"),
        Just("&H"),
        Just("F"),
        Just("="),
        Just("<>"),
        Just("<"),
        Just("-"),
        Just("1"),
        Just("."),
        Just("NULL"),
        Just("IgnoreObjectFlow"),
        Just(" "),
        Just("\n"),
        Just("é"),
        Just("\u{0}"),
    ];
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
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
    fn any_tokens_are_an_expression_or_an_error(text in soup()) {
        is_sound(&text)?;
    }

    #[test]
    fn printing_and_parsing_give_the_same_expression(text in valid()) {
        prop_assert!(Expression::parse(&text).is_ok(), "{}", Expression::parse(&text).expect_err("checked").render());
        is_sound(&text)?;
    }
}
