//! What a tenant forbids beside its schema.

use futures::{TryStreamExt, future};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::products::{self, PlanRelation};
use super::roles::Roles;
use super::schema::{
    self, ASSIGNABLE_TO_ROLE, GROUP_TYPES, IMMUTABLE_ID, MAIL_ENABLED, SECURITY_ENABLED, SKU_ID, SYNC_ENABLED,
    UNIQUE_NAME, USAGE_LOCATION, USER_PRINCIPAL_NAME,
};
use super::{countries, group_rules, guests};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Domain, GraphClient};
use crate::model::{Attributes, Class, Kind, Name, ObjectId, Value};
use crate::reconcile::{Constraints, Draft, DraftStep, Finding, Products};

/// The tenant as it was when planning started.
#[derive(Debug)]
pub(super) struct EntraConstraints {
    domains: Domains,
    products: Products,
    roles: Roles,
    /// The domain that the connection gives new users, in place of the tenant's default.
    own_domain: Option<String>,
    /// Whether users are guests.
    guests: bool,
}

#[derive(Debug)]
enum Domains {
    Known(Vec<VerifiedDomain>),
    /// They could not be read, for this reason.
    Unknown(String),
}

#[derive(Debug)]
struct VerifiedDomain {
    name: String,
    is_default: bool,
    is_federated: bool,
}

impl EntraConstraints {
    /// Reads the tenant's domains, its products, and who holds its roles, each with one list; where that is forbidden,
    /// what depends on it is unknown and not an error.
    pub(super) async fn read(
        client: &GraphClient,
        relations: &[PlanRelation],
        own_domain: Option<&str>,
    ) -> Result<Self> {
        let (domains, products, roles) =
            future::try_join3(Domains::read(client), products::read(client, relations), Roles::read(client)).await?;
        Ok(Self { domains, products, roles, own_domain: own_domain.map(str::to_owned), guests: false })
    }

    /// The same for a target of guests.
    pub(super) fn of_guests(self) -> Self {
        Self { guests: true, ..self }
    }

    /// Who would be no guest, or be created as one.
    fn check_guest(&self, draft: &Draft<'_>, findings: &mut Vec<Finding>) {
        if !self.guests {
            findings.extend(guests::not_invited(draft));
            return;
        }
        let is_own = |domain: &str| match &self.domains {
            Domains::Known(domains) => domains.iter().any(|own| own.name.eq_ignore_ascii_case(domain)),
            Domains::Unknown(_) => false,
        };
        findings.extend(guests::check(draft, is_own));
    }

    fn check_values(&self, draft: &Draft<'_>, findings: &mut Vec<Finding>) {
        for (name, value) in draft.attributes.iter() {
            if let Some((rule, message)) = wrong_value(draft, name, value) {
                findings.push(Finding::attribute(name.clone(), rule, message));
            } else if let (true, Value::Text(text)) = (name == USER_PRINCIPAL_NAME, value) {
                self.check_name(draft, text, findings);
            }
        }
    }

    fn check_name(&self, draft: &Draft<'_>, name: &str, findings: &mut Vec<Finding>) {
        if let Some(message) = wrong_name(name) {
            findings.push(Finding::attribute(USER_PRINCIPAL_NAME, "user-principal-name", message));
            return;
        }
        let (_, suffix) = name.rsplit_once('@').unwrap_or_default();
        let domains = match &self.domains {
            Domains::Known(domains) => domains,
            Domains::Unknown(reason) => {
                let message = format!("whether {suffix} is verified is not known: {reason}; grant Domain.Read.All");
                findings.push(Finding::unknown("unverified-domain", message));
                return;
            }
        };
        let Some(domain) = domains.iter().find(|domain| domain.name.eq_ignore_ascii_case(suffix)) else {
            let names: Vec<_> = domains.iter().map(|domain| domain.name.as_str()).collect();
            let message = format!("{suffix} is no verified domain of the tenant; it has {}", listed(&names));
            findings.push(Finding::attribute(USER_PRINCIPAL_NAME, "unverified-domain", message));
            return;
        };
        let immutable_id =
            draft.attributes.get(IMMUTABLE_ID).or_else(|| draft.current.and_then(|current| current.get(IMMUTABLE_ID)));
        // Of an existing account it may merely not have been read.
        let is_missing = match draft.step {
            DraftStep::Create => immutable_id.is_none_or(Value::is_blank),
            _ => immutable_id.is_some_and(Value::is_blank),
        };
        if domain.is_federated && is_missing {
            let message = format!("users of the federated domain {suffix} need an immutable id");
            findings.push(Finding::attribute(IMMUTABLE_ID, "federated-domain", message));
        }
    }
}

