//! What is looked up little by little: what is asked for and not known yet is noted, and put in for the next time.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A map of which little is known at first.
///
/// Who asks for what is not known gets nothing and is to ask again, once what was [missed](Self::missed) was looked up and
/// [put in](Self::put). What was given out once stays where it is.
#[derive(Debug)]
pub(crate) struct Growing<K, V> {
    missed: Mutex<BTreeSet<K>>,
    first: OnceLock<Box<Layer<K, V>>>,
}

/// What was put in at one time, and what was later.
#[derive(Debug)]
struct Layer<K, V> {
    known: HashMap<K, Option<V>>,
    next: OnceLock<Box<Layer<K, V>>>,
}

impl<K, V> Default for Growing<K, V> {
    fn default() -> Self {
        Self { missed: Mutex::default(), first: OnceLock::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord, V> Growing<K, V> {
    /// What is known under a key; notes the key if that is not known.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self.known(key) {
            Some(known) => known.as_ref(),
            None => {
                self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
                None
            }
        }
    }

    /// The keys that were asked for in vain since this was last asked.
    pub(crate) fn missed(&self) -> BTreeSet<K> {
        std::mem::take(&mut *self.missed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts in what was looked up, also that there is nothing. What is known already stays as it is.
    pub(crate) fn put(&self, found: impl IntoIterator<Item = (K, Option<V>)>) {
        let known: HashMap<K, Option<V>> = found.into_iter().filter(|(key, _)| self.known(key).is_none()).collect();
        if known.is_empty() {
            return;
        }
        let mut layer = Box::new(Layer { known, next: OnceLock::new() });
        let mut place = &self.first;
        // Taken by another at the same moment, it goes behind that one.
        while let Err(back) = place.set(layer) {
            layer = back;
            match place.get() {
                Some(taken) => place = &taken.next,
                None => return,
            }
        }
    }

    fn known(&self, key: &K) -> Option<&Option<V>> {
        let layers = std::iter::successors(self.first.get(), |layer| layer.next.get());
        layers.into_iter().find_map(|layer| layer.known.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missed_is_known_once_it_was_put_in() {
        let growing: Growing<&str, u8> = Growing::default();
        assert_eq!(growing.get(&"a"), None);
        assert_eq!(growing.get(&"b"), None);
        assert_eq!(growing.missed(), BTreeSet::from(["a", "b"]));
        assert!(growing.missed().is_empty(), "what was told once is not told again");

        growing.put([("a", Some(1)), ("b", None)]);
        let kept = growing.get(&"a");
        assert_eq!((kept, growing.get(&"b")), (Some(&1), None));
        assert!(growing.missed().is_empty(), "that there is nothing is known too");

        growing.put([("a", Some(2)), ("c", Some(3))]);
        assert_eq!((growing.get(&"a"), growing.get(&"c"), kept), (Some(&1), Some(&3), Some(&1)));
        assert_eq!(growing.get(&"d"), None);
        assert_eq!(growing.missed(), BTreeSet::from(["d"]));
    }
}
