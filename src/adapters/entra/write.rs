//! Carrying changes out, many at once.

use std::collections::{HashMap, VecDeque};

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::routing::{Part, Step, object_of, route};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{BatchResponse, GraphClient};
use crate::model::{Change, ChangeId, ObjectId, Written};

/// Carries changes out in rounds: of each object one request a round, so that those of one object keep their order.
pub(super) fn write(client: GraphClient, changes: Vec<Change>) -> BoxStream<'static, (ChangeId, Result<Written>)> {
    stream::unfold(Run::new(client, changes), |mut run| async move {
        let answer = run.next().await?;
        Some((answer, run))
    })
    .boxed()
}

struct Run {
    client: GraphClient,
    /// The changes of each object; a new object has a queue of its own.
    queues: Vec<VecDeque<Pending>>,
    round: Option<Round>,
    answers: VecDeque<(ChangeId, Result<Written>)>,
}

/// The requests that are under way.
struct Round {
    outcomes: BoxStream<'static, (usize, Result<BatchResponse>)>,
    /// The queue of each request.
    queues: Vec<usize>,
}

/// A change until it is answered.
struct Pending {
    id: ChangeId,
    object: Option<ObjectId>,
    steps: VecDeque<Step>,
    failed: Option<Error>,
}

impl Run {
    fn new(client: GraphClient, changes: Vec<Change>) -> Self {
        let mut run = Self { client, queues: Vec::new(), round: None, answers: VecDeque::new() };
        let mut places: HashMap<ObjectId, usize> = HashMap::new();
        for change in changes {
            let object = object_of(&change.operation).cloned();
            let steps = match route(change.operation) {
                Ok(steps) => steps,
                Err(error) => {
                    run.answers.push_back((change.id, Err(error)));
                    continue;
                }
            };
            let place = match &object {
                Some(object) => *places.entry(object.clone()).or_insert(run.queues.len()),
                None => run.queues.len(),
            };
            if place == run.queues.len() {
                run.queues.push(VecDeque::new());
            }
            run.queues[place].push_back(Pending { id: change.id, object, steps: steps.into(), failed: None });
        }
        run
    }

    async fn next(&mut self) -> Option<(ChangeId, Result<Written>)> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Some(answer);
            }
            let Some(round) = &mut self.round else {
                if !self.begin_round() {
                    return None;
                }
                continue;
            };
            match round.outcomes.next().await {
                Some((index, outcome)) => {
                    let queue = round.queues[index];
                    self.settle(queue, outcome);
                }
                None => self.round = None,
            }
        }
    }

    /// Sends the next request of each object; `false` if there is nothing left to do.
    fn begin_round(&mut self) -> bool {
        let mut requests = Vec::new();
        let mut queues = Vec::new();
        for (place, queue) in self.queues.iter_mut().enumerate() {
            // An update of nothing is done without a request.
            while let Some(done) = take_done(queue) {
                self.answers.push_back(done.into_answer());
            }
            if let Some(step) = queue.front().and_then(|pending| pending.steps.front()) {
                requests.push(step.to_request());
                queues.push(place);
            }
        }
        let begun = !requests.is_empty();
        if begun {
            self.round = Some(Round { outcomes: self.client.batch(requests), queues });
        }
        begun || !self.answers.is_empty()
    }

    fn settle(&mut self, queue: usize, outcome: Result<BatchResponse>) {
        let queue = &mut self.queues[queue];
        let Some(pending) = queue.front_mut() else { return };
        pending.settle(outcome);
        if let Some(done) = take_done(queue) {
            self.answers.push_back(done.into_answer());
        }
    }
}

impl Pending {
    fn settle(&mut self, outcome: Result<BatchResponse>) {
        let Some(step) = self.steps.pop_front() else { return };
        let outcome = match outcome {
            // It is gone, which is what was wanted.
            Err(error) if step.part == Part::Delete && error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(response) => match step.part {
                Part::ReadOrgData => {
                    if let Some(next) = self.steps.front_mut() {
                        next.fill_org_data(&response.body);
                    }
                    Ok(())
                }
                Part::Create => created(&response).map(|id| self.object = Some(id)),
                _ => Ok(()),
            },
        };
        if let Err(error) = outcome {
            if step.part == Part::ReadOrgData {
                // What is not known cannot be kept: the write that depends on it is left out.
                self.steps.pop_front();
            }
            // The first failure is the answer; the other parts do not depend on it.
            self.failed.get_or_insert(error.with_context("part", step.part.as_str()));
        }
    }

    fn into_answer(self) -> (ChangeId, Result<Written>) {
        let answer = match (self.failed, self.object) {
            (Some(error), _) => Err(error),
            (None, Some(id)) => Ok(Written::new(id)),
            (None, None) => Err(no_id()),
        };
        (self.id, answer)
    }
}

/// The next change of an object, if nothing of it is left to do.
fn take_done(queue: &mut VecDeque<Pending>) -> Option<Pending> {
    if queue.front()?.steps.is_empty() { queue.pop_front() } else { None }
}

fn created(response: &BatchResponse) -> Result<ObjectId> {
    let id = response.body["id"].as_str().filter(|id| !id.is_empty());
    id.map(ObjectId::user).ok_or_else(no_id)
}

fn no_id() -> Error {
    Error::new(ErrorKind::Protocol, "the answer to a create names no id").with_outcome_in_doubt()
}
