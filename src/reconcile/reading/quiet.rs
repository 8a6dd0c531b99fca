//! Whether a linked pair is as it should be, seen without making anything of it.

use std::cell::{Cell, RefCell};

use crate::mapping::{Belonging, FlowBehavior, FlowOutcome, FlowType, Rule};
use crate::model::{AttributeSchema, Cardinality, Kind, Mutability, Name, Record, Shape, Value, values_equal};
use crate::reconcile::find::rows::Standing;
use crate::reconcile::reading::inputs::Inputs;
use crate::reconcile::reading::packed::Lean;
use crate::reconcile::{Enable, LicenseRemoval, Situation};

/// What a look at a pair says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// There is nothing to write and nothing to say.
    Quiet,
    /// There may be something.
    Differs,
    /// The source record does not belong: what that means is not said by the pair alone.
    Apart,
}

/// Looks at the pairs of one mapping.
///
/// It must see every difference that [`Decider::entry`](crate::reconcile::decide::entries::Decider::entry) makes an entry of, and may see
/// more: that is asked then.
#[derive(Debug)]
pub(crate) struct Quiet<'a> {
    inputs: Inputs<'a>,
    watched: Vec<Watched<'a>>,
    /// The names of the last source record.
    shape: RefCell<Shape>,
    /// Whether the policy answers for a pair by the preset, which writes what differs.
    preset: bool,
}

/// A rule with what it takes to compare what it gives.
#[derive(Debug)]
struct Watched<'a> {
    rule: &'a Rule,
    /// `None` for what is never compared.
    schema: Option<&'a AttributeSchema>,
    is_status: bool,
    /// Whether a text that is the same is no news, whatever else is said of the attribute.
    plain: bool,
    /// The source attribute that it copies, if it does no more.
    copies: Option<&'a Name>,
    /// Where that is in the records of the last shape.
    at: Cell<Option<usize>>,
}

