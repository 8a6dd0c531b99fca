//! What a tenant holds, by names that two tenants share.

use std::collections::{BTreeMap, BTreeSet};

use entrant::sim::Sim;
use serde_json::Value as Json;

use super::drawn::Leave;

/// What is compared of a tenant: accounts and groups by their names, which each is called by where others refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tenant {
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) groups: BTreeMap<String, Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) employee: String,
    enabled: bool,
    attributes: Vec<String>,
    manager: Option<String>,
    pub(super) licenses: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    name: String,
    pub(super) members: BTreeSet<String>,
}

fn text(json: &Json, name: &str) -> String {
    json[name].as_str().unwrap_or_default().to_owned()
}

impl Tenant {
    pub(super) fn of(sim: &Sim) -> Self {
        let (users, groups) = (sim.users(), sim.groups());
        let own = |user: &Json| text(user, "userPrincipalName");
        let nick = |group: &Json| text(group, "mailNickname");
        let users_by_id = users.iter().map(|user| (text(user, "id"), own(user)));
        let names: BTreeMap<String, String> =
            users_by_id.chain(groups.iter().map(|group| (text(group, "id"), nick(group)))).collect();
        let accounts = users.iter().map(|user| {
            let manager = sim.manager(&text(user, "id"));
            let account = Account {
                employee: text(user, "employeeId"),
                enabled: user["accountEnabled"] == Json::Bool(true),
                attributes: ["displayName", "jobTitle", "usageLocation", "mailNickname"]
                    .map(|name| text(user, name))
                    .to_vec(),
                manager: manager.map(|id| names[&id].clone()),
                licenses: sim.licenses(&text(user, "id")).into_iter().collect(),
            };
            (own(user), account)
        });
        let groups = groups.iter().map(|group| {
            let members = sim.members(&text(group, "id")).iter().map(|id| names[id].clone()).collect();
            (nick(group), Group { name: text(group, "displayName"), members })
        });
        Self { accounts: accounts.collect(), groups: groups.collect() }
    }

    /// Takes accounts out of where they are referred to, as far as the other tenant has done so: those of people who are
    /// not provided for. Such a one is given because an account matches him, and is linked to nobody; when he is gone, or
    /// another account matches him too, there is no trace by which an incremental run would find where he was given.
    pub(super) fn unname(&mut self, is_provided_for: impl Fn(&str) -> bool, other: &Self) {
        let of = |own: &&String| !is_provided_for(&self.accounts[*own].employee);
        let gone: BTreeSet<String> = self.accounts.keys().filter(of).cloned().collect();
        for (name, account) in &mut self.accounts {
            let kept = other.accounts.get(name).and_then(|other| other.manager.clone());
            account.manager.take_if(|manager| gone.contains(manager) && kept.as_ref() != Some(manager));
        }
        for (name, group) in &mut self.groups {
            let kept = other.groups.get(name).map(|other| &other.members);
            group.members.retain(|member| !gone.contains(member) || kept.is_some_and(|kept| kept.contains(member)));
        }
    }

    /// Takes groups that the source has no longer, as far as the other tenant has done so, and what refers to them.
    pub(super) fn take_groups(&mut self, is_there: impl Fn(&str) -> bool, other: &Self) {
        let is_gone = |name: &&String| !is_there(name) && !other.groups.contains_key(*name);
        let gone: BTreeSet<String> = self.groups.keys().filter(is_gone).cloned().collect();
        self.groups.retain(|name, _| !gone.contains(name));
        for group in self.groups.values_mut() {
            group.members.retain(|member| !gone.contains(member));
        }
    }

    /// Takes from these accounts what a leaver loses, as far as the other tenant has taken it: nothing else may differ.
    ///
    /// Of an account that is deleted goes what refers to it, too.
    pub(super) fn take_from(&mut self, absent: &BTreeSet<String>, leave: Leave, other: &Self) {
        let mut gone = BTreeSet::new();
        for (name, account) in self.accounts.iter_mut().filter(|(_, own)| absent.contains(&own.employee)) {
            match (leave, other.accounts.get(name)) {
                (Leave::Delete, None) => _ = gone.insert(name.clone()),
                // What was there before the job is switched off in place of being deleted.
                (Leave::Delete | Leave::Disable | Leave::DisableLater, Some(other)) => account.enabled &= other.enabled,
                (Leave::DisableAndTakeProducts, Some(other)) => {
                    account.enabled &= other.enabled;
                    account.licenses.retain(|product| other.licenses.contains(product));
                }
                _ => {}
            }
        }
        self.accounts.retain(|name, _| !gone.contains(name));
        for account in self.accounts.values_mut() {
            account.manager.take_if(|manager| gone.contains(manager));
        }
        for group in self.groups.values_mut() {
            group.members.retain(|member| !gone.contains(member));
        }
    }
}
