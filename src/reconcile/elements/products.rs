//! The products that licences are of: seats, plans, and what cannot be held together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::License;
use crate::reconcile::Finding;
use crate::reconcile::decide::unique::listed;

/// The products of a target as they were when planning started, by id.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Products {
    products: BTreeMap<Arc<str>, Product>,
    /// Why they could not be read.
    unread: Option<String>,
}

/// A product that licences can be of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Product {
    /// Its id (`skuId`).
    pub id: Arc<str>,
    /// What people call it (`skuPartNumber`).
    pub name: Arc<str>,
    /// How many more can be given; `None` if nobody knows.
    pub free_seats: Option<u64>,
    /// How many more are held than there are seats: as many must be given up before one is free again.
    pub overdrawn: u64,
    /// Why no licence of it can be given, if so.
    pub refusal: Option<String>,
    /// What it consists of.
    pub plans: Vec<ProductPlan>,
}

/// A plan of a [`Product`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProductPlan {
    /// Its id (`servicePlanId`).
    pub id: Arc<str>,
    /// What people call it (`servicePlanName`).
    pub name: Arc<str>,
    /// The ids of the plans of which one at least must be held too; none need be if there are none.
    pub requires: BTreeSet<Arc<str>>,
    /// The ids of the plans beside which it cannot be held.
    pub excludes: BTreeSet<Arc<str>>,
}

impl Product {
    /// A product without plans and with so many free seats.
    pub fn new(id: impl AsRef<str>, name: impl Into<Arc<str>>, free_seats: Option<u64>) -> Self {
        Self { id: lower(id.as_ref()), name: name.into(), free_seats, overdrawn: 0, refusal: None, plans: Vec::new() }
    }

    /// Says how many more are held than there are seats.
    #[must_use]
    pub fn with_overdrawn(mut self, seats: u64) -> Self {
        self.overdrawn = seats;
        self
    }

    /// Says why no licence of it can be given.
    #[must_use]
    pub fn with_refusal(mut self, reason: impl Into<String>) -> Self {
        self.refusal = Some(reason.into());
        self
    }

    /// Adds a plan.
    #[must_use]
    pub fn with_plan(mut self, plan: ProductPlan) -> Self {
        self.plans.push(plan);
        self
    }

    fn plan(&self, text: &str) -> Option<&ProductPlan> {
        let same = |plan: &&ProductPlan| plan.id.eq_ignore_ascii_case(text) || plan.name.eq_ignore_ascii_case(text);
        self.plans.iter().find(same)
    }
}

impl ProductPlan {
    /// A plan that goes with any other.
    pub fn new(id: impl AsRef<str>, name: impl Into<Arc<str>>) -> Self {
        Self { id: lower(id.as_ref()), name: name.into(), requires: BTreeSet::new(), excludes: BTreeSet::new() }
    }

    /// Needs this plan or another that is said to be needed.
    #[must_use]
    pub fn requires(mut self, plan: impl AsRef<str>) -> Self {
        self.requires.insert(lower(plan.as_ref()));
        self
    }

    /// Cannot be held beside this plan.
    #[must_use]
    pub fn excludes(mut self, plan: impl AsRef<str>) -> Self {
        self.excludes.insert(lower(plan.as_ref()));
        self
    }
}

impl Products {
    /// The products that there are.
    pub fn new(products: impl IntoIterator<Item = Product>) -> Self {
        let products = products.into_iter().map(|product| (Arc::clone(&product.id), product)).collect();
        Self { products, unread: None }
    }

    /// Products that could not be read: an id is taken as it is, a name cannot be.
    pub fn unread(reason: impl Into<String>) -> Self {
        Self { products: BTreeMap::new(), unread: Some(reason.into()) }
    }

