//! What is refused, where, and what is said of it.

use entrant::Value;
use entrant::expr::{Expression, Outcome};
use entrant::model::Attributes;
use serde_json::json;

use super::{attributes, context, evaluate};

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
        ("Replace([a], , [p], \"g\", , , )", 0..30, "Replace does not know what to replace with what"),
        ("Replace([a], , \"[0-9\", , \"x\")", 15..21, "the pattern is wrong: the bracket is not closed (character 1 of the pattern)"),
        ("Replace([a], , \"(?<n>x)\", \"m\", \"x\")", 26..29, "the pattern has no group m"),
        ("Replace([a], \"\", , , \"x\")", 13..15, "the text to replace (oldValue) is empty"),
        ("Switch([a], , \"b\")", 0..18, "Switch takes 4 or more arguments and has 3"),
        ("Switch([a], , \"b\", 1, 2)", 0..24, "Switch takes an even number of arguments and has 5"),
        ("Switch([a], , \"b\", 1, , 2)", 0..26, "Switch needs its argument 5"),
        ("Mid([a], 1)", 0..11, "Mid takes 3 arguments and has 2"),
        ("Mid([a], 1.5, 2)", 9..12, "argument 2 (start) of Mid does not fit"),
        ("Mid([a], Now(), 2)", 9..14, "argument 2 (start) of Mid does not fit"),
        ("DateAdd(\"w\", 1, Now())", 8..11, "argument 1 (interval) of DateAdd does not fit"),
        ("CDate(\"2024-02-30\")", 6..18, "argument 1 (expression) of CDate does not fit"),
        ("IIF(\"maybe\", 1, 2)", 4..11, "argument 1 (condition) of IIF does not fit"),
        ("IIF(Now(), 1, 2)", 4..9, "argument 1 (condition) of IIF does not fit"),
        ("ToLower([a], \"not a culture\")", 13..28, "argument 2 (culture) of ToLower does not fit"),
        ("InStr([a], \"b\", 0)", 16..17, "argument 3 (start) of InStr does not fit"),
        ("Item([a], 0)", 10..11, "argument 2 (index) of Item does not fit"),
        ("InStr([a], \"b\", , vbtextcompare)", 18..31, "there is no word vbtextcompare"),
        ("FormatDateTime([a], , \"yyyy 'x\", \"d\")", 22..31, "the text after ' is not closed"),
        ("FormatDateTime([a], \"yyyy\", \"G\")", 28..31, "there is no format 'G'; alone stand d, D, s, o, u and r"),
        ("FormatDateTime([a], \"Fast\", \"yyyy\", \"d\")", 20..26, "\"Fast\" is no style such as AllowWhiteSpaces"),
        ("FormatDateTime([a], \"d\")", 0..24, "FormatDateTime takes 4 arguments and has 2"),
        ("Append(SelectUniqueValue(\"a\", \"b\"), \"c\")", 7..34, "SelectUniqueValue is not the outermost function"),
        ("SelectUniqueValue(\"a\")", 0..22, "SelectUniqueValue takes 2 or more arguments and has 1"),
        ("Now(1)", 0..6, "Now takes 0 arguments and has 1"),
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
    let object = attributes(json!({"list": ["a"], "complex": {}, "empty": "", "text": "maybe", "n": 300}));
    #[rustfmt::skip]
    let table = [
        ("%Missing%", "the parameter %Missing% is not defined (character 1)"),
        ("IIF([text], 1, 2)", "\"maybe\" is neither True nor False (character 5)"),
        ("IIF([list], 1, 2)", "a list or complex value is neither True nor False (character 5)"),
        ("IIF([list] = 1, 1, 2)", "a list or complex value cannot be compared (character 5)"),
        ("ToLower([complex])", "a list or complex value is no text (character 9)"),
        ("ToLower(\"a\", [text] & \" \")", "\"maybe \" is no culture such as en-US (character 14)"),
        ("Mid(\"a\", [text], 1)", "\"maybe\" is no whole number (character 10)"),
        ("Left(\"a\", [missing])", "null is no whole number (character 11)"),
        ("Item([list], 2)", "there is no element 2; there are 1 (character 14)"),
        ("CDate([text])", "\"maybe\" is no date such as 2024-12-31 or 2024-12-31T23:59:59Z (character 7)"),
        ("FormatDateTime([text], \"yyyy\", \"yy\")", "\"maybe\" cannot be read: it does not have the input format (character 16)"),
        ("FormatDateTime(\"2024\", [text] & \"'\", \"yy\")", "the text after ' is not closed (character 24)"),
        ("DateAdd([text], 1, Now())", "\"maybe\" is none of yyyy, m, d, ww, h, n, s (character 9)"),
        ("DateFromNum(9223372036854775807)", "9223372036854775807 is no file time between the years 1601 and 9999 (character 13)"),
        ("Replace(\"a\", , \"(\" & [text], , \"b\")", "the pattern is wrong: the parenthesis is not closed (character 1 of the pattern) (character 16)"),
        ("Replace(\"a\", , \"(?<n>a)\", [text], \"b\")", "the pattern has no group \"maybe\" (character 27)"),
        ("ConvertFromBase64([text])", "\"maybe\" is no base64 (character 19)"),
        ("ConvertFromBase64(\"/w==\", UTF8)", "the bytes are no text in UTF8 (character 19)"),
        ("StringFromSid([text])", "these are not the bytes of a security identifier (character 15)"),
        ("Error(\"no \" & [text])", "the expression says: \"no maybe\" (character 1)"),
        ("DefaultDomain()", "the parameter %DefaultDomain% is not defined (character 1)"),
        ("RandomString([n], 1, 1, 1, 1)", "300 is not between 0 and 256 (character 14)"),
        ("RandomString(3, 1, 1, 1, 1)", "the length 3 is below the sum of the minimums, 4 (character 14)"),
        ("RandomString(3, 0, 0, 1, 0, \"ABCDEFGHIJKLMNOPQRSTUVWXYZ\")", "all characters of this kind are to be avoided (character 23)"),
        ("CDate(Redact([text]))", "this cannot be evaluated; why is not shown, since the expression redacts (character 7)"),
        ("[list] & \"x\"", "a list or complex value is no text (character 1)"),
        ("Switch([list], , 1, 2)", "a list or complex value cannot be compared (character 8)"),
        ("Replace(\"a\", [empty], , , \"b\")", "the text to replace (oldValue) is empty (character 14)"),
    ];
    for (expression, expected) in table {
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
    assert!(error.starts_with("this takes more than 1000000 steps for this object"), "{error}");
    let expression = format!("Replace([text], \"a\", , , \"{}\")", "b".repeat(1_000));
    let object = attributes(json!({"text": "a".repeat(1_001)}));
    let error = evaluate(&expression, &object, &context()).expect_err("1001 KB");
    assert!(error.starts_with("the result is longer than 1000000 bytes"), "{error}");
    let many: Vec<&str> = vec!["a"; 1_001];
    let template = "b".repeat(999);
    let expression = format!("Replace([many], \"x\", , , , , \"x{template}\")");
    let error = evaluate(&expression, &attributes(json!({"many": many})), &context()).expect_err("a list of 1001 KB");
    assert!(error.starts_with("this takes more than 1000000 steps"), "{error}");
}

