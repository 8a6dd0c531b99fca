//! What a job may do, in the words of the people who run it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::reconcile::{LicenseRemoval, Licenses};

/// What a job may do to the accounts of one class.
///
/// By default it creates, updates and disables; who left is disabled at once; an account is enabled again only if
/// this job disabled it; nothing is deleted or restored.
///
/// # Examples
///
/// ```
/// use entrant::reconcile::{Leaver, Preferences, days};
///
/// let preferences = Preferences::default().with_left_scope(Leaver::disable().after(days(7)).then_delete(days(90)));
/// assert!(preferences.check().is_ok());
/// assert!(preferences.without_disable().check().is_err(), "a leaver that disables, and disable is off");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Preferences {
    pub(crate) create: bool,
    pub(crate) update: bool,
    pub(crate) disable: bool,
    pub(crate) enable: Enable,
    pub(crate) create_inactive: bool,
    pub(crate) left_scope: Option<Leaver>,
    pub(crate) source_deleted: Option<Leaver>,
    pub(crate) retired: Leaver,
    pub(crate) restore: bool,
    pub(crate) recreate_missing: bool,
    pub(crate) delete_adopted: bool,
    pub(crate) privileged: bool,
    pub(crate) revoke_sessions: bool,
    pub(crate) licenses: Licenses,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            create: true,
            update: true,
            disable: true,
            enable: Enable::Own,
            create_inactive: false,
            left_scope: None,
            source_deleted: None,
            retired: Leaver::keep(),
            restore: false,
            recreate_missing: false,
            delete_adopted: false,
            privileged: false,
            revoke_sessions: false,
            licenses: Licenses::default(),
        }
    }
}

impl Preferences {
    /// Creates no accounts.
    #[must_use]
    pub fn without_create(mut self) -> Self {
        self.create = false;
        self
    }

    /// Changes no attributes; the status has switches of its own.
    #[must_use]
    pub fn without_update(mut self) -> Self {
        self.update = false;
        self
    }

    /// Disables no accounts: whatever would have been disabled is reported.
    #[must_use]
    pub fn without_disable(mut self) -> Self {
        self.disable = false;
        self
    }

    /// Says when an account is switched on again.
    #[must_use]
    pub fn with_enable(mut self, enable: Enable) -> Self {
        self.enable = enable;
        self
    }

    /// Creates accounts for people who are inactive, switched off.
    #[must_use]
    pub fn with_create_inactive(mut self) -> Self {
        self.create_inactive = true;
        self
    }

    /// Says what becomes of the account of someone who is still in the source but no longer in scope.
    #[must_use]
    pub fn with_left_scope(mut self, leaver: Leaver) -> Self {
        self.left_scope = Some(leaver);
        self
    }

    /// Says what becomes of the account of someone who is gone from the source.
    #[must_use]
    pub fn with_source_deleted(mut self, leaver: Leaver) -> Self {
        self.source_deleted = Some(leaver);
        self
    }

    /// Says what becomes of the accounts that the job owns when it is retired; they are kept unless said.
    #[must_use]
    pub fn with_retired(mut self, leaver: Leaver) -> Self {
        self.retired = leaver;
        self
    }

    /// Brings accounts back from the recycle bin.
    #[must_use]
    pub fn with_restore(mut self) -> Self {
        self.restore = true;
        self
    }

    /// Makes an account anew that was deleted by someone else.
    #[must_use]
    pub fn with_recreate_missing(mut self) -> Self {
        self.recreate_missing = true;
        self
    }

    /// Lets accounts be deleted that existed before this job.
    #[must_use]
    pub fn with_delete_adopted(mut self) -> Self {
        self.delete_adopted = true;
        self
    }

    /// Says which licences are taken away, and when.
    #[must_use]
    pub fn with_licenses(mut self, licenses: Licenses) -> Self {
        self.licenses = licenses;
        self
    }

