//! Who administers the directory.

use std::collections::{BTreeMap, BTreeSet};

use futures::{TryStreamExt, future};
use http::Method;
use serde::Deserialize;

use super::links;
use super::schema::{ACCOUNT_ENABLED, ASSIGNABLE_TO_ROLE, IMMUTABLE_ID, SKU_ID, USER_PRINCIPAL_NAME};
use crate::auth::TokenClaims;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{GraphClient, RoleAssignment};
use crate::model::{Class, Record, Value};
use crate::reconcile::{Draft, DraftStep, Finding};

const RULE: &str = "role-holder";

/// With what somebody could sign in as another or reset his password: Graph calls changing it a sensitive action.
///
/// See [update user](https://learn.microsoft.com/graph/api/user-update).
const SIGN_IN: &[&str] = &["businessPhones", IMMUTABLE_ID, "mobilePhone", "otherMails", USER_PRINCIPAL_NAME];

/// Who holds which directory role, by id.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) holders: BTreeMap<String, BTreeSet<String>>,
    pub(super) gap: Option<RoleGap>,
    /// Whether the application itself may hold a role, so that Graph lets it act on those who do.
    pub(super) application_may_hold_one: bool,
}

/// Why there may be more holders than those that are known.
#[derive(Debug, Clone)]
pub(super) struct RoleGap {
    what: &'static str,
    reason: String,
    /// What would close it.
    permission: &'static str,
}

const ASSIGNMENTS: (&str, &str) = ("role assignments", "RoleManagement.Read.Directory");
const GROUPS: (&str, &str) = ("who is in groups that hold roles", "GroupMember.Read.All");

#[derive(Deserialize)]
struct Assignable {
    id: String,
}

impl Roles {
    /// Reads them: those who hold a role themselves, and those who hold it by way of a group.
    pub(super) async fn read(client: &GraphClient) -> Result<Self> {
        let groups = client
            .request(Method::GET, "/groups")
            .list::<Assignable>()
            .filter(format!("{ASSIGNABLE_TO_ROLE} eq true"))
            .select(["id"])
            .top(999);
        let (assignments, groups) = future::join(
            client.role_assignments().items().try_collect::<Vec<RoleAssignment>>(),
            groups.items().try_collect::<Vec<Assignable>>(),
        )
        .await;
        let claims = client.tokens().token().await?.claims();
        let mut roles = Self { application_may_hold_one: may_hold_one(&claims), ..Self::default() };
        for assignment in roles.known(assignments, ASSIGNMENTS)? {
            let held = roles.holders.entry(lower(assignment.principal_id.as_str())).or_default();
            held.insert(assignment.role_name().to_owned());
        }
        if roles.holders.is_empty() {
            return Ok(roles);
        }
        let groups = roles.known(groups, GROUPS)?;
        let holding = groups.iter().map(|group| lower(&group.id)).filter(|id| roles.holders.contains_key(id));
        roles.add_members(client, holding.collect()).await?;
        Ok(roles)
    }

