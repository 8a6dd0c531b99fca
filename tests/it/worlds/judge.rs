//! Whether what was really written may have been written: judged from the stores and the links as they were before the
//! run, and from nothing that a plan says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entrant::model::{Class, License, ObjectId};
use entrant::reconcile::{Action, Enable, LicenseRemoval, Link, LinkEnd, LinkOrigin, Managed, Situation};
use entrant::store::GetSupport;
use entrant::{Record, Value};
use proptest::prelude::*;
use serde::Deserialize;
use time::OffsetDateTime;

use super::drawn::{Look, Setup};
use super::watched::{Deed, Faults};
use crate::job::org::{E3, E5, F3, OLD, PHONE};

/// How things stood when a run began.
#[derive(Debug)]
pub(super) struct Moment<'a> {
    pub(super) now: OffsetDateTime,
    pub(super) setup: &'a Setup,
    pub(super) look: &'a Look,
    pub(super) source: Vec<Record>,
    pub(super) source_faults: &'a Faults,
    pub(super) target_faults: &'a Faults,
    pub(super) links: Vec<Link>,
    pub(super) lifted: bool,
    /// Whether only some entries are applied.
    pub(super) is_picked: bool,
}

/// What the job did before, by what was really written.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Elements that it gave.
    given: BTreeSet<(ObjectId, String, String)>,
    /// Accounts that it switched off last, or made so.
    disabled: BTreeSet<ObjectId>,
    /// Since when each source was found to have left, by every run that looked.
    away: BTreeMap<ObjectId, OffsetDateTime>,
    /// What it took, and when.
    taken: Vec<(OffsetDateTime, Class, Kind)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Delete,
    Disable,
    Clear,
}

/// What the source says of an object, to one who reads it as the run does.
#[derive(Debug)]
enum Standing<'a> {
    Here(&'a Record),
    Left,
    Gone,
    /// Nothing can be said.
    Unknown,
}

