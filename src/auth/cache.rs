//! The last token, and one request for the next.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use time::OffsetDateTime;

use super::{AccessToken, ClaimsChallenge, TokenContext, TokenCredential};
use crate::clock::later;
use crate::error::{Error, Result, Retry};
use crate::secret::Secret;

/// A token is renewed this long before it ends, as Microsoft's own libraries do.
const AHEAD: Duration = Duration::from_secs(300);

/// After a renewal ahead of time failed, the old token is used at least this long before the next try.
const PAUSE: Duration = Duration::from_secs(30);

/// After a failure that passes, nobody asks again for this long, unless the service says how long.
const REST: Duration = Duration::from_secs(5);

/// After a refusal, nobody asks again for this long: a thousand callers must not become a thousand refusals.
const REST_AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// The longest time that nobody asks, whatever the service says.
const MAX_REST: Duration = Duration::from_secs(3_600);

/// A credential that gives the token again that was just refused is not asked for another for this long.
const SAME_AGAIN: Duration = Duration::from_secs(30);

/// Keeps a credential's last token, and has at most one request for a new one under way.
///
/// A token is renewed when its issuer wants it (`refresh_in`), five minutes before it ends, or when half of a shorter
/// life has passed; while one caller renews, the others use the old one. Those who wait for a token share the outcome,
/// also a failure, and after a failure all rest: as long as the service asks (an hour at most), 5 s if the failure
/// passes by itself, 1 s if it does not. Clones share the token.
#[derive(Debug, Clone)]
pub struct TokenCache(Arc<Inner>);

struct Inner {
    credential: Arc<dyn TokenCredential>,
    context: TokenContext,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<Good>,
    flight: Option<Flight>,
    /// How many requests were begun.
    flights: u64,
    rest: Option<Rest>,
    /// What the next token must fulfil.
    claims: Option<Arc<str>>,
    refused: Option<Refused>,
}

#[derive(Clone)]
struct Good {
    token: AccessToken,
    renew_at: Option<OffsetDateTime>,
}

/// A request under way. Those who wait for it hold it; when all have given up, so is the request.
struct Flight {
    number: u64,
    claims: Option<Arc<str>>,
    outcome: WeakShared<Outcome>,
}

type Outcome = BoxFuture<'static, Result<AccessToken, Arc<Error>>>;

/// A time in which nobody asks.
struct Rest {
    from: OffsetDateTime,
    until: OffsetDateTime,
    error: Arc<Error>,
}

/// The last token that was refused.
struct Refused {
    secret: Secret,
    /// The credential gave it again: until then that is what there is.
    same_until: Option<OffsetDateTime>,
}

enum Step {
    Use(AccessToken),
    /// Wait for the new one, and use the old one if it does not come.
    Renew(Shared<Outcome>, AccessToken),
    Wait(Shared<Outcome>),
    Fail(Error),
}

impl TokenCache {
    /// A cache without a token yet.
    pub fn new(credential: impl TokenCredential, context: TokenContext) -> Self {
        Self(Arc::new(Inner { credential: Arc::new(credential), context, kept: Mutex::default() }))
    }

    /// What the credential works with.
    pub(crate) fn context(&self) -> &TokenContext {
        &self.0.context
    }

    /// A token that is good now.
    ///
    /// # Errors
    ///
    /// Those of [`TokenCredential::token`], as the cause; while all rest after a failure, the last failure.
    ///
    /// # Cancellation
    ///
    /// A caller that gives up does not disturb the others: the request goes on while one of them waits.
    pub async fn token(&self) -> Result<AccessToken> {
        match self.0.step() {
            Step::Use(token) => Ok(token),
            Step::Fail(error) => Err(error),
            Step::Wait(outcome) => outcome.await.map_err(share),
            Step::Renew(outcome, old) => match outcome.await {
                Ok(token) => Ok(token),
                Err(error) => {
                    tracing::warn!(error = %error, "cannot renew the token yet, the old one is still good");
                    Ok(old)
                }
            },
        }
    }

    /// Forgets this token, which was refused; another that came in the meantime stays.
    ///
    /// So any number of callers whose requests were refused together cause one request for a token.
    pub fn invalidate(&self, refused: &AccessToken) {
        let now = self.0.context.clock().now();
        self.0.lock().refuse(refused, now);
    }

