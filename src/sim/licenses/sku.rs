//! What the tenant has bought: SKUs, their service plans and their seats.

use serde_json::{Value, json};
use uuid::{Builder, Uuid};

/// A product that a simulated tenant has seats of.
///
/// The well-known ones have Microsoft's part numbers, ids and plans (the most important of them); others are made with
/// [`new`](Sku::new), and their ids are derived from their names.
///
/// # Examples
///
/// ```
/// use entrant::sim::{ServicePlan, Sim, Sku};
///
/// let addon = Sku::new("CONTOSO_ADDON", 5)
///     .plan(ServicePlan::new("CONTOSO_CORE"))
///     .plan(ServicePlan::new("CONTOSO_EXTRA").depends_on("CONTOSO_CORE").excludes("EXCHANGE_S_DESKLESS"));
/// let sim = Sim::builder().sku(Sku::office_e3(25)).sku(addon).build();
/// assert_eq!(sim.skus()[0]["skuPartNumber"], "ENTERPRISEPACK");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Sku {
    pub(crate) id: Uuid,
    pub(crate) part_number: String,
    pub(crate) enabled: usize,
    pub(crate) warning: usize,
    pub(crate) suspended: usize,
    pub(crate) applies_to: AppliesTo,
    pub(crate) plans: Vec<ServicePlan>,
}

/// A service within a [`Sku`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ServicePlan {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) applies_to: AppliesTo,
    depends_on: Vec<Uuid>,
    excludes: Vec<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppliesTo {
    User,
    Company,
}

impl AppliesTo {
    fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Company => "Company",
        }
    }
}

impl Sku {
    /// A product of that part number, with so many seats and no plans yet.
    pub fn new(part_number: impl Into<String>, seats: usize) -> Self {
        let part_number = part_number.into();
        Self {
            id: known(SKUS, &part_number).unwrap_or_else(|| derived("sku", &part_number)),
            part_number,
            enabled: seats,
            warning: 0,
            suspended: 0,
            applies_to: AppliesTo::User,
            plans: Vec::new(),
        }
    }

    /// Office 365 E3, `ENTERPRISEPACK`.
    pub fn office_e3(seats: usize) -> Self {
        Self::new("ENTERPRISEPACK", seats).plans(&[
            "EXCHANGE_S_ENTERPRISE",
            "SHAREPOINTENTERPRISE",
            "SHAREPOINTWAC",
            "OFFICESUBSCRIPTION",
            "TEAMS1",
            "MCOSTANDARD",
            "YAMMER_ENTERPRISE",
            "INTUNE_O365",
        ])
    }

    /// Office 365 E5, `ENTERPRISEPREMIUM`.
    pub fn office_e5(seats: usize) -> Self {
        Self::office_e3(seats).renamed("ENTERPRISEPREMIUM").plans(&[
            "ADALLOM_S_O365",
            "BI_AZURE_P2",
            "LOCKBOX_ENTERPRISE",
            "MCOEV",
            "MCOMEETADV",
        ])
    }

    /// Office 365 F3, `DESKLESSPACK`: its mailbox and site exclude those of E3 and E5.
    pub fn office_f3(seats: usize) -> Self {
        Self::new("DESKLESSPACK", seats).plans(&[
            "EXCHANGE_S_DESKLESS",
            "SHAREPOINTDESKLESS",
            "TEAMS1",
            "YAMMER_ENTERPRISE",
            "MCOIMP",
            "INTUNE_O365",
        ])
    }

    /// Enterprise Mobility + Security E3, `EMS`.
    pub fn ems_e3(seats: usize) -> Self {
        Self::new("EMS", seats).plans(&["AAD_PREMIUM", "INTUNE_A", "MFA_PREMIUM", "RMS_S_ENTERPRISE", "RMS_S_PREMIUM"])
    }

