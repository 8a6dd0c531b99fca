//! A plan as Markdown, for a pull request, a ticket or a wiki: what needs a person first, then who loses what, the
//! figures, the entries.
//!
//! Whatever comes from outside stands in a code span, where Markdown has no meaning: no emphasis, no link, no HTML, and
//! no mention that a host of Markdown would make of it.

use std::fmt::{self, Write};

use super::words::{self, Headline, Loss, Names, ProblemKind, ShownChange, minute, thousands};
use crate::reconcile::{Entry, Plan, SetChange, Severity};

/// The longest value that is shown whole, in characters.
const SHOWN: usize = 200;
/// How many of the elements that are given or taken are named.
const SHOWN_ELEMENTS: usize = 20;
/// How many entries are named for something that is only told.
const TOLD: usize = 5;

impl Plan {
    /// The plan as Markdown (CommonMark with GitHub's tables): what needs a person, who loses access, figures, entries.
    ///
    /// Names and values from outside stand in code spans, without control characters, so that none of them becomes a
    /// link, a heading or HTML. It is personal data, as the plan is.
    ///
    /// # Examples
    ///
    /// ```
    /// # use entrant::reconcile::Plan;
    /// # fn example(plan: &Plan, mut file: impl std::io::Write) -> std::io::Result<()> {
    /// let text = plan.markdown().to_string();     // as text,
    /// write!(file, "{}", plan.markdown())?;       // or piece by piece to a (buffered) writer
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn markdown(&self) -> impl fmt::Display + '_ {
        Markdown(self)
    }
}

struct Markdown<'a>(&'a Plan);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        let headline = Headline::of(plan);
        head(f, plan, &headline)?;
        attention(f, plan)?;
        losses(f, plan)?;
        figures(f, plan)?;
        limits(f, plan)?;
        reads(f, plan)?;
        told(f, plan)?;
        entries(f, plan)
    }
}

fn head(f: &mut fmt::Formatter<'_>, plan: &Plan, headline: &Headline) -> fmt::Result {
    let header = plan.header();
    writeln!(f, "# Plan of job {}", code(&header.job))?;
    writeln!(f)?;
    writeln!(f, "**{}**", headline.sentences(plan).join(" "))?;
    writeln!(f)?;
    writeln!(f, "- As of {}", minute(header.as_of))?;
    writeln!(f, "- Link set {}", code(&header.link_set))?;
    if let Some(tenant) = &header.tenant {
        writeln!(f, "- Tenant {}", code(tenant))?;
    }
    writeln!(f, "- Digest {}", code(plan.digest()))?;
    writeln!(f)
}

/// What needs a person, then what is only warned of.
fn attention(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let (serious, warnings): (Vec<_>, Vec<_>) =
        plan.problems().iter().partition(|problem| problem.severity != Severity::Warning);
    let (mut kinds, warned): (Vec<_>, Vec<_>) =
        words::problem_kinds(plan, SHOWN).into_iter().partition(|kind| kind.severity != Severity::Warning);
    kinds.extend(words::unexplained(plan));
    for (heading, problems, kinds) in [("Needs a person", serious, kinds), ("Warnings", warnings, warned)] {
        if problems.is_empty() && kinds.is_empty() {
            continue;
        }
        writeln!(f, "## {heading}")?;
        writeln!(f)?;
        for problem in &problems {
            let what = prose(&words::problem(problem, SHOWN));
            writeln!(f, "- **The plan as a whole**, {}: {what}", code(&problem.rule))?;
        }
        kinds.iter().try_for_each(|kind| problem_kind(f, kind))?;
        writeln!(f)?;
    }
    Ok(())
}

fn problem_kind(f: &mut fmt::Formatter<'_>, kind: &ProblemKind<'_>) -> fmt::Result {
    let word = match kind.severity {
        Severity::Blocks => "Blocked",
        Severity::Attention => "Attention",
        Severity::Warning => "Warning",
    };
    writeln!(f, "- **{word}**, {} ({})", code(&kind.rule), thousands(kind.entries() as u64))?;
    for (what, entries) in &kind.cases {
        match entries.as_slice() {
            [entry] => writeln!(f, "  - {}: {}", name(entry), prose(what))?,
            several => {
                writeln!(f, "  - {}: {} entries", prose(what), thousands(several.len() as u64))?;
                several.iter().try_for_each(|entry| writeln!(f, "    - {}", name(entry)))?;
            }
        }
    }
    Ok(())
}

