//! The organisation, its domains, and other short lists that are built as JSON.

use serde_json::{Map, Value, json};

use super::state::{Domain, DomainRole, State};
use crate::sim::lists::query::unknown_selected;
use crate::sim::wire::answer::{Answer, Refusal, date};
use crate::sim::wire::routes::Call;

impl State {
    pub(super) fn list_organization(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        collection(call, "organization", vec![self.organization()])
    }

    pub(super) fn read_organization(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        if !key.eq_ignore_ascii_case(&self.settings.tenant_id.to_string()) {
            return Err(Refusal::not_found(key));
        }
        single(call, "organization", self.organization())
    }

    pub(super) fn list_domains(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        collection(call, "domains", self.settings.domains.iter().map(|domain| self.domain(domain)).collect())
    }

    pub(super) fn read_domain(&self, call: &Call<'_>, key: &str) -> Result<Answer, Refusal> {
        let domain = self.settings.domains.iter().find(|domain| domain.name.eq_ignore_ascii_case(key));
        let domain = domain.ok_or_else(|| Refusal::not_found(key))?;
        single(call, "domains", self.domain(domain))
    }

    fn organization(&self) -> Value {
        let domains: Vec<_> = self
            .settings
            .domains
            .iter()
            .map(|domain| {
                json!({
                    "capabilities": "Email, OfficeCommunicationsOnline",
                    "isDefault": self.is_default(domain),
                    "isInitial": domain.role == DomainRole::Initial,
                    "name": domain.name,
                    "type": domain.kind(),
                })
            })
            .collect();
        json!({
            "id": self.settings.tenant_id,
            "assignedPlans": self.assigned_plans(),
            "businessPhones": [],
            "city": null,
            "country": null,
            "countryLetterCode": "NL",
            "createdDateTime": date(self.settings.created),
            "defaultUsageLocation": null,
            "deletedDateTime": null,
            "displayName": self.settings.name,
            "marketingNotificationEmails": [],
            "onPremisesLastSyncDateTime": null,
            "onPremisesSyncEnabled": null,
            "partnerTenantType": null,
            "postalCode": null,
            "preferredLanguage": "en",
            "privacyProfile": null,
            "provisionedPlans": [],
            "securityComplianceNotificationMails": [],
            "securityComplianceNotificationPhones": [],
            "state": null,
            "street": null,
            "technicalNotificationMails": [],
            "tenantType": "AAD",
            "verifiedDomains": domains,
        })
    }

    /// The services of what the tenant has bought.
    fn assigned_plans(&self) -> Vec<Value> {
        let plans = self.skus.iter().flat_map(|sku| sku.plans.iter().map(move |plan| (sku, plan)));
        plans
            .map(|(sku, plan)| {
                json!({
                    "assignedDateTime": date(self.settings.created),
                    "capabilityStatus": if sku.enabled > 0 { "Enabled" } else { "Suspended" },
                    "service": plan.name,
                    "servicePlanId": plan.id,
                })
            })
            .collect()
    }

    fn domain(&self, domain: &Domain) -> Value {
        json!({
            "id": domain.name,
            "authenticationType": domain.kind(),
            "availabilityStatus": null,
            "isAdminManaged": true,
            "isDefault": self.is_default(domain),
            "isInitial": domain.role == DomainRole::Initial,
            "isRoot": true,
            "isVerified": true,
            "passwordNotificationWindowInDays": 14,
            "passwordValidityPeriodInDays": 2_147_483_647,
            "state": null,
            "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        })
    }

    fn is_default(&self, domain: &Domain) -> bool {
        domain.name == self.default_domain()
    }
}

/// A short list of objects that are built as JSON.
pub(super) fn collection(call: &Call<'_>, kind: &str, objects: Vec<Value>) -> Result<Answer, Refusal> {
    let names = selected_names(call)?;
    let shown = names.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
    let value: Vec<_> =
        objects.into_iter().map(|object| project(object, names.as_deref(), kind)).collect::<Result<_, _>>()?;
    let context = format!("{}/v1.0/$metadata#{kind}{shown}", call.origin);
    Ok(Answer::value(200, &json!({"@odata.context": context, "value": value})))
}

pub(super) fn single(call: &Call<'_>, kind: &str, object: Value) -> Result<Answer, Refusal> {
    let names = selected_names(call)?;
    let shown = names.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
    let mut value = project(object, names.as_deref(), kind)?;
    value["@odata.context"] = json!(format!("{}/v1.0/$metadata#{kind}{shown}/$entity", call.origin));
    Ok(Answer::value(200, &value))
}

/// `$select`, the one option that short lists take.
fn selected_names(call: &Call<'_>) -> Result<Option<Vec<String>>, Refusal> {
    let mut names = None;
    for (name, value) in &call.target.options {
        match name.strip_prefix('$').unwrap_or(name).to_ascii_lowercase().as_str() {
            "select" => names = Some(value.split(',').map(|name| name.trim().to_owned()).collect()),
            known if name.starts_with('$') => {
                return Err(Refusal::unsupported(format!("The query option '${known}' is not supported.")));
            }
            _ => {}
        }
    }
    Ok(names)
}

fn project(object: Value, names: Option<&[String]>, kind: &str) -> Result<Value, Refusal> {
    let (Some(names), Value::Object(object)) = (names, &object) else {
        return Ok(object);
    };
    let pick = |name: &String| {
        let found = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        let (key, value) = found.ok_or_else(|| unknown_selected(name, kind.trim_end_matches('s')))?;
        Ok((key.clone(), value.clone()))
    };
    Ok(Value::Object(names.iter().map(pick).collect::<Result<Map<_, _>, _>>()?))
}
