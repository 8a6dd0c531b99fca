//! Requests of one object that the service does not take at the same moment.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::http::redact::path_for_people;

/// Which objects have such a request under way.
#[derive(Debug, Default)]
pub(super) struct Turns {
    taken: Mutex<HashSet<String>>,
    freed: Notify,
}

/// The turn of some objects; whoever drops it lets the next one go.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    keys: Vec<String>,
}

/// Whose turn a request needs: two changes of one object's licences collide. The path is relative to the root.
pub(super) fn turn_of(path: &str) -> Option<String> {
    let path = path_for_people(path).trim_matches('/').to_ascii_lowercase();
    let (_, action) = path.rsplit_once('/')?;
    let is_licensing = matches!(action, "assignlicense" | "microsoft.graph.assignlicense");
    is_licensing.then_some(path)
}

impl Turns {
    /// Waits until nobody has any of them, and takes all at once, so that nobody waits in a circle. Gives up when
    /// something has come back and `is_late`.
    pub(super) async fn take(&self, keys: &[String], is_late: impl Fn() -> bool) -> Option<Turn<'_>> {
        loop {
            // Before the look, so that nothing is missed in between.
            let freed = self.freed.notified();
            {
                let mut taken = self.taken();
                if !keys.iter().any(|key| taken.contains(key)) {
                    taken.extend(keys.iter().cloned());
                    return Some(Turn { turns: self, keys: keys.to_vec() });
                }
            }
            freed.await;
            if is_late() {
                return None;
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<String>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.keys.is_empty() {
            let mut taken = self.turns.taken();
            self.keys.iter().for_each(|key| {
                taken.remove(key);
            });
            drop(taken);
            self.turns.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn licences_alone_have_turns() {
        let table = [
            ("/users/Ada@contoso.com/assignLicense", Some("users/ada@contoso.com/assignlicense")),
            ("groups/1/microsoft.graph.assignLicense?x=/y", Some("groups/1/microsoft.graph.assignlicense")),
            ("/users/1", None),
            ("/users/assignLicense/manager", None),
            ("assignLicense", None),
            ("", None),
        ];
        for (path, expected) in table {
            assert_eq!(turn_of(path).as_deref(), expected, "{path}");
        }
    }

    #[tokio::test]
    async fn who_can_go_goes_whoever_waits_longer() {
        let turns = Turns::default();
        let (first, second) = (turns.take(&keys(&["x"]), || false).await, turns.take(&keys(&["y"]), || false).await);
        let (needs_both, needs_one) = (keys(&["x", "y"]), keys(&["x"]));
        let mut both = Box::pin(turns.take(&needs_both, || false));
        let mut one = Box::pin(turns.take(&needs_one, || false));
        let mut late = Box::pin(turns.take(&needs_both, || true));
        assert!(futures::poll!(&mut both).is_pending() && futures::poll!(&mut one).is_pending());
        assert!(futures::poll!(&mut late).is_pending());
        drop(first);
        assert!(futures::poll!(&mut both).is_pending(), "half of it is taken");
        assert!(matches!(futures::poll!(&mut late), std::task::Poll::Ready(None)), "too late for it");
        drop(one.await.expect("its turn"));
        drop(second);
        both.await.expect("its turn");
        assert!(turns.taken().is_empty());
    }
}
