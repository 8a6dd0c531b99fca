//! What a store's objects may hold.

use std::collections::BTreeMap;

use super::{Class, Filter, Name};

/// The attributes of a class, and which of them play a part that the planner must know.
///
/// The planner knows nothing of any product: it compares, orders and refuses by schema alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// The class that it describes.
    pub class: Class,
    /// The attributes by name.
    pub attributes: BTreeMap<Name, AttributeSchema>,
    /// The Boolean attribute that says whether an object is active, written by a request of its own.
    pub status: Option<Name>,
    /// The Boolean attribute that ends all sign-ins of an object when true is written; it is never read.
    pub sessions: Option<Name>,
    /// The attribute that holds when the store made the object.
    pub created_at: Option<Name>,
    /// The attribute that people know an object by, for plans and reports.
    pub label: Option<Name>,
    /// Which objects of the class a mapping looks at unless it says otherwise, such as members but not guests.
    pub default_scope: Option<Filter>,
    /// The attributes that say which licences an object has, for a class that can have any.
    pub licenses: Option<LicenseAttributes>,
}

impl Schema {
    /// A schema without attributes.
    #[must_use]
    pub fn new(class: Class) -> Self {
        Self {
            class,
            attributes: BTreeMap::new(),
            status: None,
            sessions: None,
            created_at: None,
            label: None,
            default_scope: None,
            licenses: None,
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, attribute: AttributeSchema) -> Self {
        self.attributes.insert(name.into(), attribute);
        self
    }

    /// Names the attribute that says whether an object is active.
    #[must_use]
    pub fn with_status(mut self, name: impl Into<Name>) -> Self {
        self.status = Some(name.into());
        self
    }

    /// Names the attribute that ends all sign-ins of an object when true is written. A target ends them after it has
    /// switched the object off, where both are written at once.
    #[must_use]
    pub fn with_sessions(mut self, name: impl Into<Name>) -> Self {
        self.sessions = Some(name.into());
        self
    }

    /// Names the attribute that holds when the store made the object.
    #[must_use]
    pub fn with_created_at(mut self, name: impl Into<Name>) -> Self {
        self.created_at = Some(name.into());
        self
    }

    /// Names the attribute that people know an object by.
    #[must_use]
    pub fn with_label(mut self, name: impl Into<Name>) -> Self {
        self.label = Some(name.into());
        self
    }

    /// Says which objects of the class a mapping looks at unless it says otherwise.
    #[must_use]
    pub fn with_default_scope(mut self, scope: Filter) -> Self {
        self.default_scope = Some(scope);
        self
    }

    /// Names the attributes that say which licences an object has: products, and the plans left out of them.
    ///
    /// The first holds [`License`](super::License)s when it is read, and takes products by id or name; the second takes
    /// plans by id or name, and is not read.
    #[must_use]
    pub fn with_licenses(mut self, products: impl Into<Name>, disabled_plans: impl Into<Name>) -> Self {
        let (products, disabled_plans) = (products.into(), disabled_plans.into());
        self.licenses = Some(LicenseAttributes { products, disabled_plans, heirs: None });
        self
    }

    /// Says who inherits the licences that [`with_licenses`](Schema::with_licenses) names: an object of this class
    /// hands them on, as a group does to its members, and needs no seat itself.
    #[must_use]
    pub fn with_heirs(mut self, heirs: LicenseHeirs) -> Self {
        if let Some(licenses) = &mut self.licenses {
            licenses.heirs = Some(heirs);
        }
        self
    }

    /// Whether the values of an attribute are given and taken one by one: references, and licences.
    #[must_use]
    pub fn is_elements(&self, name: &str) -> bool {
        self.is_reference(name) || self.is_licensing(name)
    }

    /// Whether an attribute refers to other objects.
    #[must_use]
    pub fn is_reference(&self, name: &str) -> bool {
        self.get(name).is_some_and(|attribute| matches!(attribute.kind, Kind::Reference(_)))
    }

    /// Whether an attribute is one of those that say which licences an object has.
    #[must_use]
    pub fn is_licensing(&self, name: &str) -> bool {
        self.licenses.as_ref().is_some_and(|licenses| licenses.products == *name || licenses.disabled_plans == *name)
    }

    /// An attribute by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AttributeSchema> {
        self.attributes.get(name)
    }

    /// Whether this is the attribute that says whether an object is active.
    #[must_use]
    pub fn is_status(&self, name: &str) -> bool {
        self.status.as_deref() == Some(name)
    }
}

/// The attributes that say which licences an object has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LicenseAttributes {
    /// The products.
    pub products: Name,
    /// The plans that are left out of them.
    pub disabled_plans: Name,
    /// Who inherits them, if the object has them for others.
    pub heirs: Option<LicenseHeirs>,
}

/// The attributes that say who inherits the licences of an object, and what became of that.
///
/// # Examples
///
/// ```
/// use entrant::model::{Class, LicenseHeirs, Schema};
///
/// let heirs = LicenseHeirs::new("members").with_faults("licenseErrors").with_state("state", "ProcessingComplete");
/// let schema = Schema::new(Class::GROUP).with_licenses("skuId", "disabledPlans").with_heirs(heirs);
/// assert_eq!(schema.licenses.and_then(|licenses| licenses.heirs).map(|heirs| heirs.members), Some("members".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LicenseHeirs {
    /// The reference attribute that names the heirs.
    pub members: Name,
    /// The attribute that holds a [`LicenseFault`](super::LicenseFault) for each licence that an heir did not get.
    pub faults: Option<Name>,
    /// The attribute that says how far handing them on has come, and its word for done.
    pub state: Option<(Name, Name)>,
}