impl Constraints for EntraConstraints {
    fn check(&self, draft: &Draft<'_>) -> Vec<Finding> {
        let synced = draft.current.and_then(|current| current.get(SYNC_ENABLED));
        if synced == Some(&Value::Bool(true)) {
            return of_synced(draft);
        }
        let mut findings = Vec::new();
        if *draft.class == Class::GROUP {
            findings.extend(group_rules::check(draft));
            if findings.iter().any(|finding| finding.attribute.is_none()) {
                return findings;
            }
        }
        self.check_guest(draft, &mut findings);
        findings.extend(self.roles.check(draft));
        if matches!(draft.step, DraftStep::Create | DraftStep::Update) {
            self.check_values(draft, &mut findings);
        }
        findings.extend(without_location(draft));
        findings
    }

    fn reads(&self) -> Vec<Name> {
        let names = [
            SYNC_ENABLED,
            IMMUTABLE_ID,
            USAGE_LOCATION,
            GROUP_TYPES,
            MAIL_ENABLED,
            SECURITY_ENABLED,
            ASSIGNABLE_TO_ROLE,
            UNIQUE_NAME,
        ];
        names.map(Name::from_static).to_vec()
    }

    fn products(&self) -> Option<&Products> {
        Some(&self.products)
    }

    fn temporary(&self, id: &ObjectId, attribute: &Name, value: &Value) -> Option<Value> {
        let (_, domain) = value.as_text().filter(|_| attribute == USER_PRINCIPAL_NAME)?.rsplit_once('@')?;
        Some(Value::from(format!("x{}@{domain}", id.id.replace('-', ""))))
    }

    fn parameters(&self) -> Vec<(Name, Value)> {
        let of_tenant = match &self.domains {
            Domains::Known(domains) => domains.iter().find(|domain| domain.is_default),
            Domains::Unknown(_) => None,
        };
        let domain = self.own_domain.as_deref().or(of_tenant.map(|domain| domain.name.as_str()));
        domain.into_iter().map(|domain| (Name::from_static("Domain"), Value::text(domain))).collect()
    }
}

impl Domains {
    async fn read(client: &GraphClient) -> Result<Self> {
        let domains = match client.domains().items().try_collect::<Vec<Domain>>().await {
            Err(error) if error.kind() == ErrorKind::Forbidden => organization_domains(client).await,
            domains => domains,
        };
        match domains {
            Ok(domains) => Ok(Self::known(&domains)),
            Err(error) if error.kind() == ErrorKind::Forbidden => Ok(Self::Unknown(error.to_chain())),
            Err(error) => Err(error),
        }
    }

    fn known(domains: &[Domain]) -> Self {
        let verified = domains.iter().filter(|domain| domain.is_verified).map(|domain| VerifiedDomain {
            name: domain.id.clone(),
            is_default: domain.is_default,
            is_federated: domain
                .authentication_type
                .as_deref()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("federated")),
        });
        Self::Known(verified.collect())
    }
}

async fn organization_domains(client: &GraphClient) -> Result<Vec<Domain>> {
    let organization = client.organization().await?;
    if organization.verified_domains.is_empty() {
        return Err(Error::new(ErrorKind::Forbidden, "the tenant's domains may not be read"));
    }
    Ok(organization.verified_domains.iter().map(Domain::from).collect())
}

