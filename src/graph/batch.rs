//! Many requests in few: `$batch`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{self, BoxFuture, Either};
use futures::stream::{self, BoxStream, FuturesUnordered, StreamExt};
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::auth::{AccessToken, ClaimsChallenge};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::graph::GraphClient;
use crate::graph::answer::{Answer, missing, weighed};
use crate::graph::driven::driven;
use crate::graph::error::{is_write, may_repeat};
use crate::graph::send::{Outgoing, Sent, decode, heard, traffic_of, wrong_shape};
use crate::graph::turns::turn_of;
use crate::http::Traffic;
use crate::http::redact::path_for_people;
use crate::http::retry::Attempts;

/// The most requests that Graph takes in one batch.
const MAX_REQUESTS: usize = 20;

/// The size of a batch after which no further request goes into it; Graph takes about 4 MB.
const MAX_BYTES: usize = 3_000_000;

/// One request of a batch.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchRequest {
    /// What to do.
    pub method: Method,
    /// Where, relative to the version's root, encoded, with a slash in front: `/users/{id}?$select=id`.
    pub url: String,
    /// Headers beside `Content-Type`, which goes with a body by itself.
    pub headers: BTreeMap<String, String>,
    /// The body, if there is one. Actions without a body need an empty object.
    pub body: Option<Json>,
}

/// A success in a batch.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchResponse {
    /// 200 to 299.
    pub status: StatusCode,
    /// The body; `Null` where there is none.
    pub body: Json,
}

impl BatchRequest {
    /// A request without a body. [`Call::into_batch`](super::Call::into_batch) makes one of a typed request.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: BTreeMap::new(), body: None }
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: Json) -> Self {
        self.body = Some(body);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for BatchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the body, which may hold a password, nor the query.
        f.debug_struct("BatchRequest")
            .field("method", &self.method)
            .field("path", &path_for_people(&self.url))
            .finish_non_exhaustive()
    }
}

impl BatchResponse {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] if it has another shape.
    pub fn decode<T: DeserializeOwned>(self) -> Result<T> {
        serde_json::from_value(self.body).map_err(|error| wrong_shape(&error))
    }
}

impl GraphClient {
    /// Sends many requests, up to 20 at once, and gives each one's outcome with its place in `requests`, as they come.
    ///
    /// Every request has exactly one outcome. What Graph asks to repeat is repeated by itself alone, after its own
    /// `Retry-After`. Reads and writes go in batches of their own, so that none waits for the other's turn; a request
    /// that waits for its turn does not fail as long as others of the call come back. Nothing is said of the order in
    /// which they are carried out: two writes of one object belong in two calls.
    ///
    /// # Errors
    ///
    /// Those of a request on its own. Where a whole batch, or one answer in it, is lost, its reads, `PATCH`, `PUT` and
    /// `DELETE` are repeated, and each `POST` is [in doubt](Error::is_outcome_in_doubt).
    ///
    /// # Cancellation
    ///
    /// Dropping the stream gives up what is under way; that may have been carried out.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures::StreamExt;
    ///
    /// # async fn example(graph: entrant::graph::GraphClient) -> entrant::Result<()> {
    /// let requests = vec![
    ///     graph.users().get("ada@contoso.com").select(["id"]).into_batch()?,
    ///     graph.users().delete("bob@contoso.com").into_batch()?,
    /// ];
    /// let mut outcomes = graph.batch(requests);
    /// while let Some((index, outcome)) = outcomes.next().await {
    ///     println!("{index}: {:?}", outcome.map(|response| response.status));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// See [JSON batching](https://learn.microsoft.com/graph/json-batching).
    pub fn batch(&self, requests: Vec<BatchRequest>) -> BoxStream<'static, (usize, Result<BatchResponse>)> {
        let run = Run::new(self.clone(), requests);
        Box::pin(stream::unfold(run, |mut run| async move {
            let outcome = run.next().await?;
            Some((outcome, run))
        }))
    }
}

