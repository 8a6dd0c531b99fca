//! Which action each situation leads to.

use serde::{Deserialize, Serialize};

use crate::model::{Filter, Name, Record};
use crate::reconcile::{Action, Enable, Leaver, Preferences, Situation};

/// What to do in each situation: a preset with its preferences, and single rules that replace some of its answers.
///
/// # Examples
///
/// ```
/// use entrant::reconcile::{Action, Policy, Preferences, Situation};
///
/// let policy = Policy::outbound(Preferences::default()).rule(Situation::Missing, Action::Unlink);
/// assert!(policy.check().is_ok());
/// let policy = Policy::outbound(Preferences::default()).rule(Situation::Unassigned, Action::Delete);
/// assert!(policy.check().is_err(), "what nobody linked is never deleted");
/// ```
///
/// # Situations
///
#[doc = include_str!("situations.md")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Policy {
    preferences: Preferences,
    rules: Vec<PolicyRule>,
    #[serde(default, skip_serializing_if = "Direction::is_outbound")]
    direction: Direction,
}

/// A rule that replaces an answer of the preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyRule {
    situation: Situation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<When>,
    action: Action,
}

/// When a rule of a [`Policy`] holds: what the object must be like, in the source or in the target.
///
/// It does not hold of an object that is not there, nor where the source did not deliver an attribute that it reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum When {
    /// The source record is like this, by the names of the source.
    Source(Filter),
    /// The target object is like this, by the names of the target.
    Target(Filter),
}

/// The objects that a decision is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pair<'a> {
    pub(crate) source: Option<&'a Record>,
    pub(crate) target: Option<&'a Record>,
    /// Whether an attribute that the source does not deliver is empty.
    pub(crate) absent_is_empty: bool,
}

impl When {
    fn holds(&self, pair: Pair<'_>) -> bool {
        let delivered = |record: &Record, filter: &Filter| {
            pair.absent_is_empty || filter.attributes().into_iter().all(|name| record.get(name).is_some())
        };
        match self {
            Self::Source(filter) => {
                pair.source.is_some_and(|record| delivered(record, filter) && filter.matches(&record.attributes))
            }
            Self::Target(filter) => pair.target.is_some_and(|record| filter.matches(&record.attributes)),
        }
    }
}

/// Whose values win in an import where both sides have the object. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two sides")]
pub enum Winner {
    /// The source's: it overwrites what the target holds.
    Source,
    /// The target's: what differs is reported, for the job in the other direction to carry over.
    Target,
}

/// Which preset's answers apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    #[default]
    Outbound,
    Inbound,
}

impl Direction {
    fn is_outbound(&self) -> bool {
        *self == Self::Outbound
    }
}

/// What a policy answers for a situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// This action as it is.
    Do(Action),
    /// Nothing, for a reason that is shown.
    Report(&'static str),
    /// The steps for one who left.
    Leave(Leaver),
}

impl Policy {
    /// The source rules: people flow from the host's store into the target.
    #[must_use]
    pub fn outbound(preferences: Preferences) -> Self {
        Self { preferences, rules: Vec::new(), direction: Direction::Outbound }
    }

    /// The rules of an import: people flow from Entra, or another authority, into the host's own store.
    ///
    /// Who is not here is created, as active as there; who is found is linked and updated. `winner` says whose values
    /// win where both sides have the person. Whether somebody is active follows the source in any case, where that is
    /// mapped; leave it unmapped, or select entries, to decide otherwise. Nobody is disabled or deleted here for being
    /// gone there: that is an [`Exception`](Action::Exception), to which a [rule](Self::rule) can give another answer.
    /// Whom only the target has is reported.
    ///
    /// Beside an outbound job on the same link set, let one of the two own each attribute, the status too: map it in one
    /// direction, or only on create in the other, or let the target win. Of what both overwrite, the link remembers what
    /// both ends last agreed on (as digests), so that what one job wrote is no change for the other: a value that changed
    /// on one side gets to the other, whichever job runs first, and the job to which it is not its own leaves it alone and
    /// says so (`carried-back`). Where both sides changed, the job that runs first wins (`changed-on-both-sides`). Where the
    /// rules of the two do not undo each other, so that one writes `CHIEF` of the `Chief` that the other copies, it does not
    /// come back as `CHIEF`: what one job made of a value is no change for the other, as long as its rule is the same, and
    /// both read that one attribute alone. Excepted are the status, closures, expressions that read the clock or a
    /// parameter, defaults, and what flows always: of these, what one job wrote may come back once. So may everything of
    /// an object where one of the two is new, was changed, did not run for long, or has not learned what became of a write.
    ///
    /// This holds of objects that both own and have in scope, once each has run in full. A plan of such jobs says at its
    /// head that they are (`both-ways`). They take more time and memory than others, since every pair is looked at whole.
    ///
    /// Whoever the host's own store says is inactive is switched off in Entra all the same, whoever switched him on there;
    /// only where it was an import that made him inactive here, the export leaves it to the import to say who is active, and
    /// a person must look until it ran.
    ///
    /// An import is reviewed by [`Bucket`](crate::reconcile::Bucket) and narrowed down by
    /// [`Plan::select`](crate::reconcile::Plan::select).
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::reconcile::{Action, Policy, Situation, Winner};
    ///
    /// let policy = Policy::inbound(Winner::Source).rule(Situation::SourceMissing, Action::Disable);
    /// assert!(policy.check().is_ok());
    /// ```
    #[must_use]
    pub fn inbound(winner: Winner) -> Self {
        let preferences = Preferences {
            update: winner == Winner::Source,
            enable: Enable::Always,
            create_inactive: true,
            ..Preferences::default()
        };
        Self { preferences, rules: Vec::new(), direction: Direction::Inbound }
    }

