//! What a target forbids beside its schema: the seam through which a product's peculiarities reach the planner.

use std::borrow::Cow;
use std::fmt;

use crate::model::{Attributes, Class, Name, ObjectId, Record, Value};
use crate::reconcile::Products;

/// What a target forbids, as it was when planning started. A pure check: the same draft, the same findings.
pub trait Constraints: fmt::Debug + Send + Sync {
    /// What would fail if the draft were written.
    fn check(&self, draft: &Draft<'_>) -> Vec<Finding>;

    /// The attributes of a current object that checks look at, beside what is mapped.
    fn reads(&self) -> Vec<Name> {
        Vec::new()
    }

    /// Values for `%Name%` in expressions that the target knows, such as `Domain`.
    fn parameters(&self) -> Vec<(Name, Value)> {
        Vec::new()
    }

    /// The products that licences are of; `None` where there are no licences.
    fn products(&self) -> Option<&Products> {
        None
    }

    /// A value that an object can hold for a moment on the way from `value` to another, and that nobody else holds:
    /// two objects swap a value of a [swappable](crate::model::AttributeSchema::swappable) attribute by way of it.
    fn temporary(&self, id: &ObjectId, attribute: &Name, value: &Value) -> Option<Value> {
        let _ = (id, attribute, value);
        None
    }
}

/// No constraints beside the schema.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub(crate) struct NoConstraints;

impl Constraints for NoConstraints {
    fn check(&self, _: &Draft<'_>) -> Vec<Finding> {
        Vec::new()
    }
}

/// What is about to be planned for one object.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Draft<'a> {
    /// The class of the object.
    pub class: &'a Class,
    /// What kind of write.
    pub step: DraftStep,
    /// The object as it is; `None` for one that is to be created.
    pub current: Option<&'a Record>,
    /// What would be written.
    pub attributes: &'a Attributes,
    /// The attributes of which elements would be given or taken.
    pub elements: &'a [Name],
}

impl<'a> Draft<'a> {
    /// A draft of a write.
    #[must_use]
    pub fn new(class: &'a Class, step: DraftStep, current: Option<&'a Record>, attributes: &'a Attributes) -> Self {
        Self { class, step, current, attributes, elements: &[] }
    }

    /// Names the attributes of which elements would be given or taken.
    #[must_use]
    pub fn with_elements(mut self, elements: &'a [Name]) -> Self {
        self.elements = elements;
        self
    }
}

/// The kind of a drafted write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DraftStep {
    /// A new object.
    Create,
    /// Changed attributes of an existing one.
    Update,
    /// Elements given or taken: references, licences.
    Elements,
    /// Switched off.
    Disable,
    /// Switched on.
    Enable,
    /// Deleted.
    Delete,
}

/// What a constraint found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub kind: FindingKind,
    /// The attribute at fault; `None` if it is the object as a whole.
    pub attribute: Option<Name>,
    /// A short stable name of the rule, such as `unverified-domain`.
    pub rule: Cow<'static, str>,
    /// What is wrong and what would be right, in one line.
    pub message: String,
}

impl Finding {
    /// A value of an attribute that the target would refuse.
    pub fn attribute(name: impl Into<Name>, rule: &'static str, message: impl Into<String>) -> Self {
        Self { kind: FindingKind::Violation, attribute: Some(name.into()), rule: rule.into(), message: message.into() }
    }

    /// A write that the target would refuse as a whole.
    pub fn object(rule: &'static str, message: impl Into<String>) -> Self {
        Self { kind: FindingKind::Violation, attribute: None, rule: rule.into(), message: message.into() }
    }

    /// A write to an object that has a say over others, which must be allowed by name
    /// ([`Preferences::with_privileged`](crate::reconcile::Preferences::with_privileged)).
    pub fn privileged(rule: &'static str, message: impl Into<String>) -> Self {
        Self { kind: FindingKind::Privileged, attribute: None, rule: rule.into(), message: message.into() }
    }

    /// The same of one attribute alone.
    #[must_use]
    pub fn at(mut self, attribute: impl Into<Name>) -> Self {
        self.attribute = Some(attribute.into());
        self
    }

    /// Something that could not be read, so that nobody knows whether it would fail: a warning.
    pub fn unknown(rule: &'static str, message: impl Into<String>) -> Self {
        Self { kind: FindingKind::Unknown, attribute: None, rule: rule.into(), message: message.into() }
    }
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// It would fail.
    Violation,
    /// It is refused unless allowed by name.
    Privileged,
    /// Nobody knows; the entry goes on.
    Unknown,
}
