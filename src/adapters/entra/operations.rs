//! Which operations a job comes to, so that its connection asks for the permissions that these take and no others.

use super::schema::{
    ACCOUNT_ENABLED, ASSIGNABLE_TO_ROLE, DISABLED_PLANS, MANAGER, MEMBER_GROUPS, MEMBERS, PASSWORD, RESET_PASSWORD,
    SKU_ID,
};
use super::tenant::Entra;
use crate::connection::{Operation, Operations};
use crate::model::Class;
use crate::reconcile::Preferences;

impl Entra {
    /// What a job does that writes these attributes of users or groups under these preferences: for
    /// [`ConnectionBuilder::operations`](crate::connection::ConnectionBuilder::operations) and
    /// [`Setup::operations`](crate::connection::Setup::operations). A job with several mappings does all that each does.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::adapters::Entra;
    /// use entrant::connection::Permissions;
    /// use entrant::model::Class;
    /// use entrant::reconcile::Leaver;
    /// use entrant::Preferences;
    ///
    /// let preferences = Preferences::default().without_create().without_update();
    /// let operations = Entra::operations(&Class::USER, ["displayName"], &preferences);
    /// let least = Permissions::least(&operations).to_string();
    /// assert_eq!(
    ///     least,
    ///     "Organization.Read.All, RoleManagement.Read.Directory, User.EnableDisableAccount.All, User.Read.All",
    /// );
    /// ```
    #[must_use]
    pub fn operations<N: AsRef<str>>(
        class: &Class,
        attributes: impl IntoIterator<Item = N>,
        preferences: &Preferences,
    ) -> Operations {
        use Operation as O;
        let deeds = preferences.deeds();
        let attributes: Vec<N> = attributes.into_iter().collect();
        let has = |names: &[&str]| attributes.iter().any(|name| names.contains(&name.as_ref()));
        let writes = deeds.creates || deeds.updates;
        let mut all = vec![O::ReadOrganization, O::ReadDomains];
        let mut add = |operation, is_done: bool| all.extend(is_done.then_some(operation));
        if *class == Class::GROUP {
            add(O::ReadGroups, true);
            add(O::ReadMembers, has(&[MEMBERS, MEMBER_GROUPS]));
            add(O::CreateGroups, deeds.creates);
            let elements = [MEMBERS, MEMBER_GROUPS];
            let licenses = [SKU_ID, DISABLED_PLANS];
            let ordinary =
                attributes.iter().any(|name| !elements.contains(&name.as_ref()) && !licenses.contains(&name.as_ref()));
            add(O::UpdateGroups, deeds.updates && ordinary);
            add(O::WriteMembers, writes && has(&elements));
            add(O::WritePrivilegedMembers, writes && has(&elements) && has(&[ASSIGNABLE_TO_ROLE]));
            add(O::DeleteGroups, deeds.deletes || deeds.restores);
            let gives = writes && has(&licenses);
            add(O::ReadLicenses, gives);
            add(O::AssignGroupLicenses, gives);
            // Who did not get the licences of a group is asked of its members, and of each why.
            add(O::ReadMembers, gives);
            add(O::ReadUsers, gives);
        } else {
            add(O::ReadUsers, true);
            add(O::CreateUsers, deeds.creates);
            let others = [ACCOUNT_ENABLED, PASSWORD, RESET_PASSWORD, MANAGER, SKU_ID, DISABLED_PLANS, "identities"];
            let ordinary = attributes.iter().any(|name| !others.contains(&name.as_ref()));
            add(O::UpdateUsers, deeds.updates && ordinary);
            add(O::ResetPasswords, deeds.updates && has(&[RESET_PASSWORD]));
            add(O::ManageIdentities, writes && has(&["identities"]));
            add(O::SetManagers, writes && has(&[MANAGER]));
            add(O::SwitchUsers, deeds.switches || (deeds.updates && has(&[ACCOUNT_ENABLED])));
            let licenses = (writes && has(&[SKU_ID, DISABLED_PLANS])) || deeds.takes_licenses;
            add(O::ReadLicenses, licenses);
            add(O::AssignLicenses, licenses);
            add(O::DeleteUsers, deeds.deletes);
            add(O::RestoreUsers, deeds.restores);
            // Who holds a role is not disabled or deleted unasked.
            add(O::ReadRoles, deeds.switches || deeds.deletes);
        }
        all.into_iter().collect()
    }

