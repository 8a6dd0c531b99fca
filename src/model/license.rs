//! A licence: a product, without some of its plans; and one that somebody did not get.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Name, Value};

const PRODUCT: Name = Name::from_static("skuId");
const DISABLED_PLANS: Name = Name::from_static("disabledPlans");
const INHERITED_FROM: Name = Name::from_static("assignedByGroup");
const HEIR: Name = Name::from_static("member");
const ERROR: Name = Name::from_static("error");

/// A licence that an object holds or is to get: one element of the attribute that
/// [`Schema::licenses`](super::Schema::licenses) names.
///
/// As a [`Value`] it is a product's id alone, or an object with `skuId`, `disabledPlans` and `assignedByGroup`.
///
/// # Examples
///
/// ```
/// use entrant::model::License;
///
/// let license = License::new("c7df2760-2c81-4ef7-b578-5b5392b571df").without_plan("8c098270-9dd4-4350-9b30-ba4703f3b36b");
/// assert_eq!(License::from_value(&license.to_value()), Some(license));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct License {
    /// The id of the product (`skuId`).
    pub product: Arc<str>,
    /// The ids of the plans that are left out.
    pub disabled_plans: BTreeSet<Arc<str>>,
    /// The group that it comes from; `None` if it is the object's own.
    pub inherited_from: Option<Arc<str>>,
}

impl License {
    /// A licence with all plans.
    pub fn new(product: impl Into<Arc<str>>) -> Self {
        Self { product: product.into(), disabled_plans: BTreeSet::new(), inherited_from: None }
    }

    /// Leaves a plan out.
    #[must_use]
    pub fn without_plan(mut self, plan: impl Into<Arc<str>>) -> Self {
        self.disabled_plans.insert(plan.into());
        self
    }

    /// Says that it comes from a group.
    #[must_use]
    pub fn inherited_from(mut self, group: impl Into<Arc<str>>) -> Self {
        self.inherited_from = Some(group.into());
        self
    }

    /// Whether it is the object's own, and not inherited.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.inherited_from.is_none()
    }

    /// The licence as a value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let text = |text: &Arc<str>| Value::text(text);
        let mut members = BTreeMap::from([(PRODUCT, text(&self.product))]);
        if !self.disabled_plans.is_empty() {
            members.insert(DISABLED_PLANS, Value::list(self.disabled_plans.iter().map(text)));
        }
        if let Some(group) = &self.inherited_from {
            members.insert(INHERITED_FROM, text(group));
        }
        Value::Object(Arc::new(members))
    }

    /// The licence that a value is; `None` if it is none.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        let members = match value {
            Value::Text(product) => return Some(Self::new(product.to_shared())),
            Value::Object(members) => members,
            _ => return None,
        };
        let text = |name: &Name| match members.get(name) {
            Some(Value::Text(text)) => Some(text.to_shared()),
            _ => None,
        };
        let plans = members.get(&DISABLED_PLANS).map_or(&[][..], Value::as_slice);
        let plan = |value: &Value| match value {
            Value::Text(text) => Some(text.to_shared()),
            _ => None,
        };
        Some(Self {
            product: text(&PRODUCT)?,
            disabled_plans: plans.iter().filter_map(plan).collect(),
            inherited_from: text(&INHERITED_FROM),
        })
    }
}

/// A licence that one of the heirs of an object did not get, such as a member of a group.
///
/// # Examples
///
/// ```
/// use entrant::model::LicenseFault;
///
/// let fault = LicenseFault::new("a-user", "c7df2760-2c81-4ef7-b578-5b5392b571df", "CountViolation");
/// assert_eq!(LicenseFault::from_value(&fault.to_value()), Some(fault));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct LicenseFault {
    /// The id of the product (`skuId`).
    pub product: Arc<str>,
    /// Why it was not given, in the target's own word, such as `CountViolation`.
    pub error: Arc<str>,
    /// The id of the heir.
    pub heir: Arc<str>,
}

impl LicenseFault {
    /// A licence of a product that an heir did not get, and why.
    pub fn new(heir: impl Into<Arc<str>>, product: impl Into<Arc<str>>, error: impl Into<Arc<str>>) -> Self {
        Self { heir: heir.into(), product: product.into(), error: error.into() }
    }

    /// The fault as a value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let members = [(HEIR, &self.heir), (PRODUCT, &self.product), (ERROR, &self.error)];
        Value::Object(Arc::new(members.into_iter().map(|(name, text)| (name, Value::text(text))).collect()))
    }

    /// The fault that a value is; `None` if it is none.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        let Value::Object(members) = value else { return None };
        let text = |name: &Name| match members.get(name) {
            Some(Value::Text(text)) => Some(text.to_shared()),
            _ => None,
        };
        Some(Self { heir: text(&HEIR)?, product: text(&PRODUCT)?, error: text(&ERROR)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_survives_being_a_value() {
        let plain = License::new("p");
        for license in [plain.clone(), plain.clone().without_plan("a").without_plan("b"), plain.inherited_from("g")] {
            assert_eq!(License::from_value(&license.to_value()), Some(license));
        }
        assert_eq!(License::from_value(&"p".into()), Some(License::new("p")));
        let nameless = Value::Object(Arc::new(BTreeMap::from([(DISABLED_PLANS, "a".into())])));
        for value in [Value::Null, 7.into(), true.into(), Value::list(["p".into()]), nameless] {
            assert_eq!(License::from_value(&value), None, "{value:?}");
        }
    }
}
