//! Licences that users and groups hold: what they are worth, and how answers show them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::sku::{PlanConflict, ServicePlan, Sku, conflict};
use crate::sim::seed::base64url;
use crate::sim::users::user::User;
use crate::sim::wire::answer::date_of;

/// One way by which a licence comes to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) sku: Uuid,
    pub(crate) disabled: Vec<Uuid>,
    /// `None`: assigned to the user itself.
    pub(crate) by_group: Option<Uuid>,
    pub(crate) error: Option<HoldingError>,
    pub(crate) updated: i64,
}

/// Why an inherited licence does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldingError {
    Count,
    Exclusive,
    Dependency,
}

impl HoldingError {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "CountViolation",
            Self::Exclusive => "MutuallyExclusiveViolation",
            Self::Dependency => "DependencyViolation",
        }
    }
}

/// A licence as a group has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct License {
    pub(crate) sku: Uuid,
    pub(crate) disabled: Vec<Uuid>,
}

impl License {
    pub(crate) fn shown(&self) -> Value {
        json!({"disabledPlans": self.disabled, "skuId": self.sku})
    }
}

/// The SKUs that work, each once.
pub(crate) fn effective_skus(holdings: &[Holding]) -> Vec<Uuid> {
    let mut skus = Vec::new();
    for holding in holdings.iter().filter(|holding| holding.error.is_none()) {
        if !skus.contains(&holding.sku) {
            skus.push(holding.sku);
        }
    }
    skus
}

/// The licences that work; a plan is off if it is off on every way.
pub(crate) fn effective(holdings: &[Holding]) -> Vec<License> {
    let licenses = effective_skus(holdings).into_iter().map(|sku| {
        let ways: Vec<_> = holdings.iter().filter(|holding| holding.error.is_none() && holding.sku == sku).collect();
        let is_off = |plan: &Uuid| ways.iter().all(|way| way.disabled.contains(plan));
        let disabled = ways.first().map(|way| way.disabled.iter().copied().filter(is_off).collect());
        License { sku, disabled: disabled.unwrap_or_default() }
    });
    licenses.collect()
}

/// The plans that these licences switch on, each once.
pub(crate) fn plans_of<'a>(licenses: &[License], skus: &'a [Sku]) -> Vec<&'a ServicePlan> {
    let mut plans: Vec<&ServicePlan> = Vec::new();
    for license in licenses {
        let sku = skus.iter().find(|sku| sku.id == license.sku);
        for plan in sku.into_iter().flat_map(Sku::user_plans) {
            if !license.disabled.contains(&plan.id) && !plans.iter().any(|known| known.id == plan.id) {
                plans.push(plan);
            }
        }
    }
    plans
}

/// What of a user's licences, taken together, cannot be.
pub(crate) fn conflict_of(holdings: &[Holding], skus: &[Sku]) -> Option<PlanConflict> {
    conflict(&plans_of(&effective(holdings), skus), &[])
}

/// Which of a group's licences a user gets beside those that it has, and why not the others.
///
/// What a plan needs must come from the same group.
pub(crate) fn inherit(
    wanted: &[License],
    held: &[Holding],
    skus: &[Sku],
    has_seat: impl Fn(Uuid) -> bool,
) -> Vec<Option<HoldingError>> {
    let held = plans_of(&effective(held), skus);
    let mut errors: Vec<Option<HoldingError>> =
        wanted.iter().map(|license| (!has_seat(license.sku)).then_some(HoldingError::Count)).collect();
    loop {
        let fine: Vec<License> = wanted
            .iter()
            .zip(&errors)
            .filter(|(_, error)| error.is_none())
            .map(|(license, _)| license.clone())
            .collect();
        let on = plans_of(&fine, skus);
        let (culprit, error) = match conflict(&on, &held) {
            None => return errors,
            // The later one of two of this group gives way.
            Some(PlanConflict::Excludes(one, other)) => {
                let is_own = on.iter().any(|plan| plan.id == other);
                (if is_own { other } else { one }, HoldingError::Exclusive)
            }
            Some(PlanConflict::Needs { plan, .. }) => (plan, HoldingError::Dependency),
        };
        let guilty = |license: &License| {
            let sku = skus.iter().find(|sku| sku.id == license.sku);
            sku.is_some_and(|sku| sku.has_plan(culprit)) && !license.disabled.contains(&culprit)
        };
        for (license, slot) in wanted.iter().zip(&mut errors) {
            if slot.is_none() && guilty(license) {
                *slot = Some(error);
            }
        }
    }
}

/// `assignedLicenses`.
pub(crate) fn assigned(user: &User) -> Value {
    effective(&user.licenses).iter().map(License::shown).collect()
}

