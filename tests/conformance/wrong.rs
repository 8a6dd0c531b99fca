//! Stores that keep a contract in all but one way: the suites notice.

use super::*;

/// What a deliberately wrong store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    NoEnd,
    EndTwice,
    AlwaysPartial,
    DropsOne,
    GetOutOfOrder,
    MissingIsError,
    AnswersTwice,
    StopsAtFailure,
    FindsNothing,
    ForgetsDeleted,
    ForgetsRefused,
    TakesNothing,
    TakesAnyReference,
    IgnoresFence,
    SharesLease,
    Unsorted,
    HalfBatch,
}

#[derive(Debug)]
struct WrongStore(MemoryStore, Wrong);

#[async_trait]
impl Source for WrongStore {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        let mut answers = self.0.get(ids).await?;
        match self.1 {
            Wrong::GetOutOfOrder => answers.reverse(),
            Wrong::MissingIsError if answers.contains(&Lookup::None) => {
                return Err(entrant::Error::new(entrant::ErrorKind::NotFound, "not there"));
            }
            _ => {}
        }
        Ok(answers)
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let steps = self.0.read(query);
        let is_end = |step: &Result<Read>| matches!(step, Ok(Read::End { .. }));
        match self.1 {
            Wrong::NoEnd => steps.filter(move |step| std::future::ready(!is_end(step))).boxed(),
            Wrong::EndTwice => steps.chain(futures::stream::iter([Ok(Read::complete())])).boxed(),
            Wrong::AlwaysPartial => {
                steps.map(move |step| if is_end(&step) { Ok(Read::partial("a whim")) } else { step }).boxed()
            }
            Wrong::DropsOne => steps.skip(1).boxed(),
            _ => steps,
        }
    }
}

#[async_trait]
impl Target for WrongStore {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.0.schema(class)
    }

    fn write<'a>(&'a self, mut changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        for change in &mut changes {
            let Operation::Elements { changes, .. } = &mut change.operation else { continue };
            for (name, change) in changes {
                match self.1 {
                    Wrong::TakesNothing => change.remove.clear(),
                    Wrong::TakesAnyReference if *name == "manager" && !change.remove.is_empty() => {
                        change.remove.extend((0..60).map(|number| Value::from(format!("user-{number}"))));
                    }
                    _ => {}
                }
            }
        }
        let repeated = changes.first().map(|change| change.id);
        let answers = self.0.write(changes);
        match self.1 {
            Wrong::AnswersTwice => answers
                .chain(futures::stream::iter(repeated.map(|id| (id, Ok(Written::new(ObjectId::user("1")))))))
                .boxed(),
            Wrong::ForgetsRefused => answers
                .map(|(id, answer)| {
                    (
                        id,
                        answer.map(|mut written| {
                            written.refused.clear();
                            written
                        }),
                    )
                })
                .boxed(),
            Wrong::StopsAtFailure => {
                let mut failed = false;
                answers
                    .map(move |(id, answer)| {
                        failed |= answer.is_err();
                        let stopped = || entrant::Error::new(entrant::ErrorKind::Conflict, "stopped");
                        (id, if failed { Err(stopped()) } else { answer })
                    })
                    .boxed()
            }
            _ => answers,
        }
    }

    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        match self.1 {
            Wrong::FindsNothing => Ok(Vec::new()),
            _ => self.0.find(class, attribute, values).await,
        }
    }

    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        match self.1 {
            Wrong::ForgetsDeleted => Ok(Vec::new()),
            _ => self.0.deleted(anchors).await,
        }
    }
}

#[tokio::test]
async fn a_wrong_source_is_caught() {
    for (wrong, sentence) in [
        (Wrong::NoEnd, "ends with an end"),
        (Wrong::EndTwice, "last step"),
        (Wrong::AlwaysPartial, "says that it was all"),
        (Wrong::DropsOne, "what the store holds"),
        (Wrong::GetOutOfOrder, "is not there is an answer"),
        (Wrong::MissingIsError, "one answer for each id"),
    ] {
        let violation =
            source_suite(async |records| WrongStore(MemoryStore::new("wrong").with_records(records), wrong))
                .await
                .expect_err("it breaks the contract");
        assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}");
    }
}