    /// Forgets this token as [`invalidate`](Self::invalidate) does, and asks for the next one with the claims of the
    /// challenge.
    pub fn challenge(&self, refused: &AccessToken, challenge: &ClaimsChallenge) {
        let now = self.0.context.clock().now();
        let mut kept = self.0.lock();
        let is_late = kept.token.as_ref().is_some_and(|good| good.token.secret != refused.secret);
        if is_late || kept.claims.as_deref() == Some(challenge.claims()) {
            return;
        }
        kept.refuse(refused, now);
        kept.claims = Some(challenge.claims().into());
        // What was refused without the claims says nothing of a request with them.
        kept.rest = None;
    }
}

impl Kept {
    fn refuse(&mut self, refused: &AccessToken, now: OffsetDateTime) {
        let is_kept = self.token.as_ref().is_some_and(|good| good.token.secret == refused.secret);
        let is_same_again = self
            .refused
            .as_ref()
            .is_some_and(|last| last.secret == refused.secret && last.same_until.is_some_and(|until| now < until));
        if is_kept && !is_same_again {
            self.token = None;
            self.refused = Some(Refused { secret: refused.secret.clone(), same_until: None });
        }
    }

    /// The failure after which all rest now.
    fn resting(&self, now: OffsetDateTime) -> Option<Error> {
        let rest = self.rest.as_ref().filter(|rest| rest.from <= now && now < rest.until)?;
        let error = share(rest.error.clone());
        Some(match error.retry() {
            Retry::Never => error,
            _ => error.with_retry(Retry::After(Duration::try_from(rest.until - now).unwrap_or_default())),
        })
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(self: &Arc<Self>) -> Step {
        let now = self.context.clock().now();
        let mut kept = self.lock();
        let good = kept.token.clone().filter(|good| good.token.expires_at.is_none_or(|end| now < end));
        let under_way = kept.flight.as_ref().filter(|flight| flight.claims == kept.claims);
        let under_way = under_way.and_then(|flight| flight.outcome.upgrade());
        match (good, under_way) {
            (Some(good), _) if good.renew_at.is_none_or(|at| now < at) => Step::Use(good.token),
            (Some(good), Some(_)) => Step::Use(good.token),
            (Some(good), None) if kept.resting(now).is_some() => Step::Use(good.token),
            (Some(good), None) => Step::Renew(self.ask(&mut kept), good.token),
            (None, Some(outcome)) => Step::Wait(outcome),
            (None, None) => match kept.resting(now) {
                Some(error) => Step::Fail(error),
                None => Step::Wait(self.ask(&mut kept)),
            },
        }
    }

    /// Begins a request; it is carried out by whoever waits for it.
    fn ask(self: &Arc<Self>, kept: &mut Kept) -> Shared<Outcome> {
        let inner = Arc::clone(self);
        kept.flights = kept.flights.wrapping_add(1);
        let (number, claims) = (kept.flights, kept.claims.clone());
        let context = self.context.with_claims(claims.clone());
        let outcome: Outcome = async move {
            let asked_at = inner.context.clock().now();
            let outcome = inner.credential.token(&context).await;
            inner.land(number, asked_at, outcome)
        }
        .boxed();
        let outcome = outcome.shared();
        kept.flight = outcome.downgrade().map(|outcome| Flight { number, claims, outcome });
        outcome
    }

    fn land(
        &self,
        number: u64,
        asked_at: OffsetDateTime,
        outcome: Result<AccessToken>,
    ) -> Result<AccessToken, Arc<Error>> {
        let now = self.context.clock().now();
        let mut kept = self.lock();
        let flight = kept.flight.take_if(|flight| flight.number == number);
        match outcome {
            Ok(token) => {
                if let Some(flight) = flight {
                    kept.rest = None;
                    kept.claims.take_if(|claims| Some(&**claims) == flight.claims.as_deref());
                    match &mut kept.refused {
                        Some(last) if last.secret == token.secret => last.same_until = Some(later(now, SAME_AGAIN)),
                        last => *last = None,
                    }
                    kept.token = Some(Good { renew_at: renew_at(&token, asked_at), token: token.clone() });
                }
                Ok(token)
            }
            Err(error) => {
                let error = Arc::new(error);
                if flight.is_some() {
                    let rest = match error.retry() {
                        Retry::Never => REST_AFTER_REFUSAL,
                        Retry::Later => REST,
                        Retry::After(asked) => asked.min(MAX_REST),
                    };
                    let rest = if kept.token.is_some() { rest.max(PAUSE) } else { rest };
                    kept.rest = Some(Rest { from: now, until: later(now, rest), error: error.clone() });
                    // A challenge is answered once; whoever asks next asks for a plain token.
                    kept.claims = None;
                }
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("Inner")
            .field("credential", &self.credential)
            .field("token", &kept.token.as_ref().map(|good| &good.token))
            .field("is_under_way", &kept.flight.is_some())
            .finish_non_exhaustive()
    }
}

fn renew_at(token: &AccessToken, asked_at: OffsetDateTime) -> Option<OffsetDateTime> {
    let ahead = token.expires_at.map(|end| {
        let life = Duration::try_from(end - asked_at).unwrap_or_default();
        end - AHEAD.min(life / 2)
    });
    match (ahead, token.refresh_at) {
        (Some(ahead), Some(wanted)) => Some(ahead.min(wanted)),
        (one, other) => one.or(other),
    }
}

fn share(error: Arc<Error>) -> Error {
    Error::new(error.kind(), "cannot get a token for Microsoft Graph").with_retry(error.retry()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::cloud::Cloud;
    use crate::error::ErrorKind;
    use crate::http::Transport;
    use async_trait::async_trait;
    use bytes::Bytes;
    use http::{Request, Response};
    use std::sync::atomic::{AtomicU32, Ordering};
    use time::macros::datetime;

    #[derive(Debug)]
    struct NoNetwork;

    #[async_trait]
    impl Transport for NoNetwork {
        async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>> {
            Err(Error::new(ErrorKind::Transport, "no network"))
        }
    }

    /// Gives `t1`, `t2` … for `life`, or fails where the plan says so.
    #[derive(Debug, Clone)]
    struct Counting {
        asked: Arc<AtomicU32>,
        fails: &'static [u32],
        life: Duration,
    }

    #[async_trait]
    impl TokenCredential for Counting {
        async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            if self.fails.contains(&number) {
                return Err(Error::new(ErrorKind::Unauthenticated, "refused"));
            }
            Ok(AccessToken::new(format!("t{number}")).with_expiry(context.clock().now() + self.life))
        }
    }

    fn setup(fails: &'static [u32], life: u64) -> (TokenCache, Arc<AtomicU32>, ManualClock) {
        let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
        let asked = Arc::new(AtomicU32::new(0));
        let credential = Counting { asked: asked.clone(), fails, life: Duration::from_secs(life) };
        let context =
            TokenContext::new(&Cloud::Global, Arc::new(NoNetwork), Arc::new(clock.clone())).expect("a context");
        (TokenCache::new(credential, context), asked, clock)
    }

    #[tokio::test]
    async fn one_request_serves_all_who_wait() {
        let (cache, asked, _clock) = setup(&[], 3_600);
        let tokens = futures::future::join_all((0..100).map(|_| cache.token())).await;
        assert!(tokens.iter().all(|token| token.as_ref().expect("a token").secret.expose() == "t1"));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn those_who_wait_share_a_failure_and_the_next_tries_again() {
        let (cache, asked, clock) = setup(&[1], 3_600);
        let outcomes = futures::future::join_all((0..100).map(|_| cache.token())).await;
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|e| e.kind() == ErrorKind::Unauthenticated)));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(cache.token().await.is_err(), "all rest for a moment");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        clock.advance(REST_AFTER_REFUSAL);
        assert_eq!(cache.token().await.expect("the second try").secret.expose(), "t2");
    }

    #[tokio::test]
    async fn a_token_is_renewed_ahead_of_its_end() {
        let (cache, asked, clock) = setup(&[2], 3_600);
        cache.token().await.expect("a token");
        clock.advance(Duration::from_secs(3_299));
        assert_eq!(cache.token().await.expect("kept").secret.expose(), "t1");
        clock.advance(Duration::from_secs(1));
        assert_eq!(cache.token().await.expect("still good").secret.expose(), "t1", "the renewal failed");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!(cache.token().await.expect("still good").secret.expose(), "t1");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "not tried again at once");
        clock.advance(Duration::from_secs(30));
        let both = futures::join!(cache.token(), cache.token());
        assert_eq!(both.0.expect("renewed").secret.expose(), "t3");
        assert_eq!(both.1.expect("the old one").secret.expose(), "t1");
    }