/// `licenseAssignmentStates`.
pub(crate) fn states(user: &User) -> Value {
    let row = |holding: &Holding| {
        json!({
            "assignedByGroup": holding.by_group,
            "disabledPlans": holding.disabled,
            "error": holding.error.map(HoldingError::name),
            "lastUpdatedDateTime": date_of(holding.updated),
            "skuId": holding.sku,
            "state": if holding.error.is_none() { "Active" } else { "Error" },
        })
    };
    user.licenses.iter().map(row).collect()
}

/// `assignedPlans`.
pub(crate) fn assigned_plans(user: &User, skus: &[Sku]) -> Value {
    let at = user.licenses.iter().map(|holding| holding.updated).max().unwrap_or_default();
    let row = |plan: &&ServicePlan| {
        json!({
            "assignedDateTime": date_of(at),
            "capabilityStatus": "Enabled",
            "service": plan.service(),
            "servicePlanId": plan.id,
        })
    };
    plans_of(&effective(&user.licenses), skus).iter().map(row).collect()
}

/// `provisionedPlans`.
pub(crate) fn provisioned_plans(user: &User, skus: &[Sku]) -> Value {
    let row = |plan: &&ServicePlan| {
        json!({
            "capabilityStatus": "Enabled",
            "provisioningStatus": "Success",
            "service": plan.service(),
        })
    };
    plans_of(&effective(&user.licenses), skus).iter().map(row).collect()
}

/// The items of `licenseDetails`.
pub(crate) fn details(user: &User, skus: &[Sku]) -> Vec<Value> {
    let row = |license: &License| {
        let sku = skus.iter().find(|sku| sku.id == license.sku)?;
        let plan =
            |plan: &ServicePlan| plan.shown(if license.disabled.contains(&plan.id) { "Disabled" } else { "Success" });
        let id: Vec<u8> = user.id.as_bytes().iter().chain(sku.id.as_bytes()).copied().collect();
        Some(json!({
            "id": base64url(&id),
            "servicePlans": sku.plans.iter().map(plan).collect::<Vec<_>>(),
            "skuId": sku.id,
            "skuPartNumber": sku.part_number,
        }))
    };
    effective(&user.licenses).iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(sku: &Sku, disabled: &[&str], by_group: Option<u128>) -> Holding {
        let plan = |name: &&str| sku.plans.iter().find(|plan| plan.name == **name).expect("a plan").id;
        Holding {
            sku: sku.id,
            disabled: disabled.iter().map(plan).collect(),
            by_group: by_group.map(Uuid::from_u128),
            error: None,
            updated: 0,
        }
    }

    #[test]
    fn a_plan_is_off_if_it_is_off_on_every_way() {
        let e3 = Sku::office_e3(1);
        let ways = [holding(&e3, &["TEAMS1", "SHAREPOINTWAC"], None), holding(&e3, &["TEAMS1"], Some(1))];
        let worth = effective(&ways);
        assert_eq!(worth.len(), 1);
        assert_eq!(worth[0].disabled, [e3.plans.iter().find(|plan| plan.name == "TEAMS1").expect("a plan").id]);
    }

    #[test]
    fn a_group_gives_what_fits() {
        let skus = [
            Sku::office_e3(1),
            Sku::office_f3(1),
            Sku::ems_e3(1),
            Sku::new("ADDON", 1).plan(ServicePlan::new("X").depends_on("TEAMS1")),
        ];
        let license = |at: usize| License { sku: skus[at].id, disabled: Vec::new() };
        use HoldingError::{Count, Dependency, Exclusive};
        type Case = (&'static str, Vec<License>, Vec<Holding>, &'static [Option<HoldingError>]);
        let cases: [Case; 5] = [
            ("all fit", vec![license(0), license(2)], vec![], &[None, None]),
            ("the later of two", vec![license(0), license(1)], vec![], &[None, Some(Exclusive)]),
            (
                "what the user has wins",
                vec![license(0), license(2)],
                vec![holding(&skus[1], &[], None)],
                &[Some(Exclusive), None],
            ),
            (
                "what it needs is held, but not by the group",
                vec![license(3)],
                vec![holding(&skus[0], &[], None)],
                &[Some(Dependency)],
            ),
            ("what it needs comes with it", vec![license(3), license(0)], vec![], &[None, None]),
        ];
        for (why, wanted, held, expected) in cases {
            assert_eq!(inherit(&wanted, &held, &skus, |_| true), expected, "{why}");
        }
        let without = inherit(&[license(0), license(3)], &[], &skus, |sku| sku != skus[0].id);
        assert_eq!(without, [Some(Count), Some(Dependency)], "what is needed has no seat");
    }
}
