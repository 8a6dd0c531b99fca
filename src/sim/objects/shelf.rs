//! The objects of one class, with what finds them and what lag hides.

use std::collections::{BTreeSet, HashMap};

use time::OffsetDateTime;
use uuid::Uuid;

use super::stored::fold;
use crate::sim::trouble::lag::Lag;
use crate::sim::users::property::Prop;

/// Where an object stands: its place in the order of creation, kept until it is finally deleted.
pub(crate) type Slot = u32;

/// By what objects are found fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Name,
    Address,
    ImmutableId,
    EmployeeId,
    /// A user's manager.
    Manager,
    /// A licence that a user has.
    Sku,
    /// The alias of a Microsoft 365 group.
    Nickname,
    UniqueName,
    /// The id of an application as others know it.
    AppId,
}

/// What a shelf keeps.
pub(crate) trait Item: Clone {
    fn id(&self) -> Uuid;

    fn is_deleted(&self) -> bool;

    /// By what it is addressed beside its id.
    fn name(&self) -> Option<&str>;

    /// What it is found by, folded, while it is not deleted.
    fn keys(&self) -> Vec<(Field, Box<str>)>;

    /// The licences of which it takes a seat while it is not deleted.
    fn seats(&self) -> Vec<Uuid>;

    /// The properties in which its next state differs.
    fn changes(&self, next: &Self) -> Vec<Prop>;

    /// Whom it reports to.
    fn manager(&self) -> Option<Uuid> {
        None
    }

    /// Gives back what building up left over.
    fn compact(&mut self);
}

/// One line of the log of changes.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) id: Uuid,
    pub(crate) what: What,
    /// The manager that it had before.
    pub(crate) former: Option<Uuid>,
    /// From when on readers see it.
    at: OffsetDateTime,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It came, or came back.
    Came,
    Changed(Box<[Prop]>),
    /// It went, for a time or for good.
    Went,
}

/// All objects of a class, in the order of creation.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    slots: Vec<Option<Entry<T>>>,
    by_id: HashMap<Uuid, Slot>,
    index: BTreeSet<(Field, Box<str>, Slot)>,
    /// Those that readers may still see as they were.
    unsettled: BTreeSet<Slot>,
    deleted: BTreeSet<Slot>,
    /// How many take a seat of each licence.
    seats: HashMap<Uuid, usize>,
    log: Log<Mark>,
}

/// What happened, in order; of it readers know a beginning.
#[derive(Debug)]
pub(crate) struct Log<T> {
    entries: Vec<T>,
    known: usize,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), known: 0 }
    }
}

impl<T> Log<T> {
    pub(crate) fn push(&mut self, entry: T) {
        self.entries.push(entry);
    }

    /// Takes note that readers know what they do now.
    pub(crate) fn settle(&mut self, is_known: impl Fn(&T) -> bool) {
        let new = self.entries[self.known..].iter().take_while(|entry| is_known(entry)).count();
        self.known += new;
    }

    /// How much of it readers know.
    pub(crate) fn known(&self) -> usize {
        self.known
    }

    /// A stretch of it; what is not there yet is left out.
    pub(crate) fn stretch(&self, from: usize, to: usize) -> &[T] {
        let to = to.min(self.entries.len());
        &self.entries[from.min(to)..to]
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.known = 0;
    }
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    /// What readers see until then, oldest first; `None`: nothing yet.
    older: Vec<(OffsetDateTime, Option<T>)>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            by_id: HashMap::new(),
            index: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            deleted: BTreeSet::new(),
            seats: HashMap::new(),
            log: Log::default(),
        }
    }
}

impl<T: Item> Shelf<T> {
    pub(crate) fn insert(&mut self, mut item: T, lag: Lag) -> Slot {
        item.compact();
        let slot = Slot::try_from(self.slots.len()).unwrap_or(Slot::MAX);
        self.by_id.insert(item.id(), slot);
        self.index(slot, &item);
        self.log.push(Mark { id: item.id(), what: What::Came, former: None, at: lag.dated() });
        let mut entry = Entry { item, older: Vec::new() };
        if !lag.is_none() {
            entry.older.push((lag.end(), None));
            self.unsettled.insert(slot);
        }
        self.slots.push(Some(entry));
        slot
    }

