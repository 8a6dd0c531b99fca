//! Users, the recycle bin, the organisation and its domains, as Graph serves them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::answer::{Answer, Refusal, date};
use super::audit::{Activity, AuditEntry};
use super::filter::{Filter, Lookup};
use super::people::{People, Slot, parse_id};
use super::property::{self, Prop, property};
use super::query::{Consistency, Shape, page_token, read_page_token, unknown_selected};
use super::routes::Call;
use super::state::{Domain, DomainRole, State};
use super::user::{User, write_text, write_user};
use super::write::By;

/// So long a deleted user stays in the recycle bin.
const RETENTION_SECONDS: i64 = 30 * 24 * 60 * 60;
const USER_TYPE: &str = "#microsoft.graph.user";

/// Which users a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Live,
    Deleted,
}

impl Of {
    fn address(self) -> &'static str {
        match self {
            Self::Live => "users",
            Self::Deleted => "directory/deletedItems/microsoft.graph.user",
        }
    }

    fn user(self, people: &People, slot: Slot, now: OffsetDateTime) -> Option<&User> {
        match self {
            Self::Live => people.visible(slot, now),
            Self::Deleted => people.current(slot).filter(|user| user.deleted.is_some()),
        }
    }
}

impl State {
    pub(super) fn list_users(&self, call: &Call<'_>, now: OffsetDateTime) -> Result<Answer, Refusal> {
        self.list(call, Of::Live, now)
    }

    pub(super) fn list_deleted(&mut self, call: &Call<'_>, now: OffsetDateTime) -> Result<Answer, Refusal> {
        self.empty_bin(now);
        self.list(call, Of::Deleted, now)
    }

    pub(super) fn count_users(&self, call: &Call<'_>, now: OffsetDateTime) -> Result<Answer, Refusal> {
        self.count(call, Of::Live, now)
    }

    pub(super) fn count_deleted(&mut self, call: &Call<'_>, now: OffsetDateTime) -> Result<Answer, Refusal> {
        self.empty_bin(now);
        self.count(call, Of::Deleted, now)
    }

    pub(super) fn post_user(&mut self, call: &Call<'_>, client: &str, now: OffsetDateTime) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let slot = self.create_user(&body, By::Client, now)?;
        let (id, answer) = {
            let user = self.people.current(slot).ok_or_else(|| Refusal::not_found("user"))?;
            let context = format!("{}/v1.0/$metadata#users/$entity", call.origin);
            let answer = self.entity(201, user, property::DEFAULT_SET, &[("@odata.context", &context)]);
            let location = format!(
                "{}/v2/{}/directoryObjects/{}/Microsoft.DirectoryServices.User",
                call.origin, self.settings.tenant_id, user.id
            );
            (user.id, answer.with_header("Location", location))
        };
        let names = body.as_object().into_iter().flatten().filter_map(|(name, _)| property::find(name));
        let names = names.map(|prop| property(prop).name).collect();
        self.note(now, client, ("POST", Activity::CreateUser, 201), id, names);
        Ok(answer)
    }

    pub(super) fn read_user(&self, call: &Call<'_>, key: &str, now: OffsetDateTime) -> Result<Answer, Refusal> {
        let options = call.target.options(Shape::Single, call.headers.consistency(), 0)?;
        let slot = self.people.find(key, now).ok_or_else(|| Refusal::not_found(key))?;
        let user = self.people.visible(slot, now).ok_or_else(|| Refusal::not_found(key))?;
        let context = format!("{}/v1.0/$metadata#users{}/$entity", call.origin, selected(options.select.as_deref()));
        let props = options.select.as_deref().unwrap_or(property::DEFAULT_SET);
        Ok(self.entity(200, user, props, &[("@odata.context", &context)]))
    }

    pub(super) fn patch_user(
        &mut self,
        call: &Call<'_>,
        client: &str,
        key: &str,
        now: OffsetDateTime,
    ) -> Result<Answer, Refusal> {
        let body = call.json()?;
        let (slot, id) = self.writable(key, now)?;
        let names = self.update_user(slot, &body, By::Client, now)?;
        self.note(now, client, ("PATCH", Activity::UpdateUser, 204), id, names);
        Ok(Answer::no_content())
    }

    pub(super) fn drop_user(&mut self, client: &str, key: &str, now: OffsetDateTime) -> Result<Answer, Refusal> {
        let (slot, id) = self.writable(key, now)?;
        self.delete_user(slot, now);
        self.note(now, client, ("DELETE", Activity::DeleteUser, 204), id, Vec::new());
        Ok(Answer::no_content())
    }