/// What is wrong with a user principal name by itself, after
/// [username policies](https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy).
fn wrong_name(name: &str) -> Option<String> {
    let Some((local, domain)) = name.split_once('@') else {
        return Some("a user principal name has the form name@domain".into());
    };
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "'.-_!#^~".contains(character);
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Some("a user principal name has the form name@domain, with one @".into());
    }
    if let Some(wrong) = local.chars().find(|character| !is_allowed(*character)) {
        return Some(format!(
            "{wrong:?} is not allowed in a user principal name; letters without accents, digits and ' . - _ ! # ^ ~ are"
        ));
    }
    if local.ends_with('.') {
        return Some("a user principal name has no dot in front of the @".into());
    }
    if local.len() > 64 {
        return Some(format!("{} characters in front of the @; 64 are allowed", local.len()));
    }
    (name.len() > 113).then(|| format!("{} characters; 113 are allowed", name.len()))
}

/// What cannot be done to an object that another directory keeps: all but its licences, which no other directory has.
///
/// See [licences of groups](https://learn.microsoft.com/entra/fundamentals/concept-group-based-licensing) and
/// [update user](https://learn.microsoft.com/graph/api/user-update).
fn of_synced(draft: &Draft<'_>) -> Vec<Finding> {
    let message = "directory-synced: the object is mastered by another directory; change it there";
    if draft.step != DraftStep::Elements || !draft.elements.iter().any(|name| name == SKU_ID) {
        return vec![Finding::object("directory-synced", message)];
    }
    let others = draft.elements.iter().filter(|name| *name != SKU_ID);
    let mut findings: Vec<_> =
        others.map(|name| Finding::attribute(name.clone(), "directory-synced", message)).collect();
    // What the mapping would write beside them, such as a location, is not written either.
    let (none, licenses) = (Attributes::new(), [Name::from_static(SKU_ID)]);
    let alone = Draft { attributes: &none, elements: &licenses, ..*draft };
    findings.extend(without_location(&alone));
    if *draft.class == Class::GROUP {
        findings.extend(group_rules::check(&alone));
    }
    findings
}

/// Who is to be given a licence must be somewhere; the members of a group who are nowhere are where the tenant is.
fn without_location(draft: &Draft<'_>) -> Option<Finding> {
    if *draft.class != Class::USER || !draft.elements.iter().any(|name| name == SKU_ID) {
        return None;
    }
    let location = match (draft.attributes.get(USAGE_LOCATION), draft.current) {
        (Some(location), _) => location,
        (None, Some(current)) => current.get(USAGE_LOCATION)?,
        (None, None) => &Value::Null,
    };
    let message = "a licence needs a usageLocation: map one, such as DE";
    location.is_blank().then(|| Finding::attribute(SKU_ID, "usage-location", message))
}