impl Moment<'_> {
    fn end_of_target(&self, target: &ObjectId) -> Option<(&ObjectId, &LinkEnd)> {
        self.links.iter().find_map(|link| {
            let (source, end) = (link.end("hr")?, link.end("directory")?);
            let is_it = end.object == *target && end.deleted_at.is_none() && end.owner.as_deref() == Some("staff");
            is_it.then_some((&source.object, end))
        })
    }

    fn target_of_source(&self, source: &ObjectId) -> Option<&ObjectId> {
        self.links.iter().find_map(|link| {
            let end = link.end("directory")?;
            (link.end("hr")?.object == *source && end.deleted_at.is_none()).then_some(&end.object)
        })
    }

    fn records<'b>(&'b self, id: &'b ObjectId) -> impl Iterator<Item = &'b Record> {
        self.source.iter().filter(move |record| record.id == *id)
    }

    fn standing(&self, id: &ObjectId) -> Standing<'_> {
        let faults = self.source_faults;
        let asks = self.setup.source_get != GetSupport::Unsupported;
        let mut records = self.source.iter().filter(|record| record.id == *id);
        let (first, second) = (records.next(), records.next());
        if faults.unreadable.contains(id) || second.is_some() {
            return Standing::Unknown;
        }
        let Some(record) = first else {
            let gone = match self.look {
                Look::Full => faults.lists_all(&id.class) && !(asks && faults.get_fails),
                Look::One(one) => {
                    **one == *id.id && self.setup.source_get == GetSupport::Authoritative && !faults.get_fails
                }
                Look::Titled(_) => false,
            };
            return if gone { Standing::Gone } else { Standing::Unknown };
        };
        let seen = match self.look {
            Look::Full => faults.shows(id),
            Look::One(one) => **one == *id.id && (asks || faults.shows(id)),
            Look::Titled(title) => faults.shows(id) && record.get("title") == Some(&Value::text(*title)),
        };
        match seen {
            false => Standing::Unknown,
            true if is_external(record) => Standing::Left,
            true => Standing::Here(record),
        }
    }

    /// Whether the run saw a record of an object that does not say that it left. Of what it saw besides nothing is said.
    fn is_seen(&self, id: &ObjectId) -> bool {
        let hidden = self.source_faults.broken.get(&id.class).is_some_and(|(_, hidden)| hidden.contains(&id.id));
        let mut records = self.records(id);
        let is_torn = self.source_faults.unreadable.contains(id);
        match self.look {
            Look::Full => !hidden && records.any(|record| is_torn || !is_external(record)),
            _ => matches!(self.standing(id), Standing::Here(_)),
        }
    }

    /// How long after the leaving one of these steps is due at the earliest, if the policy has one.
    fn grace(&self, class: &Class, standing: &Standing<'_>, steps: &[&str]) -> Option<Duration> {
        let (situation, field) = match standing {
            Standing::Left => (Situation::Unqualified, "leftScope"),
            Standing::Gone => (Situation::SourceMissing, "sourceDeleted"),
            Standing::Here(_) | Standing::Unknown => return None,
        };
        let at_once = *class == Class::GROUP || self.setup.rules.iter().any(|(own, _)| *own == situation);
        let preferences = serde_json::to_value(&self.setup.preferences).expect("plain data");
        let Some(all) = preferences[field]["steps"].as_array().filter(|_| !at_once) else {
            return Some(Duration::ZERO);
        };
        let named = all.iter().filter(|step| step["kind"].as_str().is_some_and(|kind| steps.contains(&kind)));
        named.map(|step| Duration::from_secs(step["after"]["secs"].as_u64().expect("seconds"))).min()
    }

    /// Whether the grace period of a step is over: all of it passed since the source was last seen.
    fn is_due(&self, past: &Past, source: &ObjectId, standing: &Standing<'_>, steps: &[&str]) -> bool {
        let since = past.away.get(source).copied().unwrap_or(self.now);
        self.grace(&source.class, standing, steps).is_some_and(|grace| self.now - since >= grace)
    }

    /// Whether another source, who has no account yet, may be this account's.
    fn is_sought(&self, account: &Record, own: &ObjectId) -> bool {
        self.source.iter().filter(|record| record.id != *own && record.id.class == own.class).any(|record| {
            let shown = self.source_faults.shows(&record.id) && matches!(self.look, Look::Full);
            let matches = match own.class == Class::USER {
                true => same(record.get("id"), account.get("employeeId")),
                false => same(record.get("name"), account.get("name")),
            };
            shown && matches && self.target_of_source(&record.id).is_none()
        })
    }

    fn leavers(&self) -> impl Iterator<Item = String> {
        // Their words, since what they hold is their own.
        let preferences = serde_json::to_value(&self.setup.preferences).expect("plain data");
        ["leftScope", "sourceDeleted"].into_iter().map(move |field| preferences[field].to_string())
    }

    fn may_delete(&self, class: &Class) -> bool {
        let rules = self.setup.rules.iter().any(|(_, action)| *action == Action::Delete);
        let leavers = self.leavers().any(|leaver| leaver.contains("delete"));
        if *class == Class::GROUP { self.setup.deletes_groups } else { rules || leavers }
    }

    fn deletes_adopted(&self) -> bool {
        let preferences = serde_json::to_value(&self.setup.preferences).expect("plain data");
        preferences["deleteAdopted"] == true
    }

    fn takes_leavers_licenses(&self) -> bool {
        self.leavers().any(|leaver| leaver.contains("remove-licenses"))
    }

    /// Whether a group's record in the source wants an element in a set, or may want it.
    fn may_want(&self, group: &Record, attribute: &str, element: &str, seen: &mut BTreeSet<ObjectId>) -> bool {
        if !seen.insert(group.id.clone()) {
            return false;
        }
        let field = if attribute == "memberGroups" { "groups" } else { attribute };
        let class = if attribute == "memberGroups" { Class::GROUP } else { Class::USER };
        if self.source_faults.cut.contains(&(group.id.clone(), if field == "groups" { "groups" } else { "members" }))
            && field != "owners"
        {
            return true;
        }
        let named = group.get(field).map_or(&[][..], Value::as_slice).iter().filter_map(Value::as_text);
        let linked = |id: &str| self.target_of_source(&ObjectId::new(class.clone(), id));
        if named.into_iter().filter_map(linked).any(|target| *target.id == *element) {
            return true;
        }
        // What nested groups hold counts as theirs.
        let nested = group.get("groups").map_or(&[][..], Value::as_slice).iter().filter_map(Value::as_text);
        self.setup.flat
            && attribute == "members"
            && nested.into_iter().map(ObjectId::group).any(|id| {
                let cut = self.source_faults.cut.contains(&(group.id.clone(), "groups"));
                cut || match self.standing(&id) {
                    Standing::Here(nested) => self.may_want(nested, attribute, element, seen),
                    _ => self.records(&id).any(|nested| self.may_want(nested, attribute, element, seen)),
                }
            })
    }
}

fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    one.is_some_and(|one| !one.is_blank() && Some(one) == other)
}

fn is_external(record: &Record) -> bool {
    record.get("kind") == Some(&"external".into())
}

fn is_active(record: &Record) -> Option<bool> {
    record.get("active").and_then(Value::as_bool)
}

/// The elements of a set, or the one reference, by what tells them apart; inherited licences are marked.
fn elements(record: &Record, attribute: &str) -> BTreeSet<String> {
    let values = record.get(attribute).map_or(&[][..], Value::as_slice);
    let name = |value: &Value| match License::from_value(value) {
        Some(license) if attribute == "skuId" && !license.is_direct() => format!("^{}", license.product),
        Some(license) if attribute == "skuId" => license.product.to_string(),
        _ => value.to_string(),
    };
    values.iter().filter(|value| !value.is_blank()).map(name).collect()
}

const SETS: [&str; 5] = ["members", "memberGroups", "owners", "skuId", "manager"];

/// Judges what a run wrote, and remembers it.
pub(super) fn judge(moment: &Moment<'_>, past: &mut Past, deeds: &[Deed]) -> Result<(), TestCaseError> {
    note_leavers(moment, past);
    for deed in deeds {
        match (&deed.before, &deed.after) {
            (Some(before), None) => {
                deleted(moment, past, before)?;
                past.taken.push((moment.now, before.id.class.clone(), Kind::Delete));
            }
            (Some(before), Some(after)) => changed(moment, past, before, after)?,
            (None, Some(after)) => note_given(past, None, after),
            (None, None) => {}
        }
    }
    guarded(moment, past)
}

fn note_leavers(moment: &Moment<'_>, past: &mut Past) {
    let sources = moment.links.iter().filter_map(|link| link.end("hr")).map(|end| &end.object);
    let left = sources.filter(|id| matches!(moment.standing(id), Standing::Left | Standing::Gone));
    left.for_each(|id| _ = past.away.entry(id.clone()).or_insert(moment.now));
    // Who is not picked is not taken note of.
    past.away.retain(|id, _| moment.is_picked || !moment.is_seen(id));
}

fn deleted(moment: &Moment<'_>, past: &Past, account: &Record) -> Result<(), TestCaseError> {
    let id = &account.id;
    let Some((source, end)) = moment.end_of_target(id) else {
        return Err(TestCaseError::fail(format!("{id} was deleted, and was not linked")));
    };
    let ours = end.origin == LinkOrigin::Created || moment.deletes_adopted();
    prop_assert!(ours, "{} was deleted, and was there before the job", id);
    prop_assert!(moment.may_delete(&id.class), "{} was deleted, which nothing asks for", id);
    let standing = moment.standing(source);
    prop_assert!(matches!(standing, Standing::Left | Standing::Gone), "{} was deleted: {:?}", id, standing);
    prop_assert!(!moment.is_sought(account, source), "{} was deleted, and is another's", id);
    let is_due = moment.is_due(past, source, &standing, &["delete"]);
    prop_assert!(is_due, "{} was deleted before its grace period was over: {:?}", id, past.away.get(source));
    Ok(())
}

