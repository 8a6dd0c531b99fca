//! The contract of a source.

use futures::StreamExt;

use super::violation::{Verdict, holds, same, works};
use crate::model::{Class, ObjectId, Record, Value, eq};
use crate::store::{GetSupport, Lookup, Query, Read, Source};

/// Runs the cases of [`Source`]'s contract.
///
/// `make` makes a source that holds exactly these users, each under its id; their attributes are `name` and `note`,
/// text or null. It may hold more attributes of them. It is called several times.
///
/// # Errors
///
/// The first sentence that does not hold. A store with columns of its own is run through [`records_suite`].
pub async fn source_suite<S: Source>(make: impl AsyncFn(Vec<Record>) -> S) -> Verdict {
    let people = people();
    let source = make(people.clone()).await;
    reads(&source, &people).await?;
    looks_up(&source, &people).await?;

    let empty = make(Vec::new()).await;
    same("an empty store reads whole", &read_whole(&empty, &users()).await?.len(), &0)?;

    let many: Vec<_> = (0..2_500).map(|n| person(&n.to_string(), &format!("Person {n}"), None)).collect();
    let source = make(many.clone()).await;
    same("a read yields all that the store holds", &read_whole(&source, &users()).await?.len(), &many.len())
}

/// Runs those cases of [`Source`]'s contract that any store can be asked for, on one that holds exactly these records and
/// cannot hold what [`source_suite`] makes up, such as a table with columns and keys of its own. All are of one class,
/// and the first has a text.
///
/// # Errors
///
/// The first sentence that does not hold.
///
/// # Examples
///
/// ```
/// use entrant::{Record, model::ObjectId, store::MemoryStore, testing};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), testing::Violation> {
/// let records = ["1", "2"].map(|id| Record::new(ObjectId::user(id)).with("login", format!("p{id}")));
/// testing::records_suite(&MemoryStore::new("user table").with_records(records.clone()), &records).await
/// # }
/// ```
pub async fn records_suite(source: &impl Source, records: &[Record]) -> Verdict {
    reads(source, records).await?;
    looks_up(source, records).await
}

fn users() -> Query {
    Query::all(Class::USER)
}

fn person(id: &str, name: &str, note: Option<&str>) -> Record {
    Record::new(ObjectId::user(id)).with("name", name).with("note", note)
}

fn people() -> Vec<Record> {
    vec![
        person("1", "Ada", Some("first")),
        person("2", "O'Neil, \"Shaq\"", None),
        person("a/../b%2F", "Zoë 🦀 e\u{301}", Some("two\nlines; ' OR 1=1 --")),
        person("#?&=+ ü", " spaces ", Some("\t")),
        person("4", &"long ".repeat(2_000), Some("{\"json\": [1, 2]}")),
    ]
}

async fn reads(source: &impl Source, people: &[Record]) -> Verdict {
    holds("it has a name", !source.name().trim().is_empty(), || "a blank one".into())?;

    const SAMPLE: &str = "there are records to look for, and the first has a text";
    let first = people.first().map(|record| (&record.id.class, &record.attributes));
    let text =
        first.and_then(|(_, attributes)| attributes.iter().find_map(|(name, text)| Some((name, text.as_text()?))));
    let (Some((class, attributes)), Some((name, text))) = (first, text) else {
        return holds(SAMPLE, false, || format!("{people:?}"));
    };
    let all = || Query::all(class.clone());
    let records = read_whole(source, &all()).await?;
    has_all(source, &records, people)?;
    for person in people {
        let copies = records.iter().filter(|record| record.id == person.id).count();
        same("each record comes once", &copies, &1)?;
    }
    same("a read yields what the store holds, and no more", &records.len(), &people.len())?;

    let mut given_up = source.read(&all());
    let _ = given_up.next().await;
    drop(given_up);
    let again = read_whole(source, &all()).await?;
    same("giving a read up leaves nothing behind", &again.len(), &records.len())?;

    let (left, right) = (all(), all());
    let (left, right) = futures::future::join(read_whole(source, &left), read_whole(source, &right)).await;
    has_all(source, &left?, people)?;
    has_all(source, &right?, people)?;

    let other = Class::new("entrant-no-such-class");
    let mut stream = source.read(&Query::all(other));
    while let Some(Ok(step)) = stream.next().await {
        let wrong = matches!(&step, Read::Record(record) if record.id.class == *class);
        holds("a read yields objects of the class asked for", !wrong, || format!("{step:?}"))?;
    }

    let filter = eq(name.clone(), text.to_lowercase());
    let wanted: Vec<Record> = people.iter().filter(|record| filter.matches(&record.attributes)).cloned().collect();
    has_all(source, &read_whole(source, &all().with_filter(filter)).await?, &wanted)?;
    let selected = attributes.iter().last().map_or(name, |(name, _)| name);
    for record in read_whole(source, &all().with_select([selected.clone()])).await? {
        let there = record.get(selected).is_some() || source.capabilities().absent_is_empty;
        holds("a read yields at least the attributes selected", there, || format!("{record:?}"))?;
    }
    Ok(())
}