/// What is wrong with any other value: the rule and what would be right.
fn wrong_value(draft: &Draft<'_>, name: &str, value: &Value) -> Option<(&'static str, String)> {
    let table = schema::of(draft.class).ok()?;
    let attribute = table.attribute(name)?;
    let kind = &table.schema().get(name)?.kind;
    let texts = || value.as_slice().iter().filter_map(Value::as_text);
    if matches!(kind, Kind::Text | Kind::DateTime) && texts().any(str::is_empty) {
        return Some(("empty-text", "an empty text is refused; null clears".into()));
    }
    let is_moment = |text: &str| OffsetDateTime::parse(text, &Rfc3339).is_ok();
    if let (Kind::DateTime, Some(text)) = (kind, texts().find(|text| !is_moment(text))) {
        let message = format!("{text} is no moment such as 2026-01-05T00:00:00Z; CDate makes one of a date");
        return Some(("moment", message));
    }
    let is_word = |text: &str| attribute.words.contains(&text);
    let wrong_word = texts().find(|text| !is_word(text));
    if let (false, Some(text)) = (attribute.words.is_empty(), wrong_word) {
        return Some(("unknown-word", format!("{text} is none of {}", listed(attribute.words))));
    }
    match (name, value.as_text()) {
        ("displayName", Some(text)) if text.trim().is_empty() => {
            Some(("empty-text", "a display name has at least one character".into()))
        }
        ("mailNickname", Some(text)) => {
            // A group may get a name with a dot, and may not change to one.
            let no_dot = *draft.class == Class::GROUP && draft.step == DraftStep::Update;
            let is_wrong = |character: &char| {
                !character.is_ascii_graphic() || "@()\\[]\";:<>,".contains(*character) || (no_dot && *character == '.')
            };
            let wrong = text.chars().find(is_wrong)?;
            let message =
                format!("{wrong:?} is not allowed in a mail nickname; letters without accents and digits are");
            Some(("mail-nickname", message))
        }
        (USAGE_LOCATION, Some(text)) if !countries::is_country(text) => {
            let hint = countries::meant(text).map_or_else(String::new, |code| format!(" ({code}?)"));
            Some(("usage-location", format!("{text} is no ISO 3166-1 alpha-2 code{hint}")))
        }
        ("mail", Some(text)) if !text.is_ascii() => Some(("mail", "an address has no letters with accents".into())),
        (IMMUTABLE_ID, Some(text)) if text.contains(['$', '_']) => {
            Some(("immutable-id", "$ and _ are not allowed in an immutable id".into()))
        }
        ("businessPhones", _) if value.as_slice().len() > 1 => {
            Some(("business-phones", "a user has one business phone at most".into()))
        }
        _ => None,
    }
}