fn changed(moment: &Moment<'_>, past: &mut Past, before: &Record, after: &Record) -> Result<(), TestCaseError> {
    let id = &before.id;
    let link = moment.end_of_target(id);
    let standing = link.map(|(source, _)| moment.standing(source));
    match (is_active(before), is_active(after)) {
        (Some(true), Some(false)) => {
            let inactive = matches!(&standing, Some(Standing::Here(record)) if is_active(record) == Some(false));
            let left = matches!(standing, Some(Standing::Left | Standing::Gone));
            prop_assert!(inactive || left, "{} was disabled: {:?}", id, standing);
            let sought = link.is_some_and(|(source, _)| moment.is_sought(before, source));
            prop_assert!(inactive || !sought, "{} was disabled, and is another's", id);
            let rule = moment.setup.rules.iter().any(|(_, action)| *action == Action::Disable);
            let may = rule || moment.leavers().any(|leaver| leaver == "null" || leaver.contains("disable"))
                // Who existed before is disabled in place of being deleted.
                || moment.may_delete(&id.class);
            prop_assert!(inactive || may, "{} was disabled, which nothing asks for", id);
            // Who existed before is disabled when he would be deleted.
            let is_due = link
                .zip(standing.as_ref())
                .is_some_and(|((source, _), standing)| moment.is_due(past, source, standing, &["disable", "delete"]));
            prop_assert!(inactive || is_due, "{} was disabled before its grace period was over", id);
            past.taken.push((moment.now, id.class.clone(), Kind::Disable));
            past.disabled.insert(id.clone());
        }
        (Some(false), Some(true)) => {
            match moment.setup.enable {
                Enable::Never => prop_assert!(false, "{} was enabled", id),
                Enable::Own => prop_assert!(past.disabled.contains(id), "{} was enabled, and not ours", id),
                _ => {}
            }
            past.disabled.remove(id);
        }
        _ => {}
    }
    for (name, value) in before.attributes.iter().filter(|(name, _)| !SETS.contains(&name.as_str())) {
        let is_cleared = !value.is_blank() && after.get(name).is_none_or(Value::is_blank);
        if is_cleared {
            // Empty text is a value, and clears all the same.
            let from = if name.as_str() == "employeeId" { "id" } else { name.as_str() };
            let says =
                matches!(&standing, Some(Standing::Here(record)) if record.get(from).is_some_and(Value::is_blank));
            let is_mapped_so = matches!(name.as_str(), "title" | "employeeId");
            prop_assert!(says && is_mapped_so, "{} of {} was cleared: {:?}", name, id, standing);
            past.taken.push((moment.now, id.class.clone(), Kind::Clear));
        }
    }
    for attribute in SETS {
        let (had, has) = (elements(before, attribute), elements(after, attribute));
        let replaced = attribute == "manager" && !has.is_empty();
        for element in had.difference(&has).filter(|_| !replaced) {
            taken(moment, past, before, attribute, element)?;
        }
    }
    note_given(past, Some(before), after);
    Ok(())
}