/// One request until its outcome is given.
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) method: Method,
    pub(super) path: String,
    traffic: Traffic,
    /// Whose turn it needs.
    turn: Option<String>,
    /// The request as JSON, without its id.
    pub(super) json: String,
    /// It was refused for its token once, which was renewed then.
    token_was_refused: bool,
    pub(super) attempts: Option<Attempts>,
    /// An earlier attempt may have been carried out.
    pub(super) in_doubt: bool,
}

/// Whether the requests of a batch wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Any,
    /// Each after the success of the one before.
    AsGiven,
}

/// A request that waits for its next attempt.
struct Delayed {
    since: OffsetDateTime,
    until: OffsetDateTime,
    /// Graph said how long to wait.
    was_told: bool,
    item: Item,
}

impl Delayed {
    /// Whether its time has come; it has too when the clock was set back to before it began to wait.
    fn is_due(&self, now: OffsetDateTime) -> bool {
        self.until <= now || now < self.since
    }
}

pub(super) enum Outcome {
    Final(Result<BatchResponse>),
    /// Repeated if that is safe and attempts are left.
    Failed(Error),
    /// Its turn did not come.
    NotSent(Error),
}

struct Run {
    client: GraphClient,
    /// Reads and writes, since each kind has turns of its own.
    ready: [VecDeque<Item>; 2],
    delayed: Vec<Delayed>,
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    /// How many batches have come back.
    answered: u64,
    out: VecDeque<(usize, Result<BatchResponse>)>,
}

/// A batch that came back, and how many had when it was posted.
struct Answered {
    before: u64,
    outcomes: Vec<(Item, Outcome)>,
}

impl Run {
    fn new(client: GraphClient, requests: Vec<BatchRequest>) -> Self {
        let in_flight = FuturesUnordered::new();
        let mut run = Self {
            client,
            ready: Default::default(),
            delayed: Vec::new(),
            in_flight,
            answered: 0,
            out: VecDeque::new(),
        };
        for (index, request) in requests.into_iter().enumerate() {
            match Item::new(&run.client, index, request) {
                Ok(item) => run.queue(item.traffic).push_back(item),
                Err(error) => run.out.push_back((index, Err(error))),
            }
        }
        run
    }

    fn queue(&mut self, traffic: Traffic) -> &mut VecDeque<Item> {
        let [reads, writes] = &mut self.ready;
        match traffic {
            Traffic::Reads => reads,
            Traffic::Writes => writes,
        }
    }

    async fn next(&mut self) -> Option<(usize, Result<BatchResponse>)> {
        loop {
            if let Some(outcome) = self.out.pop_front() {
                return Some(outcome);
            }
            self.wake();
            self.post();
            // What was just posted comes before any wait.
            tokio::task::yield_now().await;
            let room = self.in_flight.len() < self.client.0.batches_in_flight;
            let sleep = self.wait().filter(|_| room).map(|wait| {
                let clock = self.client.0.clock.clone();
                async move { clock.sleep(wait).await }
            });
            let answered = match (self.in_flight.is_empty(), sleep) {
                (true, None) => return None,
                (true, Some(sleep)) => {
                    sleep.await;
                    continue;
                }
                (false, None) => self.in_flight.next().await,
                (false, Some(sleep)) => match future::select(self.in_flight.next(), std::pin::pin!(sleep)).await {
                    Either::Left((answered, _)) => answered,
                    Either::Right(_) => continue,
                },
            };
            let before = self.delayed.len();
            if let Some(Answered { before: posted, outcomes }) = answered {
                let has_gone_on = self.answered > posted;
                let is_answer = outcomes.iter().any(|(_, outcome)| !matches!(outcome, Outcome::NotSent(_)));
                self.answered += u64::from(is_answer);
                for (item, outcome) in outcomes.into_iter().rev() {
                    match outcome {
                        Outcome::NotSent(_) if has_gone_on => self.queue(item.traffic).push_front(item),
                        outcome => self.settle(item, outcome),
                    }
                }
            }
            self.gather(before);
        }
    }