    /// Lets those be written to who have a say over others, such as holders of a directory role.
    ///
    /// Without it such an account is neither disabled nor deleted, and what says who signs in as its holder stays as it is
    /// (for Entra: `userPrincipalName`, `onPremisesImmutableId`, `mobilePhone`, `businessPhones`, `otherMails`): a record
    /// that matches an administrator's account, by mistake or not, must not be enough to take it over. Nobody is put into
    /// or taken out of a group that gives a role. All else is written as for others.
    #[must_use]
    pub fn with_privileged(mut self) -> Self {
        self.privileged = true;
        self
    }

    /// Whether those may be written to who have a say over others.
    pub(crate) fn allows_privileged(&self) -> bool {
        self.privileged
    }

    /// Ends all sign-ins of an account when it is disabled, so that nobody goes on with what he was given before.
    #[must_use]
    pub fn with_revoke_sessions(mut self) -> Self {
        self.revoke_sessions = true;
        self
    }

    /// Whether the preferences fit together.
    ///
    /// # Errors
    ///
    /// Every combination that contradicts itself, with the fields' names.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        for (field, leaver) in self.leavers() {
            if !self.disable && leaver.has(LeaverStepKind::Disable) {
                faults.push(format!("{field} disables, but disable is off: switch disable on, or use Leaver::keep()"));
            }
            if leaver.steps.windows(2).any(|pair| pair[1].after < pair[0].after) {
                faults.push(format!("{field}: a later step must not come before an earlier one ({leaver})"));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The steps for those who left that were said by name, with the fields' names.
    fn leavers(&self) -> impl Iterator<Item = (&'static str, &Leaver)> {
        let named = [
            ("left_scope", self.left_scope.as_ref()),
            ("source_deleted", self.source_deleted.as_ref()),
            ("retired", Some(&self.retired)),
        ];
        named.into_iter().filter_map(|(field, leaver)| Some((field, leaver?)))
    }

    /// Whether an account that is switched off may be switched on, given whether this job switched it off, and whether
    /// the source said inactive when it was last seen.
    pub(crate) fn may_enable(&self, ours: bool, was_inactive: bool) -> bool {
        self.enable.allows(ours, was_inactive)
    }

    /// Whether sign-ins are ended when an account is disabled.
    pub(crate) fn revokes_sessions(&self) -> bool {
        self.revoke_sessions
    }

    /// Whether accounts are created.
    #[must_use]
    pub fn creates(&self) -> bool {
        self.create
    }

    /// What becomes of one who left the scope: who can be disabled is, by default, and others are kept.
    pub(crate) fn left_scope(&self, can_be_disabled: bool) -> Leaver {
        self.left_scope.clone().unwrap_or_else(|| Leaver::default_for(can_be_disabled))
    }

    pub(crate) fn source_deleted(&self, can_be_disabled: bool) -> Leaver {
        self.source_deleted.clone().unwrap_or_else(|| Leaver::default_for(can_be_disabled))
    }

    /// Whether licences are looked at although no products are mapped.
    pub(crate) fn looks_at_licenses(&self) -> bool {
        self.licenses.removal == LicenseRemoval::Always || self.takes_licenses_of_leavers()
    }

    /// Whether licences are taken from those who left.
    pub(crate) fn takes_licenses_of_leavers(&self) -> bool {
        self.leavers().any(|(_, leaver)| leaver.has(LeaverStepKind::RemoveLicenses))
    }

    /// Whether those who left are deleted.
    pub(crate) fn deletes_leavers(&self) -> bool {
        self.leavers().any(|(_, leaver)| leaver.has(LeaverStepKind::Delete))
    }

    /// The fields that name a step which objects of a class without a status cannot take.
    pub(crate) fn disabling_leavers(&self) -> impl Iterator<Item = &'static str> {
        self.leavers().filter(|(_, leaver)| leaver.has(LeaverStepKind::Disable)).map(|(field, _)| field)
    }

    /// What may come to be done, for whoever works out which permissions that takes.
    pub(crate) fn deeds(&self) -> Deeds {
        let leavers = [&self.left_scope, &self.source_deleted].into_iter().flatten();
        let steps: Vec<LeaverStepKind> = leavers.flat_map(|leaver| &leaver.steps).map(|step| step.kind).collect();
        Deeds {
            creates: self.create,
            updates: self.update,
            switches: self.disable || self.enable != Enable::Never,
            deletes: steps.contains(&LeaverStepKind::Delete),
            restores: self.restore,
            takes_licenses: self.looks_at_licenses(),
        }
    }

