//! Requests of a batch that wait for each other.

use std::collections::VecDeque;

use futures::future::BoxFuture;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::batch::{Item, Order, Outcome, exchange, pack};
use crate::graph::error::may_repeat;
use crate::graph::{BatchRequest, BatchResponse, GraphClass, GraphClient};

impl GraphClient {
    /// Sends requests that must be carried out in this order, up to 20 at once, and gives the outcome of each. What
    /// comes after a failure is not tried.
    ///
    /// What Graph asks to repeat is repeated, and what comes after it then follows. Reads and writes go in batches of
    /// their own here too: each change from one to the other is a round trip.
    ///
    /// # Errors
    ///
    /// Those of a request on its own, for the first that fails for good. Those after it fail with the kind
    /// [`ErrorKind::Conflict`]: not tried, or [in doubt](Error::is_outcome_in_doubt) if the answer to a batch with them
    /// was lost.
    ///
    /// # Cancellation
    ///
    /// What was sent by then may have been carried out.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(graph: entrant::graph::GraphClient) -> entrant::Result<()> {
    /// let requests = vec![
    ///     graph.users().update("ada@contoso.com", &serde_json::json!({"mail": "old@contoso.com"})).into_batch()?,
    ///     graph.users().update("bob@contoso.com", &serde_json::json!({"mail": "ada@contoso.com"})).into_batch()?,
    /// ];
    /// for outcome in graph.batch_in_order(requests).await {
    ///     outcome?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// See [JSON batching](https://learn.microsoft.com/graph/json-batching).
    pub fn batch_in_order(&self, requests: Vec<BatchRequest>) -> BoxFuture<'static, Vec<Result<BatchResponse>>> {
        let client = self.clone();
        Box::pin(async move {
            let mut outcomes: Outcomes = requests.iter().map(|_| None).collect();
            let mut waiting = VecDeque::with_capacity(requests.len());
            for (index, request) in requests.into_iter().enumerate() {
                match Item::new(&client, index, request) {
                    Ok(item) => waiting.push_back(item),
                    Err(error) => {
                        // Nothing after it can be tried.
                        outcomes[index] = Some(Err(error));
                        break;
                    }
                }
            }
            walk(&client, waiting, &mut outcomes).await;
            outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(not_tried()))).collect()
        })
    }
}

/// By the requests' places; what has none was not tried.
type Outcomes = Vec<Option<Result<BatchResponse>>>;

/// Sends them until all are done or one has failed.
async fn walk(client: &GraphClient, mut waiting: VecDeque<Item>, outcomes: &mut Outcomes) {
    while !waiting.is_empty() {
        let items = pack(&mut waiting, Order::AsGiven);
        let answers = exchange(client.clone(), items, Order::AsGiven).await;
        let is_done = |(_, outcome): &(Item, Outcome)| matches!(outcome, Outcome::Final(Ok(_)));
        let last_done = answers.iter().rposition(is_done);
        let mut again = Vec::new();
        let mut delay = None;
        let mut is_over = false;
        for (place, (mut item, outcome)) in answers.into_iter().enumerate() {
            let (error, is_final) = match outcome {
                Outcome::Final(Ok(response)) => {
                    outcomes[item.index] = Some(Ok(response));
                    continue;
                }
                Outcome::Final(Err(error)) | Outcome::NotSent(error) => (error, true),
                Outcome::Failed(error) => (error, false),
            };
            item.in_doubt |= error.is_outcome_in_doubt();
            if is_over {
                outcomes[item.index] = item.in_doubt.then(|| Err(not_tried().with_outcome_in_doubt()));
                continue;
            }
            if last_done.is_some_and(|last| place < last) {
                // One that waited for it was carried out, and so was it: sent again, it would undo what came after.
                is_over = true;
                outcomes[item.index] = Some(Err(named(error, &item).with_outcome_in_doubt()));
                continue;
            }
            if !again.is_empty() && is_skipped(&error) {
                again.push(item);
                continue;
            }
            let now = client.0.clock.now();
            let next = match &mut item.attempts {
                Some(attempts) if !is_final && may_repeat(&item.method, &error) => {
                    attempts.next(&client.policy(), now, &error)
                }
                _ => None,
            };
            match next {
                Some(wait) => {
                    delay = delay.max(Some(wait));
                    again.push(item);
                }
                None => {
                    // What is before it is still sent again, and then it is over.
                    is_over = true;
                    outcomes[item.index] = Some(Err(named(error, &item)));
                }
            }
        }
        if is_over {
            waiting.clear();
        }
        again.into_iter().rev().for_each(|item| waiting.push_front(item));
        if let (Some(delay), false) = (delay, waiting.is_empty()) {
            client.0.clock.sleep(delay).await;
        }
    }
}

fn named(error: Error, item: &Item) -> Error {
    let error = error.with_context("request", format_args!("{} {}", item.method, item.path));
    if item.in_doubt { error.with_outcome_in_doubt() } else { error }
}

/// Whether Graph did not try it since what it depends on had failed.
fn is_skipped(error: &Error) -> bool {
    error.graph().is_some_and(|graph| graph.class() == GraphClass::DependencyFailed)
}

fn not_tried() -> Error {
    Error::new(ErrorKind::Conflict, "not tried: a request before it failed")
}