    /// Its id; without it the well-known one, or one derived from the part number.
    ///
    /// # Panics
    ///
    /// If this is no UUID.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Uuid::try_parse(id).unwrap_or_else(|_| panic!("the id of a SKU is a UUID, not '{id}'"));
        self
    }

    /// Adds a service plan.
    pub fn plan(mut self, plan: ServicePlan) -> Self {
        self.plans.push(plan);
        self
    }

    /// Seats whose subscription has run out but can still be assigned.
    pub fn warning(mut self, seats: usize) -> Self {
        self.warning = seats;
        self
    }

    /// Seats that cannot be assigned any more.
    pub fn suspended(mut self, seats: usize) -> Self {
        self.suspended = seats;
        self
    }

    /// Makes it one for the whole company, which no user can be given.
    pub fn for_company(mut self) -> Self {
        self.applies_to = AppliesTo::Company;
        self
    }

    /// The id.
    #[must_use]
    pub fn sku_id(&self) -> String {
        self.id.to_string()
    }

    /// The id of one of its plans.
    #[must_use]
    pub fn plan_id(&self, name: &str) -> Option<String> {
        self.plans.iter().find(|plan| plan.name == name).map(|plan| plan.id.to_string())
    }

    fn renamed(mut self, part_number: &str) -> Self {
        self.id = known(SKUS, part_number).unwrap_or(self.id);
        self.part_number = part_number.to_owned();
        self
    }

    fn plans(mut self, names: &[&str]) -> Self {
        self.plans.extend(names.iter().map(|name| ServicePlan::well_known(name)));
        self
    }

    pub(crate) fn seats(&self) -> usize {
        self.enabled.saturating_add(self.warning)
    }

    /// What users switch on and off.
    pub(crate) fn user_plans(&self) -> impl Iterator<Item = &ServicePlan> {
        self.plans.iter().filter(|plan| plan.applies_to == AppliesTo::User)
    }

    pub(crate) fn has_plan(&self, id: Uuid) -> bool {
        self.plans.iter().any(|plan| plan.id == id)
    }

    fn capability_status(&self) -> &'static str {
        match (self.enabled, self.warning, self.suspended) {
            (1.., _, _) => "Enabled",
            (0, 1.., _) => "Warning",
            (0, 0, 1..) => "Suspended",
            (0, 0, 0) => "Enabled",
        }
    }

    pub(crate) fn shown(&self, tenant: Uuid, account: &str, consumed: usize) -> Value {
        let status = self.capability_status();
        let provisioning = if matches!(status, "Enabled" | "Warning") { "Success" } else { "Disabled" };
        let plans: Vec<_> = self.plans.iter().map(|plan| plan.shown(provisioning)).collect();
        json!({
            "accountId": tenant,
            "accountName": account,
            "appliesTo": self.applies_to.name(),
            "capabilityStatus": status,
            "consumedUnits": consumed,
            "id": format!("{tenant}_{}", self.id),
            "prepaidUnits": {
                "enabled": self.enabled,
                "lockedOut": 0,
                "suspended": self.suspended,
                "warning": self.warning,
            },
            "servicePlans": plans,
            "skuId": self.id,
            "skuPartNumber": self.part_number,
            "subscriptionIds": [derived("subscription", &self.part_number)],
        })
    }
}

impl ServicePlan {
    /// A plan of that name.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let id = plan_id(&name);
        Self { id, name, applies_to: AppliesTo::User, depends_on: Vec::new(), excludes: Vec::new() }
    }

    /// Its id; without it the well-known one, or one derived from the name.
    ///
    /// # Panics
    ///
    /// If this is no UUID.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Uuid::try_parse(id).unwrap_or_else(|_| panic!("the id of a service plan is a UUID, not '{id}'"));
        self
    }

    /// Nobody has it without the plan of that name or id.
    pub fn depends_on(mut self, plan: &str) -> Self {
        self.depends_on.push(plan_id(plan));
        self
    }

    /// Nobody has both it and the plan of that name or id.
    pub fn excludes(mut self, plan: &str) -> Self {
        self.excludes.push(plan_id(plan));
        self
    }

    /// Makes it one for the whole company, which no user switches on or off.
    pub fn for_company(mut self) -> Self {
        self.applies_to = AppliesTo::Company;
        self
    }

    fn well_known(name: &str) -> Self {
        let mut plan = Self::new(name);
        for (_, needed) in DEPENDENCIES.iter().filter(|(dependent, _)| *dependent == name) {
            plan = plan.depends_on(needed);
        }
        for (_, other) in EXCLUSIONS.iter().filter(|(one, _)| *one == name) {
            plan = plan.excludes(other);
        }
        plan
    }

    pub(crate) fn shown(&self, provisioning: &str) -> Value {
        json!({
            "appliesTo": self.applies_to.name(),
            "provisioningStatus": if self.applies_to == AppliesTo::Company { "PendingProvisioning" } else { provisioning },
            "servicePlanId": self.id,
            "servicePlanName": self.name,
        })
    }

    /// The service as `assignedPlans` calls it.
    pub(crate) fn service(&self) -> &str {
        let found = SERVICES.iter().find(|(prefix, _)| self.name.starts_with(prefix));
        found.map_or(self.name.as_str(), |(_, service)| service)
    }
}