    /// What a job does that writes these attributes of guests, to a target of [`guests`](Self::guests): as
    /// [`operations`](Self::operations), with invitations in place of new users.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::adapters::Entra;
    /// use entrant::connection::Operation;
    /// use entrant::Preferences;
    ///
    /// let operations = Entra::guest_operations(["mail", "displayName", "employeeId"], &Preferences::default());
    /// assert!(operations.contains(Operation::InviteGuests) && operations.contains(Operation::UpdateUsers));
    /// assert!(!operations.contains(Operation::CreateUsers));
    /// ```
    #[must_use]
    pub fn guest_operations<N: AsRef<str>>(
        attributes: impl IntoIterator<Item = N>,
        preferences: &Preferences,
    ) -> Operations {
        let attributes: Vec<N> = attributes.into_iter().collect();
        let names: Vec<&str> = attributes.iter().map(AsRef::as_ref).collect();
        let operations = Self::operations(&Class::USER, names.iter().copied(), preferences);
        if !operations.contains(Operation::CreateUsers) {
            return operations;
        }
        let operations = operations.without(Operation::CreateUsers).with(Operation::InviteGuests);
        // What does not go with the invitation is written afterwards.
        let with_it = ["mail", "displayName", "userType"];
        let later = |name: &&str| !with_it.contains(name) && *name != MANAGER && *name != SKU_ID;
        match names.iter().any(later) {
            true => operations.with(Operation::UpdateUsers),
            false => operations,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Permissions;
    use crate::reconcile::{Enable, Leaver};

    fn least(class: &Class, attributes: &[&str], preferences: &Preferences) -> String {
        Permissions::least(&Entra::operations(class, attributes, preferences)).to_string()
    }

    #[test]
    fn a_job_asks_for_what_it_does() {
        let usual = Preferences::default();
        let reads = || usual.clone().without_create().without_update().without_disable().with_enable(Enable::Never);
        let tenant = "Organization.Read.All";
        let switching = format!("{tenant}, RoleManagement.Read.Directory");
        let (user, group) = (Class::USER, Class::GROUP);
        let deleting = usual.clone().without_create().without_update().with_left_scope(Leaver::delete());
        #[rustfmt::skip]
        let table = [
            (&user, &["displayName", "password"][..], usual.clone(), format!("{switching}, User.ReadWrite.All")),
            (&user, &["displayName"], reads(), format!("{tenant}, User.Read.All")),
            (&user, &["skuId"], reads().with_licenses(Default::default()), format!("{tenant}, User.Read.All")),
            (&user, &["displayName"], deleting, format!("{switching}, User.DeleteRestore.All, User.EnableDisableAccount.All, User.Read.All")),
            (&user, &["identities", "resetPassword"], usual.clone(), format!("{switching}, User-PasswordProfile.ReadWrite.All, User.ManageIdentities.All, User.ReadWrite.All")),
            (&group, &["displayName", "members"], usual.clone(), format!("Group.ReadWrite.All, {tenant}")),
            (&group, &["members"], usual.clone().without_create(), format!("Group.Read.All, GroupMember.ReadWrite.All, {tenant}")),
            (&group, &["members"], reads(), format!("Group.Read.All, {tenant}")),
            (&group, &["skuId"], usual.clone().without_create(), format!("Group.Read.All, LicenseAssignment.ReadWrite.All, {tenant}, User.Read.All")),
        ];
        for (class, attributes, preferences, expected) in table {
            assert_eq!(least(class, attributes, &preferences), expected, "{class:?} {attributes:?}");
        }
        let whole = Entra::operations(&user, ["displayName", "manager", "skuId"], &usual);
        assert_eq!(whole, Operations::outbound_users());
    }
}