    /// Replaces the answer for one situation. Of several for the same situation the first wins.
    ///
    /// For [`Found`](Situation::Found), [`Update`](Action::Update) is [`Link`](Action::Link): who is found is linked, and
    /// then what differs is written.
    #[must_use]
    pub fn rule(mut self, situation: Situation, action: Action) -> Self {
        self.rules.push(PolicyRule { situation, when: None, action });
        self
    }

    /// Replaces the answer for one situation where a condition holds. Of several rules for the same situation the first
    /// that holds wins; where none does, the preset answers.
    ///
    /// # Examples
    ///
    /// ```
    /// use entrant::model::eq;
    /// use entrant::reconcile::{Action, Policy, Preferences, Situation, When};
    ///
    /// let contractor = When::Source(eq("type", "contractor"));
    /// let policy = Policy::outbound(Preferences::default())
    ///     .rule_when(Situation::Unqualified, contractor, Action::Delete)
    ///     .rule_when(Situation::Absent, When::Source(eq("type", "guest")), Action::Ignore);
    /// assert!(policy.check().is_ok());
    /// ```
    #[must_use]
    pub fn rule_when(mut self, situation: Situation, when: When, action: Action) -> Self {
        self.rules.push(PolicyRule { situation, when: Some(when), action });
        self
    }

    /// The preferences that it was made with.
    #[must_use]
    pub fn preferences(&self) -> &Preferences {
        &self.preferences
    }

