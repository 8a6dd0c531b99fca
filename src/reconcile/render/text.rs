//! A plan as plain text: summary first, problems next, then the entries.

use std::fmt::{self, Write};

use super::words::{self, ActionCount, Names, ShownChange, minute};
use crate::plain::plain;
use crate::reconcile::{Action, AttributeChange, Entry, Plan, SetChange, Severity};

/// How many entries are named for something that is only told.
const TOLD: usize = 5;
/// How many of the elements that are given or taken are named.
const SHOWN_ELEMENTS: usize = 8;
/// The longest value that is shown whole, in characters.
const SHOWN: usize = 60;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary())?;
        let shown = || self.entries().iter().filter(|entry| entry.runs() || needs_words(entry));
        if shown().next().is_some() {
            writeln!(f, "Entries")?;
            shown().try_for_each(|entry| write!(f, "{entry}"))?;
            writeln!(f)?;
        }
        writeln!(f, "Digest {}", self.digest())
    }
}

impl Plan {
    /// What the plan does, how often, and what is in the way; without the entries one by one.
    #[must_use]
    pub fn summary(&self) -> impl fmt::Display + '_ {
        Summary(self)
    }
}

struct Summary<'a>(&'a Plan);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.0.header();
        let set = if header.link_set == "default" {
            String::new()
        } else {
            format!(", link set {}", plain(&header.link_set))
        };
        writeln!(f, "Plan of job {}{set}, as of {}", plain(&header.job), minute(header.as_of))?;
        for read in &header.reads {
            let (whole, ending) = words::ending(read);
            let mark = if whole { "" } else { "PARTIAL: " };
            writeln!(
                f,
                "  read {}: {} {} objects, {mark}{ending}",
                plain(&read.store),
                read.objects,
                plain(read.class.as_str())
            )?;
        }
        writeln!(f)?;
        counts(f, self.0)?;
        problems(f, self.0)?;
        reports(f, self.0)
    }
}

fn counts(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    if plan.is_converged() {
        writeln!(f, "Nothing to change.")?;
    }
    for ActionCount { action, shown, blocked } in words::actions(plan) {
        let note = match action {
            Action::Exception => " (need a person)".to_owned(),
            Action::Report => " (nothing is changed)".to_owned(),
            _ if blocked > 0 => format!(" ({blocked} more blocked)"),
            _ => String::new(),
        };
        writeln!(f, "  {shown:>7} {action}{note}")?;
    }
    for (attribute, given, taken) in words::element_counts(plan) {
        for (count, word) in [(given, "given"), (taken, "taken")].into_iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "  {count:>7} {attribute} {word}")?;
        }
    }
    let found: Vec<String> =
        plan.situations().iter().map(|(situation, count)| format!("{situation} {count}")).collect();
    if !found.is_empty() {
        writeln!(f, "  found: {}", found.join(", "))?;
    }
    if plan.owned_elsewhere() > 0 {
        writeln!(f, "  {} belong to another job and are left alone", plan.owned_elsewhere())?;
    }
    writeln!(f)
}

/// Problems of the plan as a whole, then those of entries, each kind once with all that have it.
fn problems(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let kinds = words::problem_kinds(plan, SHOWN);
    if kinds.is_empty() && plan.problems().is_empty() {
        return Ok(());
    }
    writeln!(f, "Problems")?;
    for problem in plan.problems() {
        writeln!(f, "  {} {}", mark(problem.severity), words::problem(problem, SHOWN))?;
    }
    for kind in kinds {
        let (mark, rule) = (mark(kind.severity), &kind.rule);
        for (what, entries) in &kind.cases {
            match entries.as_slice() {
                [entry] => writeln!(f, "  {mark} [{rule}] {what}: {}", name(entry))?,
                several => {
                    writeln!(f, "  {mark} [{rule}] {what} ({} entries)", several.len())?;
                    several.iter().try_for_each(|entry| writeln!(f, "      {}", name(entry)))?;
                }
            }
        }
    }
    writeln!(f)
}

/// What is only told: each reason once, with some of those that it is told of.
fn reports(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let reasons = words::told(plan);
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(f, "Left as they are")?;
    for (reason, entries) in reasons {
        let plural = if entries.len() == 1 { "entry" } else { "entries" };
        writeln!(f, "  {reason} ({} {plural})", entries.len())?;
        entries.iter().take(TOLD).try_for_each(|entry| writeln!(f, "      {}", name(entry)))?;
        if entries.len() > TOLD {
            writeln!(f, "      … and {} more, all of them in the plan's JSON", entries.len() - TOLD)?;
        }
    }
    writeln!(f)
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocked = match self.is_blocked() {
            true if self.is_held() => " WAITING",
            true => " BLOCKED",
            false => "",
        };
        writeln!(f, "  {}{blocked} {} [{}]", self.action, name(self), self.situation)?;
        for change in &self.changes {
            writeln!(f, "      {}", describe(change))?;
        }
        self.sets.iter().try_for_each(|set| write_set(f, set))?;
        for secret in &self.secrets {
            writeln!(f, "      {} = (secret)   ← {}", plain(&secret.attribute), plain(&secret.rule))?;
        }
        if let Some(until) = self.until {
            writeln!(f, "      waits until {}", minute(until))?;
        }
        if let Some(evidence) = &self.evidence {
            writeln!(f, "      because {}", plain(&evidence.to_string()))?;
        }
        if let Some(remark) = words::remark(self) {
            writeln!(f, "      {remark}")?;
        }
        self.after.iter().try_for_each(|edge| writeln!(f, "      after {}", plain(&edge.entry.to_string())))
    }
}

/// Whether the entry is held up and says something that the summary does not.
fn needs_words(entry: &Entry) -> bool {
    entry.action != Action::Report && (entry.reason.is_some() || !entry.changes.is_empty() || !entry.sets.is_empty())
}

fn describe(change: &AttributeChange) -> String {
    let ShownChange { old, new, through } = words::change(change, SHOWN);
    let mut text = match old {
        Some(old) => format!("{} {old} → {new}", plain(&change.attribute)),
        None => format!("{} = {new}", plain(&change.attribute)),
    };
    if let Some(through) = through {
        _ = write!(text, " (by way of {through})");
    }
    if change.repeated {
        text.push_str(" (again, as in each run)");
    }
    _ = write!(text, "   ← {}", plain(&change.rule));
    text
}

/// What is given and taken, each in one line with the first few.
fn write_set(f: &mut fmt::Formatter<'_>, set: &SetChange) -> fmt::Result {
    for (sign, elements) in [('+', &set.add), ('-', &set.remove)] {
        if elements.is_empty() {
            continue;
        }
        let (shown, more) = Names::default().elements(elements, SHOWN_ELEMENTS, SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let heirs = if set.heirs == 0 { String::new() } else { format!(" (for {} members)", set.heirs) };
        let (attribute, rule) = (plain(&set.attribute), plain(&set.rule));
        writeln!(f, "      {attribute} {sign} {}{more}{heirs}   ← {rule}", shown.join(", "))?;
    }
    Ok(())
}

/// Which entry: what people call it, its id, and where it was read.
fn name(entry: &Entry) -> String {
    let mut text = plain(&entry.key.to_string());
    if let Some(label) = &entry.label {
        _ = write!(text, " {}", plain(label));
    }
    if let Some(origin) = &entry.origin {
        _ = write!(text, ", {}", plain(&origin.to_string()));
    }
    text
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocks => "BLOCKED ",
        Severity::Attention => "ATTENTION",
        Severity::Warning => "warning ",
    }
}
