//! Carrying changes out, many at once.

use std::collections::{HashMap, VecDeque};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde_json::Value as Json;
use uuid::Uuid;

use super::elements;
use super::guests::{self, Invitations};
use super::routing::{object_of, route};
use super::step::{Element, Part, Step};
use crate::error::{Error, ErrorKind, GraphError, Result, Retry};
use crate::graph::{BatchResponse, GraphClass, GraphClient};
use crate::model::{Change, ChangeId, Class, ObjectId, Operation, Refused, Written, fold};

/// What tells users and groups from others, and comes back as it was sent.
const TELLING: [&str; 4] = ["userPrincipalName", "mailNickname", "onPremisesImmutableId", "uniqueName"];

/// The most requests of one object that are under way at once, where their order does not matter: one batch.
const MAX_TOGETHER: usize = 20;

/// Carries changes out in rounds: of each object one request a round, so that those of one object keep their order;
/// or several, of those that add or remove one member each.
pub(super) fn write(
    client: GraphClient,
    invitations: Option<&Invitations>,
    changes: Vec<Change>,
) -> BoxStream<'static, (ChangeId, Result<Written>)> {
    stream::unfold(Run::new(client, invitations, changes), |mut run| async move {
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
    /// The queue of each request, and the request until its outcome is there.
    sent: Vec<(usize, Option<Step>)>,
}

/// A change until it is answered.
struct Pending {
    id: ChangeId,
    class: Class,
    object: Option<ObjectId>,
    steps: VecDeque<Step>,
    /// How many of its requests are under way.
    open: usize,
    failed: Option<Error>,
    refused: Vec<Refused>,
    /// What was to be taken and was not there.
    not_there: Vec<Element>,
}

impl Run {
    fn new(client: GraphClient, invitations: Option<&Invitations>, changes: Vec<Change>) -> Self {
        let mut run = Self { client, queues: Vec::new(), round: None, answers: VecDeque::new() };
        let mut places: HashMap<ObjectId, usize> = HashMap::new();
        for change in changes {
            let (class, object) = object_of(&change.operation);
            let object = object.cloned();
            let routed = match change.operation {
                Operation::Elements { id, changes } => elements::route(&run.client, &id, changes),
                operation => {
                    let steps = match (operation, invitations) {
                        (Operation::Create { attributes, secrets, .. }, Some(invitations)) if class == Class::USER => {
                            match secrets.is_empty() {
                                true => guests::route(&run.client, invitations, &attributes),
                                false => Err(Error::new(
                                    ErrorKind::Invalid,
                                    "a guest signs in with a password of his own; leave it out of the mapping",
                                )),
                            }
                        }
                        (operation, _) => route(operation),
                    };
                    steps.map(|steps| (steps, Vec::new()))
                }
            };
            let (steps, refused) = match routed {
                Ok(routed) => routed,
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
            let pending = Pending {
                id: change.id,
                class,
                object,
                steps: steps.into(),
                open: 0,
                failed: None,
                refused,
                not_there: Vec::new(),
            };
            run.queues[place].push_back(pending);
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
                    let sent = round.sent.get_mut(index).and_then(|(queue, step)| Some((*queue, step.take()?)));
                    if let Some((queue, step)) = sent {
                        self.settle(queue, step, outcome);
                    }
                }
                None => self.round = None,
            }
        }
    }

    /// Sends the next requests of each object; `false` if there is nothing left to do.
    fn begin_round(&mut self) -> bool {
        let mut requests = Vec::new();
        let mut sent = Vec::new();
        for (place, queue) in self.queues.iter_mut().enumerate() {
            // An update of nothing is done without a request.
            while let Some(done) = take_done(queue) {
                self.answers.push_back(done.into_answer());
            }
            let Some(pending) = queue.front_mut() else { continue };
            for step in pending.next_steps() {
                requests.push(step.request.clone());
                sent.push((place, Some(step)));
            }
        }
        let begun = !requests.is_empty();
        if begun {
            self.round = Some(Round { outcomes: self.client.batch(requests), sent });
        }
        begun || !self.answers.is_empty()
    }

    fn settle(&mut self, queue: usize, step: Step, outcome: Result<BatchResponse>) {
        let queue = &mut self.queues[queue];
        let Some(pending) = queue.front_mut() else { return };
        pending.open = pending.open.saturating_sub(1);
        pending.settle(&self.client, step, outcome);
        if let Some(done) = take_done(queue) {
            self.answers.push_back(done.into_answer());
        }
    }
}