    /// Whether a counterpart that is found is worth linking: something could be written to it.
    pub(crate) fn writes_anything(&self) -> bool {
        self.create || self.update || self.disable || self.enable != Enable::Never
    }
}

/// What preferences let a job do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deeds {
    pub(crate) creates: bool,
    pub(crate) updates: bool,
    pub(crate) switches: bool,
    pub(crate) deletes: bool,
    pub(crate) restores: bool,
    pub(crate) takes_licenses: bool,
}

/// When an account that is switched off is switched on for someone who is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Enable {
    /// Only if this job switched it off, or made it switched off. The default: what security disabled stays disabled.
    #[default]
    Own,
    /// When the source says active after it said inactive, and when an account that was there before is linked. What
    /// someone else switches off meanwhile stays off.
    OnSourceChange,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Enable {
    /// See [`Preferences::may_enable`].
    pub(crate) fn allows(self, ours: bool, was_inactive: bool) -> bool {
        match self {
            Self::Always => true,
            Self::OnSourceChange => ours || was_inactive,
            Self::Own => ours,
            Self::Never => false,
        }
    }
}

/// What becomes, step by step, of the account of someone who left.
///
/// Each step comes some time after the leaving was first seen; a return before that cancels it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Leaver {
    pub(crate) steps: Vec<LeaverStep>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeaverStep {
    pub(crate) kind: LeaverStepKind,
    pub(crate) after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LeaverStepKind {
    Disable,
    RemoveLicenses,
    Delete,
}

impl Leaver {
    /// Nothing: the account stays as it is, and the leaving is reported.
    #[must_use]
    pub fn keep() -> Self {
        Self { steps: Vec::new() }
    }

    /// Disables the account at once.
    #[must_use]
    pub fn disable() -> Self {
        Self::keep().then(LeaverStepKind::Disable, Duration::ZERO)
    }

    /// Takes managed licences away at once, and leaves the account as it is otherwise.
    #[must_use]
    pub fn remove_licenses() -> Self {
        Self::keep().then(LeaverStepKind::RemoveLicenses, Duration::ZERO)
    }

    /// Deletes the account at once. It lies in the recycle bin for 30 days.
    #[must_use]
    pub fn delete() -> Self {
        Self::keep().then(LeaverStepKind::Delete, Duration::ZERO)
    }

    /// Gives the last step a grace period, counted from the leaving.
    #[must_use]
    pub fn after(mut self, grace: Duration) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.after = grace;
        }
        self
    }

    /// Takes managed licences away later, counted from the leaving.
    #[must_use]
    pub fn then_remove_licenses(self, after: Duration) -> Self {
        self.then(LeaverStepKind::RemoveLicenses, after)
    }

    /// Deletes the account later, counted from the leaving.
    #[must_use]
    pub fn then_delete(self, after: Duration) -> Self {
        self.then(LeaverStepKind::Delete, after)
    }

    /// Whether it takes a step of this kind.
    pub(crate) fn has(&self, kind: LeaverStepKind) -> bool {
        self.steps.iter().any(|step| step.kind == kind)
    }

    fn default_for(can_be_disabled: bool) -> Self {
        if can_be_disabled { Self::disable() } else { Self::keep() }
    }

    fn then(mut self, kind: LeaverStepKind, after: Duration) -> Self {
        self.steps.push(LeaverStep { kind, after });
        self
    }
}

impl fmt::Display for Leaver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("keep");
        }
        self.steps.iter().enumerate().try_for_each(|(index, step)| {
            let kind = match step.kind {
                LeaverStepKind::Disable => "disable",
                LeaverStepKind::RemoveLicenses => "remove licenses",
                LeaverStepKind::Delete => "delete",
            };
            write!(f, "{}{kind} after {} days", if index == 0 { "" } else { ", " }, step.after.as_secs() / 86_400)
        })
    }
}

/// A number of days of 24 hours.
#[must_use]
pub const fn days(days: u32) -> Duration {
    Duration::from_secs(days as u64 * 86_400)
}