    /// A product by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Product> {
        self.products.get(&*lower(id))
    }

    /// What people call a product: its name, or its id where that is all there is.
    #[must_use]
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.get(id).map_or(id, |product| &product.name)
    }

    /// The licences that some products and left-out plans, each by id or name, stand for; with what cannot be known.
    /// Or all that is wrong with them. A plan is left out of each of the products that has it.
    pub(crate) fn resolve(
        &self,
        products: &[&str],
        disabled_plans: &[&str],
    ) -> Result<(Vec<License>, Vec<Finding>), Vec<Finding>> {
        let mut licenses: BTreeMap<Arc<str>, License> = BTreeMap::new();
        let mut faults = Vec::new();
        let mut unknown = Vec::new();
        for text in products {
            match (self.find(text), &self.unread) {
                (Some(product), _) => {
                    licenses.insert(Arc::clone(&product.id), License::new(Arc::clone(&product.id)));
                }
                (None, Some(reason)) if is_guid(text) => {
                    let message = format!("whether {text} can be given is not known: {reason}");
                    unknown.push(Finding::unknown("products-unread", message));
                    licenses.insert(lower(text), License::new(lower(text)));
                }
                (None, Some(reason)) => {
                    let message =
                        format!("{text} cannot be resolved to an id: {reason}; give the id, or let products be read");
                    faults.push(Finding::object("products-unread", message));
                }
                (None, None) => {
                    let names = listed(self.products.values().map(|product| product.name.to_string()), ", ");
                    let names = if names.is_empty() { "none".to_owned() } else { names };
                    let message = format!("{text} is no product of the tenant; it has {names}");
                    faults.push(Finding::object("unknown-product", message));
                }
            }
        }
        for text in disabled_plans {
            let mut known = false;
            for license in licenses.values_mut() {
                if let Some(plan) = self.get(&license.product).and_then(|product| product.plan(text)) {
                    license.disabled_plans.insert(Arc::clone(&plan.id));
                    known = true;
                } else if self.unread.is_some() && products.len() == 1 && is_guid(text) {
                    license.disabled_plans.insert(lower(text));
                    known = true;
                }
            }
            if !known && !licenses.is_empty() {
                let message = format!("none of the products has a plan {text}");
                faults.push(Finding::object("unknown-plan", message));
            }
        }
        if faults.is_empty() { Ok((licenses.into_values().collect(), unknown)) } else { Err(faults) }
    }

    /// Why these licences cannot be held together; inherited ones count.
    pub(crate) fn conflicts(&self, licenses: &[License]) -> Vec<Finding> {
        let mut active: BTreeMap<&Arc<str>, (&Product, &ProductPlan)> = BTreeMap::new();
        for license in licenses {
            let Some(product) = self.get(&license.product) else { continue };
            for plan in product.plans.iter().filter(|plan| !license.disabled_plans.contains(&plan.id)) {
                active.entry(&plan.id).or_insert((product, plan));
            }
        }
        let mut found = Vec::new();
        for (product, plan) in active.values() {
            for (other, excluded) in plan.excludes.iter().filter_map(|excluded| active.get(excluded)) {
                // Each pair once, whichever of the two says it.
                if plan.id < excluded.id || !excluded.excludes.contains(&plan.id) {
                    let message = format!(
                        "{} of {} and {} of {} cannot be held together; leave one of the plans out",
                        plan.name, product.name, excluded.name, other.name
                    );
                    found.push(Finding::object("plan-conflict", message));
                }
            }
            // What is not among the products could be what is needed.
            let whole = licenses.iter().all(|license| self.get(&license.product).is_some());
            if whole && !plan.requires.is_empty() && !plan.requires.iter().any(|needed| active.contains_key(needed)) {
                let needed = listed(plan.requires.iter().map(|needed| self.plan_name(needed)), " or ");
                let message = format!("{} of {} needs {needed}, which is not held", plan.name, product.name);
                found.push(Finding::object("plan-dependency", message));
            }
        }
        found
    }

    fn plan_name(&self, id: &str) -> String {
        let plans = self.products.values().flat_map(|product| &product.plans);
        plans.into_iter().find(|plan| *plan.id == *id).map_or_else(|| id.to_owned(), |plan| plan.name.to_string())
    }

    fn find(&self, text: &str) -> Option<&Product> {
        let text = text.trim();
        let named = |product: &&Product| product.name.eq_ignore_ascii_case(text);
        self.get(text).or_else(|| self.products.values().find(named))
    }
}

fn is_guid(text: &str) -> bool {
    uuid::Uuid::try_parse(text.trim()).is_ok()
}

