//! Who administers the directory.

use std::collections::{BTreeMap, BTreeSet};

use futures::{TryStreamExt, future};
use http::Method;
use serde::Deserialize;

use super::links;
use super::schema::{ACCOUNT_ENABLED, ASSIGNABLE_TO_ROLE};
use crate::auth::TokenClaims;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{GraphClient, RoleAssignment};
use crate::model::{Record, Value};
use crate::reconcile::{Draft, DraftStep, Finding};

const RULE: &str = "role-holder";

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

    /// What speaks against a write that would shut an administrator out.
    pub(super) fn check(&self, draft: &Draft<'_>) -> Option<Finding> {
        let disables = draft.attributes.get(ACCOUNT_ENABLED) == Some(&Value::Bool(false));
        let finding = match draft.step {
            DraftStep::Disable | DraftStep::Delete => self.found(draft.current?)?,
            DraftStep::Update if disables => self.found(draft.current?)?.at(ACCOUNT_ENABLED),
            _ => return None,
        };
        Some(finding)
    }

    fn found(&self, current: &Record) -> Option<Finding> {
        if let Some(roles) = self.holders.get(&lower(&current.id.id)) {
            let roles = roles.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
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
            let finding = roles.check(&Draft::new(&Class::USER, *step, Some(&current), attributes));
            match (finding, expected) {
                (None, None) => {}
                (Some(finding), Some((kind, attribute, message))) => {
                    assert_eq!((finding.kind, finding.attribute.as_deref()), (*kind, *attribute), "{step:?} of {id}");
                    assert!(finding.message.contains(message), "{}", finding.message);
                }
                (found, expected) => panic!("{step:?} of {id}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
