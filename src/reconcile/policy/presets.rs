//! The switches of other products, by their own words, as [`Preferences`].

use crate::error::{Error, ErrorKind, Result};
use crate::reconcile::{Enable, Leaver, LicenseRemoval, Licenses, Managed, Preferences};

/// The preferences and user actions of a PingOne provisioning connection to Microsoft 365. All are off unless switched
/// on, as on its page.
///
/// | on its page | here |
/// | --- | --- |
/// | Enable users creation | [`with_users_creation`](Self::with_users_creation) |
/// | Enable users updation | [`with_users_updation`](Self::with_users_updation) |
/// | Enable users disable | [`with_users_disable`](Self::with_users_disable), needs updation |
/// | Enable users deprovision | [`with_users_deprovision`](Self::with_users_deprovision) |
/// | Remove Action | [`with_remove_action`](Self::with_remove_action), needs deprovision and disable |
/// | Deprovision on rule deletion | [`with_deprovision_on_rule_deletion`](Self::with_deprovision_on_rule_deletion), needs deprovision |
/// | Remove Licenses when SKU ID is empty | [`with_remove_licenses_when_sku_id_is_empty`](Self::with_remove_licenses_when_sku_id_is_empty) |
///
/// What it does not say is decided on the safe side: without a remove action nobody who left is touched, and each is
/// reported; who was disabled by someone else stays disabled.
///
/// # Examples
///
/// ```
/// use entrant::reconcile::{PingOne, Preferences, RemoveAction};
///
/// let switches = PingOne::default()
///     .with_users_creation()
///     .with_users_updation()
///     .with_users_disable()
///     .with_users_deprovision()
///     .with_remove_action(RemoveAction::Disable);
/// let preferences = Preferences::pingone(switches)?;
/// assert!(preferences.creates());
///
/// let error = Preferences::pingone(PingOne::default().with_remove_action(RemoveAction::Delete)).unwrap_err();
/// assert!(error.to_string().contains("Remove Action needs Enable users disable"));
/// # Ok::<(), entrant::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PingOne {
    creation: bool,
    updation: bool,
    disable: bool,
    deprovision: bool,
    remove_action: Option<RemoveAction>,
    on_rule_deletion: bool,
    remove_licenses: bool,
}

/// What a PingOne connection does with the account of someone who was deleted in the source. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the product has these two")]
pub enum RemoveAction {
    /// The account is switched off.
    Disable,
    /// The account is deleted.
    Delete,
}

impl PingOne {
    /// Creates accounts for people who appear in the source.
    #[must_use]
    pub fn with_users_creation(mut self) -> Self {
        self.creation = true;
        self
    }

    /// Writes changes of attributes.
    #[must_use]
    pub fn with_users_updation(mut self) -> Self {
        self.updation = true;
        self
    }

    /// Disables the accounts of people who are disabled in the source.
    #[must_use]
    pub fn with_users_disable(mut self) -> Self {
        self.disable = true;
        self
    }

    /// Deprovisions the accounts of people who leave, by the remove action.
    #[must_use]
    pub fn with_users_deprovision(mut self) -> Self {
        self.deprovision = true;
        self
    }

    /// Says what deprovisioning is.
    #[must_use]
    pub fn with_remove_action(mut self, action: RemoveAction) -> Self {
        self.remove_action = Some(action);
        self
    }

    /// Deprovisions what the job provisioned when it is retired.
    #[must_use]
    pub fn with_deprovision_on_rule_deletion(mut self) -> Self {
        self.on_rule_deletion = true;
        self
    }

    /// Takes licences away also when no product is mapped; otherwise when the mapped value was cleared.
    #[must_use]
    pub fn with_remove_licenses_when_sku_id_is_empty(mut self) -> Self {
        self.remove_licenses = true;
        self
    }

    /// What contradicts itself, in the page's words.
    fn faults(&self) -> Vec<String> {
        const DISABLE: &str = "Enable users disable";
        const DEPROVISION: &str = "Enable users deprovision";
        const REMOVE: &str = "Remove Action";
        let needs = [
            (self.disable, DISABLE, self.updation, "Enable users updation"),
            (self.remove_action.is_some(), REMOVE, self.disable, DISABLE),
            (self.remove_action.is_some(), REMOVE, self.deprovision, DEPROVISION),
            (self.on_rule_deletion, "Deprovision on rule deletion", self.deprovision, DEPROVISION),
        ];
        let missing = needs.into_iter().filter(|(on, _, needed, _)| *on && !needed);
        missing.map(|(_, switch, _, needed)| format!("{switch} needs {needed}")).collect()
    }
}

