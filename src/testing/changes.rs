//! The contract of a source that keeps track of changes.

use std::collections::BTreeMap;

use futures::StreamExt;

use super::violation::{Verdict, holds, same, works};
use crate::error::ErrorKind;
use crate::model::{Class, Completeness, Name, ObjectId, Record, Value, eq};
use crate::store::{Cursor, Query, Read, Source};

const CURSOR: &str = "a complete read that is asked for a cursor ends with one";
const NEXT: &str = "a read since a cursor ends complete, and with the next cursor";
const TOLD: &str = "a read since a cursor yields what changed, as it is now";
const WHOLE: &str = "a record that changed comes whole";
const GONE: &str = "what is gone is deleted, and comes as no record";
const BETWEEN: &str = "what changes while everything is read is told next time";
const AGAIN: &str = "the same cursor may be read from again";
const UNFILTERED: &str = "what no longer passes the filter has changed as well";
const EXPIRED: &str = "a cursor that is none of this store and class fails as expired";

/// What [`changes_suite`] asks to be done with the objects of a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Edit {
    /// Makes a new object, with other values for each number.
    Add(usize),
    /// Sets the attribute of an object to this text.
    Set(ObjectId, String),
    /// Deletes an object.
    Remove(ObjectId),
}

/// Runs the cases of [`Source::read`]'s contract about changes, if the source keeps track of them.
///
/// `attribute` is a text of the objects of a class that can be changed. `edit` does what it is told with the data behind
/// the source, and answers the object that it was done with; what it did can be read when it returns.
///
/// # Errors
///
/// The first sentence that does not hold.
///
/// # Examples
///
/// ```
/// use entrant::model::{Class, ObjectId};
/// use entrant::testing::{self, Edit};
/// use entrant::{Record, store::MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), testing::Violation> {
/// let store = MemoryStore::new("hr");
/// let edit = async |edit| match edit {
///     Edit::Add(number) => {
///         let id = ObjectId::user(number.to_string());
///         store.push(Record::new(id.clone()).with("name", format!("Person {number}")).with("note", "new"));
///         id
///     }
///     Edit::Set(id, text) => {
///         store.set(&id, "note", text);
///         id
///     }
///     Edit::Remove(id) => {
///         store.remove(&id);
///         id
///     }
///     other => panic!("{other:?} is new"),
/// };
/// testing::changes_suite(&store, &Class::USER, "note", edit).await
/// # }
/// ```
pub async fn changes_suite(
    source: &impl Source,
    class: &Class,
    attribute: impl Into<Name>,
    edit: impl AsyncFn(Edit) -> ObjectId,
) -> Verdict {
    let attribute = attribute.into();
    let edit = async |what| Ok(edit(what).await);
    follows(source, class, &attribute, edit).await
}

/// As [`changes_suite`], for edits that may fail.
pub(super) async fn follows(
    source: &impl Source,
    class: &Class,
    attribute: &Name,
    edit: impl AsyncFn(Edit) -> Verdict<ObjectId>,
) -> Verdict {
    let follower = Follower { source, query: Query::all(class.clone()) };
    let mut ids = Vec::new();
    for number in 100..106 {
        ids.push(edit(Edit::Add(number)).await?);
    }
    let set = async |id: &ObjectId, text: &str| edit(Edit::Set(id.clone(), text.to_owned())).await;
    set(&ids[0], "before").await?;
    let Some(first) = follower.begin().await? else { return Ok(()) };
    let (_, quiet) = follower.since(&first).await?;

    set(&ids[0], "after").await?;
    let new = edit(Edit::Add(106)).await?;
    edit(Edit::Remove(ids[1].clone())).await?;
    let (told, second) = follower.since(&first).await?;
    follower.tells(&told, &[&ids[0], &new], &[&ids[1]]).await?;
    is_set(TOLD, &told, &ids[0], attribute, "after")?;

    // A run that died has read it before.
    let (again, _) = follower.since(&first).await?;
    for id in [&ids[0], &new, &ids[1]] {
        holds(AGAIN, again.contains_key(id), || format!("{id} is not told again"))?;
    }
    same(AGAIN, &again.get(&ids[1]), &told.get(&ids[1]))?;
    let (later, _) = follower.since(&quiet).await?;
    follower.tells(&later, &[&ids[0], &new], &[&ids[1]]).await?;

    // What changed and changed back, or came and went.
    set(&ids[0], "twice").await?;
    set(&ids[0], "thrice").await?;
    let short = edit(Edit::Add(107)).await?;
    edit(Edit::Remove(short.clone())).await?;
    let (told, third) = follower.since(&second).await?;
    follower.tells(&told, &[&ids[0]], &[]).await?;
    is_set(TOLD, &told, &ids[0], attribute, "thrice")?;
    let came = told.get(&short).is_some_and(|word| !word.records.is_empty());
    holds(GONE, !came, || format!("{short} came and went"))?;

    let filtered = Follower { source, query: follower.query.clone().with_filter(eq(attribute.clone(), "thrice")) };
    set(&ids[0], "away").await?;
    let (told, _) = filtered.since(&third).await?;
    holds(UNFILTERED, told.contains_key(&ids[0]), || format!("{} is not told", ids[0]))?;

    follower.reads_between(&ids, async |id| set(id, "meanwhile").await, async || edit(Edit::Add(108)).await).await?;

    let selected = Follower { source, query: follower.query.clone().with_select([attribute.clone()]) };
    let Some(cursor) = selected.begin().await? else { return holds(CURSOR, false, || "none".into()) };
    set(&ids[3], "selected").await?;
    let (told, _) = selected.since(&cursor).await?;
    is_set(TOLD, &told, &ids[3], attribute, "selected")?;

    let own = first.as_str();
    for garbage in ["", "0", "entrant: none of yours", "\0🦀'\"%2F../", &format!("{own}\0{own}"), &"x".repeat(100_000)]
    {
        follower.refuses(class.clone(), Cursor::new(garbage)).await?;
    }
    follower.refuses(Class::new("entrant-no-such-class"), first).await
}

