//! Elements that an entry gives and takes: references to other objects, licences.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{License, Name, ObjectId, Value};
use crate::reconcile::{Guard, Part};

/// Elements of one attribute that are given and taken one by one. A single reference is a set of one at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SetChange {
    /// The target's attribute.
    pub attribute: Name,
    /// What the elements are.
    pub kind: SetKind,
    /// What is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<Element>,
    /// What is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Element>,
    /// The rule that says so, such as `[members]`, or `leaver: source-missing`.
    pub rule: String,
    /// How many elements of the attribute the job gave this object before, which limits how many it takes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub given: u64,
    /// For licences that others inherit: how many do, as far as is known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub heirs: u64,
    /// What the source said when the plan was made: a digest, to tell whether it says so still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
}

/// What the elements of a [`SetChange`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SetKind {
    /// Other objects; any number of them.
    References,
    /// Another object; the one that is given takes the place of the one before.
    Reference,
    /// Licences.
    Licenses,
}

/// One element that is given or taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Element {
    /// What the target calls it; `None` for an object that this plan makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// For a reference: the object in the source, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ObjectId>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// For a licence: whether giving it takes a seat, or taking it frees one; a seat of each heir, where others inherit
    /// it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seat: bool,
}

impl SetChange {
    /// Which part of an entry's work it is.
    pub(crate) fn part(&self) -> Part {
        match self.kind {
            SetKind::References | SetKind::Reference => Part::References,
            SetKind::Licenses => Part::Licenses,
        }
    }

    /// Which kind of effect taking is.
    pub(crate) fn guard(&self) -> Guard {
        match self.kind {
            SetKind::References => Guard::MemberRemoval,
            SetKind::Reference => Guard::Clear,
            SetKind::Licenses => Guard::LicenseRemoval,
        }
    }

    /// Whether nothing is given and nothing taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Whether something is taken away, beyond being replaced by another of its kind.
    #[must_use]
    pub fn takes(&self) -> bool {
        !self.remove.is_empty() && (self.kind != SetKind::Reference || self.add.is_empty())
    }

    /// How many elements are taken without another in their place; a licence counts once for each who inherits it.
    #[must_use]
    pub fn removals(&self) -> u64 {
        let swapped = match self.kind {
            // A person who has a licence after as before has lost none.
            SetKind::Licenses => self.add.iter().filter(|element| element.seat).count(),
            SetKind::Reference => self.add.len(),
            SetKind::References => 0,
        };
        (self.remove.len().saturating_sub(swapped) as u64).saturating_mul(self.heirs.max(1))
    }
}

impl Element {
    /// An object of the target, by its id there.
    pub(crate) fn object(id: Arc<str>, source: Option<ObjectId>) -> Self {
        Self { value: Some(Value::text(id)), source, label: None, seat: false }
    }

    /// An object that this plan makes.
    pub(crate) fn planned(source: ObjectId) -> Self {
        Self { value: None, source: Some(source), label: None, seat: false }
    }

    /// The product of a licence.
    pub(crate) fn product(&self) -> Option<Arc<str>> {
        License::from_value(self.value.as_ref()?).map(|license| license.product)
    }

    pub(crate) fn is_of(&self, product: &str) -> bool {
        self.product().is_some_and(|own| *own == *product)
    }

    /// A licence.
    pub(crate) fn license(license: &License, name: &str, seat: bool) -> Self {
        Self { value: Some(license.to_value()), source: None, label: Some(name.to_owned()), seat }
    }
}

/// Under which key it is remembered that the job gave an element: an id.
pub(crate) fn element_key(element: &Value) -> Option<Arc<str>> {
    License::from_value(element).map(|license| license.product)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
