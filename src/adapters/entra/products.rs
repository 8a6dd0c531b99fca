//! The products that a tenant subscribes to, and which plans go together.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;

use crate::error::{ErrorKind, Result};
use crate::graph::{AppliesTo, GraphClient, SubscribedSku};
use crate::reconcile::{Product, ProductPlan, Products};

/// How a service plan stands to others: Graph tells it only by refusing.
///
/// Plans go by name (`EXCHANGE_S_ENTERPRISE`) or id. One relation is built in, as Microsoft documents it: Workplace
/// Analytics needs Exchange Online of Plan 1 or Plan 2. No exclusion is: products that both have Exchange Online can be
/// held together [since 2023][together].
///
/// # Examples
///
/// ```
/// use entrant::adapters::{Entra, PlanRelation};
/// use entrant::connection::Connection;
/// # use entrant::sim::Sim;
///
/// # fn main() -> entrant::Result<()> {
/// # let sim = Sim::new();
/// # let connection = Connection::builder(sim.tenant_id(), sim.client_id())
/// #     .client_secret(sim.client_secret())
/// #     .build()?;
/// let entra = Entra::builder(connection)
///     .plan_relations([
///         PlanRelation::requires("MCOEV", ["TEAMS1", "MCOSTANDARD"]),
///         PlanRelation::excludes("KIOSK_MAIL", "EXCHANGE_S_ENTERPRISE"),
///     ])
/// #   .transport(sim.transport())
///     .unchecked()?;
/// # let _ = entra;
/// # Ok(())
/// # }
/// ```
///
/// See [licence assignment problems](https://learn.microsoft.com/entra/fundamentals/licensing-groups-resolve-problems).
///
/// [together]: https://techcommunity.microsoft.com/t5/exchange-team-blog/introducing-support-for-concurrent-exchange-online-license/ba-p/3721098
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanRelation {
    plan: Arc<str>,
    others: Vec<Arc<str>>,
    kind: RelationKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RelationKind {
    Requires,
    Excludes,
}

impl PlanRelation {
    /// A plan cannot be held without one at least of these; what another relation of the plan names is one more to
    /// choose from.
    pub fn requires(plan: impl Into<Arc<str>>, one_of: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let others = one_of.into_iter().map(Into::into).collect();
        Self { plan: plan.into(), others, kind: RelationKind::Requires }
    }

    /// Two plans cannot be held together.
    pub fn excludes(plan: impl Into<Arc<str>>, other: impl Into<Arc<str>>) -> Self {
        Self { plan: plan.into(), others: vec![other.into()], kind: RelationKind::Excludes }
    }
}

/// Reads the tenant's products; where that is forbidden, an id is taken as it is.
pub(super) async fn read(client: &GraphClient, relations: &[PlanRelation]) -> Result<Products> {
    match client.subscribed_skus().items().try_collect::<Vec<SubscribedSku>>().await {
        Ok(skus) => Ok(products(&skus, relations)),
        Err(error) if error.kind() == ErrorKind::Forbidden => Ok(Products::unread(format!(
            "the tenant's products may not be read ({}): grant LicenseAssignment.Read.All",
            error.to_chain()
        ))),
        Err(error) => Err(error),
    }
}

fn products(skus: &[SubscribedSku], relations: &[PlanRelation]) -> Products {
    let built_in = [PlanRelation::requires("WORKPLACE_ANALYTICS", ["EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE"])];
    let relations: Vec<_> = built_in.iter().chain(relations).collect();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for plan in skus.iter().flat_map(|sku| &sku.service_plans) {
        ids.insert(plan.service_plan_name.to_ascii_lowercase(), plan.service_plan_id.to_string());
    }
    let products = skus.iter().map(|sku| {
        let product = Product::new(sku.sku_id.to_string(), sku.sku_part_number.as_str(), Some(sku.free_seats()));
        let product = product.with_overdrawn(sku.overdrawn_seats());
        let product = match refusal(sku) {
            Some(reason) => product.with_refusal(reason),
            None => product,
        };
        sku.service_plans.iter().fold(product, |product, plan| {
            let (id, name) = (plan.service_plan_id.to_string(), plan.service_plan_name.as_str());
            product.with_plan(related(ProductPlan::new(&id, name), &relations, &ids))
        })
    });
    Products::new(products)
}

/// Why nobody can be given a product, if so.
fn refusal(sku: &SubscribedSku) -> Option<String> {
    if sku.is_assignable() {
        return None;
    }
    let name = &sku.sku_part_number;
    if sku.applies_to != Some(AppliesTo::User) {
        return Some(format!("{name} is for the tenant as a whole, and nobody can be given it"));
    }
    let status = sku.capability_status.as_ref().map_or("unknown", |status| status.as_str());
    Some(format!("the subscription of {name} is {status}; Enabled or Warning it must be"))
}

/// The plan with what is said of it. A plan that no product has stands by its own name.
fn related(plan: ProductPlan, relations: &[&PlanRelation], ids: &BTreeMap<String, String>) -> ProductPlan {
    let is_it = |text: &str| plan.id.eq_ignore_ascii_case(text) || plan.name.eq_ignore_ascii_case(text);
    let id = |text: &str| ids.get(&text.to_ascii_lowercase()).cloned().unwrap_or_else(|| text.to_owned());
    let of_it: Vec<_> = relations.iter().filter(|relation| is_it(&relation.plan)).collect();
    let by_others = relations
        .iter()
        .filter(|relation| relation.kind == RelationKind::Excludes && relation.others.iter().any(|other| is_it(other)));
    let excluded: Vec<_> = by_others.map(|relation| id(&relation.plan)).collect();
    let plan = of_it.into_iter().fold(plan, |plan, relation| {
        relation.others.iter().fold(plan, |plan, other| match relation.kind {
            RelationKind::Requires => plan.requires(id(other)),
            RelationKind::Excludes => plan.excludes(id(other)),
        })
    });
    excluded.into_iter().fold(plan, ProductPlan::excludes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MAIL_1: &str = "9aaf7827-d63c-4b61-89c3-182f06f82e5c";
    const MAIL_2: &str = "efb87545-963c-4e0d-99df-69c6916d9eb0";
    const INSIGHT: &str = "f477b0f0-3bb1-4890-940c-40fcee6ce05f";

    fn sku(number: u32, change: serde_json::Value, plans: &[(&str, &str)]) -> SubscribedSku {
        let plans: Vec<_> =
            plans.iter().map(|(id, name)| json!({"servicePlanId": id, "servicePlanName": name})).collect();
        let mut sku = json!({
            "skuId": format!("00000000-0000-4000-8000-{number:012}"), "skuPartNumber": format!("P{number}"),
            "appliesTo": "User", "capabilityStatus": "Enabled", "consumedUnits": 3,
            "prepaidUnits": {"enabled": 5, "warning": 1, "suspended": 9}, "servicePlans": plans,
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            sku[name] = value.clone();
        }
        serde_json::from_value(sku).expect("a subscribed sku")
    }

    #[test]
    fn seats_and_refusals_are_those_of_the_subscription() {
        for (change, seats, refusal) in [
            (json!({}), 3, None),
            (json!({"consumedUnits": 9}), 0, None),
            (json!({"capabilityStatus": "Warning"}), 3, None),
            (json!({"capabilityStatus": "Suspended"}), 0, Some("is Suspended")),
            (json!({"appliesTo": "Company"}), 0, Some("for the tenant as a whole")),
            (json!({"capabilityStatus": "Novel"}), 0, Some("is Novel")),
        ] {
            let products = products(&[sku(1, change.clone(), &[])], &[]);
            let product = products.get("00000000-0000-4000-8000-000000000001").expect("it is there");
            assert_eq!((&*product.name, product.free_seats), ("P1", Some(seats)), "{change}");
            let found = product.refusal.as_deref();
            assert!(found.is_some() == refusal.is_some() && found.unwrap_or_default().contains(refusal.unwrap_or("")));
        }
    }

    #[test]
    fn plans_stand_as_documented_and_as_the_host_says() {
        let skus = [
            sku(1, json!({}), &[(MAIL_1, "EXCHANGE_S_STANDARD"), (INSIGHT, "WORKPLACE_ANALYTICS")]),
            sku(2, json!({}), &[(MAIL_2, "EXCHANGE_S_ENTERPRISE")]),
        ];
        let said = [PlanRelation::excludes(MAIL_1.to_uppercase(), "exchange_s_enterprise")];
        let products = products(&skus, &said);
        let plan = |sku: u32, at: usize| {
            products.get(&format!("00000000-0000-4000-8000-{sku:012}")).expect("it is there").plans[at].clone()
        };
        let texts =
            |set: &std::collections::BTreeSet<Arc<str>>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(texts(&plan(1, 1).requires), [MAIL_1, MAIL_2]);
        assert_eq!(texts(&plan(1, 0).excludes), [MAIL_2]);
        assert_eq!(texts(&plan(2, 0).excludes), [MAIL_1], "from either side");
        assert!(plan(2, 0).requires.is_empty());

        let alone = super::products(&skus[..1], &[PlanRelation::requires("EXCHANGE_S_STANDARD", ["NOWHERE"])]);
        let plans = &alone.get("00000000-0000-4000-8000-000000000001").expect("it is there").plans;
        assert_eq!(texts(&plans[0].requires), ["nowhere"]);
    }
}
