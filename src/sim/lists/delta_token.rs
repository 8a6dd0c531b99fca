//! What a link of `delta` carries from one request to the next.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::query::base64url_decode;
use crate::sim::groups::membership::Relation;
use crate::sim::objects::extension::Extensions;
use crate::sim::objects::shelf::{Log, Slot};
use crate::sim::seed::{base64url, seal};
use crate::sim::users::property::{Class, MANAGER, Prop, property};

/// So long a token is good.
const LIFETIME_SECONDS: i64 = 7 * 24 * 60 * 60;

/// What was asked for, and how far it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// The collection that it belongs to.
    #[serde(rename = "c")]
    class: String,
    /// The names that were selected.
    #[serde(rename = "s")]
    pub(crate) select: Option<Vec<String>>,
    /// The ids that were asked for; none: all.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    ids: Vec<Uuid>,
    /// From where in the logs this round tells.
    #[serde(rename = "a")]
    pub(crate) at: Positions,
    /// Where this round ends, and the next one begins.
    #[serde(rename = "b")]
    pub(crate) to: Positions,
    /// Where in this round the page begins.
    #[serde(rename = "p", default)]
    pub(crate) place: Link,
    /// Whether the round tells of all that there is, and not of changes.
    #[serde(rename = "f")]
    pub(crate) is_first: bool,
    /// Whether it stands for a page within a round.
    #[serde(rename = "o")]
    pub(crate) has_begun: bool,
    /// Whether only what comes is of interest.
    #[serde(skip)]
    pub(crate) is_latest: bool,
    #[serde(rename = "t")]
    issued: i64,
    #[serde(rename = "g")]
    generation: u32,
}

/// Places in the logs of objects, members and owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Positions(pub(crate) [u32; 3]);

/// A place among the objects of a round, and among the links of that object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    #[serde(rename = "o")]
    pub(crate) object: Slot,
    #[serde(rename = "t")]
    pub(crate) turn: u8,
    #[serde(rename = "l")]
    pub(crate) link: u32,
}

impl Positions {
    /// So much earlier in each log.
    pub(crate) fn back(self, by: usize) -> Self {
        let by = u32::try_from(by).unwrap_or(u32::MAX);
        Self(self.0.map(|at| at.saturating_sub(by)))
    }
}

impl Token {
    pub(crate) fn first(
        class: Class,
        select: Option<Vec<String>>,
        ids: Vec<Uuid>,
        is_latest: bool,
        to: Positions,
        generation: u32,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            class: class.collection().to_owned(),
            select,
            ids,
            at: to,
            to,
            place: Link::default(),
            is_first: true,
            has_begun: false,
            is_latest,
            issued: now.unix_timestamp(),
            generation,
        }
    }

    /// The token with which the next round begins.
    pub(crate) fn then(&self, now: OffsetDateTime) -> Self {
        Self {
            at: self.to,
            place: Link::default(),
            is_first: false,
            has_begun: false,
            issued: now.unix_timestamp(),
            ..self.clone()
        }
    }

    pub(crate) fn text(&self, key: u64) -> String {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.extend(seal(key, &bytes).to_be_bytes());
        base64url(&bytes)
    }

    /// Reads a token back, if it is one of ours, of this kind, and not too old.
    pub(crate) fn read(
        text: &str,
        class: Class,
        is_page: bool,
        (key, generation): (u64, u32),
        now: OffsetDateTime,
    ) -> Option<Self> {
        let bytes = base64url_decode(text)?;
        let (bytes, sealed) = bytes.split_last_chunk::<8>()?;
        if u64::from_be_bytes(*sealed) != seal(key, bytes) {
            return None;
        }
        let token: Self = serde_json::from_slice(bytes).ok()?;
        let age = now.unix_timestamp().saturating_sub(token.issued);
        let is_ours = token.class == class.collection()
            && token.has_begun == is_page
            && token.generation == generation
            && age <= LIFETIME_SECONDS;
        is_ours.then_some(token)
    }

    pub(crate) fn wants(&self, id: Uuid) -> bool {
        self.ids.is_empty() || self.ids.contains(&id)
    }

    /// A log as far as this round tells of it; which one of the three positions is meant.
    pub(crate) fn stretch<'a, T>(&self, log: &'a Log<T>, which: usize) -> &'a [T] {
        let place = |positions: Positions| positions.0.get(which).map_or(0, |at| *at as usize);
        log.stretch(place(self.at), place(self.to))
    }

    /// The properties that are told, `id` apart.
    pub(crate) fn tracked(&self, class: Class, extensions: &Extensions) -> Vec<Prop> {
        let props: Vec<Prop> = match &self.select {
            None => class.default_set().to_vec(),
            Some(names) => names
                .iter()
                .filter_map(|name| match class {
                    Class::User if name == "manager" => Some(MANAGER),
                    _ => extensions.find(class, name).next(),
                })
                .collect(),
        };
        props.into_iter().filter(|prop| *prop == MANAGER || property(*prop).name != "id").collect()
    }

    /// The links that are told, each with its number.
    pub(crate) fn relations(&self, class: Class) -> impl Iterator<Item = (u8, Relation)> {
        let is_wanted = |relation: &Relation| {
            class == Class::Group
                && match &self.select {
                    None => *relation == Relation::Members,
                    Some(names) => names.iter().any(|name| name == relation.name()),
                }
        };
        let wanted: Vec<_> =
            [(0, Relation::Members), (1, Relation::Owners)].into_iter().filter(|(_, one)| is_wanted(one)).collect();
        wanted.into_iter()
    }

    /// As `@odata.context` shows it.
    pub(crate) fn context(&self, class: Class) -> String {
        let shown = self.select.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
        format!("{}{shown}", class.collection())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_kind_and_a_week() {
        let now = datetime!(2026-03-04 10:15:30 UTC);
        let first = Token::first(Class::User, None, Vec::new(), false, Positions([7, 0, 0]), 3, now);
        let token = first.then(now);
        let text = token.text(5);
        let read = |class, is_page, generation, days| {
            Token::read(&text, class, is_page, (5, generation), now + time::Duration::days(days))
        };
        assert_eq!(read(Class::User, false, 3, 7), Some(token.clone()));
        assert_eq!(token.at, Positions([7, 0, 0]));
        assert_eq!(read(Class::User, false, 3, 8), None, "too old");
        assert_eq!(read(Class::Group, false, 3, 0), None, "of other objects");
        assert_eq!(read(Class::User, true, 3, 0), None, "not of a page");
        assert_eq!(read(Class::User, false, 4, 0), None, "expired on demand");
        for text in ["", "StaleToken0001", "é", "e30", &base64url(b"{\"c\":\"users\"}"), &token.text(6)] {
            assert_eq!(Token::read(text, Class::User, false, (5, 3), now), None, "{text}");
        }
        let bytes = base64url_decode(&text).expect("ours");
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let text = base64url(&bytes);
            assert_eq!(Token::read(&text, Class::User, false, (5, 3), now), None, "changed at {at}");
        }
    }
}