fn losses(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let losing = |loss: Loss| plan.entries().iter().filter(move |entry| loss.is_of(entry));
    if Loss::ALL.iter().all(|loss| losing(*loss).next().is_none()) {
        return Ok(());
    }
    let names = Names::of(plan);
    writeln!(f, "## Who loses what")?;
    writeln!(f)?;
    for loss in Loss::ALL.iter().copied().filter(|loss| losing(*loss).next().is_some()) {
        writeln!(f, "### {} ({})", loss.heading(), thousands(losing(loss).count() as u64))?;
        writeln!(f)?;
        if matches!(loss, Loss::Deleted | Loss::Disabled) {
            writeln!(f, "| Who | Why |\n| --- | --- |")?;
            losing(loss).try_for_each(|entry| writeln!(f, "| {} | {} |", name(entry), prose(&loss.why(entry))))?;
            writeln!(f)?;
            continue;
        }
        writeln!(f, "| Who | What | Why |\n| --- | --- | --- |")?;
        for entry in losing(loss) {
            let what: Vec<String> = match (loss, entry.until) {
                (Loss::Later, Some(until)) => vec![format!("on {}", minute(until))],
                _ => loss.sets(entry).map(|set| format!("{} {}", code(&set.attribute), taken(set, &names))).collect(),
            };
            writeln!(f, "| {} | {} | {} |", name(entry), what.join(", "), prose(&loss.why(entry)))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn taken(set: &SetChange, names: &Names<'_>) -> String {
    list(names.elements(&set.remove, SHOWN_ELEMENTS, SHOWN))
}

fn list((names, more): (Vec<String>, usize)) -> String {
    let names: Vec<String> = names.iter().map(|name| code(name)).collect();
    let more = if more == 0 { String::new() } else { format!(" and {} more", thousands(more as u64)) };
    format!("{}{more}", names.join(", "))
}

fn figures(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    writeln!(f, "## Figures")?;
    writeln!(f)?;
    let actions = words::actions(plan);
    if !actions.is_empty() {
        writeln!(f, "| Action | Entries | Blocked |\n| --- | ---: | ---: |")?;
        for count in &actions {
            let (shown, blocked) = (thousands(count.shown as u64), thousands(count.blocked as u64));
            writeln!(f, "| {} | {shown} | {blocked} |", count.action)?;
        }
        writeln!(f)?;
    }
    let elements = words::element_counts(plan);
    if !elements.is_empty() {
        writeln!(f, "| Elements | Given | Taken |\n| --- | ---: | ---: |")?;
        for (attribute, given, taken) in &elements {
            writeln!(f, "| {} | {} | {} |", code(attribute), thousands(*given as u64), thousands(*taken as u64))?;
        }
        writeln!(f)?;
    }
    if !plan.situations().is_empty() {
        writeln!(f, "| Found | Objects | Meaning |\n| --- | ---: | --- |")?;
        for (situation, count) in plan.situations() {
            writeln!(f, "| {situation} | {} | {} |", thousands(*count), words::situation(*situation))?;
        }
        writeln!(f)?;
    }
    if plan.owned_elsewhere() > 0 {
        writeln!(f, "{} belong to another job and are left alone.", thousands(plan.owned_elsewhere()))?;
        writeln!(f)?;
    }
    Ok(())
}

fn limits(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let limits = words::limits(plan);
    if limits.is_empty() {
        return Ok(());
    }
    writeln!(f, "## Limits")?;
    writeln!(f)?;
    writeln!(
        f,
        "Allowed is what holds where the job sets no limit of its own, with nothing done in the 24 hours before."
    )?;
    writeln!(f)?;
    writeln!(f, "| Kind | Class | Planned | Of | Allowed |\n| --- | --- | ---: | ---: | ---: |")?;
    for limit in &limits {
        let allowed = match limit.allowed {
            Some(allowed) if limit.is_exceeded() => format!("**{}, exceeded**", thousands(allowed)),
            Some(allowed) => thousands(allowed),
            None => "any".to_owned(),
        };
        let (class, planned, base) = (code(&limit.class), thousands(limit.planned), thousands(limit.base));
        writeln!(f, "| {} | {class} | {planned} | {base} | {allowed} |", limit.kind)?;
    }
    writeln!(f)
}

fn reads(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    if plan.reads().is_empty() {
        return Ok(());
    }
    writeln!(f, "## What was read")?;
    writeln!(f)?;
    writeln!(f, "| Store | Class | Objects | |\n| --- | --- | ---: | --- |")?;
    for read in plan.reads() {
        let (whole, ending) = words::ending(read);
        let ending = if whole { ending } else { format!("**partial**: {}", prose(&ending)) };
        let (store, class) = (code(&read.store), code(read.class.as_str()));
        writeln!(f, "| {store} | {class} | {} | {ending} |", thousands(read.objects))?;
    }
    writeln!(f)
}

fn told(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let reasons = words::told(plan);
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(f, "## Left as they are")?;
    writeln!(f)?;
    for (reason, entries) in reasons {
        writeln!(f, "- {} ({})", prose(&reason), thousands(entries.len() as u64))?;
        entries.iter().take(TOLD).try_for_each(|entry| writeln!(f, "  - {}", name(entry)))?;
        if entries.len() > TOLD {
            writeln!(f, "  - … and {} more", thousands((entries.len() - TOLD) as u64))?;
        }
    }
    writeln!(f)
}

fn entries(f: &mut fmt::Formatter<'_>, plan: &Plan) -> fmt::Result {
    let says_something = |entry: &&Entry| {
        entry.runs() || !entry.changes.is_empty() || !entry.sets.is_empty() || !entry.secrets.is_empty()
    };
    if !plan.entries().iter().any(|entry| says_something(&entry)) {
        return Ok(());
    }
    let names = Names::of(plan);
    writeln!(f, "## Entries")?;
    writeln!(f)?;
    plan.entries().iter().filter(says_something).try_for_each(|entry| self::entry(f, entry, &names))
}

fn entry(f: &mut fmt::Formatter<'_>, entry: &Entry, names: &Names<'_>) -> fmt::Result {
    let held = match entry.is_blocked() {
        true if entry.is_held() => ", waiting",
        true => ", blocked",
        false => "",
    };
    write!(f, "- **{}**{held} {} ({})", entry.action, name(entry), entry.situation)?;
    writeln!(f)?;
    for change in &entry.changes {
        let ShownChange { old, new, through } = words::change(change, SHOWN);
        write!(f, "  - {} ", code(&change.attribute))?;
        match old {
            Some(old) => write!(f, "{} → {}", code(&old), code(&new))?,
            None => write!(f, "= {}", code(&new))?,
        }
        if let Some(through) = through {
            write!(f, " by way of {}", code(&through))?;
        }
        writeln!(f, ", by {}", code(&change.rule))?;
    }
    for set in &entry.sets {
        for (sign, elements) in [('+', &set.add), ('−', &set.remove)].into_iter().filter(|(_, own)| !own.is_empty()) {
            let names = list(names.elements(elements, SHOWN_ELEMENTS, SHOWN));
            writeln!(f, "  - {} {sign} {names}, by {}", code(&set.attribute), code(&set.rule))?;
        }
    }
    for secret in &entry.secrets {
        writeln!(f, "  - {} = (secret), by {}", code(&secret.attribute), code(&secret.rule))?;
    }
    if let Some(until) = entry.until {
        writeln!(f, "  - waits until {}", minute(until))?;
    }
    if let Some(evidence) = &entry.evidence {
        writeln!(f, "  - because {}", prose(&evidence.to_string()))?;
    }
    if let Some(remark) = words::remark(entry) {
        writeln!(f, "  - {}", prose(&remark))?;
    }
    entry.after.iter().try_for_each(|edge| writeln!(f, "  - after {}", code(&edge.entry.to_string())))
}

/// Which entry: what people call it, its id, and where it was read.
fn name(entry: &Entry) -> String {
    let mut text = code(&entry.key.to_string());
    if let Some(label) = &entry.label {
        _ = write!(text, " {}", code(label));
    }
    if let Some(origin) = &entry.origin {
        _ = write!(text, ", {}", code(&origin.to_string()));
    }
    text
}

/// Text from outside as a code span: nothing in it has a meaning.
pub(crate) fn code(text: &str) -> String {
    let text = words::shorten(text, SHOWN + 2);
    if text.trim().is_empty() {
        return "`\" \"`".replace(' ', &text);
    }
    // Tables split at bars even in code spans, each renderer by its own rule for backslashes: an entity is split by none,
    // and means a bar outside of code spans alone.
    if text.contains('|') {
        let mut entities = String::from("<code>");
        for character in text.chars() {
            match character {
                mark if mark.is_ascii_punctuation() => _ = write!(entities, "&#{};", u32::from(mark)),
                other => entities.push(other),
            }
        }
        return entities + "</code>";
    }
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // One blank on each side is taken off again.
    let pads = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if pads { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A sentence that may quote what comes from outside: words that Markdown could read something into are code spans.
pub(crate) fn prose(text: &str) -> String {
    let text = crate::plain::plain(text);
    let text = text.trim();
    if text.is_empty() {
        return code(text);
    }
    let mut out = String::new();
    let mut push = |piece: &str| {
        // Two code spans that touch would be read as one, or as none.
        let apart = if out.ends_with('`') && piece.starts_with('`') { " " } else { "" };
        out.push_str(apart);
        out.push_str(piece);
    };
    // Messages put names and values between backticks.
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            push(&code(part));
            continue;
        }
        for (place, word) in part.split(' ').enumerate() {
            if place > 0 {
                push(" ");
            }
            if is_a_word(word) && !(index + place == 0 && begins_a_list(word)) {
                push(word);
                continue;
            }
            // What ends a clause is not part of what is named before it.
            let named = word.trim_end_matches([',', ';', ':', '.']);
            let named = if named.is_empty() { word } else { named };
            push(&code(named));
            push(&word[named.len()..]);
        }
    }
    out
}

/// Whether a line that starts with the word would be taken for an item of a numbered list.
fn begins_a_list(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit()) && word.ends_with(['.', ')'])
}

/// Whether it is letters and digits, with at most the marks of a sentence around them.
fn is_a_word(word: &str) -> bool {
    let inner = word.trim_start_matches(['(', '"', '\'']).trim_end_matches([',', '.', ';', ':', '?', ')', '"', '\'']);
    let is_part = |character: char| match character {
        '\'' | '-' => true,
        other if other.is_ascii() => other.is_ascii_alphanumeric(),
        other => !other.is_whitespace(),
    };
    !inner.starts_with('-') && inner.chars().all(is_part)
}