impl LicenseHeirs {
    /// Those whom a reference attribute names.
    pub fn new(members: impl Into<Name>) -> Self {
        Self { members: members.into(), faults: None, state: None }
    }

    /// Names the attribute that holds a [`LicenseFault`](super::LicenseFault) for each licence that an heir did not get.
    #[must_use]
    pub fn with_faults(mut self, faults: impl Into<Name>) -> Self {
        self.faults = Some(faults.into());
        self
    }

    /// Names the attribute that says how far handing the licences on has come, and its word for done.
    #[must_use]
    pub fn with_state(mut self, state: impl Into<Name>, done: impl Into<Name>) -> Self {
        self.state = Some((state.into(), done.into()));
        self
    }

    /// The attributes that are read to know all of it.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Name> {
        let state = self.state.as_ref().map(|(state, _)| state);
        std::iter::once(&self.members).chain(&self.faults).chain(state)
    }
}

/// What one attribute may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeSchema {
    /// The type of a value.
    pub kind: Kind,
    /// One value or several.
    pub cardinality: Cardinality,
    /// How text is compared.
    pub case: CaseRule,
    /// When it may be written.
    pub mutability: Mutability,
    /// Whether an object cannot be made without it.
    pub required_on_create: bool,
    /// Whether it can be cleared.
    pub nullable: bool,
    /// Whether its value must never be shown: it is in no plan, report or log.
    pub secret: bool,
    /// Whether changing it is a rename, which has a guard of its own.
    pub renames: bool,
    /// The name space in which a value can be held by one object only.
    pub unique_in: Option<Name>,
    /// Whether it ties a deleted object to its source, so that the recycle bin can be searched by it.
    pub anchor: bool,
    /// The longest text, in characters.
    pub max_length: Option<usize>,
    /// Whether a value for a moment may be written on the way to another, so that two objects can swap theirs; see
    /// `Constraints::temporary`.
    pub swappable: bool,
    /// Whether a new object is made without it: it is written as a change of the object once that is there.
    pub after_create: bool,
}

impl AttributeSchema {
    /// A single, readable, writable, nullable attribute of a kind, compared exactly.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            cardinality: Cardinality::Single,
            case: CaseRule::Exact,
            mutability: Mutability::ReadWrite,
            required_on_create: false,
            nullable: true,
            secret: false,
            renames: false,
            unique_in: None,
            anchor: false,
            max_length: None,
            swappable: false,
            after_create: false,
        }
    }

    /// Text, compared exactly.
    #[must_use]
    pub fn text() -> Self {
        Self::new(Kind::Text)
    }

    /// The id of an object of a class.
    #[must_use]
    pub fn reference(class: Class) -> Self {
        Self::new(Kind::Reference(class))
    }

    /// True or false.
    #[must_use]
    pub fn boolean() -> Self {
        Self::new(Kind::Boolean)
    }

    /// Makes it hold several values, a set.
    #[must_use]
    pub fn many(mut self) -> Self {
        self.cardinality = Cardinality::Many;
        self
    }

    /// Compares text without regard to case.
    #[must_use]
    pub fn ignore_case(mut self) -> Self {
        self.case = CaseRule::Ignore;
        self
    }

    /// Says when it may be written.
    #[must_use]
    pub fn with_mutability(mut self, mutability: Mutability) -> Self {
        self.mutability = mutability;
        self
    }

    /// Makes it required when an object is made, and not nullable.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required_on_create = true;
        self.nullable = false;
        self
    }

    /// Makes it impossible to clear.
    #[must_use]
    pub fn not_nullable(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// Keeps its value out of everything that is shown or stored.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Counts a change of it as a rename.
    #[must_use]
    pub fn renames(mut self) -> Self {
        self.renames = true;
        self
    }

    /// Lets only one object hold a value in this name space.
    #[must_use]
    pub fn unique_in(mut self, space: impl Into<Name>) -> Self {
        self.unique_in = Some(space.into());
        self
    }

    /// Lets the recycle bin be searched by it.
    #[must_use]
    pub fn anchor(mut self) -> Self {
        self.anchor = true;
        self
    }

    /// Limits the text, in characters.
    #[must_use]
    pub fn with_max_length(mut self, characters: usize) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// Lets a value for a moment be written on the way to another.
    #[must_use]
    pub fn swappable(mut self) -> Self {
        self.swappable = true;
        self
    }

    /// Writes it once an object is made, and not with it: what makes the object has no place for it.
    #[must_use]
    pub fn after_create(mut self) -> Self {
        self.after_create = true;
        self
    }

    /// Whether an existing object's value can be changed.
    #[must_use]
    pub fn is_updatable(&self) -> bool {
        matches!(self.mutability, Mutability::ReadWrite | Mutability::WriteOnly)
    }

    /// Whether it can be read back and so compared.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !self.secret && !matches!(self.mutability, Mutability::WriteOnly)
    }
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A moment in time.
    DateTime,
    /// Bytes.
    Binary,
    /// The id of an object of this class.
    Reference(Class),
    /// An object of its own.
    Complex,
}

/// One value or several. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an attribute holds one value or several; there is no third")]
pub enum Cardinality {
    /// One.
    Single,
    /// A set: order and repetition do not matter.
    Many,
}

/// How text is compared. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "case matters or it does not")]
pub enum CaseRule {
    /// Code point by code point, after Unicode normalisation (NFC).
    Exact,
    /// After simple Unicode case folding too.
    Ignore,
}

/// When an attribute may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mutability {
    /// Read back, written at any time.
    #[default]
    ReadWrite,
    /// Written when an object is made, never changed.
    CreateOnly,
    /// Set by the store.
    ReadOnly,
    /// Written at any time, never read back.
    WriteOnly,
}