/// The first names, and how many more there are.
fn listed(names: &[&str]) -> String {
    const NAMED: usize = 8;
    let first = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        _ if names.is_empty() => "none".into(),
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Record;

    fn constraints() -> EntraConstraints {
        let domain =
            |name: &str, is_default, is_federated| VerifiedDomain { name: name.into(), is_default, is_federated };
        let domains = vec![domain("contoso.com", true, false), domain("fed.contoso.com", false, true)];
        EntraConstraints {
            domains: Domains::Known(domains),
            products: Products::default(),
            roles: Roles::default(),
            own_domain: None,
            guests: false,
        }
    }

    fn check(step: DraftStep, current: Option<&Record>, pairs: &[(&str, Value)]) -> Vec<String> {
        let attributes: Attributes = pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        let findings = constraints().check(&Draft::new(&Class::USER, step, current, &attributes));
        let text = |finding: Finding| format!("{}: {}", finding.rule, finding.message);
        findings.into_iter().map(text).collect()
    }

    #[test]
    fn what_graph_would_refuse_is_found() {
        let long = format!("{}@contoso.com", "a".repeat(65));
        #[rustfmt::skip]
        let table: &[(&str, Value, &str)] = &[
            ("userPrincipalName", "ada@Contoso.COM".into(), ""),
            ("userPrincipalName", "o'neil_2-x!#^~@contoso.com".into(), ""),
            ("userPrincipalName", "ada@contoso.org".into(), "unverified-domain: contoso.org is no verified domain of the tenant; it has contoso.com, fed.contoso.com"),
            ("userPrincipalName", "ada".into(), "name@domain"),
            ("userPrincipalName", "@contoso.com".into(), "name@domain"),
            ("userPrincipalName", "a@b@contoso.com".into(), "name@domain"),
            ("userPrincipalName", "ada.@contoso.com".into(), "no dot"),
            ("userPrincipalName", "ad a@contoso.com".into(), "' ' is not allowed"),
            ("userPrincipalName", "zoë@contoso.com".into(), "'ë' is not allowed"),
            ("userPrincipalName", "a\n@contoso.com".into(), r"'\n' is not allowed"),
            ("userPrincipalName", long.as_str().into(), "65 characters in front"),
            ("userPrincipalName", "".into(), "empty-text"),
            ("displayName", " ".into(), "at least one character"),
            ("jobTitle", "".into(), "empty-text"),
            ("jobTitle", Value::Null, ""),
            ("mailNickname", "ada.l".into(), ""),
            ("mailNickname", "ada@l".into(), "mail-nickname: '@'"),
            ("mailNickname", "ad a".into(), "mail-nickname: ' '"),
            ("usageLocation", "DE".into(), ""),
            ("usageLocation", "UK".into(), "usage-location: UK is no ISO 3166-1 alpha-2 code (GB?)"),
            ("usageLocation", "de".into(), "(DE?)"),
            ("usageLocation", "XX".into(), "XX is no ISO 3166-1 alpha-2 code"),
            ("mail", "zoë@contoso.com".into(), "mail: "),
            ("onPremisesImmutableId", "a_b".into(), "immutable-id: "),
            ("businessPhones", Value::list(["1".into(), "2".into()]), "business-phones: "),
            ("businessPhones", Value::list(["".into()]), "empty-text"),
            ("userType", "Alien".into(), "unknown-word: Alien is none of Member, Guest"),
            ("accountEnabled", true.into(), ""),
            ("employeeHireDate", "2013-01-01T00:00:00Z".into(), ""),
            ("employeeHireDate", "2013-01-01T01:00:00.5+01:00".into(), ""),
            ("employeeHireDate", time::macros::datetime!(2013-01-01 0:00 UTC).into(), ""),
            ("employeeHireDate", Value::Null, ""),
            ("employeeHireDate", "2013-01-01".into(), "moment: 2013-01-01 is no moment such as 2026-01-05T00:00:00Z; CDate makes one"),
            ("employeeHireDate", "2013-01-01T00:00:00".into(), "moment: "),
            ("employeeHireDate", "2013-02-30T00:00:00Z".into(), "moment: "),
            ("employeeHireDate", "soon".into(), "moment: soon"),
            ("employeeHireDate", "".into(), "empty-text"),
        ];
        for (name, value, expected) in table {
            let found = check(DraftStep::Create, None, &[(name, value.clone())]).join("; ");
            let right = if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
            assert!(right, "{name} {value:?}: {found}");
        }
    }

    #[test]
    fn a_federated_domain_asks_for_an_immutable_id() {
        let name = ("userPrincipalName", Value::text("ada@fed.contoso.com"));
        let immutable_id = ("onPremisesImmutableId", Value::text("7"));
        assert!(check(DraftStep::Create, None, std::slice::from_ref(&name))[0].starts_with("federated-domain"));
        assert!(check(DraftStep::Create, None, &[name.clone(), immutable_id]).is_empty());
        let unread = Record::new(ObjectId::user("7"));
        assert!(check(DraftStep::Update, Some(&unread), std::slice::from_ref(&name)).is_empty());
        let without = unread.with("onPremisesImmutableId", Value::Null);
        assert!(!check(DraftStep::Update, Some(&without), std::slice::from_ref(&name)).is_empty());
    }

    #[test]
    fn a_directory_synced_account_is_left_alone() {
        let current = |synced: Value| Record::new(ObjectId::user("7")).with(SYNC_ENABLED, synced);
        for step in [DraftStep::Update, DraftStep::Disable, DraftStep::Enable, DraftStep::Delete] {
            assert!(check(step, Some(&current(true.into())), &[])[0].starts_with("directory-synced"));
            assert!(check(step, Some(&current(Value::Null)), &[]).is_empty());
            assert!(check(step, Some(&current(false.into())), &[]).is_empty());
        }
    }

    #[test]
    fn the_default_domain_is_a_parameter_and_unknown_domains_are_a_warning() {
        assert_eq!(constraints().parameters(), [("Domain".into(), "contoso.com".into())]);
        let own = EntraConstraints { own_domain: Some("fed.contoso.com".into()), ..constraints() };
        assert_eq!(own.parameters(), [("Domain".into(), "fed.contoso.com".into())], "the connection's own (R55)");
        let unknown = EntraConstraints { domains: Domains::Unknown("forbidden".into()), ..constraints() };
        assert_eq!(unknown.parameters(), []);
        let attributes = [(USER_PRINCIPAL_NAME.into(), "ada@x.org".into())].into_iter().collect();
        let findings = unknown.check(&Draft::new(&Class::USER, DraftStep::Create, None, &attributes));
        assert_eq!(findings[0].kind, crate::reconcile::FindingKind::Unknown);
        assert!(findings[0].message.contains("x.org") && findings[0].message.contains("forbidden"));
    }

    #[test]
    fn who_gets_a_licence_is_somewhere() {
        let found = |current: Option<Value>, drafted: Option<Value>, element: &'static str| {
            let record = |location: Value| Record::new(ObjectId::user("7")).with(USAGE_LOCATION, location);
            let current = current.map(record);
            let attributes = drafted.map(|location| (USAGE_LOCATION.into(), location)).into_iter().collect();
            let (class, elements) = (Class::USER, [Name::from_static(element)]);
            let draft = Draft::new(&class, DraftStep::Elements, current.as_ref(), &attributes);
            let found = constraints().check(&draft.with_elements(&elements));
            found.into_iter().map(|finding| finding.rule.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(Some(Value::Null), None, SKU_ID), ["usage-location"]);
        assert_eq!(found(None, None, SKU_ID), ["usage-location"]);
        assert_eq!(found(Some(Value::Null), Some("DE".into()), SKU_ID), [""; 0]);
        assert_eq!(found(Some("DE".into()), None, SKU_ID), [""; 0]);
        assert_eq!(found(Some(Value::Null), None, "manager"), [""; 0]);
        let unread = Record::new(ObjectId::user("7"));
        let (class, none, elements) = (Class::USER, Attributes::new(), [Name::from_static(SKU_ID)]);
        let draft = Draft::new(&class, DraftStep::Elements, Some(&unread), &none).with_elements(&elements);
        assert!(constraints().check(&draft).is_empty(), "nobody knows where");
    }

    #[test]
    fn the_values_of_groups_are_looked_at_too() {
        for (step, name, value, expected) in [
            (DraftStep::Create, "mailNickname", Value::from("a.b"), ""),
            (DraftStep::Update, "mailNickname", "a.b".into(), "mail-nickname"),
            (DraftStep::Update, "mailNickname", "a b".into(), "mail-nickname"),
            (DraftStep::Create, "mailNickname", "zoë".into(), "mail-nickname"),
            (DraftStep::Create, "displayName", " ".into(), "empty-text"),
            (DraftStep::Create, "groupTypes", Value::list(["Unified".into(), "unified".into()]), "unknown-word"),
            (DraftStep::Update, "visibility", "Secret".into(), "unknown-word"),
            (DraftStep::Update, "membershipRuleProcessingState", "Paused".into(), ""),
        ] {
            let attributes = [(Name::from(name), value.clone())].into_iter().collect();
            let current = (step == DraftStep::Update).then(|| Record::new(ObjectId::group("7")));
            let found = constraints().check(&Draft::new(&Class::GROUP, step, current.as_ref(), &attributes));
            let rules: Vec<_> = found.iter().map(|finding| finding.rule.as_ref()).collect();
            assert_eq!(rules.join(" "), expected, "{name} {value:?}");
        }
    }

    #[test]
    fn a_name_for_a_moment_is_one_that_graph_takes() {
        let id = ObjectId::user("0f8fad5b-d9cb-469f-a165-70867728950e");
        let name = Name::from_static(USER_PRINCIPAL_NAME);
        let temporary = constraints().temporary(&id, &name, &"ada@contoso.com".into());
        assert_eq!(temporary, Some("x0f8fad5bd9cb469fa16570867728950e@contoso.com".into()));
        let text = temporary.as_ref().and_then(Value::as_text).unwrap_or_default();
        assert_eq!(wrong_name(text), None);
        assert_eq!(constraints().temporary(&id, &name, &"ada".into()), None);
        assert_eq!(constraints().temporary(&id, &"mail".into(), &"ada@contoso.com".into()), None);
    }
}