fn taken(
    moment: &Moment<'_>,
    past: &Past,
    before: &Record,
    attribute: &str,
    element: &str,
) -> Result<(), TestCaseError> {
    let id = &before.id;
    let what = format!("{attribute} {element} of {id} was taken");
    let Some((source, end)) = moment.end_of_target(id) else {
        return Err(TestCaseError::fail(format!("{what}, which was not linked")));
    };
    let given = past.given.contains(&(id.clone(), attribute.to_owned(), element.to_owned()));
    let cut = moment.target_faults.cut.iter().any(|(own, name)| own == id && *name == attribute);
    prop_assert!(!cut, "{}, and not all were read", what);
    let standing = moment.standing(source);
    match (attribute, &standing) {
        ("skuId", _) => {
            prop_assert!(!element.starts_with('^'), "{}, which is inherited", what);
            let managed = match &moment.setup.managed {
                Managed::AllDirect => true,
                Managed::List(_) => given || element == F3,
                _ => given,
            };
            prop_assert!(managed, "{}, and is not ours to take", what);
            match standing {
                Standing::Here(record) => {
                    let cut = moment.source_faults.cut.contains(&(source.clone(), "sku"));
                    let wanted = record.get("sku").map_or(&[][..], Value::as_slice);
                    let wants = wanted.iter().filter_map(Value::as_text).any(|name| product(name) == element);
                    let never = moment.setup.removal == LicenseRemoval::Never;
                    prop_assert!(!cut && !wants && !never, "{}: {:?}", what, record);
                }
                Standing::Left | Standing::Gone => {
                    prop_assert!(moment.takes_leavers_licenses(), "{}, which nothing asks for", what);
                    prop_assert!(!moment.is_sought(before, source), "{}, and is another's", what);
                    let is_due = moment.is_due(past, source, &standing, &["remove-licenses"]);
                    prop_assert!(is_due, "{} before the grace period was over", what);
                }
                Standing::Unknown => prop_assert!(false, "{} without evidence", what),
            }
        }
        ("manager", Standing::Here(record)) => {
            prop_assert!(given, "{}, and was not given", what);
            prop_assert!(record.get("manager").is_none_or(Value::is_blank), "{}: {:?}", what, record);
        }
        (_, Standing::Here(record)) => {
            let claimed = *source.id == *"g0" || end.origin == LinkOrigin::Created;
            let exact = moment.setup.exact && attribute == "members" && claimed;
            prop_assert!(given || exact, "{}, and was not given", what);
            let wants = moment.may_want(record, attribute, element, &mut BTreeSet::new());
            prop_assert!(!wants, "{}, and is wanted: {:?}", what, record);
        }
        _ => prop_assert!(false, "{} without evidence: {:?}", what, standing),
    }
    Ok(())
}

fn product(name: &str) -> &'static str {
    match name {
        "E3" => E3,
        "E5" => E5,
        "F3" => F3,
        "PHONE" => PHONE,
        "OLD" => OLD,
        _ => "nothing",
    }
}

fn note_given(past: &mut Past, before: Option<&Record>, after: &Record) {
    if before.is_none() && is_active(after) == Some(false) {
        past.disabled.insert(after.id.clone());
    }
    for attribute in SETS {
        let had = before.map(|before| elements(before, attribute)).unwrap_or_default();
        let new = elements(after, attribute).into_iter().filter(|element| !had.contains(element));
        past.given.extend(new.map(|element| (after.id.clone(), attribute.to_owned(), element)));
    }
}

/// No more is taken in a day than is allowed, unless by name.
fn guarded(moment: &Moment<'_>, past: &Past) -> Result<(), TestCaseError> {
    if moment.lifted {
        return Ok(());
    }
    let mut counts: BTreeMap<(&Class, Kind), (usize, usize)> = BTreeMap::new();
    for (at, class, kind) in &past.taken {
        let count = counts.entry((class, *kind)).or_default();
        count.0 += usize::from(moment.now - *at < time::Duration::DAY);
        count.1 += usize::from(*at == moment.now);
    }
    for (what, (in_a_day, now)) in counts {
        // Ten objects and fewer are linked: three of each kind may go.
        prop_assert!(now == 0 || in_a_day <= 3, "{:?}: {} in a day", what, in_a_day);
    }
    Ok(())
}

/// The links that a state holds.
pub(super) fn stored_links(stored: &[(Vec<u8>, Vec<u8>)]) -> Vec<Link> {
    let decoded = stored.iter().map(|(_, bytes)| serde_json::from_slice::<serde_json::Value>(bytes).expect("JSON"));
    decoded.filter_map(|value| value.get("link").map(|link| Link::deserialize(link).expect("a link"))).collect()
}
