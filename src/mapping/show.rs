//! A mapping in print, for people.

use std::fmt;

use super::builder::Mapping;
use super::flow::{FlowBehavior, FlowType};
use super::rule::OnNull;
use crate::model::{Filter, Name, Value};

impl fmt::Display for Mapping {
    /// One line for each target attribute, then what it matches on and its scopes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.name, self.source, self.target)?;
        let width = self.rules.iter().map(|(target, _)| target.chars().count()).max().unwrap_or(0);
        for (target, source) in &self.rules {
            write!(f, "\n  {target:width$}  ← {source}")?;
            for note in self.notes(target) {
                write!(f, " ({note})")?;
            }
        }
        if !self.matching.is_empty() {
            let names: Vec<&str> = self.matching.iter().map(Name::as_str).collect();
            write!(f, "\nmatching: {}", names.join(", then "))?;
        }
        if !self.claims.is_empty() {
            write!(f, "\nclaims: {}", self.claims.join(", "))?;
        }
        if let Some(filter) = &self.scoping {
            write!(f, "\nscoping: {filter}")?;
        }
        for (what, scope) in [("scope", &self.scope), ("target scope", &self.target_scope)] {
            if let Some(filter) = scope {
                write!(f, "\n{what}: {}", ShownFilter(filter))?;
            }
        }
        Ok(())
    }
}

impl Mapping {
    /// What is said of a target attribute beside where it comes from.
    fn notes(&self, target: &str) -> Vec<String> {
        let mut notes = Vec::new();
        for (_, value) in self.defaults.iter().filter(|(name, _)| name == target) {
            notes.push(format!("default {value:?}"));
        }
        for (_, on_null) in self.on_null.iter().filter(|(name, _)| name == target) {
            match on_null {
                OnNull::Skip => {}
                OnNull::Clear => notes.push("null clears".to_owned()),
                OnNull::Default => notes.push("null gives the default".to_owned()),
            }
        }
        let condition = self.conditions.iter().rfind(|(name, _)| name == target);
        notes.extend(condition.map(|(_, filter)| format!("if {}", ShownFilter(filter))));
        let transform = self.transforms.iter().rfind(|(name, _)| name == target);
        notes.extend(transform.map(|(_, transform)| format!("transform {transform:?}")));
        match self.flow_types.iter().rfind(|(name, _)| name == target) {
            Some((_, FlowType::ObjectAddOnly)) => notes.push("create only".to_owned()),
            Some((_, FlowType::Always)) | None => {}
            Some((_, other)) => notes.push(format!("{other:?}")),
        }
        if matches!(self.flow_behaviors.iter().rfind(|(name, _)| name == target), Some((_, FlowBehavior::FlowAlways))) {
            notes.push("written in each run".to_owned());
        }
        if self.exact.iter().any(|name| name == target) {
            notes.push("exact".to_owned());
        }
        for (_, into) in self.flatten.iter().filter(|(nested, _)| nested == target) {
            notes.push(format!("flattened into {into}"));
        }
        notes
    }
}

/// A condition in words: `department eq "Sales" and present(mail)`.
pub(super) struct ShownFilter<'a>(pub(super) &'a Filter);

impl fmt::Display for ShownFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Filter::Eq(name, value) => write!(f, "{name} eq {value:?}"),
            Filter::In(name, values) => {
                write!(f, "{name} in (")?;
                join(f, values, ", ", |f, value: &Value| write!(f, "{value:?}"))?;
                f.write_str(")")
            }
            Filter::StartsWith(name, text) => write!(f, "startsWith({name}, {text:?})"),
            Filter::Present(name) => write!(f, "present({name})"),
            Filter::Not(filter) => write!(f, "not ({})", ShownFilter(filter)),
            Filter::All(filters) if filters.is_empty() => f.write_str("everything"),
            Filter::Any(filters) if filters.is_empty() => f.write_str("nothing"),
            Filter::All(filters) => join(f, filters, " and ", group),
            Filter::Any(filters) => join(f, filters, " or ", group),
        }
    }
}

fn group(f: &mut fmt::Formatter<'_>, filter: &Filter) -> fmt::Result {
    match filter {
        Filter::All(_) | Filter::Any(_) => write!(f, "({})", ShownFilter(filter)),
        other => write!(f, "{}", ShownFilter(other)),
    }
}

/// Shows several things with something between them.
pub(super) fn join<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    between: &str,
    show: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    items.iter().enumerate().try_for_each(|(index, item)| {
        f.write_str(if index == 0 { "" } else { between })?;
        show(f, item)
    })
}
