//! An expression over a record, beside a hand-written closure that does the same: the ratio counts.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use entrant::expr::{Context, Expression};
use entrant::model::ObjectId;
use entrant::{Record, Value};

fn login(criterion: &mut Criterion) {
    let record = Record::new(ObjectId::user("1")).with("givenName", "Ada").with("surname", "Lovelace");
    let context = Context::new(time::macros::datetime!(2026-01-01 0:00 UTC));
    let expression =
        Expression::parse(r#"ToLower(Append(Append([givenName], "."), [surname]))"#).expect("an expression");
    let mut group = criterion.benchmark_group("expr");
    group.bench_function("expression", |bencher| {
        bencher.iter(|| expression.evaluate(black_box(&record.attributes), &context).expect("a value"));
    });
    group.bench_function("floor: closure", |bencher| {
        bencher.iter(|| {
            let text = |name: &str| record.get(name).and_then(Value::as_text).unwrap_or_default();
            let (given, surname) = (text(black_box("givenName")), text(black_box("surname")));
            let mut login = String::with_capacity(given.len() + surname.len() + 1);
            login.push_str(given);
            login.push('.');
            login.push_str(surname);
            Value::from(login.to_lowercase())
        });
    });
    group.finish();
}

/// The longest that an evaluation may take before it is stopped: it must stay below 10 ms.
fn bounds(criterion: &mut Criterion) {
    let long = Value::from("é".repeat(100_000));
    let record = Record::new(ObjectId::user("1")).with("text", "a".repeat(2_000)).with("long", long);
    let context = Context::new(time::macros::datetime!(2026-01-01 0:00 UTC));
    let nested = |function: &str| format!("{}[long]{}", format!("{function}(").repeat(100), ")".repeat(100));
    let mut group = criterion.benchmark_group("bounds");
    group.sample_size(20);
    for (name, text) in [
        ("catastrophic pattern", r#"Replace([text], , "(a+)+b", , "")"#.to_owned()),
        ("pattern with classes", r#"Replace([text], , "(?i)(\\w|[^\\p{L}])*(\\s|x)+b", , "")"#.to_owned()),
        ("NormalizeDiacritics of long text", nested("NormalizeDiacritics")),
        ("PCase of long text", nested("PCase")),
    ] {
        let expression = Expression::parse(&text).expect("an expression");
        group.bench_function(name, |bencher| {
            bencher.iter(|| expression.evaluate(black_box(&record.attributes), &context).expect_err("it is stopped"));
        });
    }
    group.finish();
}

criterion_group!(benches, login, bounds);
criterion_main!(benches);