impl<'a> Quiet<'a> {
    /// `None` if the pairs of a mapping cannot be judged one by one: what becomes of one depends on others, or it is
    /// looked at once more when all is known.
    pub(crate) fn new(inputs: &Inputs<'a>) -> Option<Self> {
        let (mapping, schema) = (inputs.mapping, inputs.schema);
        let elements = mapping.target_attributes().any(|name| schema.is_elements(name));
        let takes_licenses =
            schema.licenses.is_some() && inputs.policy.preferences().licenses.removal == LicenseRemoval::Always;
        let redacts = mapping.rules().iter().any(Rule::is_redacted);
        // What changes with time alone is looked at again, whether it changed or not.
        let reads_clock = mapping.reads_clock();
        // What both ends agree on is remembered, also of those who are the same.
        let remembers = !inputs.carried_back.is_empty();
        if elements
            || takes_licenses
            || redacts
            || reads_clock
            || remembers
            || inputs.lists_all
            || !inputs.links.is_whole()
        {
            return None;
        }
        let watched = |rule: &'a Rule| {
            let name = rule.target();
            let own = schema.get(name).filter(|own| own.mutability != Mutability::ReadOnly);
            let is_status = schema.is_status(name);
            let plain = !is_status
                && rule.flow_behavior() == FlowBehavior::FlowWhenChanged
                && own.is_some_and(|own| {
                    own.mutability == Mutability::ReadWrite && own.cardinality == Cardinality::Single
                });
            let follows = is_status
                && rule.flow_type() == FlowType::Always
                && own.is_some_and(|own| own.mutability == Mutability::ReadWrite);
            let copies = match (plain, follows) {
                (true, _) => rule.copies(&Kind::Text),
                (_, true) => rule.copies(&Kind::Boolean),
                _ => None,
            };
            Watched { rule, schema: own, is_status, plain, copies, at: Cell::new(None) }
        };
        let rules = mapping.rules().iter().filter(|rule| !rule.is_secret() && !rule.is_generated());
        Some(Self {
            inputs: *inputs,
            watched: rules.map(watched).collect(),
            shape: RefCell::default(),
            preset: !inputs.policy.has_rule_for(Situation::Confirmed),
        })
    }

    /// Which of the attributes that are written one is, in the order of their names.
    pub(crate) fn number(&self, name: &Name) -> Option<usize> {
        self.watched.binary_search_by(|watched| watched.rule.target().cmp(name)).ok()
    }

    /// Finds out where the attributes are that are copied, unless the record before had the same names.
    fn go_by(&self, shape: &Shape) {
        let mut last = self.shape.borrow_mut();
        if *last != *shape {
            for watched in &self.watched {
                watched.at.set(watched.copies.and_then(|name| shape.position(name)));
            }
            *last = shape.clone();
        }
    }

    /// Looks at a pair. `target` gives what the target has of the attributes that are written, by their numbers.
    pub(crate) fn look<'b>(
        &self,
        standing: Standing,
        source: &Record,
        target: impl Iterator<Item = (usize, Lean<'b>)>,
    ) -> Look {
        if self.inputs.mapping.belonging(source) != Belonging::InScope {
            return Look::Apart;
        }
        self.go_by(source.attributes.shape());
        let mut differs = !self.preset || standing.is_leaving;
        let mut next = 0;
        // All rules are asked, since any may leave the object out.
        let mut see = |watched: &Watched<'_>, old: Option<Lean<'_>>| {
            if self.copies_same(standing, watched, source, old.as_ref()) {
                return Some(());
            }
            let outcome = watched.rule.flow(source, self.inputs.context)?;
            differs = differs || !self.is_same(standing, watched, &outcome, old);
            Some(())
        };
        for (number, old) in target {
            for absent in &self.watched[next..number] {
                if see(absent, None).is_none() {
                    return Look::Apart;
                }
            }
            if see(&self.watched[number], Some(old)).is_none() {
                return Look::Apart;
            }
            next = number + 1;
        }
        for absent in &self.watched[next..] {
            if see(absent, None).is_none() {
                return Look::Apart;
            }
        }
        if differs { Look::Differs } else { Look::Quiet }
    }

    /// Whether a rule copies what is there already: nearly always, and so seen without making anything.
    fn copies_same(&self, standing: Standing, watched: &Watched<'_>, source: &Record, old: Option<&Lean<'_>>) -> bool {
        let Some(at) = watched.at.get() else { return false };
        match (&source.attributes.values()[at], old) {
            (Value::Text(new), Some(Lean::Text(old))) => watched.plain && !new.is_empty() && new.as_bytes() == *old,
            (Value::Bool(new), Some(Lean::Value(Value::Bool(old)))) => {
                watched.is_status && self.is_same_status(standing, *old, *new)
            }
            _ => false,
        }
    }

    fn is_same(&self, standing: Standing, watched: &Watched<'_>, outcome: &FlowOutcome, old: Option<Lean<'_>>) -> bool {
        let value = match outcome {
            FlowOutcome::Absent | FlowOutcome::Ignored => return true,
            FlowOutcome::Failed(_) => return false,
            FlowOutcome::Value(value) => value,
        };
        if let (true, Value::Text(new), Some(Lean::Text(old))) = (watched.plain, value, &old)
            && !new.is_empty()
            && new.as_bytes() == *old
        {
            return true;
        }
        let Some(schema) = watched.schema else { return true };
        let rule = watched.rule;
        match schema.mutability {
            Mutability::ReadOnly | Mutability::CreateOnly => return true,
            Mutability::WriteOnly => return rule.on_update(outcome).is_none(),
            Mutability::ReadWrite => {}
        }
        let old = match old {
            None => Value::Null,
            Some(Lean::Value(value)) => value,
            Some(Lean::Text(text)) => Value::from(String::from_utf8_lossy(text).into_owned()),
            // It is among others that are not at hand here.
            Some(Lean::Same(_)) => return false,
        };
        let Some(new) = rule.on_update_over(outcome, &old) else { return true };
        if watched.is_status {
            let (Some(old), Some(new)) = (old.as_bool(), new.as_bool()) else { return false };
            return self.is_same_status(standing, old, new);
        }
        values_equal(schema, &old, &new) && (rule.flow_behavior() == FlowBehavior::FlowWhenChanged || new.is_blank())
    }

    /// The same on both sides, and the link remembers it so.
    fn is_same_status(&self, standing: Standing, old: bool, new: bool) -> bool {
        let follows = self.inputs.policy.preferences().enable == Enable::OnSourceChange;
        match (old, new) {
            (true, true) => !standing.disabled_by_us && !standing.was_inactive,
            (false, false) => standing.was_inactive || !follows,
            _ => false,
        }
    }
}
