//! A plan as plain text: summary first, problems next, then the entries.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::model::{Completeness, Value};
use crate::reconcile::{Action, AttributeChange, Element, Entry, Plan, Problem, SetChange, SetKind, Severity};

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
            let state = match &read.completeness {
                Some(Completeness::Complete) => "complete".to_owned(),
                Some(Completeness::Partial { reason }) => format!("PARTIAL: {}", plain(reason.as_str())),
                None => "looked up one by one".to_owned(),
            };
            writeln!(f, "  read {}: {} {} objects, {state}", plain(&read.store), read.objects, read.class)?;
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
    for action in Action::ALL {
        let (runs, held): (Vec<&Entry>, Vec<&Entry>) =
            plan.entries().iter().filter(|entry| entry.action == *action).partition(|entry| entry.runs());
        let shown = match action {
            Action::Report | Action::Exception | Action::Ignore => held.len(),
            _ => runs.len(),
        };
        let blocked = held.iter().filter(|entry| entry.is_blocked()).count();
        let note = match action {
            Action::Exception => " (need a person)".to_owned(),
            Action::Report => " (nothing is changed)".to_owned(),
            _ if blocked > 0 => format!(" ({blocked} more blocked)"),
            _ => String::new(),
        };
        if shown > 0 || (blocked > 0 && *action != Action::Report) {
            writeln!(f, "  {:>7} {action}{note}", shown)?;
        }
    }
    elements(f, plan)?;
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

/// How many references and licences are given and taken, over all entries that run.
fn elements(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let mut counts: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    for set in plan.entries().iter().filter(|entry| entry.runs()).flat_map(|entry| &entry.sets) {
        *counts.entry((&set.attribute, false)).or_default() += set.add.len();
        let taken = if set.kind == SetKind::Reference && !set.takes() { 0 } else { set.remove.len() };
        *counts.entry((&set.attribute, true)).or_default() += taken;
    }
    for ((attribute, taken), count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        writeln!(f, "  {count:>7} {attribute} {}", if taken { "taken" } else { "given" })?;
    }
    Ok(())
}

/// Problems of the plan as a whole, then those of entries, each kind once with all that have it.
fn problems(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let mut kinds: BTreeMap<(std::cmp::Reverse<Severity>, String), Vec<&Entry>> = BTreeMap::new();
    for entry in plan.entries() {
        for problem in &entry.problems {
            kinds.entry((std::cmp::Reverse(problem.severity), heading(problem))).or_default().push(entry);
        }
    }
    if kinds.is_empty() && plan.problems().is_empty() {
        return Ok(());
    }
    writeln!(f, "Problems")?;
    for problem in plan.problems() {
        writeln!(f, "  {} {}", mark(problem.severity), plain(&problem.to_string()))?;
    }
    for ((severity, heading), entries) in kinds {
        match entries.as_slice() {
            [entry] => writeln!(f, "  {} {heading}: {}", mark(severity.0), name(entry))?,
            several => {
                writeln!(f, "  {} {heading} ({} entries)", mark(severity.0), several.len())?;
                several.iter().try_for_each(|entry| writeln!(f, "      {}", name(entry)))?;
            }
        }
    }
    writeln!(f)
}

/// What is only told: each reason once, with some of those that it is told of.
fn reports(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let mut reasons: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in plan.entries().iter().filter(|entry| entry.action == Action::Report) {
        if let Some(reason) = &entry.reason {
            reasons.entry(reason).or_default().push(entry);
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(f, "Left as they are")?;
    for (reason, entries) in reasons {
        let plural = if entries.len() == 1 { "entry" } else { "entries" };
        writeln!(f, "  {} ({} {plural})", plain(reason), entries.len())?;
        entries.iter().take(TOLD).try_for_each(|entry| writeln!(f, "      {}", name(entry)))?;
        if entries.len() > TOLD {
            writeln!(f, "      … and {} more, all of them in the plan's JSON", entries.len() - TOLD)?;
        }
    }
    writeln!(f)
}

/// What problems of the same kind have in common.
fn heading(problem: &Problem) -> String {
    let Problem { rule, message, .. } = problem;
    // The values of unique attributes differ from entry to entry; what is wrong does not.
    let at = match (&problem.attribute, &problem.value) {
        (Some(attribute), Some(value)) => format!("{attribute} `{}`: ", shorten(value)),
        (Some(attribute), None) => format!("{attribute}: "),
        _ => String::new(),
    };
    format!("[{rule}] {at}{}", plain(message))
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocked = if self.is_blocked() { " BLOCKED" } else { "" };
        writeln!(f, "  {}{blocked} {} [{}]", self.action, name(self), self.situation)?;
        for change in &self.changes {
            writeln!(f, "      {}", describe(change))?;
        }
        self.sets.iter().try_for_each(|set| write_set(f, set))?;
        for secret in &self.secrets {
            writeln!(f, "      {} = (secret)   ← {}", secret.attribute, plain(&secret.rule))?;
        }
        if let Some(until) = self.until {
            writeln!(f, "      waits until {}", minute(until))?;
        }
        if let Some(evidence) = &self.evidence {
            writeln!(f, "      because {}", plain(&evidence.to_string()))?;
        }
        if let Some(reason) = &self.reason {
            writeln!(f, "      {}", plain(reason))?;
        }
        self.after.iter().try_for_each(|edge| writeln!(f, "      after {}", plain(&edge.entry.to_string())))
    }
}

/// Whether the entry is held up and says something that the summary does not.
fn needs_words(entry: &Entry) -> bool {
    entry.action != Action::Report && (entry.reason.is_some() || !entry.changes.is_empty() || !entry.sets.is_empty())
}

fn describe(change: &AttributeChange) -> String {
    let mut text = format!("{} ", change.attribute);
    match &change.old {
        Some(old) => _ = write!(text, "{} → {}", quote(old), quote(&change.new)),
        None => _ = write!(text, "= {}", quote(&change.new)),
    }
    if let Some(through) = &change.through {
        _ = write!(text, " (by way of {})", quote(through));
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
        let shown: Vec<String> = elements.iter().take(SHOWN_ELEMENTS).map(element).collect();
        let more = elements.len() - shown.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        writeln!(f, "      {} {sign} {}{more}   ← {}", set.attribute, shown.join(", "), plain(&set.rule))?;
    }
    Ok(())
}

/// An element as people know it: a name, the source's id, else the target's.
fn element(element: &Element) -> String {
    let source = || element.source.as_ref().map(|source| source.id.to_string());
    let target = || element.value.as_ref().map(ToString::to_string);
    plain(&element.label.clone().or_else(source).or_else(target).unwrap_or_default())
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

fn quote(value: &Value) -> String {
    match value {
        Value::Text(_) => format!("\"{}\"", shorten(value)),
        _ => shorten(value),
    }
}

fn shorten(value: &Value) -> String {
    let text = plain(&value.to_string());
    if text.chars().count() <= SHOWN {
        return text;
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}…")
}

/// Text from outside without control characters: a name must not rewrite the reader's terminal.
fn plain(text: &str) -> String {
    let hostile = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|character| if hostile(character) { '\u{fffd}' } else { character }).collect()
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocks => "BLOCKED ",
        Severity::Attention => "ATTENTION",
        Severity::Warning => "warning ",
    }
}

fn minute(moment: time::OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    moment.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_else(|_| moment.to_string())
}