    /// Takes those whose time has come back into the queue.
    fn wake(&mut self) {
        let now = self.client.0.clock.now();
        let due: Vec<Item> =
            self.delayed.extract_if(.., |delayed| delayed.is_due(now)).map(|delayed| delayed.item).collect();
        // Before all that were never sent: their time runs out.
        due.into_iter().rev().for_each(|item| self.queue(item.traffic).push_front(item));
    }

    /// Lets those that failed together, and were not told when to come back, come back together: in one batch.
    fn gather(&mut self, from: usize) {
        let new = &mut self.delayed[from..];
        let last = new.iter().filter(|delayed| !delayed.was_told).map(|delayed| delayed.until).max();
        if let Some(last) = last {
            new.iter_mut().filter(|delayed| !delayed.was_told).for_each(|delayed| delayed.until = last);
        }
    }

    /// How long until the next one's time comes.
    fn wait(&self) -> Option<Duration> {
        let now = self.client.0.clock.now();
        let next = self.delayed.iter().map(|delayed| if delayed.is_due(now) { now } else { delayed.until }).min()?;
        Some(Duration::try_from(next - now).unwrap_or_default())
    }

    fn post(&mut self) {
        while self.in_flight.len() < self.client.0.batches_in_flight {
            // Those that were sent before come first, then those that were given first.
            let first = |queue: &VecDeque<Item>| queue.front().map(|item| (item.attempts.is_none(), item.index));
            let fronts = self.ready.iter_mut().filter_map(|queue| Some((first(queue)?, queue)));
            let Some((_, queue)) = fronts.min_by_key(|(first, _)| *first) else { return };
            let before = self.answered;
            let outcomes = driven(exchange(self.client.clone(), pack(queue, Order::Any), Order::Any));
            self.in_flight.push(Box::pin(async move { Answered { before, outcomes: outcomes.await } }));
        }
    }

    fn settle(&mut self, mut item: Item, outcome: Outcome) {
        let error = match outcome {
            Outcome::Final(Ok(response)) => return self.out.push_back((item.index, Ok(response))),
            Outcome::Final(Err(error)) | Outcome::NotSent(error) => error,
            Outcome::Failed(error) => {
                item.in_doubt |= error.is_outcome_in_doubt();
                let now = self.client.0.clock.now();
                let delay = match &mut item.attempts {
                    Some(attempts) if may_repeat(&item.method, &error) => {
                        let next = attempts.next(&self.client.policy(), now, &error);
                        if next.is_none() {
                            self.client.note_lost(&error);
                        }
                        next
                    }
                    _ => None,
                };
                if let Some(delay) = delay {
                    tracing::debug!(
                        method = item.method.as_str(),
                        path = item.path,
                        delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                        "a request of a batch is sent again"
                    );
                    return self.delayed.push(Delayed {
                        since: now,
                        until: now + delay,
                        was_told: matches!(error.retry(), Retry::After(_)),
                        item,
                    });
                }
                error
            }
        };
        let error = error.with_context("request", format_args!("{} {}", item.method, item.path));
        let error = if item.in_doubt { error.with_outcome_in_doubt() } else { error };
        self.out.push_back((item.index, Err(error)));
    }
}

/// Takes as many as go into one batch, of one kind; where no order is kept, never two that need the same turn.
pub(super) fn pack(waiting: &mut VecDeque<Item>, order: Order) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(MAX_REQUESTS.min(waiting.len()));
    let mut bytes = 0;
    let mut later = Vec::new();
    while let Some(item) = waiting.pop_front() {
        // Reads and writes have limits of their own, and neither waits for the other's.
        let fits = items.first().is_none_or(|first| {
            items.len() < MAX_REQUESTS && bytes + item.json.len() <= MAX_BYTES && first.traffic == item.traffic
        });
        if !fits {
            waiting.push_front(item);
            break;
        }
        let meets = |other: &Item| item.turn.is_some() && item.turn == other.turn;
        if order == Order::Any && items.iter().any(meets) {
            later.push(item);
            continue;
        }
        bytes += item.json.len();
        items.push(item);
    }
    later.into_iter().rev().for_each(|item| waiting.push_front(item));
    items
}