/// What was told of an object.
#[derive(Debug, Default, PartialEq)]
struct Word {
    records: Vec<Record>,
    is_deleted: bool,
}

type Told = BTreeMap<ObjectId, Word>;

struct Follower<'a, S> {
    source: &'a S,
    query: Query,
}

impl<S: Source> Follower<'_, S> {
    /// Reads everything; without a cursor the source keeps no track of changes.
    async fn begin(&self) -> Verdict<Option<Cursor>> {
        let (_, completeness, cursor) = read(self.source, &self.query.clone().with_cursor()).await?;
        holds("a read of all that is there is complete", completeness.is_complete(), || format!("{completeness:?}"))?;
        Ok(cursor)
    }

    async fn since(&self, cursor: &Cursor) -> Verdict<(Told, Cursor)> {
        let (told, completeness, next) = read(self.source, &self.query.clone().with_since(cursor.clone())).await?;
        holds(NEXT, completeness.is_complete(), || format!("{completeness:?}"))?;
        match next {
            Some(next) => Ok((told, next)),
            None => holds(NEXT, false, || "no cursor".into()).map(|()| (told, cursor.clone())),
        }
    }

    /// Checks that these are told as they are now, and those as gone.
    async fn tells(&self, told: &Told, there: &[&ObjectId], gone: &[&ObjectId]) -> Verdict {
        let (whole, ..) = read(self.source, &self.query).await?;
        for id in there {
            let Some(word) = told.get(id).filter(|word| !word.records.is_empty()) else {
                return holds(TOLD, false, || format!("{id} is not told"));
            };
            holds(TOLD, !word.is_deleted, || format!("{id} deleted"))?;
            let now = whole.get(id).map(|word| &word.records[0].attributes);
            for record in &word.records {
                same(WHOLE, &Some(&record.attributes), &now)?;
            }
        }
        for id in gone {
            let word = told.get(id);
            let is_gone = word.is_some_and(|word| word.is_deleted && word.records.is_empty());
            holds(GONE, is_gone, || format!("{word:?} for {id}"))?;
        }
        Ok(())
    }

    /// Changes an object and makes another while everything is read.
    async fn reads_between(
        &self,
        ids: &[ObjectId],
        set: impl AsyncFn(&ObjectId) -> Verdict<ObjectId>,
        add: impl AsyncFn() -> Verdict<ObjectId>,
    ) -> Verdict {
        let query = self.query.clone().with_cursor();
        let mut steps = self.source.read(&query);
        let mut cursor = None;
        let mut edited = Vec::new();
        while let Some(step) = steps.next().await {
            if let Read::End { cursor: end, .. } = works("a read of what is there works", step)? {
                cursor = end;
            }
            if edited.is_empty() {
                edited = vec![set(&ids[2]).await?, add().await?];
            }
        }
        let Some(cursor) = cursor else { return holds(CURSOR, false, || "none".into()) };
        let (told, _) = self.since(&cursor).await?;
        for id in edited {
            let is_told = told.get(&id).is_some_and(|word| !word.records.is_empty());
            holds(BETWEEN, is_told, || format!("{id} is lost"))?;
        }
        Ok(())
    }

    async fn refuses(&self, class: Class, cursor: Cursor) -> Verdict {
        let shown: String = cursor.as_str().chars().take(40).collect();
        let query = Query::all(class).with_since(cursor);
        let mut steps = self.source.read(&query);
        while let Some(step) = steps.next().await {
            match step {
                Ok(Read::End { completeness, .. }) => {
                    return holds(EXPIRED, false, || format!("{completeness:?} since {shown:?}"));
                }
                Ok(_) => {}
                // Whoever has no such class may say so.
                Err(error) if error.kind() == ErrorKind::Unsupported && query.class != self.query.class => {
                    return Ok(());
                }
                Err(error) => {
                    let is_expired = error.kind() == ErrorKind::CursorExpired;
                    return holds(EXPIRED, is_expired, || format!("{} since {shown:?}", error.to_chain()));
                }
            }
        }
        holds(EXPIRED, false, || format!("no end since {shown:?}"))
    }
}

fn is_set(sentence: &'static str, told: &Told, id: &ObjectId, attribute: &Name, text: &str) -> Verdict {
    let record = told.get(id).and_then(|word| word.records.last());
    let seen = record.and_then(|record| record.get(attribute));
    same(sentence, &seen, &Some(&Value::text(text)))
}

async fn read(source: &impl Source, query: &Query) -> Verdict<(Told, Completeness, Option<Cursor>)> {
    let mut told = Told::new();
    let mut steps = source.read(query);
    while let Some(step) = steps.next().await {
        match works("a read with a good cursor works", step)? {
            Read::Record(record) => told.entry(record.id.clone()).or_default().records.push(record),
            Read::Deleted(id) => told.entry(id).or_default().is_deleted = true,
            Read::Unreadable { id, .. } => holds("the sample can be read", false, || format!("{id} cannot"))?,
            Read::End { completeness, cursor } => return Ok((told, completeness, cursor)),
        }
    }
    holds("a read ends with an end", false, || "none".into())?;
    Ok((told, Completeness::Complete, None))
}