    /// Whether it is legal as a whole.
    ///
    /// # Errors
    ///
    /// Every fault, with the names of the fields or the situation.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut faults = self.preferences.check().err().unwrap_or_default();
        for PolicyRule { situation, action, .. } in &self.rules {
            if !is_legal(*situation, *action) {
                let accepted = Action::ALL.iter().filter(|action| is_legal(*situation, **action));
                let accepted = accepted.map(|action| action.as_str()).collect::<Vec<_>>().join(", ");
                faults.push(format!("a rule for {situation} cannot say {action}; it can say {accepted}"));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// What disables in it, in words: fields of the preferences, and rules. Objects without a status cannot be.
    pub(crate) fn disabling(&self) -> impl Iterator<Item = String> {
        let fields = self.preferences.disabling_leavers().map(|field| format!("{field} disables"));
        let rules = self.rules.iter().filter(|rule| rule.action == Action::Disable);
        fields.chain(rules.map(|rule| format!("the rule for {} disables", rule.situation)))
    }

    /// The attributes of the source that conditions read.
    pub(crate) fn source_attributes(&self) -> impl Iterator<Item = &Name> {
        let filters = self.rules.iter().filter_map(|rule| match &rule.when {
            Some(When::Source(filter)) => Some(filter),
            _ => None,
        });
        filters.flat_map(Filter::attributes)
    }

    /// The attributes of the target that conditions read.
    pub(crate) fn target_attributes(&self) -> impl Iterator<Item = &Name> {
        let filters = self.rules.iter().filter_map(|rule| match &rule.when {
            Some(When::Target(filter)) => Some(filter),
            _ => None,
        });
        filters.flat_map(Filter::attributes)
    }

    /// The policy for objects that nobody thought of when it was written, such as the groups of a job whose policy speaks
    /// of people: none of them is disabled or deleted for leaving.
    pub(crate) fn keeping(mut self) -> Self {
        self.preferences.left_scope = None;
        self.preferences.source_deleted = None;
        self.preferences.retired = Leaver::keep();
        self.rules.retain(|rule| !matches!(rule.action, Action::Disable | Action::Delete));
        self
    }

    /// Which rule answers for a situation, counted from none; `None` for the preset.
    pub(crate) fn hit(&self, situation: Situation, pair: Pair<'_>) -> Option<usize> {
        let holds =
            |rule: &PolicyRule| rule.situation == situation && rule.when.as_ref().is_none_or(|when| when.holds(pair));
        self.rules.iter().position(holds)
    }

    /// Whether a rule answers for a situation, in place of the preset, at least under a condition.
    pub(crate) fn has_rule_for(&self, situation: Situation) -> bool {
        self.rules.iter().any(|rule| rule.situation == situation)
    }

    /// Why an attribute that differs is not written, where that is so.
    pub(crate) fn why_no_update(&self) -> &'static str {
        match self.direction {
            Direction::Outbound => "update is off",
            Direction::Inbound => "what the target holds wins",
        }
    }

    /// The answer for a situation; a class whose objects have no status has no disable.
    pub(crate) fn decide(&self, situation: Situation, pair: Pair<'_>, can_be_disabled: bool) -> Decision {
        if let Some(hit) = self.hit(situation, pair) {
            return match self.rules[hit].action {
                // Nothing is written to what nobody linked.
                Action::Update if situation == Situation::Found => Decision::Do(Action::Link),
                Action::Disable => Decision::Leave(Leaver::disable()),
                Action::Delete => Decision::Leave(Leaver::delete()),
                action => Decision::Do(action),
            };
        }
        let preferences = &self.preferences;
        if self.direction == Direction::Inbound {
            match situation {
                Situation::Unqualified => return Decision::Report("out of scope; an import takes nobody away"),
                Situation::SourceMissing => return Decision::Do(Action::Exception),
                Situation::RecycleBin => return Decision::Report("lies in the target's recycle bin"),
                Situation::Unassigned => return Decision::Report("here, and nobody in the source matches"),
                _ => {}
            }
        }
        match situation {
            Situation::Confirmed => Decision::Do(Action::Update),
            Situation::Found if preferences.writes_anything() => Decision::Do(Action::Link),
            Situation::Found => Decision::Report("nothing is switched on that would be written"),
            Situation::Absent if preferences.create => Decision::Do(Action::Create),
            Situation::Absent => Decision::Report("create is off"),
            Situation::Missing if preferences.recreate_missing => Decision::Do(Action::Create),
            Situation::RecycleBin if preferences.restore => Decision::Do(Action::Restore),
            Situation::Unqualified => Decision::Leave(preferences.left_scope(can_be_disabled)),
            Situation::SourceMissing => Decision::Leave(preferences.source_deleted(can_be_disabled)),
            Situation::Retired => Decision::Leave(preferences.retired.clone()),
            Situation::LinkOnly => Decision::Do(Action::Unlink),
            Situation::Pending => Decision::Report("linked moments ago; the target may not show it yet"),
            Situation::Ambiguous
            | Situation::FoundAlreadyLinked
            | Situation::Rekeyed
            | Situation::Duplicate
            | Situation::Unreadable
            | Situation::Missing
            | Situation::RecycleBin => Decision::Do(Action::Exception),
            Situation::Unassigned | Situation::SourceIgnored | Situation::TargetIgnored | Situation::AllGone => {
                Decision::Do(Action::Ignore)
            }
        }
    }
}

/// Whether a rule may answer a situation with an action.
pub(crate) fn is_legal(situation: Situation, action: Action) -> bool {
    use Action as A;
    use Situation as S;
    match action {
        A::Report | A::Ignore | A::Exception => true,
        A::Update => matches!(situation, S::Confirmed | S::Found),
        A::Link => situation == S::Found,
        A::Create => matches!(situation, S::Absent | S::Missing),
        A::Restore => situation == S::RecycleBin,
        A::Relink => matches!(situation, S::Rekeyed | S::FoundAlreadyLinked),
        A::Disable | A::Delete => matches!(situation, S::Unqualified | S::SourceMissing | S::Retired),
        A::Wait => matches!(situation, S::Unqualified | S::SourceMissing),
        A::Unlink => matches!(
            situation,
            S::Missing | S::Unqualified | S::SourceMissing | S::TargetIgnored | S::Retired | S::LinkOnly
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outbound_preset_answers_as_the_table_says() {
        let default = Preferences::default;
        let off = || default().without_create().without_update().without_disable().with_enable(Enable::Never);
        let disable = || Decision::Leave(Leaver::disable());
        #[rustfmt::skip]
        let table = [
            (default(), Situation::Confirmed, Decision::Do(Action::Update)),
            (default(), Situation::Found, Decision::Do(Action::Link)),
            (off(), Situation::Found, Decision::Report("nothing is switched on that would be written")),
            (default(), Situation::Absent, Decision::Do(Action::Create)),
            (default().without_create(), Situation::Absent, Decision::Report("create is off")),
            (default(), Situation::Ambiguous, Decision::Do(Action::Exception)),
            (default(), Situation::FoundAlreadyLinked, Decision::Do(Action::Exception)),
            (default(), Situation::Rekeyed, Decision::Do(Action::Exception)),
            (default(), Situation::Duplicate, Decision::Do(Action::Exception)),
            (default(), Situation::Missing, Decision::Do(Action::Exception)),
            (default().with_recreate_missing(), Situation::Missing, Decision::Do(Action::Create)),
            (default(), Situation::RecycleBin, Decision::Do(Action::Exception)),
            (default().with_restore(), Situation::RecycleBin, Decision::Do(Action::Restore)),
            (default(), Situation::Unqualified, disable()),
            (default(), Situation::SourceMissing, disable()),
            (default().with_source_deleted(Leaver::keep()), Situation::SourceMissing, Decision::Leave(Leaver::keep())),
            (default(), Situation::Retired, Decision::Leave(Leaver::keep())),
            (default().with_retired(Leaver::delete()), Situation::Retired, Decision::Leave(Leaver::delete())),
            (default(), Situation::Unassigned, Decision::Do(Action::Ignore)),
            (default(), Situation::LinkOnly, Decision::Do(Action::Unlink)),
            (default(), Situation::SourceIgnored, Decision::Do(Action::Ignore)),
            (default(), Situation::TargetIgnored, Decision::Do(Action::Ignore)),
            (default(), Situation::AllGone, Decision::Do(Action::Ignore)),
        ];
        for (preferences, situation, expected) in table {
            assert_eq!(
                Policy::outbound(preferences.clone()).decide(situation, Pair::default(), true),
                expected,
                "{situation} {preferences:?}"
            );
        }
    }

    #[test]
    fn the_inbound_preset_answers_as_the_table_says() {
        let (wins, loses) = (Policy::inbound(Winner::Source), Policy::inbound(Winner::Target));
        let report = |decision: &Decision| matches!(decision, Decision::Report(_));
        let does = |action: Action| move |decision: &Decision| *decision == Decision::Do(action);
        #[rustfmt::skip]
        type Fits = Box<dyn Fn(&Decision) -> bool>;
        let table: Vec<(Situation, Fits)> = vec![
            (Situation::Confirmed, Box::new(does(Action::Update))),
            (Situation::Found, Box::new(does(Action::Link))),
            (Situation::Absent, Box::new(does(Action::Create))),
            (Situation::Ambiguous, Box::new(does(Action::Exception))),
            (Situation::FoundAlreadyLinked, Box::new(does(Action::Exception))),
            (Situation::Rekeyed, Box::new(does(Action::Exception))),
            (Situation::Duplicate, Box::new(does(Action::Exception))),
            (Situation::Unreadable, Box::new(does(Action::Exception))),
            (Situation::Missing, Box::new(does(Action::Exception))),
            (Situation::RecycleBin, Box::new(report)),
            (Situation::Pending, Box::new(report)),
            (Situation::Unqualified, Box::new(report)),
            (Situation::SourceMissing, Box::new(does(Action::Exception))),
            (Situation::Retired, Box::new(|decision| *decision == Decision::Leave(Leaver::keep()))),
            (Situation::Unassigned, Box::new(report)),
            (Situation::LinkOnly, Box::new(does(Action::Unlink))),
            (Situation::SourceIgnored, Box::new(does(Action::Ignore))),
            (Situation::TargetIgnored, Box::new(does(Action::Ignore))),
            (Situation::AllGone, Box::new(does(Action::Ignore))),
        ];
        assert_eq!(table.len(), Situation::ALL.len(), "every situation");
        for (situation, fits) in table {
            for policy in [&wins, &loses] {
                let decision = policy.decide(situation, Pair::default(), true);
                assert!(fits(&decision), "{situation}: {decision:?}");
            }
        }
        // An update without update writes no values: see `Preferences`.
        assert!(wins.preferences().update && !loses.preferences().update);
        for policy in [wins, loses] {
            assert!(policy.preferences().disable && policy.preferences().enable == Enable::Always);
            assert!(policy.check().is_ok());
            let text = serde_json::to_string(&policy).expect("JSON");
            assert_eq!(serde_json::from_str::<Policy>(&text).expect("a policy"), policy);
        }
    }

    #[test]
    fn removals_need_a_link_whatever_a_rule_says() {
        let outbound = || Policy::outbound(Preferences::default());
        for situation in Situation::ALL {
            for action in [Action::Disable, Action::Delete, Action::Wait] {
                let leaves = matches!(situation, Situation::Unqualified | Situation::SourceMissing);
                let legal = leaves || (*situation == Situation::Retired && action != Action::Wait);
                assert_eq!(outbound().rule(*situation, action).check().is_ok(), legal, "{situation} {action}");
            }
            assert!(outbound().rule(*situation, Action::Report).check().is_ok());
        }
    }
}