    pub(crate) fn replace(&mut self, slot: Slot, mut next: T, lag: Lag) {
        next.compact();
        let Some(mut entry) = self.slots.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.unindex(slot, &entry.item);
        self.index(slot, &next);
        if next.is_deleted() {
            self.deleted.insert(slot);
        } else {
            self.deleted.remove(&slot);
        }
        let what = match (entry.item.is_deleted(), next.is_deleted()) {
            (false, true) => What::Went,
            (true, false) => What::Came,
            _ => What::Changed(entry.item.changes(&next).into()),
        };
        if what != What::Changed([].into()) {
            self.log.push(Mark { id: next.id(), what, former: entry.item.manager(), at: lag.dated() });
        }
        let before = std::mem::replace(&mut entry.item, next);
        if lag.is_none() {
            entry.older.clear();
            self.unsettled.remove(&slot);
        } else {
            entry.older.push((lag.end(), Some(before)));
            self.unsettled.insert(slot);
        }
        self.slots[slot as usize] = Some(entry);
    }

    /// Removes for good.
    pub(crate) fn remove(&mut self, slot: Slot, now: OffsetDateTime) -> Option<T> {
        let item = self.drop_slot(slot)?;
        self.log.push(Mark { id: item.id(), what: What::Went, former: None, at: Lag::none(now).dated() });
        Some(item)
    }

    /// Takes back the last insertion, as if it had never been.
    pub(crate) fn take_back(&mut self, slot: Slot) {
        if self.drop_slot(slot).is_some() {
            self.log.entries.pop();
        }
    }