impl Pending {
    /// The next request, with those behind it that may go with it.
    fn next_steps(&mut self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.steps.pop_front().into_iter().collect();
        if let Some(part) = steps.first().map(|step| step.part).filter(|part| part.may_go_together()) {
            while steps.len() < MAX_TOGETHER && self.steps.front().is_some_and(|step| step.part == part) {
                steps.extend(self.steps.pop_front());
            }
        }
        self.open = steps.len();
        steps
    }

    fn settle(&mut self, client: &GraphClient, step: Step, outcome: Result<BatchResponse>) {
        let error = match (self.judged(client, &step, outcome), &self.object) {
            (Ok(()), _) => return,
            (Err(error), Some(object)) => match another_way(client, object, &step, error) {
                Ok(way) => {
                    way.steps.into_iter().rev().for_each(|step| self.steps.push_front(step));
                    self.refused.extend(way.refused);
                    return;
                }
                Err(error) => error,
            },
            (Err(error), None) => error,
        };
        // That the second attempt failed for the network's sake, that the application may no longer send it, that the
        // member himself is gone by now, or a refusal that gives no reason (it may be that all is done) tells nothing of
        // the first.
        let is_gone = |said: &GraphError| said.class() == GraphClass::NotFound;
        let tells = error.retry() == Retry::Never
            && error
                .graph_of_itself()
                .is_some_and(|said| !matches!(said.status, 401 | 403) && said.has_reason() && !is_gone(said));
        let doubtful = step.again && step.part != Part::Licenses && !tells;
        let error = if doubtful { error.with_outcome_in_doubt() } else { error };
        let error = error.with_context("part", step.part.as_str());
        if step.part == Part::Status {
            // Who can still sign in would only have to do it again.
            self.steps.retain(|step| step.part != Part::Sessions);
        }
        // What is not known cannot be kept: the write that depends on it is left out.
        let dependent = if step.part.is_question() { self.steps.pop_front() } else { None };
        let elements = dependent.map_or(step.elements, |step| step.elements);
        if elements.is_empty() || error.is_outcome_in_doubt() {
            // The first failure is the answer, the other parts do not depend on it; but what is unknown stays unknown.
            let in_doubt = error.is_outcome_in_doubt();
            let first = self.failed.take().unwrap_or(error);
            self.failed = Some(if in_doubt { first.with_outcome_in_doubt() } else { first });
        } else {
            self.refused.extend(elements::refused(elements, error));
        }
    }

    /// What an outcome means: an error only if what was wanted is not so.
    fn judged(&mut self, client: &GraphClient, step: &Step, outcome: Result<BatchResponse>) -> Result<()> {
        let links = |object: &ObjectId| match step.part {
            Part::AddOwner | Part::RemoveOwner => client.groups().owners(object),
            _ => client.groups().members(object),
        };
        let response = match (step.part, outcome, &self.object) {
            // It is gone, which is what was wanted.
            (Part::Delete, Err(error), _) if error.is_object_missing() => return Ok(()),
            (Part::RemoveManager, Err(error), _) if error.is_not_there() => {
                self.not_there.extend_from_slice(&step.elements);
                return Ok(());
            }
            (Part::AddMember | Part::AddOwner, outcome, Some(group)) => return links(group).added(outcome),
            (Part::RemoveMember | Part::RemoveOwner, outcome, Some(group)) => {
                let is_refused = outcome.is_err();
                links(group).removed(outcome)?;
                if is_refused {
                    self.not_there.extend_from_slice(&step.elements);
                }
                return Ok(());
            }
            (Part::Bind, Err(error), _) if step.elements.len() == 1 && error.is_already_there() => return Ok(()),
            (_, outcome, _) => outcome?,
        };
        match step.part {
            Part::Create => {
                if let Some(sent) = &step.request.body {
                    is_of(sent, &response.body)?;
                }
                self.object = Some(created(&self.class, &response.body["id"])?);
            }
            Part::Invite => self.object = Some(created(&self.class, &response.body["invitedUser"]["id"])?),
            _ => {}
        }
        if step.part.is_question() {
            let goes_on = match self.steps.front_mut() {
                Some(next) => next.take_in(step.part, &response.body)?,
                None => true,
            };
            if !goes_on {
                let left_out = self.steps.pop_front().filter(|step| step.part == Part::RemoveManager);
                self.not_there.extend(left_out.into_iter().flat_map(|step| step.elements));
            }
        }
        Ok(())
    }