    pub(super) fn read_deleted(&mut self, call: &Call<'_>, key: &str, now: OffsetDateTime) -> Result<Answer, Refusal> {
        let options = call.target.options(Shape::Single, call.headers.consistency(), 0)?;
        let slot = self.in_bin(key, now)?;
        let user = self.people.current(slot).ok_or_else(|| Refusal::not_found(key))?;
        Ok(self.mixed(call, user, options.select.as_deref()))
    }

    pub(super) fn restore(
        &mut self,
        call: &Call<'_>,
        client: &str,
        key: &str,
        now: OffsetDateTime,
    ) -> Result<Answer, Refusal> {
        let body = if call.body.is_empty() { json!({}) } else { call.json()? };
        let slot = self.in_bin(key, now)?;
        self.restore_user(slot, &body, now)?;
        let user = self.people.current(slot).ok_or_else(|| Refusal::not_found(key))?;
        let (id, answer) = (user.id, self.mixed(call, user, None));
        self.note(now, client, ("POST", Activity::RestoreUser, 200), id, Vec::new());
        Ok(answer)
    }

    pub(super) fn purge(&mut self, client: &str, key: &str, now: OffsetDateTime) -> Result<Answer, Refusal> {
        let slot = self.in_bin(key, now)?;
        let id = self.people.current(slot).map(|user| user.id).unwrap_or_default();
        self.purge_user(slot);
        self.note(now, client, ("DELETE", Activity::PurgeUser, 204), id, Vec::new());
        Ok(Answer::no_content())
    }

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

    fn list(&self, call: &Call<'_>, of: Of, now: OffsetDateTime) -> Result<Answer, Refusal> {
        let (target, people) = (&call.target, &self.people);
        let max_values = self.settings.max_filter_values;
        let options = target.options(Shape::List, call.headers.consistency(), max_values)?;
        let (fingerprint, generation) = (target.fingerprint(), self.page_generation);
        let from = match &options.skip_token {
            Some(token) => read_page_token(token, fingerprint, generation, people.end())?,
            None => 0,
        };
        let issuer = self.initial_domain();
        let filter = options.filter.as_ref();
        let matches = |slot: Slot| {
            let user = of.user(people, slot, now)?;
            filter.is_none_or(|filter| filter.matches(user, issuer)).then_some((slot, user))
        };
        let size = options.top.unwrap_or(self.settings.page_size);
        let props = options.select.as_deref().unwrap_or(property::DEFAULT_SET);
        let mut value = Vec::with_capacity(size * props.len().min(16) * 24);
        let mut next = None;
        let slots = self.slots(of, filter);
        for (index, (slot, user)) in slots.from(from).filter_map(matches).enumerate() {
            if index == size {
                next = Some(slot);
                break;
            }
            if index > 0 {
                value.push(b',');
            }
            write_user(user, props, issuer, &[], &mut value);
        }
        let mut out = Vec::with_capacity(value.len() + 400);
        out.extend_from_slice(b"{\"@odata.context\":");
        let context = format!("{}/v1.0/$metadata#users{}", call.origin, selected(options.select.as_deref()));
        write_text(&context, &mut out);
        if options.count && options.skip_token.is_none() {
            let count = slots.from(0).filter_map(matches).count();
            out.extend_from_slice(format!(",\"@odata.count\":{count}").as_bytes());
        }
        if let Some(next) = next {
            let query = target.query_with_token(&page_token(next, fingerprint, generation));
            out.extend_from_slice(b",\"@odata.nextLink\":");
            write_text(&format!("{}/v1.0/{}?{query}", call.origin, of.address()), &mut out);
        }
        out.extend_from_slice(b",\"value\":[");
        out.extend_from_slice(&value);
        out.extend_from_slice(b"]}");
        Ok(Answer::json(200, out))
    }

    fn count(&self, call: &Call<'_>, of: Of, now: OffsetDateTime) -> Result<Answer, Refusal> {
        let consistency = call.headers.consistency();
        if consistency == Consistency::Session {
            return Err(Refusal::bad("$count is not currently supported."));
        }
        let options = call.target.options(Shape::Count, consistency, self.settings.max_filter_values)?;
        let issuer = self.initial_domain();
        let filter = options.filter.as_ref();
        let count = self
            .slots(of, filter)
            .from(0)
            .filter_map(|slot| of.user(&self.people, slot, now))
            .filter(|user| filter.is_none_or(|filter| filter.matches(user, issuer)))
            .count();
        Ok(Answer::text(count.to_string()))
    }

