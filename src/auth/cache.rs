//! The last token, and one request for the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use super::{AccessToken, TokenContext, TokenCredential};
use crate::error::{Error, Result};

/// A token is renewed this long before it ends, as Microsoft's own libraries do.
const AHEAD: Duration = Duration::from_secs(300);

/// After a renewal ahead of time failed, the old token is used this long before the next try.
const PAUSE: Duration = Duration::from_secs(30);

/// Keeps a credential's last token, and has at most one request for a new one under way.
///
/// A token is renewed five minutes before it ends, or when half of a shorter life has passed; while one caller renews,
/// the others use the old one. Those who wait for a token share the outcome, also a failure. Clones share the token.
#[derive(Debug, Clone)]
pub struct TokenCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    credential: Arc<dyn TokenCredential>,
    context: TokenContext,
    kept: Mutex<Kept>,
    /// Held by who asks for a token.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<Good>,
    /// Counts the requests that ended, so that a waiter knows whether one ended while it waited.
    ended: u64,
    failure: Option<Arc<Error>>,
}

#[derive(Debug, Clone)]
struct Good {
    token: AccessToken,
    renew_at: Option<OffsetDateTime>,
}

enum State {
    Fresh(AccessToken),
    Ageing(AccessToken),
    None { ended: u64 },
}

impl TokenCache {
    /// A cache without a token yet.
    pub fn new(credential: impl TokenCredential, context: TokenContext) -> Self {
        Self(Arc::new(Inner {
            credential: Arc::new(credential),
            context,
            kept: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
        }))
    }

    /// A token that is good now.
    ///
    /// # Errors
    ///
    /// Those of [`TokenCredential::token`].
    ///
    /// # Cancellation
    ///
    /// A caller that gives up leaves its turn to the next.
    pub async fn token(&self) -> Result<AccessToken> {
        let inner = &*self.0;
        let ended = match inner.state() {
            State::Fresh(token) => return Ok(token),
            State::Ageing(token) => {
                let Ok(_turn) = inner.turn.try_lock() else {
                    return Ok(token);
                };
                if let State::Fresh(token) = inner.state() {
                    return Ok(token);
                }
                return match inner.renew().await {
                    Ok(token) => Ok(token),
                    Err(error) => {
                        tracing::warn!(error = %error, "cannot renew the token yet, the old one is still good");
                        inner.put_off();
                        Ok(token)
                    }
                };
            }
            State::None { ended } => ended,
        };
        let _turn = inner.turn.lock().await;
        match inner.state() {
            State::Fresh(token) | State::Ageing(token) => Ok(token),
            State::None { ended: now } if now != ended => match inner.last_failure() {
                Some(shared) => Err(shared),
                None => inner.renew().await,
            },
            State::None { .. } => inner.renew().await,
        }
    }

    /// Forgets this token, which was refused; another that came in the meantime stays.
    pub fn invalidate(&self, refused: &AccessToken) {
        let mut kept = self.0.lock();
        if kept.token.as_ref().is_some_and(|good| good.token.secret == refused.secret) {
            kept.token = None;
        }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> State {
        let now = self.context.clock().now();
        let kept = self.lock();
        match &kept.token {
            Some(good) if good.token.expires_at.is_none_or(|end| now < end) => {
                if good.renew_at.is_none_or(|at| now < at) {
                    State::Fresh(good.token.clone())
                } else {
                    State::Ageing(good.token.clone())
                }
            }
            _ => State::None { ended: kept.ended },
        }
    }

    async fn renew(&self) -> Result<AccessToken> {
        let asked_at = self.context.clock().now();
        let outcome = self.credential.token(&self.context).await;
        let mut kept = self.lock();
        kept.ended = kept.ended.wrapping_add(1);
        match outcome {
            Ok(token) => {
                kept.failure = None;
                kept.token = Some(Good { renew_at: renew_at(&token, asked_at), token: token.clone() });
                Ok(token)
            }
            Err(error) => {
                let error = Arc::new(error);
                kept.failure = Some(error.clone());
                Err(share(error))
            }
        }
    }

    fn put_off(&self) {
        let next = self.context.clock().now() + PAUSE;
        if let Some(good) = &mut self.lock().token {
            good.renew_at = Some(next);
        }
    }

    fn last_failure(&self) -> Option<Error> {
        self.lock().failure.clone().map(share)
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
        let (cache, asked, _clock) = setup(&[1], 3_600);
        let outcomes = futures::future::join_all((0..100).map(|_| cache.token())).await;
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|e| e.kind() == ErrorKind::Unauthenticated)));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
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
    async fn who_gives_up_leaves_the_turn() {
        let (cache, asked, _clock) = setup(&[], 3_600);
        let mut given_up = Box::pin(cache.token());
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);
        assert_eq!(cache.token().await.expect("a token").secret.expose(), "t2");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
