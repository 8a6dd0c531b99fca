//! How expressions come to their values.

use entrant::Value;
use entrant::expr::{Context, Expression, Outcome, Seed, Step};
use proptest::prelude::*;
use serde_json::json;

use super::fuzz::{any_object, mutated};
use super::{attributes, context};

fn steps(text: &str, object: serde_json::Value) -> Vec<Step> {
    Expression::parse(text).expect(text).steps(&attributes(object), &context())
}

fn told(steps: &[Step]) -> Vec<String> {
    let outcome = |step: &Step| match &step.outcome {
        None => "not reached".to_owned(),
        Some(Ok(Outcome::Value(value))) => format!("{value:?}"),
        Some(Ok(other)) => format!("{other:?}"),
        Some(Err(error)) => format!("error: {}", error.message()),
    };
    steps.iter().map(|step| format!("{} = {}", step.text, outcome(step))).collect()
}

#[test]
fn parts_are_told_inner_ones_first_and_the_branch_not_taken_as_such() {
    let table = [
        ("[a]", json!({"a": 1}), vec!["[a] = 1"], "an attribute alone"),
        ("\"x\"", json!({}), vec!["\"x\" = \"x\""], "a constant alone"),
        ("Append([a], [a])", json!({"a": "x"}), vec!["[a] = \"x\"", "Append([a], [a]) = \"xx\""], "once is enough"),
        (
            "IIF([a] = 1, CDate([b]), [c])",
            json!({"a": 2, "b": "no date", "c": "z"}),
            vec![
                "[a] = 2",
                "[a] = 1 = false",
                "[b] = not reached",
                "CDate([b]) = not reached",
                "[c] = \"z\"",
                "IIF([a] = 1, CDate([b]), [c]) = \"z\"",
            ],
            "the other branch would fail",
        ),
        (
            "Coalesce([a], [b], [c])",
            json!({"a": "", "b": "y", "c": "z"}),
            vec!["[a] = \"\"", "[b] = \"y\"", "[c] = not reached", "Coalesce([a], [b], [c]) = \"y\""],
            "what comes after the first that is not empty",
        ),
        (
            "IIF([a] = 1, [b], [a])",
            json!({"a": 2, "b": 3}),
            vec!["[a] = 2", "[a] = 1 = false", "[b] = not reached", "IIF([a] = 1, [b], [a]) = 2"],
            "told once, and as reached",
        ),
        (
            "IIF(Item([a], 9), [b], [c])",
            json!({"a": ["x"]}),
            vec![
                "[a] = [\"x\"]",
                "Item([a], 9) = error: there is no element 9; there are 1",
                "[b] = not reached",
                "[c] = not reached",
                "IIF(Item([a], 9), [b], [c]) = error: there is no element 9; there are 1",
            ],
            "a condition that fails",
        ),
        ("Append(Redact([a]), [b])", json!({"a": "x"}), vec![], "nothing of what redacts"),
    ];
    for (text, object, expected, why) in table {
        assert_eq!(told(&steps(text, object)), expected, "{why}");
    }
}

#[test]
fn what_is_drawn_is_told_only_where_it_is_what_was_drawn() {
    let context = Context::new(time::OffsetDateTime::UNIX_EPOCH).with_seed(Seed::new([1; 32]));
    let object = attributes(json!({}));
    for (text, parts) in [("ToUpper(Guid())", 2), ("Append(Guid(), Guid())", 1)] {
        let expression = Expression::parse(text).expect(text);
        let steps = expression.steps(&object, &context);
        assert_eq!(steps.len(), parts, "{text}");
        let whole = steps.last().expect("the whole").outcome.clone();
        assert_eq!(whole, Some(expression.evaluate(&object, &context)), "{text}");
    }
    let expression = Expression::parse("ToUpper(Guid())").expect("an expression");
    let steps = expression.steps(&object, &context);
    let value = |step: &Step| step.outcome.clone().and_then(Result::ok).and_then(|outcome| outcome.value().cloned());
    let upper = value(&steps[0]).map(|guid| Value::from(guid.to_string().to_uppercase()));
    assert_eq!(value(&steps[1]), upper);
}

#[test]
fn a_long_expression_is_told_in_part_and_soon() {
    let parts: Vec<String> = (0..700).map(|number| format!("[a{number}]")).collect();
    assert_eq!(steps(&format!("Join(\"\", {})", parts.join(",")), json!({})).len(), 200);
    let heavy: Vec<String> = (0..150).map(|number| format!("Replace([long], , \"(a|a)*c{number}\", , \"\")")).collect();
    let start = std::time::Instant::now();
    let steps = steps(&format!("Join(\"\", {})", heavy.join(",")), json!({"long": "a".repeat(200_000)}));
    assert!(steps.len() < 20 && start.elapsed().as_secs() < 10, "{} in {:?}", steps.len(), start.elapsed());
}

proptest! {
    /// The last step is the whole, and gives what the whole gives; each lies in the text.
    #[test]
    fn steps_end_with_the_value(text in mutated(), object in any_object()) {
        let Ok(expression) = Expression::parse(&text) else { return Ok(()) };
        let steps = expression.steps(&object, &context());
        for step in &steps {
            prop_assert!(text.get(step.span.clone()).is_some());
        }
        if let Some(last) = steps.last().filter(|last| last.text == expression.to_string()) {
            prop_assert_eq!(last.outcome.clone(), Some(expression.evaluate(&object, &context())));
        }
    }
}