/// What is wrong with these plans being switched on together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PlanConflict {
    Needs { plan: Uuid, needed: Vec<Uuid> },
    Excludes(Uuid, Uuid),
}

/// Looks for plans that exclude each other, then for plans without what they need.
///
/// `also` are plans that are on for other reasons: they may be excluded, but satisfy no need.
pub(crate) fn conflict(switched_on: &[&ServicePlan], also: &[&ServicePlan]) -> Option<PlanConflict> {
    for (index, one) in switched_on.iter().enumerate() {
        for other in switched_on.iter().skip(index + 1).chain(also) {
            if one.excludes.contains(&other.id) || other.excludes.contains(&one.id) {
                return Some(PlanConflict::Excludes(one.id, other.id));
            }
        }
    }
    let is_on = |id: &Uuid| switched_on.iter().any(|plan| plan.id == *id);
    let lacking = switched_on.iter().find(|plan| !plan.depends_on.iter().all(is_on));
    lacking.map(|plan| PlanConflict::Needs { plan: plan.id, needed: plan.depends_on.clone() })
}

fn plan_id(name: &str) -> Uuid {
    Uuid::try_parse(name).ok().or_else(|| known(PLANS, name)).unwrap_or_else(|| derived("plan", name))
}

fn known(table: &[(&str, &str)], name: &str) -> Option<Uuid> {
    let (_, id) = table.iter().find(|(known, _)| *known == name)?;
    Uuid::try_parse(id).ok()
}

/// The same id for the same name, in every tenant.
fn derived(kind: &str, name: &str) -> Uuid {
    let mut bytes = [0_u8; 16];
    for (half, seed) in bytes.chunks_mut(8).zip([0xcbf2_9ce4_8422_2325_u64, 0x6c62_272e_07bb_0142]) {
        let text = kind.bytes().chain([0]).chain(name.bytes());
        let hash = text.fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        half.copy_from_slice(&hash.to_be_bytes());
    }
    Builder::from_random_bytes(bytes).into_uuid()
}

// Ids and names as in Microsoft's list "Product names and service plan identifiers for licensing".
const SKUS: &[(&str, &str)] = &[
    ("ENTERPRISEPACK", "6fd2c87f-b296-42f0-b197-1e91e994b900"),
    ("ENTERPRISEPREMIUM", "c7df2760-2c81-4ef7-b578-5b5392b571df"),
    ("DESKLESSPACK", "4b585984-651b-448a-9e53-3b10f069cf7f"),
    ("EMS", "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"),
];
const PLANS: &[(&str, &str)] = &[
    ("AAD_PREMIUM", "41781fb2-bc02-4b7c-bd55-b576c07bb09d"),
    ("ADALLOM_S_O365", "8c098270-9dd4-4350-9b30-ba4703f3b36b"),
    ("BI_AZURE_P2", "70d33638-9c74-4d01-bfd3-562de28bd4ba"),
    ("EXCHANGE_S_DESKLESS", "4a82b400-a79f-41a4-b4e2-e94f5787b113"),
    ("EXCHANGE_S_ENTERPRISE", "efb87545-963c-4e0d-99df-69c6916d9eb0"),
    ("INTUNE_A", "c1ec4a95-1f05-45b3-a911-aa3fa01094f5"),
    ("INTUNE_O365", "882e1d05-acd1-4ccb-8708-6ee03664b117"),
    ("LOCKBOX_ENTERPRISE", "9f431833-0334-42de-a7dc-70aa40db46db"),
    ("MCOEV", "4828c8ec-dc2e-4779-b502-87ac9ce28ab7"),
    ("MCOIMP", "afc06cb0-b4f4-4473-8286-d644f70d8faf"),
    ("MCOMEETADV", "3e26ee1f-8a5f-4d52-aee2-b81ce45c8f40"),
    ("MCOSTANDARD", "0feaeb32-d00e-4d66-bd5a-43b5b83db82c"),
    ("MFA_PREMIUM", "8a256a2b-b617-496d-b51b-e76466e88db0"),
    ("OFFICESUBSCRIPTION", "43de0ff5-c92c-492b-9116-175376d08c38"),
    ("RMS_S_ENTERPRISE", "bea4c11e-220a-4e6d-8eb8-8ea15d019f90"),
    ("RMS_S_PREMIUM", "6c57d4b6-3b23-47a5-9bc9-69f17b4947b3"),
    ("SHAREPOINTDESKLESS", "902b47e5-dcb2-4fdc-858b-c63a90a2bdb9"),
    ("SHAREPOINTENTERPRISE", "5dbe027f-2339-4123-9542-606e4d348a72"),
    ("SHAREPOINTWAC", "e95bec33-7c88-4a70-8e19-b10bd9d0c014"),
    ("TEAMS1", "57ff2da0-773e-42df-b2af-ffb7a2317929"),
    ("YAMMER_ENTERPRISE", "7547a3fe-08ee-4ccb-b430-5077c5041653"),
];
const DEPENDENCIES: &[(&str, &str)] =
    &[("LOCKBOX_ENTERPRISE", "EXCHANGE_S_ENTERPRISE"), ("MCOEV", "MCOSTANDARD"), ("RMS_S_PREMIUM", "RMS_S_ENTERPRISE")];