fn lower(text: &str) -> Arc<str> {
    text.trim().to_ascii_lowercase().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const E3: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";
    const E5: &str = "06ebc4ee-1bb5-47dd-8120-11324bc54e06";

    fn products() -> Products {
        let mail = |id: &str, name: &str, other: &str| ProductPlan::new(id, name).excludes(other);
        Products::new([
            Product::new(E3, "SPE_E3", Some(1))
                .with_plan(mail("mail-1", "EXCHANGE_S_STANDARD", "mail-2"))
                .with_plan(ProductPlan::new("teams", "TEAMS1")),
            Product::new(E5, "SPE_E5", None)
                .with_plan(mail("mail-2", "EXCHANGE_S_ENTERPRISE", "mail-1"))
                .with_plan(ProductPlan::new("teams", "TEAMS1")),
            Product::new("addon", "PHONE", Some(5))
                .with_plan(ProductPlan::new("phone", "MCOEV").requires("teams").requires("skype")),
        ])
    }

    #[test]
    fn products_and_plans_go_by_id_or_name() {
        type Row<'a> = (&'a [&'a str], &'a [&'a str], Result<&'a [&'a str], &'a str>);
        #[rustfmt::skip]
        let table: &[Row<'_>] = &[
            (&["SPE_E3"], &[], Ok(&[E3])),
            (&["spe_e3", "06EBC4EE-1BB5-47DD-8120-11324BC54E06", "SPE_E3"], &[], Ok(&[E3, E5])),
            (&["SPE_E3", "SPE_E5"], &["teams1", "mail-2"], Ok(&["05e9a617-0261-4cee-bb44-138d3ef5d965 -teams", "06ebc4ee-1bb5-47dd-8120-11324bc54e06 -mail-2 -teams"])),
            (&[], &["TEAMS1"], Ok(&[])),
            (&["SPE_E4"], &[], Err("SPE_E4 is no product of the tenant; it has SPE_E3, SPE_E5, PHONE")),
            (&["SPE_E3"], &["MCOEV"], Err("none of the products has a plan MCOEV")),
        ];
        for (wanted, disabled, expected) in table {
            let found = products().resolve(wanted, disabled);
            match (found, expected) {
                (Ok((licenses, _)), Ok(expected)) => {
                    let text = |license: &License| {
                        let plans = license.disabled_plans.iter().map(|plan| format!(" -{plan}")).collect::<String>();
                        format!("{}{plans}", license.product)
                    };
                    assert_eq!(licenses.iter().map(text).collect::<Vec<_>>(), *expected, "{wanted:?}");
                }
                (Err(faults), Err(expected)) => assert_eq!(faults[0].message, *expected),
                (found, expected) => panic!("{wanted:?}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn what_was_not_read_is_unknown_and_a_name_is_a_fault() {
        let unread = Products::unread("forbidden");
        let (licenses, unknown) = unread.resolve(&[E3], &[E5]).expect("an id is an id");
        assert_eq!((licenses.len(), unknown.len(), licenses[0].disabled_plans.len()), (1, 1, 1));
        let faults = unread.resolve(&["SPE_E3"], &[]).expect_err("a name");
        assert!(faults[0].message.contains("forbidden"), "{faults:?}");
    }

    #[test]
    fn plans_that_do_not_go_together_are_found() {
        let license = License::new;
        #[rustfmt::skip]
        let table: &[(&[License], &str)] = &[
            (&[license(E3)], ""),
            (&[license(E3), license(E5).inherited_from("g")], "EXCHANGE_S_STANDARD of SPE_E3 and EXCHANGE_S_ENTERPRISE of SPE_E5 cannot"),
            (&[license(E3), license(E5).without_plan("mail-2")], ""),
            (&[license("addon")], "MCOEV of PHONE needs skype or TEAMS1, which is not held"),
            (&[license("addon"), license(E3)], ""),
            (&[license("addon"), license(E3).without_plan("teams")], "needs skype or TEAMS1"),
            (&[license("addon"), license("elsewhere")], ""),
        ];
        for (held, expected) in table {
            let found = products().conflicts(held);
            let right = if expected.is_empty() {
                found.is_empty()
            } else {
                found.len() == 1 && found[0].message.contains(expected)
            };
            assert!(right, "{held:?}: {found:?}");
        }
    }
}