    fn into_answer(self) -> (ChangeId, Result<Written>) {
        let answer = match (self.failed, self.object) {
            (Some(error), _) => Err(error),
            (None, Some(id)) => {
                let written = Written::new(id).with_refused(self.refused);
                Ok(self
                    .not_there
                    .into_iter()
                    .fold(written, |written, element| written.with_not_there(element.attribute, element.value)))
            }
            (None, None) => Err(no_id()),
        };
        (self.id, answer)
    }
}

/// What to send instead of a request that failed.
struct Way {
    steps: Vec<Step>,
    refused: Vec<Refused>,
}

/// Another way to what a request was to do; or its error, if there is none.
fn another_way(client: &GraphClient, object: &ObjectId, step: &Step, error: Error) -> Result<Way> {
    let again = || Step { again: true, ..step.clone() };
    match step.part {
        // Graph takes all of them or none; and all that an attempt without an answer may have added are in.
        Part::Bind if step.elements.len() > 1 && client.groups().members(object).may_be_the_fault_of_one(&error) => {
            let (steps, refused) = elements::one_by_one(client, object, step.elements.clone());
            // That one of them fails later tells nothing of what that attempt did.
            let again = error.is_outcome_in_doubt();
            Ok(Way { steps: steps.into_iter().map(|step| Step { again, ..step }).collect(), refused })
        }
        // Once more does no harm: who is in already is in.
        Part::AddMember | Part::AddOwner if error.is_outcome_in_doubt() && !step.again => {
            Ok(Way { steps: vec![again()], refused: Vec::new() })
        }
        // One of those to be taken is not there any more; the others are to go all the same.
        Part::Licenses if !step.again && error.graph().is_some_and(|said| said.class() == GraphClass::NotLicensed) => {
            Ok(Way { steps: vec![elements::ask_licenses(client, object)?, again()], refused: Vec::new() })
        }
        _ => Err(error),
    }
}

/// The next change of an object, if nothing of it is left to do.
fn take_done(queue: &mut VecDeque<Pending>) -> Option<Pending> {
    let first = queue.front()?;
    if first.steps.is_empty() && first.open == 0 { queue.pop_front() } else { None }
}

fn created(class: &Class, id: &Json) -> Result<ObjectId> {
    // What is no id of the directory's must not be remembered; the object is then looked for.
    let id = id.as_str().filter(|id| Uuid::try_parse(id).is_ok());
    id.map(|id| ObjectId::new(class.clone(), id)).ok_or_else(no_id)
}

/// Whether an answer to a create is of what was sent: the id of another object must not be remembered.
fn is_of(sent: &Json, answer: &Json) -> Result<()> {
    for name in TELLING {
        if let (Some(own), Some(other)) = (sent[name].as_str(), answer[name].as_str())
            && fold(own) != fold(other)
        {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the answer to a create is of another object; what was made is looked for by its values",
            )
            .with_context("sent", format!("{name}={own}"))
            .with_context("answered", format!("{name}={other}"))
            .with_outcome_in_doubt());
        }
    }
    Ok(())
}

fn no_id() -> Error {
    Error::new(ErrorKind::Protocol, "the answer to a create names no id").with_outcome_in_doubt()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_to_a_create_is_of_what_was_sent() {
        let sent = json!({"userPrincipalName": "Zoë@contoso.com", "mailNickname": "zoë", "employeeId": "7"});
        for (answer, is_right) in [
            (json!({"id": "1", "userPrincipalName": "Zoë@contoso.com", "mailNickname": "zoë"}), true),
            (json!({"id": "1", "userPrincipalName": "ZOË@Contoso.com"}), true),
            (json!({"id": "1", "userPrincipalName": "zoe\u{308}@contoso.com"}), true),
            // What it does not tell it does not deny; nor does it what was not sent.
            (json!({"id": "1", "userPrincipalName": null}), true),
            (json!({"id": "1", "uniqueName": "x"}), true),
            (json!({"id": "1", "userPrincipalName": "ada@contoso.com", "mailNickname": "zoë"}), false),
            (json!({"id": "1", "userPrincipalName": "Zoë@contoso.com", "mailNickname": "ada"}), false),
            (json!({"id": "1", "userPrincipalName": ""}), false),
        ] {
            match is_of(&sent, &answer) {
                Ok(()) => assert!(is_right, "{answer}"),
                Err(error) => assert!(!is_right && error.is_outcome_in_doubt(), "{answer}: {error}"),
            }
        }
    }
}