#[tokio::test]
async fn a_wrong_target_is_caught() {
    for (wrong, sentence) in [
        (Wrong::AnswersTwice, "exactly once"),
        (Wrong::StopsAtFailure, "stops no other"),
        (Wrong::FindsNothing, "find yields"),
        (Wrong::ForgetsDeleted, "recycle bin"),
        (Wrong::ForgetsRefused, "refused as not found"),
        (Wrong::TakesNothing, "given and taken are there and gone"),
        (Wrong::TakesAnyReference, "not the one held"),
        (Wrong::GetOutOfOrder, "none"),
    ] {
        let verdict = target_suite(&WrongStore(memory_target(), wrong), &sample()).await;
        match verdict {
            Err(violation) => assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}"),
            Ok(()) => assert_eq!(sentence, "none", "{wrong:?} was not caught"),
        }
    }
}

#[derive(Debug)]
struct WrongState(MemoryState, ManualClock, Wrong);

#[async_trait]
impl State for WrongState {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(table, key).await
    }

    fn scan(&self, table: Table, prefix: &[u8]) -> BoxStream<'_, Result<(Vec<u8>, Vec<u8>)>> {
        match self.2 {
            Wrong::Unsorted => {
                let rows = self.0.scan(table, prefix);
                futures::stream::once(async move {
                    let mut rows: Vec<_> = rows.collect().await;
                    rows.reverse();
                    futures::stream::iter(rows)
                })
                .flatten()
                .boxed()
            }
            _ => self.0.scan(table, prefix),
        }
    }

    async fn commit(&self, lease: &Lease, mut batch: Batch) -> Result<()> {
        match self.2 {
            Wrong::IgnoresFence => {
                let any = self.0.lease("any", Duration::from_secs(1)).await?.expect("it is given back at once");
                self.0.commit(&any, batch).await?;
                self.0.release(any).await
            }
            Wrong::HalfBatch => {
                batch.operations.truncate(batch.operations.len().div_ceil(2));
                self.0.commit(lease, batch).await
            }
            _ => self.0.commit(lease, batch).await,
        }
    }

    async fn lease(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        match self.2 {
            Wrong::SharesLease => Ok(Some(Lease::new(name, 1, self.1.now() + ttl))),
            _ => self.0.lease(name, ttl).await,
        }
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Option<Lease>> {
        self.0.renew(lease, ttl).await
    }

    async fn release(&self, lease: Lease) -> Result<()> {
        self.0.release(lease).await
    }
}

#[tokio::test]
async fn a_wrong_state_is_caught() {
    for (wrong, sentence) in [
        (Wrong::IgnoresFence, "writes nothing"),
        (Wrong::HalfBatch, "in their order"),
        (Wrong::Unsorted, "order of their bytes"),
        (Wrong::SharesLease, "whole or not at all"),
    ] {
        let clock = clock();
        let state = MemoryState::new().with_clock(clock.clone());
        let open = async || WrongState(state.clone(), clock.clone(), wrong);
        let violation = state_suite(open, async |time| clock.advance(time)).await.expect_err("it breaks the contract");
        assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}");
    }
}

/// What a deliberately wrong feed does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrongFeed {
    /// The cursor is taken after the list.
    CursorLate,
    NoNextCursor,
    Parts,
    Stale,
    NoTombstones,
    TombstoneAndRecord,
    TellsOnce,
    Filters,
    /// Whatever the cursor, nothing has changed.
    AcceptsAll,
    /// Whatever the cursor, all is new.
    BeginsAnew,
    CallsItInvalid,
    AnyClass,
    ForgetsNew,
}

#[derive(Debug)]
struct WrongFollowed(MemoryStore, WrongFeed, std::sync::Mutex<(Vec<String>, BTreeMap<ObjectId, Record>)>);

