//! A report as Markdown, for a ticket, a wiki or a chat.

use std::fmt;

use super::words;
use crate::job::{EntryReport, Report, RunStatus};
use crate::reconcile::render::markdown::{code, prose};
use crate::reconcile::render::words::{minute, situation, thousands};

/// How many entries of a group are named.
const NAMED: usize = 100;

impl Report {
    /// The report as Markdown (CommonMark with GitHub's tables): how it ended, what to do next, what went wrong and why,
    /// figures.
    ///
    /// Names and reasons from outside stand in code spans, so that none of them becomes a link, a heading or HTML. Of each
    /// kind of trouble the first 100 are named. It is personal data, as the report is.
    #[must_use]
    pub fn markdown(&self) -> impl fmt::Display + '_ {
        Markdown(self)
    }
}

struct Markdown<'a>(&'a Report);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(f, "# Report of job {}", code(&report.job))?;
        writeln!(f, "\n**{}**\n", words::sentence(report))?;
        writeln!(f, "- Began {}", minute(report.started))?;
        writeln!(f, "- Took {}", words::duration(report))?;
        writeln!(f, "- Plan {}\n", code(&report.plan))?;
        let steps = words::steps(report);
        if !steps.is_empty() {
            writeln!(f, "## What to do next\n")?;
            steps.iter().try_for_each(|step| writeln!(f, "- {}", prose(step)))?;
            writeln!(f)?;
        }
        guards(f, report)?;
        troubles(f, report)?;
        figures(f, report)
    }
}

fn guards(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let RunStatus::Stopped { breaches } = &report.status else { return Ok(()) };
    writeln!(f, "## Stopped by\n")?;
    writeln!(f, "| Guard | Of | Planned | In the 24 hours before | Allowed | Taken from | Lifted by |")?;
    writeln!(f, "| --- | --- | ---: | ---: | ---: | ---: | --- |")?;
    for breach in breaches {
        let object = breach.object.as_ref().map(|object| format!(" {}", code(&object.id))).unwrap_or_default();
        let [planned, recent, allowed, base] =
            [breach.planned, breach.recent, breach.allowed, breach.base].map(thousands);
        write!(f, "| {} | {}{object} | {planned} | {recent} | ", breach.guard, code(breach.class.as_str()))?;
        writeln!(f, "{allowed} | {base} | {} |", code(&words::lift(breach)))?;
    }
    writeln!(f)
}

fn troubles(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let groups = words::groups(report);
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(f, "## Failures and exceptions\n")?;
    for (group, entries) in &groups {
        writeln!(f, "### {} ({})\n", words::heading(group.name()), thousands(entries.len() as u64))?;
        writeln!(f, "| Who | Action | Why |\n| --- | --- | --- |")?;
        for entry in entries.iter().take(NAMED) {
            let why: Vec<String> = words::reasons(entry).map(prose).collect();
            writeln!(f, "| {} | {} | {} |", name(entry), entry.action, why.join("; "))?;
        }
        if entries.len() > NAMED {
            writeln!(f, "\n… and {} more.", thousands((entries.len() - NAMED) as u64))?;
        }
        writeln!(f)?;
    }
    if report.troubles_left_out > 0 {
        writeln!(f, "{} more are not in this report, none of them worse.\n", thousands(report.troubles_left_out))?;
    }
    Ok(())
}

fn name(entry: &EntryReport) -> String {
    let key = code(&entry.key.to_string());
    entry.label.as_deref().map_or_else(|| key.clone(), |label| format!("{key} {}", code(label)))
}

fn figures(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    writeln!(f, "## Figures\n")?;
    let deeds = words::deeds(report);
    if !deeds.is_empty() {
        writeln!(f, "| Action | Entries | What became of them |\n| --- | ---: | --- |")?;
        for deed in &deeds {
            writeln!(f, "| {} | {} | {} |", deed.action, thousands(deed.total()), deed.words())?;
        }
        writeln!(f)?;
    }
    if !report.elements.is_empty() {
        writeln!(f, "| Elements | Given | Taken |\n| --- | ---: | ---: |")?;
        for (attribute, own) in &report.elements {
            writeln!(f, "| {} | {} | {} |", code(attribute), thousands(own.given), thousands(own.taken))?;
        }
        writeln!(f)?;
    }
    if !report.situations.is_empty() {
        writeln!(f, "| Found | Objects | Meaning |\n| --- | ---: | --- |")?;
        for (own, count) in &report.situations {
            writeln!(f, "| {own} | {} | {} |", thousands(*count), situation(*own))?;
        }
        writeln!(f)?;
    }
    for (heading, rows) in [("Found", &words::buckets(report)[..]), ("Outcome", &words::sync_status(report)[..])] {
        writeln!(f, "| {heading}, rolled up | Count | Meaning |\n| --- | ---: | --- |")?;
        rows.iter()
            .try_for_each(|(name, count, meaning)| writeln!(f, "| {name} | {} | {meaning} |", thousands(*count)))?;
        writeln!(f)?;
    }
    Ok(())
}