    fn drop_slot(&mut self, slot: Slot) -> Option<T> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        self.unindex(slot, &entry.item);
        self.by_id.remove(&entry.item.id());
        self.unsettled.remove(&slot);
        self.deleted.remove(&slot);
        Some(entry.item)
    }

    fn index(&mut self, slot: Slot, item: &T) {
        if item.is_deleted() {
            return;
        }
        self.index.extend(item.keys().into_iter().map(|(field, key)| (field, key, slot)));
        for sku in item.seats() {
            *self.seats.entry(sku).or_default() += 1;
        }
    }

    fn unindex(&mut self, slot: Slot, item: &T) {
        if item.is_deleted() {
            return;
        }
        for (field, key) in item.keys() {
            self.index.remove(&(field, key, slot));
        }
        for sku in item.seats() {
            if let Some(count) = self.seats.get_mut(&sku) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// How many take a seat of a licence.
    pub(crate) fn seats(&self, sku: Uuid) -> usize {
        self.seats.get(&sku).copied().unwrap_or_default()
    }

    /// The object as it is, deleted or not.
    pub(crate) fn current(&self, slot: Slot) -> Option<&T> {
        Some(&self.entry(slot)?.item)
    }

    /// The object as it is, if it is not deleted.
    pub(crate) fn live(&self, slot: Slot) -> Option<&T> {
        self.current(slot).filter(|item| !item.is_deleted())
    }

    /// The object as a reader sees it, if it does.
    pub(crate) fn visible(&self, slot: Slot, now: OffsetDateTime) -> Option<&T> {
        let entry = self.entry(slot)?;
        let seen = match entry.older.iter().find(|(until, _)| *until > now) {
            Some((_, before)) => before.as_ref(),
            None => Some(&entry.item),
        };
        seen.filter(|item| !item.is_deleted())
    }

    /// Finds an object that readers see, by id or name.
    pub(crate) fn find(&self, key: &str, now: OffsetDateTime) -> Option<Slot> {
        if let Some(id) = parse_id(key) {
            let slot = *self.by_id.get(&id)?;
            return self.visible(slot, now).map(|_| slot);
        }
        let name = fold(key);
        self.candidates(Field::Name, &name).chain(self.unsettled.iter().copied()).find(|slot| {
            let seen = self.visible(*slot, now).and_then(T::name);
            seen.is_some_and(|seen| fold(seen) == name)
        })
    }

    /// Finds a live object by id or name, whatever readers see.
    pub(crate) fn find_current(&self, key: &str) -> Option<Slot> {
        match parse_id(key) {
            Some(id) => self.by_id.get(&id).copied(),
            None => self.candidates(Field::Name, &fold(key)).next(),
        }
        .filter(|slot| self.live(*slot).is_some())
    }

    pub(crate) fn find_deleted(&self, key: &str) -> Option<Slot> {
        let slot = *self.by_id.get(&parse_id(key)?)?;
        self.deleted.contains(&slot).then_some(slot)
    }

    /// Who has this folded value, apart from one object.
    pub(crate) fn holder(&self, field: Field, key: &str, except: Option<Slot>) -> Option<Uuid> {
        let slot = self.candidates(field, key).find(|slot| Some(*slot) != except)?;
        self.current(slot).map(T::id)
    }

    /// Those that have this folded value now.
    pub(crate) fn candidates(&self, field: Field, key: &str) -> impl Iterator<Item = Slot> {
        let (low, high) = ((field, Box::from(key), 0), (field, Box::from(key), Slot::MAX));
        self.index.range(low..=high).map(|(_, _, slot)| *slot)
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn unsettled(&self) -> impl Iterator<Item = Slot> {
        self.unsettled.iter().copied()
    }

    pub(crate) fn deleted(&self) -> impl Iterator<Item = Slot> {
        self.deleted.iter().copied()
    }

    /// How many there are, those in the recycle bin included.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The place after the last.
    pub(crate) fn end(&self) -> Slot {
        Slot::try_from(self.slots.len()).unwrap_or(Slot::MAX)
    }

    /// Forgets what no reader sees any more. `told` is what time it is for `delta`.
    pub(crate) fn settle(&mut self, now: OffsetDateTime, told: OffsetDateTime) {
        let slots = &mut self.slots;
        self.unsettled.retain(|slot| {
            let Some(entry) = slots.get_mut(*slot as usize).and_then(Option::as_mut) else {
                return false;
            };
            entry.older.retain(|(until, _)| *until > now);
            !entry.older.is_empty()
        });
        self.log.settle(|mark| mark.at <= told);
    }

    /// What happened here.
    pub(crate) fn log(&self) -> &Log<Mark> {
        &self.log
    }

    /// Forgets what happened, before anybody could ask.
    pub(crate) fn begin_log(&mut self) {
        self.log.clear();
    }

    fn entry(&self, slot: Slot) -> Option<&Entry<T>> {
        self.slots.get(slot as usize)?.as_ref()
    }
}

/// An id in its usual form; other forms of a UUID are not ids here.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// An address without `smtp:`.
pub(crate) fn bare_address(address: &str) -> &str {
    match address.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("smtp:") => &address[5..],
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::sim::trouble::lag::Lags;
    use crate::sim::users::property;
    use crate::sim::users::user::User;

    const NOW: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

    fn named(number: u128, name: &str) -> User {
        let mut user = User::new(Uuid::from_u128(number), 0);
        user.set_text(property::UPN, name);
        user
    }

    #[test]
    fn lag_hides_a_new_user_and_shows_the_old_value_of_a_changed_one() {
        let lag = Duration::from_secs(10);
        let written = |now| Lags::all(lag).written(now);
        let mut people = Shelf::default();
        let slot = people.insert(named(1, "ada@x.example"), written(NOW));
        assert_eq!(people.find("ada@x.example", NOW), None);
        assert_eq!(people.find_current("ADA@x.example"), Some(slot));
        let seen = NOW + lag;
        assert_eq!(people.find("ada@x.example", seen), Some(slot));

        people.replace(slot, named(1, "eve@x.example"), written(seen));
        assert_eq!(people.find("ada@x.example", seen), Some(slot), "still under the old name");
        assert_eq!(people.find("eve@x.example", seen), None);
        people.settle(seen + lag, seen + lag);
        assert_eq!(people.find("ada@x.example", seen + lag), None);
        assert_eq!(people.find("eve@x.example", seen + lag), Some(slot));
        assert_eq!(people.unsettled().count(), 0);
    }

    #[test]
    fn a_deleted_user_frees_its_name() {
        let mut people = Shelf::default();
        let slot = people.insert(named(1, "ada@x.example"), Lag::none(NOW));
        let mut gone = named(1, "ada@x.example");
        gone.deleted = Some(0);
        people.replace(slot, gone, Lag::none(NOW));
        assert_eq!(people.holder(Field::Name, "ada@x.example", None), None);
        assert_eq!(people.find_deleted(&Uuid::from_u128(1).to_string()), Some(slot));
        assert_eq!(people.find(&Uuid::from_u128(1).to_string(), NOW), None);
        assert!(people.remove(slot, NOW).is_some());
        assert_eq!(people.find_deleted(&Uuid::from_u128(1).to_string()), None);
    }
}