#[async_trait]
impl Source for WrongFollowed {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let expired = |error: &entrant::Error| error.kind() == entrant::ErrorKind::CursorExpired;
        let Some(cursor) = &query.since else {
            let mut steps: Vec<_> = futures::executor::block_on(self.0.read(query).collect());
            if self.1 == WrongFeed::CursorLate && query.wants_cursor {
                steps.pop();
                let (store, query) = (self.0.clone(), query.clone());
                let end = async move { store.read(&query).collect::<Vec<_>>().await.pop().expect("an end") };
                return futures::stream::iter(steps).chain(futures::stream::once(end)).boxed();
            }
            return futures::stream::iter(steps).boxed();
        };
        let mut query = query.clone();
        if self.1 == WrongFeed::AnyClass {
            let text = cursor.as_str().rsplit_once(' ').map_or("", |(start, _)| start);
            query.since = Some(Cursor::new(format!("{text} {}", query.class)));
        }
        let mut steps: Vec<Result<Read>> = futures::executor::block_on(self.0.read(&query).collect());
        let mut memory = self.2.lock().expect("no test panics with it");
        let seen = memory.0.iter().any(|own| own == cursor.as_str());
        if steps.len() > 1 {
            memory.0.push(cursor.as_str().to_owned());
        }
        match self.1 {
            WrongFeed::NoNextCursor => {
                steps.pop();
                steps.push(Ok(Read::complete()));
            }
            WrongFeed::Parts => {
                for step in &mut steps {
                    if let Ok(Read::Record(record)) = step {
                        record.attributes.remove("name");
                    }
                }
            }
            WrongFeed::Stale => {
                for step in &mut steps {
                    if let Ok(Read::Record(record)) = step {
                        let first = memory.1.entry(record.id.clone()).or_insert_with(|| record.clone());
                        record.clone_from(first);
                    }
                }
            }
            WrongFeed::NoTombstones => steps.retain(|step| !matches!(step, Ok(Read::Deleted(_)))),
            WrongFeed::TombstoneAndRecord => {
                let gone: Vec<_> = steps
                    .iter()
                    .filter_map(|step| match step {
                        Ok(Read::Deleted(id)) => Some(Ok(Read::Record(Record::new(id.clone())))),
                        _ => None,
                    })
                    .collect();
                steps.splice(0..0, gone);
            }
            WrongFeed::TellsOnce if seen => drop(steps.drain(..steps.len() - 1)),
            WrongFeed::Filters => {
                let passes = |record: &Record| query.filter.as_ref().is_none_or(|own| own.matches(&record.attributes));
                steps.retain(|step| !matches!(step, Ok(Read::Record(record)) if !passes(record)));
            }
            WrongFeed::AcceptsAll if steps.iter().any(|step| step.as_ref().is_err_and(expired)) => {
                steps = vec![Ok(Read::complete_at(cursor.clone()))];
            }
            WrongFeed::BeginsAnew if steps.iter().any(|step| step.as_ref().is_err_and(expired)) => {
                query.since = None;
                return self.0.read(&query.with_cursor());
            }
            WrongFeed::CallsItInvalid if steps.iter().any(|step| step.as_ref().is_err_and(expired)) => {
                steps = vec![Err(entrant::Error::new(entrant::ErrorKind::Invalid, "what is that?"))];
            }
            WrongFeed::ForgetsNew => {
                steps.retain(
                    |step| !matches!(step, Ok(Read::Record(record)) if record.get("note") == Some(&Value::Null)),
                );
            }
            _ => {}
        }
        futures::stream::iter(steps).boxed()
    }
}

#[tokio::test]
async fn a_wrong_feed_is_caught() {
    for (wrong, sentence) in [
        (WrongFeed::CursorLate, "is told next time"),
        (WrongFeed::NoNextCursor, "with the next cursor"),
        (WrongFeed::Parts, "comes whole"),
        (WrongFeed::Stale, "comes whole"),
        (WrongFeed::NoTombstones, "what is gone is deleted"),
        (WrongFeed::TombstoneAndRecord, "what is gone is deleted"),
        (WrongFeed::TellsOnce, "read from again"),
        (WrongFeed::Filters, "no longer passes the filter"),
        (WrongFeed::AcceptsAll, "fails as expired"),
        (WrongFeed::BeginsAnew, "fails as expired"),
        (WrongFeed::CallsItInvalid, "fails as expired"),
        (WrongFeed::AnyClass, "fails as expired"),
        (WrongFeed::ForgetsNew, "yields what changed"),
    ] {
        let store = MemoryStore::new("wrong");
        let followed = WrongFollowed(store.clone(), wrong, std::sync::Mutex::default());
        let verdict: std::result::Result<(), Violation> =
            changes_suite(&followed, &Class::USER, "note", async |edit| edited(&store, edit).await).await;
        let violation = verdict.expect_err("it breaks the contract");
        assert!(violation.sentence.contains(sentence), "{wrong:?}: {violation}");
    }
}

/// A sink that keeps nothing.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl PasswordSink for Forgetful {
    async fn prepare(&self, passwords: Vec<InitialPassword>) -> Result<Vec<Secret>> {
        Ok(passwords.into_iter().map(|one| one.password).collect())
    }

    async fn confirm(&self, _: Vec<(String, ObjectId)>) -> Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_forgetful_sink_is_caught() {
    let violation = password_sink_suite(async || Forgetful).await.expect_err("it forgets");
    assert!(violation.sentence.contains("wins"), "{violation}");
}