    /// Where to look, in the order of creation: everywhere, unless the filter names keys.
    fn slots(&self, of: Of, filter: Option<&Filter>) -> Slots {
        let people = &self.people;
        match (of, filter.and_then(Filter::lookups)) {
            (Of::Deleted, _) => Slots::These(people.deleted().collect()),
            (Of::Live, None) => Slots::Before(people.end()),
            (Of::Live, Some(lookups)) => {
                let found = lookups.iter().flat_map(|lookup| match lookup {
                    Lookup::Id(id) => parse_id(id).and_then(|id| people.by_id(id)).into_iter().collect::<Vec<_>>(),
                    Lookup::Key(field, key) => people.candidates(*field, key).collect(),
                });
                let found: BTreeSet<Slot> = found.chain(people.unsettled()).collect();
                Slots::These(found.into_iter().collect())
            }
        }
    }

    /// A user that a client may write: one that it can see.
    fn writable(&self, key: &str, now: OffsetDateTime) -> Result<(Slot, Uuid), Refusal> {
        let slot = self.people.find(key, now);
        let live = slot.and_then(|slot| Some((slot, self.people.current(slot)?)));
        let live = live.filter(|(_, user)| user.deleted.is_none());
        live.map(|(slot, user)| (slot, user.id)).ok_or_else(|| Refusal::not_found(key))
    }

    fn in_bin(&mut self, key: &str, now: OffsetDateTime) -> Result<Slot, Refusal> {
        self.empty_bin(now);
        self.people.find_deleted(key).ok_or_else(|| Refusal::not_found(key))
    }

    /// Deletes for good what has been in the recycle bin for long enough.
    fn empty_bin(&mut self, now: OffsetDateTime) {
        let limit = now.unix_timestamp() - RETENTION_SECONDS;
        let is_old = |slot: &Slot| {
            let deleted = self.people.current(*slot).and_then(|user| user.deleted);
            deleted.is_some_and(|at| at < limit)
        };
        let old: Vec<Slot> = self.people.deleted().filter(is_old).collect();
        for slot in old {
            self.purge_user(slot);
        }
    }

    fn entity(&self, status: u16, user: &User, props: &[Prop], annotations: &[(&str, &str)]) -> Answer {
        let mut out = Vec::with_capacity(512);
        write_user(user, props, self.initial_domain(), annotations, &mut out);
        Answer::json(status, out)
    }

    /// A user where objects of any kind may come.
    fn mixed(&self, call: &Call<'_>, user: &User, select: Option<&[Prop]>) -> Answer {
        let context = format!("{}/v1.0/$metadata#directoryObjects/$entity", call.origin);
        let annotations = [("@odata.context", context.as_str()), ("@odata.type", USER_TYPE)];
        self.entity(200, user, select.unwrap_or(property::DEFAULT_SET), &annotations)
    }

    fn note(
        &mut self,
        time: OffsetDateTime,
        client: &str,
        (method, activity, status): (&str, Activity, u16),
        id: Uuid,
        properties: Vec<&'static str>,
    ) {
        self.record(AuditEntry {
            time,
            actor: client.to_owned(),
            method: method.to_owned(),
            activity,
            id,
            properties: properties.into_iter().map(str::to_owned).collect(),
            status,
        });
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
            "assignedPlans": [],
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

/// Where to look.
enum Slots {
    Before(Slot),
    These(Vec<Slot>),
}

impl Slots {
    fn from(&self, from: Slot) -> Box<dyn Iterator<Item = Slot> + '_> {
        match self {
            Self::Before(end) => Box::new(from..*end),
            Self::These(slots) => Box::new(slots.iter().copied().filter(move |slot| *slot >= from)),
        }
    }
}

fn selected(select: Option<&[Prop]>) -> String {
    let Some(props) = select else { return String::new() };
    let names: Vec<_> = props.iter().map(|prop| property(*prop).name).collect();
    format!("({})", names.join(","))
}

/// A short list of objects that are built as JSON.
fn collection(call: &Call<'_>, kind: &str, objects: Vec<Value>) -> Result<Answer, Refusal> {
    let names = selected_names(call)?;
    let shown = names.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
    let value: Vec<_> =
        objects.into_iter().map(|object| project(object, names.as_deref(), kind)).collect::<Result<_, _>>()?;
    let context = format!("{}/v1.0/$metadata#{kind}{shown}", call.origin);
    Ok(Answer::value(200, &json!({"@odata.context": context, "value": value})))
}

fn single(call: &Call<'_>, kind: &str, object: Value) -> Result<Answer, Refusal> {
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
