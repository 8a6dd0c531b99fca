//! How often mapping allocates. A binary of its own, since it counts for the whole process.

use entrant::expr::Context;
use entrant::mapping::{AbsentMeans, CompiledMapping, Mapped, Mapping};
use entrant::model::{AttributeSchema, Class, Kind, ObjectId, Schema, values_equal};
use entrant::{Record, Value};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("attribute{index}")).collect()
}

fn mapping(names: &[String]) -> CompiledMapping {
    let schema = names.iter().fold(Schema::new(Class::USER), |schema, name| {
        schema.with(name.as_str(), AttributeSchema::text().ignore_case())
    });
    let mapping = names.iter().fold(Mapping::users(), |mapping, name| mapping.attribute(name.as_str(), name.as_str()));
    mapping.compile(&schema, AbsentMeans::Unknown).expect("a mapping that fits")
}

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// A record costs one list of flows, however many attributes are mapped as they are: none of them allocates.
#[test]
fn a_direct_mapping_does_not_allocate() {
    let context = Context::new(time::OffsetDateTime::UNIX_EPOCH);
    for count in [1, 12, 100] {
        let names = names(count);
        let mapping = mapping(&names);
        let record = names.iter().fold(Record::new(ObjectId::user("1")), |record, name| {
            record.with(name.as_str(), format!("the value of {name}"))
        });
        let counted = allocations(|| {
            let mapped = mapping.evaluate(&record, &context);
            assert!(matches!(&mapped, Mapped::Flows(flows) if flows.len() == count));
        });
        assert_eq!(counted, 1, "{count} attributes");
    }
}

/// Nor does finding that the target has the value already.
#[test]
fn comparing_an_unchanged_value_does_not_allocate() {
    let context = Context::new(time::OffsetDateTime::UNIX_EPOCH);
    let names = names(12);
    let mapping = mapping(&names);
    let record = names.iter().fold(Record::new(ObjectId::user("1")), |record, name| record.with(name.as_str(), "Same"));
    let schema = AttributeSchema::text().ignore_case();
    let Mapped::Flows(flows) = mapping.evaluate(&record, &context) else { panic!("the record is ignored") };
    let current = Value::text("sAME");
    let counted = allocations(|| {
        for flow in &flows {
            let rule = mapping.rule(&flow.attribute).expect("it is mapped");
            let new = rule.on_update_over(&flow.outcome, &current).expect("a value");
            assert!(values_equal(&schema, &current, &new));
        }
    });
    assert_eq!(counted, 0);
}

/// What is counted at all: a value that must be made.
#[test]
fn a_conversion_allocates() {
    let schema = Schema::new(Class::USER).with("text", AttributeSchema::new(Kind::Text));
    let mapping = Mapping::users().attribute("text", "number").compile(&schema, AbsentMeans::Unknown);
    let mapping = mapping.expect("a mapping that fits");
    let record = Record::new(ObjectId::user("1")).with("number", 7);
    let context = Context::new(time::OffsetDateTime::UNIX_EPOCH);
    assert!(allocations(|| drop(mapping.evaluate(&record, &context))) > 1);
}