    /// What was read; nothing, and a gap, if it may not be.
    fn known<T>(&mut self, read: Result<Vec<T>>, what: (&'static str, &'static str)) -> Result<Vec<T>> {
        match read {
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                self.miss(what, error.to_chain());
                Ok(Vec::new())
            }
            read => read,
        }
    }

    fn miss(&mut self, (what, permission): (&'static str, &'static str), reason: String) {
        self.gap.get_or_insert(RoleGap { what, reason, permission });
    }

    async fn add_members(&mut self, client: &GraphClient, groups: Vec<String>) -> Result<()> {
        let members = links::members(client, &groups).await;
        for (group, (members, gap)) in groups.iter().zip(members) {
            match gap {
                Some((ErrorKind::Forbidden, reason)) => self.miss(GROUPS, reason),
                Some((kind, reason)) => return Err(Error::new(kind, reason)),
                None => {}
            }
            let held = self.holders.get(group).cloned().unwrap_or_default();
            let by_group = held.iter().map(|role| format!("{role} by the group {group}")).collect::<BTreeSet<_>>();
            for member in members {
                self.holders.entry(lower(&member)).or_default().extend(by_group.iter().cloned());
            }
        }
        Ok(())
    }

    /// What speaks against a write that would shut an administrator out, let another in as him, or make somebody one.
    pub(super) fn check(&self, draft: &Draft<'_>) -> Vec<Finding> {
        let Some(current) = draft.current else { return Vec::new() };
        match draft.step {
            DraftStep::Disable | DraftStep::Delete => self.shuts_out(current).into_iter().collect(),
            DraftStep::Update => {
                let disables = draft.attributes.get(ACCOUNT_ENABLED) == Some(&Value::Bool(false));
                let shut_out = disables.then(|| self.shuts_out(current)).flatten();
                let let_in = draft.attributes.iter().filter_map(|(name, _)| {
                    let roles = self.roles_of(current).filter(|_| SIGN_IN.contains(&name.as_str()))?;
                    let message = format!(
                        "holds a directory role ({roles}), and this says who signs in as the holder: change it by hand, or \
                         allow by name"
                    );
                    Some(Finding::privileged(RULE, message).at(name.clone()))
                });
                shut_out.map(|finding| finding.at(ACCOUNT_ENABLED)).into_iter().chain(let_in).collect()
            }
            DraftStep::Elements if *draft.class == Class::GROUP => {
                let Some(roles) = self.roles_of(current) else { return Vec::new() };
                let members = draft.elements.iter().filter(|name| *name != SKU_ID);
                let message = format!(
                    "the group gives a directory role ({roles}): change who is in it by hand, or allow by name"
                );
                members.map(|name| Finding::privileged(RULE, message.clone()).at(name.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The roles that are known to be held.
    fn roles_of(&self, current: &Record) -> Option<String> {
        let roles = self.holders.get(&lower(&current.id.id))?;
        Some(roles.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    }

    fn shuts_out(&self, current: &Record) -> Option<Finding> {
        if let Some(roles) = self.roles_of(current) {
            let message = format!("holds a directory role ({roles}): take the role away first, or allow by name");
            return Some(Finding::privileged(RULE, message));
        }
        let RoleGap { what, reason, permission } = self.gap.as_ref()?;
        Some(if self.application_may_hold_one {
            Finding::privileged(RULE, format!("cannot read {what}: grant {permission}, or allow by name"))
        } else {
            let message = format!(
                "whether a directory role is held is not known: cannot read {what} ({reason}): grant {permission}; Graph \
                 itself refuses if one is"
            );
            Finding::unknown(RULE, message)
        })
    }
}

/// Whether a token is one of an application that holds a role. One that says nothing at all cannot be read, and says
/// nothing against it.
fn may_hold_one(claims: &TokenClaims) -> bool {
    *claims == TokenClaims::default() || claims.directory_roles().next().is_some()
}

fn lower(id: &str) -> String {
    id.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Class, ObjectId};
    use crate::reconcile::FindingKind;

    #[test]
    fn a_token_that_cannot_be_read_may_be_an_administrators() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let claims = |roles: &[&str], wids: &[&str]| TokenClaims {
            roles: texts(roles),
            wids: texts(wids),
            ..TokenClaims::default()
        };
        let (none, one) = ("0997a1d0-0d1d-4acb-b408-d5ca73121e90", "fe930be7-5e62-47db-91af-98c3a49a38b1");
        for (claims, expected) in [
            (claims(&["User.Read.All"], &[none]), false),
            (claims(&["User.Read.All"], &[]), false),
            (claims(&[], &[none]), false),
            (claims(&["User.Read.All"], &[none, one]), true),
            (claims(&[], &[]), true),
        ] {
            assert_eq!(may_hold_one(&claims), expected, "{claims:?}");
        }
    }

    #[test]
    fn nobody_who_administers_is_shut_out_unawares() {
        let known = || Roles {
            holders: BTreeMap::from([("a".to_owned(), BTreeSet::from(["User Administrator".to_owned()]))]),
            ..Roles::default()
        };
        let gap = RoleGap { what: ASSIGNMENTS.0, reason: "403".into(), permission: ASSIGNMENTS.1 };
        let gap = |application_may_hold_one| Roles { gap: Some(gap.clone()), application_may_hold_one, ..known() };
        let off: Attributes = [(ACCOUNT_ENABLED.into(), false.into())].into_iter().collect();
        let on: Attributes = [(ACCOUNT_ENABLED.into(), true.into())].into_iter().collect();
        let none = Attributes::new();
        use DraftStep::{Delete, Disable, Enable, Update};
        use FindingKind::{Privileged, Unknown};
        type Expected<'a> = Option<(FindingKind, Option<&'a str>, &'a str)>;
        type Row<'a> = (Roles, &'a str, DraftStep, &'a Attributes, Expected<'a>);
        #[rustfmt::skip]
        let table: &[Row<'_>] = &[
            (known(), "A", Disable, &none, Some((Privileged, None, "holds a directory role (User Administrator)"))),
            (known(), "a", Delete, &none, Some((Privileged, None, "User Administrator"))),
            (known(), "a", Update, &off, Some((Privileged, Some(ACCOUNT_ENABLED), "User Administrator"))),
            (known(), "a", Update, &on, None),
            (known(), "a", Enable, &none, None),
            (known(), "b", Delete, &none, None),
            (gap(false), "b", Update, &none, None),
            (gap(false), "b", Delete, &none, Some((Unknown, None, "grant RoleManagement.Read.Directory"))),
            (gap(true), "b", Disable, &none, Some((Privileged, None, "cannot read role assignments: grant RoleManagement.Read.Directory, or allow by name"))),
            (gap(true), "b", Update, &off, Some((Privileged, Some(ACCOUNT_ENABLED), "cannot read"))),
            (gap(true), "a", Delete, &none, Some((Privileged, None, "holds a directory role"))),
        ];
        for (roles, id, step, attributes, expected) in table {
            let current = Record::new(ObjectId::user(*id));
            let mut findings = roles.check(&Draft::new(&Class::USER, *step, Some(&current), attributes));
            assert!(findings.len() <= 1, "{findings:?}");
            match (findings.pop(), expected) {
                (None, None) => {}
                (Some(finding), Some((kind, attribute, message))) => {
                    assert_eq!((finding.kind, finding.attribute.as_deref()), (*kind, *attribute), "{step:?} of {id}");
                    assert!(finding.message.contains(message), "{}", finding.message);
                }
                (found, expected) => panic!("{step:?} of {id}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn nobody_is_let_in_as_an_administrator_unawares() {
        let roles = Roles {
            holders: BTreeMap::from([("a".to_owned(), BTreeSet::from(["User Administrator".to_owned()]))]),
            ..Roles::default()
        };
        let drafted: Attributes = ["businessPhones", "displayName", "mobilePhone", "onPremisesImmutableId"]
            .into_iter()
            .chain(["otherMails", "userPrincipalName"])
            .map(|name| (name.into(), Value::text("x")))
            .collect();
        let refused = |id: &str, step| {
            let current = Record::new(ObjectId::user(id));
            let findings = roles.check(&Draft::new(&Class::USER, step, Some(&current), &drafted));
            assert!(findings.iter().all(|finding| finding.kind == FindingKind::Privileged), "{findings:?}");
            findings
                .into_iter()
                .filter_map(|finding| finding.attribute)
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        };
        let all = ["businessPhones", "mobilePhone", "onPremisesImmutableId", "otherMails", "userPrincipalName"];
        assert_eq!(refused("A", DraftStep::Update), all);
        assert_eq!(refused("b", DraftStep::Update), [""; 0]);
        assert_eq!(refused("a", DraftStep::Enable), [""; 0]);
    }

    #[test]
    fn nobody_becomes_an_administrator_by_a_group_unawares() {
        let roles = Roles {
            holders: BTreeMap::from([("g".to_owned(), BTreeSet::from(["User Administrator".to_owned()]))]),
            ..Roles::default()
        };
        let (class, none) = (Class::GROUP, Attributes::new());
        let elements = ["members", "owners", "skuId"].map(crate::model::Name::from);
        let refused = |id: &str| {
            let current = Record::new(ObjectId::group(id));
            let draft = Draft::new(&class, DraftStep::Elements, Some(&current), &none);
            let findings = roles.check(&draft.with_elements(&elements));
            findings
                .into_iter()
                .filter_map(|finding| finding.attribute)
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(refused("G"), ["members", "owners"]);
        assert_eq!(refused("h"), [""; 0]);
    }
}