/// The switches of Zoho Directory's provisioning to Microsoft 365. All are off unless switched on.
///
/// | on its page | here |
/// | --- | --- |
/// | Create users | [`with_create_users`](Self::with_create_users) |
/// | Update User profile | [`with_update_user_profile`](Self::with_update_user_profile) |
/// | Delete Users | [`with_delete_users`](Self::with_delete_users) |
/// | Activate and deactivate Users | [`with_activate_and_deactivate_users`](Self::with_activate_and_deactivate_users) |
///
/// *Delete Users* means unassignment: in a job that is leaving the scope, and being gone from the source alike. An
/// account that existed before the job is disabled instead, or, with *Activate and deactivate* off, kept and reported.
///
/// Zoho's page on its import says that people to activate become *unassigned*, and that people to deactivate are
/// disabled "from Microsoft 365". An import here activates them, assigns them where the mapping says so, and disables
/// on the host's own side, never in Entra.
///
/// # Examples
///
/// ```
/// use entrant::reconcile::{Preferences, Zoho};
///
/// let preferences = Preferences::zoho(Zoho::default().with_create_users().with_activate_and_deactivate_users());
/// assert!(preferences.check().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Zoho {
    create: bool,
    update: bool,
    delete: bool,
    activate: bool,
}

impl Zoho {
    /// Creates an account for who is assigned.
    #[must_use]
    pub fn with_create_users(mut self) -> Self {
        self.create = true;
        self
    }

    /// Writes changes of attributes to accounts that are there.
    #[must_use]
    pub fn with_update_user_profile(mut self) -> Self {
        self.update = true;
        self
    }

    /// Deletes the account of who is no longer assigned.
    #[must_use]
    pub fn with_delete_users(mut self) -> Self {
        self.delete = true;
        self
    }

    /// Lets the status follow the source in both directions, and activates the account of who is assigned.
    #[must_use]
    pub fn with_activate_and_deactivate_users(mut self) -> Self {
        self.activate = true;
        self
    }
}

impl Preferences {
    /// Preferences by the switches of PingOne.
    ///
    /// Licences: all that a person has directly count as his, whoever gave them, as on PingOne's page.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`] if a switch is on and one that it needs is off; the error names all of them, in PingOne's
    /// words.
    pub fn pingone(switches: PingOne) -> Result<Self> {
        let faults = switches.faults();
        if !faults.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "the switches contradict each other")
                .with_context("faults", faults.join("; ")));
        }
        let remove = match switches.remove_action.filter(|_| switches.deprovision) {
            Some(RemoveAction::Disable) => Leaver::disable(),
            Some(RemoveAction::Delete) => Leaver::delete(),
            None => Leaver::keep(),
        };
        let retired = if switches.on_rule_deletion { remove.clone() } else { Leaver::keep() };
        let removal = match switches.remove_licenses {
            true => LicenseRemoval::Always,
            false => LicenseRemoval::WhenMappedValueCleared,
        };
        Ok(Self {
            create: switches.creation,
            update: switches.updation,
            disable: switches.disable,
            left_scope: Some(remove.clone()),
            source_deleted: Some(remove),
            retired,
            licenses: Licenses::default().with_removal(removal).with_managed(Managed::AllDirect),
            ..Self::default()
        })
    }

    /// Preferences by the switches of Zoho Directory.
    #[must_use]
    pub fn zoho(switches: Zoho) -> Self {
        let leaver = if switches.delete { Leaver::delete() } else { Leaver::keep() };
        Self {
            create: switches.create,
            update: switches.update,
            disable: switches.activate,
            enable: if switches.activate { Enable::OnSourceChange } else { Enable::Never },
            left_scope: Some(leaver.clone()),
            source_deleted: Some(leaver),
            retired: Leaver::keep(),
            ..Self::default()
        }
    }
}
