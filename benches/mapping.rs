//! Mapping a record, beside hand-written closures that do the same: the ratio counts.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use entrant::expr::Context;
use entrant::mapping::{AbsentMeans, CompiledMapping, FlowOutcome, Mapped, Mapping};
use entrant::model::{AttributeSchema, Class, Name, ObjectId, Schema};
use entrant::{Record, Value};

const DIRECT: [&str; 7] = ["employeeId", "givenName", "surname", "department", "jobTitle", "city", "officeLocation"];
const COMPUTED: [&str; 5] = ["displayName", "mailNickname", "userPrincipalName", "companyName", "country"];

fn record() -> Record {
    Record::new(ObjectId::user("1"))
        .with("employeeId", "100001")
        .with("givenName", "Ada")
        .with("surname", "Lovelace")
        .with("department", "Research")
        .with("jobTitle", "Analyst")
        .with("city", "London")
        .with("officeLocation", "12/B")
        .with("countryCode", "GB")
}

/// 12 attributes, 5 of them with expressions.
fn mapping() -> CompiledMapping {
    let mut mapping = Mapping::users();
    for name in DIRECT {
        mapping = mapping.attribute(name, name);
    }
    let expressions = [
        r#"Join(" ", [givenName], [surname])"#,
        r#"ToLower(Append(Append([givenName], "."), [surname]))"#,
        r#"ToLower(Join("@", Join(".", [givenName], [surname]), %Domain%))"#,
        r#"IIF([department] = "Research", "Contoso Labs", "Contoso")"#,
        r#"Switch([countryCode], "Elsewhere", "DE", "Germany", "GB", "United Kingdom", "US", "United States")"#,
    ];
    for (name, expression) in COMPUTED.into_iter().zip(expressions) {
        mapping = mapping.expression(name, expression).expect("an expression");
    }
    let names = DIRECT.into_iter().chain(COMPUTED);
    let schema = names.fold(Schema::new(Class::USER), |schema, name| schema.with(name, AttributeSchema::text()));
    mapping.match_on("employeeId").compile(&schema, AbsentMeans::Unknown).expect("a mapping that fits")
}

type Closure = Box<dyn Fn(&Record) -> Value>;

fn text<'a>(record: &'a Record, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_text).unwrap_or_default()
}

/// The same, by hand: a closure for each attribute.
fn closures(domain: &str) -> Vec<(Name, Closure)> {
    let mut closures: Vec<(Name, Closure)> = Vec::new();
    for name in DIRECT {
        closures.push((name.into(), Box::new(move |record| record.get(name).cloned().unwrap_or_default())));
    }
    let domain = domain.to_owned();
    closures.push((
        "displayName".into(),
        Box::new(|record| format!("{} {}", text(record, "givenName"), text(record, "surname")).into()),
    ));
    closures.push((
        "mailNickname".into(),
        Box::new(|record| format!("{}.{}", text(record, "givenName"), text(record, "surname")).to_lowercase().into()),
    ));
    closures.push((
        "userPrincipalName".into(),
        Box::new(move |record| {
            format!("{}.{}@{domain}", text(record, "givenName"), text(record, "surname")).to_lowercase().into()
        }),
    ));
    closures.push((
        "companyName".into(),
        Box::new(
            |record| {
                if text(record, "department") == "Research" { "Contoso Labs".into() } else { "Contoso".into() }
            },
        ),
    ));
    closures.push((
        "country".into(),
        Box::new(|record| match text(record, "countryCode") {
            "DE" => "Germany".into(),
            "GB" => "United Kingdom".into(),
            "US" => "United States".into(),
            _ => "Elsewhere".into(),
        }),
    ));
    closures.sort_by(|left, right| left.0.cmp(&right.0));
    closures
}

fn by_hand(closures: &[(Name, Closure)], record: &Record) -> Vec<(Name, FlowOutcome)> {
    let mut flows = Vec::with_capacity(closures.len());
    for (name, closure) in closures {
        flows.push((name.clone(), FlowOutcome::Value(closure(record))));
    }
    flows
}

fn person(criterion: &mut Criterion) {
    let (record, mapping, closures) = (record(), mapping(), closures("contoso.com"));
    let context = Context::new(time::macros::datetime!(2026-01-01 0:00 UTC)).with_parameter("Domain", "contoso.com");
    let Mapped::Flows(flows) = mapping.evaluate(&record, &context) else { panic!("the record is ignored") };
    let flows: Vec<(Name, FlowOutcome)> = flows.into_iter().map(|flow| (flow.attribute, flow.outcome)).collect();
    assert_eq!(flows, by_hand(&closures, &record), "both do the same");
    let mut group = criterion.benchmark_group("mapping");
    group.bench_function("12 attributes, 5 expressions", |bencher| {
        bencher.iter(|| mapping.evaluate(black_box(&record), &context));
    });
    group.bench_function("floor: closures", |bencher| {
        bencher.iter(|| by_hand(black_box(&closures), black_box(&record)));
    });
    group.finish();
}

criterion_group!(benches, person);
criterion_main!(benches);