    #[tokio::test]
    async fn a_short_life_is_used_by_half_and_an_expired_token_never() {
        let (cache, asked, clock) = setup(&[3], 60);
        cache.token().await.expect("a token");
        clock.advance(Duration::from_secs(29));
        cache.token().await.expect("kept");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(cache.token().await.expect("renewed").secret.expose(), "t2");
        clock.advance(Duration::from_secs(60));
        assert!(cache.token().await.is_err(), "expired, and no other to be had");
    }

    #[tokio::test]
    async fn a_refused_token_is_forgotten_but_not_its_successor() {
        let (cache, _asked, _clock) = setup(&[], 3_600);
        let first = cache.token().await.expect("a token");
        cache.invalidate(&first);
        let second = cache.token().await.expect("a token");
        assert_eq!(second.secret.expose(), "t2");
        cache.invalidate(&first);
        assert_eq!(cache.token().await.expect("kept").secret.expose(), "t2");
    }

    #[tokio::test]
    async fn when_all_give_up_the_next_asks_anew() {
        let (cache, asked, _clock) = setup(&[], 3_600);
        let mut given_up = Box::pin(cache.token());
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);
        assert_eq!(cache.token().await.expect("a token").secret.expose(), "t2");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_gives_up_does_not_disturb_the_others() {
        let (cache, asked, _clock) = setup(&[], 3_600);
        let mut first = Box::pin(cache.token());
        let mut others: Vec<_> = (0..6).map(|_| Box::pin(cache.token())).collect();
        assert!(futures::poll!(&mut first).is_pending());
        for other in &mut others {
            assert!(futures::poll!(other).is_pending());
        }
        drop(first);
        others.truncate(3);
        for token in futures::future::join_all(others).await {
            assert_eq!(token.expect("a token").secret.expose(), "t1");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    /// Runs a thousand callers on several threads at once.
    async fn stampede(cache: &TokenCache, refused: Option<&AccessToken>) -> Vec<AccessToken> {
        let callers = (0..1_000).map(|_| {
            let (cache, refused) = (cache.clone(), refused.cloned());
            tokio::spawn(async move {
                if let Some(refused) = refused {
                    assert_eq!(refused.secret.expose(), "t1");
                    cache.invalidate(&refused);
                }
                cache.token().await.expect("a token")
            })
        });
        let callers: Vec<_> = callers.collect();
        futures::future::join_all(callers).await.into_iter().map(|caller| caller.expect("no panic")).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_thousand_callers_with_an_expired_token_cause_one_request() {
        let (cache, asked, clock) = setup(&[], 3_600);
        cache.token().await.expect("a token");
        clock.advance(Duration::from_secs(3_601));
        let tokens = stampede(&cache, None).await;
        assert!(tokens.iter().all(|token| token.secret.expose() == "t2"));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_thousand_callers_whose_token_was_refused_cause_one_request() {
        let (cache, asked, _clock) = setup(&[], 3_600);
        let refused = cache.token().await.expect("a token");
        let tokens = stampede(&cache, Some(&refused)).await;
        assert!(tokens.iter().all(|token| token.secret.expose() == "t2"));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_credential_with_one_token_is_asked_once_more_when_that_is_refused() {
        let asked = Arc::new(AtomicU32::new(0));
        let (cache, clock) = scripted(asked.clone(), |_, _| Ok(AccessToken::new("always")));
        let refused = cache.token().await.expect("a token");
        for _ in 0..100 {
            cache.invalidate(&refused);
            assert_eq!(cache.token().await.expect("the same").secret.expose(), "always");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        clock.advance(SAME_AGAIN);
        cache.invalidate(&refused);
        cache.token().await.expect("the same");
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn all_rest_as_long_as_the_service_asks() {
        let asked = Arc::new(AtomicU32::new(0));
        let (cache, clock) = scripted(asked.clone(), |number, _| match number {
            1 => Err(Error::new(ErrorKind::Throttled, "busy").with_retry(Retry::After(Duration::from_secs(60)))),
            2 => Err(Error::new(ErrorKind::Unavailable, "down").with_retry(Retry::Later)),
            3 => Err(Error::new(ErrorKind::Throttled, "no").with_retry(Retry::After(Duration::from_secs(1 << 40)))),
            _ => Ok(AccessToken::new("t")),
        });
        for (number, rest) in [(1, 60), (2, 5), (3, 3_600)] {
            cache.token().await.expect_err("busy");
            clock.advance(Duration::from_secs(rest - 1));
            let error = cache.token().await.expect_err("not asked");
            assert_eq!(error.retry(), Retry::After(Duration::from_secs(1)), "{number}");
            assert_eq!(asked.load(Ordering::SeqCst), number);
            clock.advance(Duration::from_secs(1));
        }
        cache.token().await.expect("a token at last");
    }

    #[tokio::test]
    async fn a_challenge_is_answered_once_and_by_one_request() {
        let asked = Arc::new(AtomicU32::new(0));
        let claims = Arc::new(Mutex::new(Vec::new()));
        let seen = claims.clone();
        let (cache, clock) = scripted(asked.clone(), move |number, context| {
            seen.lock().expect("no panic").push(context.claims());
            let life = Duration::from_secs(3_600);
            Ok(AccessToken::new(format!("t{number}")).with_expiry(context.clock().now() + life))
        });
        let refused = cache.token().await.expect("a token");
        let challenge =
            ClaimsChallenge::parse("Bearer error=insufficient_claims, claims=eyJhIjoxfQ").expect("a challenge");
        let tokens = futures::future::join_all((0..100).map(|_| async {
            cache.challenge(&refused, &challenge);
            cache.token().await
        }));
        assert!(tokens.await.iter().all(|token| token.as_ref().expect("a token").secret.expose() == "t2"));
        cache.challenge(&refused, &challenge);
        assert_eq!(cache.token().await.expect("kept").secret.expose(), "t2", "a late challenge is of the old token");
        clock.advance(Duration::from_secs(3_600));
        cache.token().await.expect("a token");
        let claims = claims.lock().expect("no panic").clone();
        assert_eq!(claims, [None, Some(r#"{"a":1}"#.to_owned()), None]);
    }

    #[tokio::test]
    async fn the_issuer_says_when_to_renew() {
        let asked = Arc::new(AtomicU32::new(0));
        let (cache, clock) = scripted(asked.clone(), |number, context| {
            let now = context.clock().now();
            let mut token = AccessToken::new(format!("t{number}")).with_expiry(now + Duration::from_secs(86_400));
            token.refresh_at = Some(now + Duration::from_secs(43_200));
            Ok(token)
        });
        cache.token().await.expect("a token");
        clock.advance(Duration::from_secs(43_199));
        assert_eq!(cache.token().await.expect("kept").secret.expose(), "t1");
        clock.advance(Duration::from_secs(1));
        assert_eq!(cache.token().await.expect("renewed").secret.expose(), "t2");
    }

    type Answering = dyn Fn(u32, &TokenContext) -> Result<AccessToken> + Send + Sync;

    /// A credential that answers as the closure says, by the number of the request from 1.
    #[derive(Clone)]
    struct Scripted(Arc<AtomicU32>, Arc<Answering>);

    impl fmt::Debug for Scripted {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Scripted")
        }
    }

    #[async_trait]
    impl TokenCredential for Scripted {
        async fn token(&self, context: &TokenContext) -> Result<AccessToken> {
            let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::task::yield_now().await;
            (self.1)(number, context)
        }
    }

    fn scripted(
        asked: Arc<AtomicU32>,
        answer: impl Fn(u32, &TokenContext) -> Result<AccessToken> + Send + Sync + 'static,
    ) -> (TokenCache, ManualClock) {
        let clock = ManualClock::at(datetime!(2026-01-15 09:30:00 UTC));
        let context =
            TokenContext::new(&Cloud::Global, Arc::new(NoNetwork), Arc::new(clock.clone())).expect("a context");
        (TokenCache::new(Scripted(asked, Arc::new(answer)), context), clock)
    }
}
