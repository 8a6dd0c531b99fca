//! Reading both sides of a mapping as a whole, as two streams.

use std::future::poll_fn;
use std::task::{Context, Poll};

use futures::StreamExt;
use futures::stream::BoxStream;

use super::planning::{PROGRESS, source_query, target_query};
use super::seen::Seen;
use super::{Job, Run};
use crate::error::Result;
use crate::model::Completeness;
use crate::reconcile::{Inputs, Pairs, Reading, Side};
use crate::store::{Query, Read, ended, heeded};

/// What was read of both sides.
pub(super) struct Sides {
    pub(super) source: Side,
    pub(super) target: Side,
    pub(super) pairs: Pairs,
    /// The digests of all records of the source, if they were wanted.
    pub(super) seen: Option<Seen>,
}

impl Job {
    /// Reads both sides, and settles on the way what can be settled. `compares`: whether the next run may have nothing but
    /// digests to tell by what changed in the source.
    ///
    /// The target goes first where both have something to give: a source record that finds its counterpart there is
    /// mapped as it comes in, and never kept.
    pub(super) async fn read_whole(&self, run: &Run, inputs: Inputs<'_>, compares: bool) -> Sides {
        let mut of_source = source_query(run, inputs.mapping, inputs.policy);
        let mut of_target = target_query(&inputs);
        (of_source.wants_cursor, of_target.wants_cursor) = (true, true);
        let mut seen = compares.then(|| Seen::new(inputs.mapping, inputs.policy));
        let alike = self.mappings.iter().filter(|ready| ready.mapping.source_class() == &of_source.class).count();
        let mut reading = Reading::new(inputs, alike == 1);
        let mut source = Steps::new(heeded(&*self.source, &of_source));
        let mut target = Steps::new(heeded(&*self.target, &of_target));
        let (mut unreadable_sources, mut unreadable_targets) = (Vec::new(), Vec::new());
        loop {
            // Not the other way round: the one that is polled last must not have given anything away before.
            let step = poll_fn(|context| match target.poll(context) {
                Poll::Ready(Some(step)) => Poll::Ready(Some((End::Target, step))),
                of_target => match source.poll(context) {
                    Poll::Ready(Some(step)) => Poll::Ready(Some((End::Source, step))),
                    Poll::Ready(None) if of_target.is_ready() => Poll::Ready(None),
                    _ => Poll::Pending,
                },
            });
            match step.await {
                None => break,
                Some((End::Source, Ok(Read::Record(record)))) => {
                    self.count(&mut source, self.source.name(), &of_source);
                    if let Some(seen) = &mut seen {
                        seen.add(&record);
                    }
                    reading.read_source(record);
                }
                Some((End::Target, Ok(Read::Record(record)))) => {
                    self.count(&mut target, self.target.name(), &of_target);
                    reading.read_target(record);
                }
                Some((End::Source, Ok(Read::Unreadable { id, origin, reason }))) => {
                    reading.read_unreadable(&id);
                    unreadable_sources.push((id, origin, reason));
                }
                Some((End::Target, Ok(Read::Unreadable { id, origin, reason }))) => {
                    unreadable_targets.push((id, origin, reason));
                }
                Some((_, Ok(Read::Deleted(_)))) => {}
                Some((End::Source, end)) => source.end(end),
                Some((End::Target, end)) => target.end(end),
            }
        }
        self.tell_read(self.source.name(), &of_source.class, source.records);
        self.tell_read(self.target.name(), &of_target.class, target.records);
        let (of_source, of_target) = (source.close(), target.close());
        let (mut source, mut target, pairs) = reading.end();
        (source.completeness, source.cursor) = (Some(of_source.0), of_source.1);
        (target.completeness, target.cursor) = (Some(of_target.0), of_target.1);
        (source.unreadable, target.unreadable) = (unreadable_sources, unreadable_targets);
        Sides { source, target, pairs, seen }
    }

    /// Tells the observer now and then how far a read is.
    fn count(&self, steps: &mut Steps<'_>, store: &str, query: &Query) {
        steps.records += 1;
        if (steps.records as u64).is_multiple_of(PROGRESS) {
            self.tell_read(store, &query.class, steps.records);
        }
    }
}

/// Which side a step is of.
#[derive(Clone, Copy)]
enum End {
    Source,
    Target,
}

/// The steps of a read, up to its end mark.
struct Steps<'a> {
    stream: Option<BoxStream<'a, Result<Read>>>,
    records: usize,
    end: Option<(Completeness, Option<String>)>,
}

impl<'a> Steps<'a> {
    fn new(stream: BoxStream<'a, Result<Read>>) -> Self {
        Self { stream: Some(stream), records: 0, end: None }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Read>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let step = stream.poll_next_unpin(context);
        if matches!(step, Poll::Ready(None)) {
            self.stream = None;
        }
        step
    }

    /// Ends the read, by its end mark or what broke it.
    fn end(&mut self, step: Result<Read>) {
        self.stream = None;
        self.end = Some(ended(Some(step)));
    }

    /// Whether that was all, and where to go on next time.
    fn close(self) -> (Completeness, Option<String>) {
        self.end.unwrap_or_else(|| ended(None))
    }
}
