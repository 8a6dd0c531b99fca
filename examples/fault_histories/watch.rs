//! The tenant as the job sees it, by the watch: no call may take longer than its deadline allows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entrant::Result;
use entrant::adapters::Entra;
use entrant::model::{Anchor, Change, ChangeId, Class, Name, ObjectId, Record, Schema, Value, Written};
use entrant::reconcile::Constraints;
use entrant::store::{Capabilities, Lookup, Query, Read, Source, Target};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::witness::Witness;

#[derive(Debug)]
pub(crate) struct Watch {
    inner: Entra,
    witness: Witness,
}

impl Watch {
    /// How long one request may take in all.
    pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
    /// How much later than its deadline a request may end: its last attempt is not cut off, nor is the one for a token.
    const LATE: Duration = Duration::from_secs(10);
    /// How many requests a call may make one after the other.
    const IN_A_ROW: u32 = 4;

    pub(crate) fn new(inner: Entra, witness: Witness) -> Self {
        Self { inner, witness }
    }

    async fn timed<T>(&self, what: &str, call: impl Future<Output = T>) -> T {
        let (begun, ahead) = (self.witness.timeline.now(), self.witness.machine.ahead());
        let answer = call.await;
        let took = Duration::try_from(self.witness.timeline.now() - begun).unwrap_or_default();
        // A clock that is set back makes everything take so much longer by that clock.
        let set_back = Duration::try_from(ahead - self.witness.machine.ahead()).unwrap_or_default();
        let allowed = (Self::DEADLINE + Self::LATE) * Self::IN_A_ROW + set_back;
        if took > allowed {
            self.witness.wrong("deadlines-kept", format!("{what} took {took:?}, at most {allowed:?} is allowed"));
        }
        answer
    }
}

#[async_trait]
impl Source for Watch {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, ids: &[ObjectId]) -> Result<Vec<Lookup>> {
        self.timed("get", self.inner.get(ids)).await
    }

    fn read(&self, query: &Query) -> BoxStream<'_, Result<Read>> {
        let reads = self.inner.read(query);
        futures::stream::unfold(reads, move |mut reads| async move {
            let read = self.timed("a step of a read", reads.next()).await?;
            Some((read, reads))
        })
        .boxed()
    }
}

#[async_trait]
impl Target for Watch {
    fn schema(&self, class: &Class) -> Result<Arc<Schema>> {
        self.inner.schema(class)
    }

    async fn constraints(&self) -> Result<Arc<dyn Constraints>> {
        self.timed("constraints", self.inner.constraints()).await
    }

    fn clock_ahead(&self) -> time::Duration {
        self.inner.clock_ahead()
    }

    fn write<'a>(&'a self, changes: Vec<Change>) -> BoxStream<'a, (ChangeId, Result<Written>)> {
        let answers = self.inner.write(changes);
        futures::stream::unfold(answers, move |mut answers| async move {
            let answer = self.timed("a write", answers.next()).await?;
            Some((answer, answers))
        })
        .boxed()
    }

    async fn find(&self, class: &Class, attribute: &Name, values: &[Value]) -> Result<Vec<Record>> {
        self.timed("find", self.inner.find(class, attribute, values)).await
    }

    async fn deleted(&self, anchors: &[Anchor]) -> Result<Vec<Record>> {
        self.timed("deleted", self.inner.deleted(anchors)).await
    }
}