impl Item {
    pub(super) fn new(client: &GraphClient, index: usize, request: BatchRequest) -> Result<Self> {
        #[derive(Serialize)]
        struct Written<'a> {
            method: &'a str,
            url: &'a str,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            headers: &'a BTreeMap<String, String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            body: Option<&'a Json>,
        }
        if !request.url.starts_with('/') || request.url.starts_with("//") {
            return Err(Error::new(
                ErrorKind::Invalid,
                "the address of a batch's request is relative, with a slash in front",
            )
            .with_context("path", path_for_people(&request.url)));
        }
        client.address(&request.url)?;
        let mut headers = request.headers;
        let has_type = headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if request.body.is_some() && !has_type {
            headers.insert("Content-Type".to_owned(), "application/json".to_owned());
        }
        let json = serde_json::to_string(&Written {
            method: request.method.as_str(),
            url: &request.url,
            headers: &headers,
            body: request.body.as_ref(),
        })
        .map_err(|_| Error::new(ErrorKind::Invalid, "the body cannot be written as JSON"))?;
        Ok(Self {
            index,
            path: path_for_people(&request.url).to_owned(),
            traffic: traffic_of(&request.method, &request.url),
            turn: turn_of(&request.url),
            method: request.method,
            json,
            token_was_refused: false,
            attempts: None,
            in_doubt: false,
        })
    }
}

/// Sends one batch and gives each of its items an outcome.
pub(super) async fn exchange(client: GraphClient, mut items: Vec<Item>, order: Order) -> Vec<(Item, Outcome)> {
    let answers = send(&client, &items, order).await;
    let now = client.0.clock.now();
    let answers = match answers {
        // The wait for a turn is no attempt.
        Err(error) if is_unsent(&error) => return lost(items, error),
        answers => answers,
    };
    items.iter_mut().for_each(|item| {
        item.attempts.get_or_insert_with(|| Attempts::begin(now));
    });
    let (mut answers, token) = match answers {
        Ok(answers) => answers,
        Err(error) => return lost(items, error),
    };
    let is_denied = answers.values().any(|answer| answer.status() == Some(StatusCode::FORBIDDEN));
    let claims = is_denied.then(|| token.claims());
    let is_forgotten = forget(&client, &items, &answers, &token);
    let has_another = is_forgotten && client.0.tokens.token().await.is_ok_and(|another| another.secret != token.secret);
    items
        .into_iter()
        .enumerate()
        .map(|(number, mut item)| {
            let outcome = match answers.remove(&number) {
                Some(answer) if has_another && answer.is_unauthorized() && !item.token_was_refused => {
                    item.token_was_refused = true;
                    match answer.outcome(&item, &token, None, now) {
                        // It was not carried out, and goes again at once.
                        Outcome::Failed(error) => Outcome::Failed(error.with_retry(Retry::After(Duration::ZERO))),
                        outcome => outcome,
                    }
                }
                Some(answer) => answer.outcome(&item, &token, claims.as_ref(), now),
                None => Outcome::Failed(missing(&item.method, "the batch's answer has not one entry for the request")),
            };
            (item, outcome)
        })
        .collect()
}