const EXCLUSIONS: &[(&str, &str)] = &[
    ("EXCHANGE_S_DESKLESS", "EXCHANGE_S_ENTERPRISE"),
    ("SHAREPOINTDESKLESS", "SHAREPOINTENTERPRISE"),
    ("MCOIMP", "MCOSTANDARD"),
];
const SERVICES: &[(&str, &str)] = &[
    ("EXCHANGE", "exchange"),
    ("SHAREPOINT", "SharePoint"),
    ("TEAMS", "TeamspaceAPI"),
    ("MCO", "MicrosoftCommunicationsOnline"),
    ("OFFICE", "MicrosoftOffice"),
    ("YAMMER", "YammerEnterprise"),
    ("INTUNE", "SCO"),
    ("AAD", "AADPremiumService"),
    ("MFA", "MultiFactorService"),
    ("RMS", "RMSOnline"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_well_known_or_derived() {
        assert_eq!(Sku::office_e5(1).sku_id(), "c7df2760-2c81-4ef7-b578-5b5392b571df");
        assert_eq!(
            Sku::office_e5(1).plan_id("ADALLOM_S_O365").as_deref(),
            Some("8c098270-9dd4-4350-9b30-ba4703f3b36b")
        );
        assert_eq!(Sku::new("X", 1).sku_id(), Sku::new("X", 2).sku_id());
        assert_ne!(Sku::new("X", 1).sku_id(), Sku::new("Y", 1).sku_id());
        for sku in [Sku::office_e3(1), Sku::office_e5(1), Sku::office_f3(1), Sku::ems_e3(1)] {
            for plan in &sku.plans {
                assert!(known(PLANS, &plan.name).is_some(), "{}", plan.name);
            }
            let plans: Vec<_> = sku.user_plans().collect();
            assert_eq!(conflict(&plans, &[]), None, "{} fits itself", sku.part_number);
        }
        for (name, _) in DEPENDENCIES.iter().chain(EXCLUSIONS) {
            assert!(known(PLANS, name).is_some(), "{name}");
        }
    }

    #[test]
    fn plans_exclude_and_need_each_other() {
        let (a, b) = (ServicePlan::new("A"), ServicePlan::new("B").depends_on("A"));
        let c = ServicePlan::new("C").excludes("A");
        assert_eq!(conflict(&[&b, &a], &[]), None);
        assert_eq!(conflict(&[&b], &[&a]), Some(PlanConflict::Needs { plan: b.id, needed: vec![a.id] }));
        assert_eq!(conflict(&[&a, &c], &[]), Some(PlanConflict::Excludes(a.id, c.id)));
        assert_eq!(conflict(&[&a], &[&c]), Some(PlanConflict::Excludes(a.id, c.id)));
        assert_eq!(conflict(&[], &[&a, &c]), None, "what was there before is nobody's fault");
    }
}