#[test]
fn what_is_odd_is_remarked() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str])] = &[
        ("ToLower([a])", &[]),
        ("tolower(TOUPPER([a]))", &[
            "the function is spelt ToLower (character 1): write ToLower",
            "the function is spelt ToUpper (character 9): write ToUpper",
        ]),
        ("IIF(True, [a], [b])", &["the condition is always True, so this is never reached (character 16): write the other value alone"]),
        ("IIF(\"0\", [a], [b])", &["the condition is always False, so this is never reached (character 10): write the other value alone"]),
        ("Switch([a], , \"k\", 1, [b], 2, \"k\", 3)", &["the same key came before, so this one is never reached (character 31): remove it"]),
        ("Switch(IsPresent([a]), [a], IsPresent([b]), [b])", &[
            "IsPresent is only the source here; keys are compared with True and False (character 8): for one condition after the other nest IIF",
        ]),
        ("Coalesce([a], \"x\", [b])", &["a constant comes before, so this is never reached (character 20): put the constant last"]),
        ("Coalesce([a], \"\", [b])", &[]),
        ("IIF([a], Mid([b], \"x\", 1), 2)", &[
            "argument 2 (start) of Mid does not fit, and fails when it is reached (character 19): give a whole number",
        ]),
    ];
    for (text, expected) in table {
        let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{}", error.render()));
        let lints: Vec<String> = expression.lints().iter().map(ToString::to_string).collect();
        assert_eq!(lints, *expected, "{text}");
    }
    let lint = &Expression::parse("Append(\n instr([é], 1), 2)").expect("an expression").lints()[0];
    assert_eq!(
        lint.render(),
        "warning: the function is spelt InStr\n  |\n2 |  instr([é], 1), 2)\n  |  ^^^^^ write InStr"
    );
}

#[test]
fn attributes_that_the_source_lacks_are_remarked() {
    let expression = Expression::parse("Join([mial], [name.first], [x:y], [Name])").expect("an expression");
    let lints: Vec<String> =
        expression.unknown_attributes(["mail", "name", "x"]).iter().map(ToString::to_string).collect();
    assert_eq!(
        lints,
        [
            "the source has no attribute mial (character 6): did you mean [mail]?",
            "the source has no attribute Name (character 35): did you mean [name]?",
        ]
    );
}