/// Forgets a batch's token if requests of it were refused for that, the first time; the next is asked for with the claims
/// that they are challenged for. Whether there were any.
fn forget(client: &GraphClient, items: &[Item], answers: &HashMap<usize, Answer>, token: &AccessToken) -> bool {
    let first = items.iter().enumerate().filter(|(_, item)| !item.token_was_refused);
    let answers = first.filter_map(|(number, _)| answers.get(&number));
    let refused: Vec<&Answer> = answers.filter(|answer| answer.is_unauthorized()).collect();
    if refused.is_empty() {
        return false;
    }
    let challenge = refused.iter().find_map(|answer| ClaimsChallenge::parse(&answer.header("www-authenticate")?));
    match challenge {
        Some(challenge) => client.0.tokens.challenge(token, &challenge),
        None => client.0.tokens.invalidate(token),
    }
    true
}

async fn send(client: &GraphClient, items: &[Item], order: Order) -> Result<(HashMap<usize, Answer>, AccessToken)> {
    #[derive(Deserialize)]
    struct Answers {
        responses: Vec<Answer>,
    }
    let mut body = String::with_capacity(items.iter().map(|item| item.json.len() + 16).sum::<usize>() + 32);
    body.push_str("{\"requests\":[");
    for (number, item) in items.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        // The id goes in front of the members that were written before.
        let after = match (order, number.checked_sub(1)) {
            (Order::AsGiven, Some(before)) => format!("\"dependsOn\":[\"{before}\"],"),
            _ => String::new(),
        };
        body.push_str(&format!("{comma}{{\"id\":\"{number}\",{after}{}", &item.json[1..]));
    }
    body.push_str("]}");
    let outgoing = Outgoing {
        method: Method::POST,
        url: client.address("$batch")?,
        headers: HeaderMap::new(),
        body: Some(body.into()),
        // All are of one kind.
        traffic: items.first().map_or(Traffic::Writes, |item| item.traffic),
        units: u32::try_from(items.len()).unwrap_or(u32::MAX),
        turns: items.iter().filter_map(|item| item.turn.clone()).collect(),
    };
    let Sent { answer, permit, token } = client.send_unsettled(&outgoing).await?;
    let answers: Answers =
        decode(answer.body()).map_err(|error| error.with_retry(Retry::Later).with_outcome_in_doubt())?;
    let mut by_number = HashMap::with_capacity(items.len());
    let mut told_twice = Vec::new();
    for answer in answers.responses {
        if let Some(number) = answer.number()
            && by_number.insert(number, answer).is_some()
        {
            told_twice.push(number);
        }
    }
    // Of two answers one is another request's, and nobody knows which.
    told_twice.iter().for_each(|number| _ = by_number.remove(number));
    let now = client.0.clock.now();
    let load = heard(answer.headers()).load;
    permit.settle(&weighed((0..items.len()).map(|number| by_number.get(&number)), load, now));
    Ok((by_number, token))
}

/// Whether the turn of a request did not come: only the pace says so without a word of the service's.
fn is_unsent(error: &Error) -> bool {
    error.kind() == ErrorKind::Throttled && error.graph().is_none()
}

/// The whole batch failed. If it was surely not carried out, it has been repeated enough.
fn lost(items: Vec<Item>, error: Error) -> Vec<(Item, Outcome)> {
    let in_doubt = error.is_outcome_in_doubt();
    let is_unsent = is_unsent(&error);
    let error = Arc::new(error);
    let outcome = |method: &Method| {
        let mut own = Error::new(error.kind(), "the batch failed").with_retry(error.retry());
        if let Some(graph) = error.graph() {
            own = own.with_graph(graph.clone());
        }
        own = own.with_source(error.clone());
        match (in_doubt, is_write(method)) {
            (false, _) if is_unsent => Outcome::NotSent(own),
            (false, _) => Outcome::Final(Err(own)),
            (true, true) => Outcome::Failed(own.with_outcome_in_doubt()),
            (true, false) => Outcome::Failed(own),
        }
    };
    items
        .into_iter()
        .map(|item| {
            let outcome = outcome(&item.method);
            (item, outcome)
        })
        .collect()
}