async fn looks_up(source: &impl Source, people: &[Record]) -> Verdict {
    if source.capabilities().get == GetSupport::Unsupported {
        return Ok(());
    }
    const ONE_EACH: &str = "get gives one answer for each id, in the order asked";
    same(ONE_EACH, &works(ONE_EACH, source.get(&[]).await)?, &Vec::new())?;
    let mut ids: Vec<ObjectId> = people.iter().rev().map(|record| record.id.clone()).collect();
    let class = people.first().map_or(Class::USER, |record| record.id.class.clone());
    ids.insert(1, ObjectId::new(class, "nobody's id"));
    ids.push(ids[0].clone());
    let answers = works(ONE_EACH, source.get(&ids).await)?;
    same(ONE_EACH, &answers.len(), &ids.len())?;
    for (id, answer) in ids.iter().zip(&answers) {
        match (people.iter().find(|person| person.id == *id), answer) {
            (Some(person), Lookup::One(record)) => {
                same(ONE_EACH, &record.id, id)?;
                has_all(source, std::slice::from_ref(record), std::slice::from_ref(person))?;
            }
            (None, Lookup::None) => {}
            (Some(_), other) => return holds(ONE_EACH, false, || format!("{other:?} for {id}")),
            (None, other) => {
                const NO_ERROR: &str = "that an object is not there is an answer";
                return holds(NO_ERROR, false, || format!("{other:?} for {id}"));
            }
        }
    }
    Ok(())
}

async fn read_whole(source: &impl Source, query: &Query) -> Verdict<Vec<Record>> {
    let mut records = Vec::new();
    let mut ended = false;
    let mut stream = source.read(query);
    while let Some(step) = stream.next().await {
        let step = works("a read of what is there works", step)?;
        holds("the end is the last step", !ended, || format!("{step:?} after it"))?;
        match step {
            Read::Record(record) => records.push(record),
            Read::Unreadable { id, .. } => holds("the sample can be read", false, || format!("{id} cannot"))?,
            Read::Deleted(id) => holds("a full read yields what is there", false, || format!("{id} deleted"))?,
            Read::End { completeness, .. } => {
                ended = true;
                const SAYS_ALL: &str = "the end says that it was all, if it was";
                holds(SAYS_ALL, completeness.is_complete(), || format!("{completeness:?}"))?;
            }
        }
    }
    holds("a read ends with an end", ended, || "none".into())?;
    Ok(records)
}

fn has_all(source: &impl Source, records: &[Record], people: &[Record]) -> Verdict {
    for person in people {
        let Some(record) = records.iter().find(|record| record.id == person.id) else {
            return holds("a read yields what the store holds", false, || format!("{} is missing", person.id));
        };
        for (name, value) in person.attributes.iter() {
            let seen = match record.get(name) {
                None if source.capabilities().absent_is_empty => Some(&Value::Null),
                seen => seen,
            };
            same("values come as the store holds them", &seen, &Some(value))?;
        }
    }
    Ok(())
}
