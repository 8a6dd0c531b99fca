//! A report as one page that loads nothing: how it ended, what to do, what went wrong and why, and the figures.

use std::fmt;

use super::words::{self, Group};
use crate::job::{EntryReport, OutcomeKind, Report, RunStatus};
use crate::reconcile::Breach;
use crate::reconcile::render::html::out::Out;
use crate::reconcile::render::html::parts::{
    self, Link, List, NAMED, bar, fact, fold, foot, head, more, short, tile, tone,
};
use crate::reconcile::render::html::rows::{self, Trouble};
use crate::reconcile::render::words::{counted, minute, thousands};

const ENTRIES: List = List {
    heading: "All that needs to be known",
    caption: "Entries that were not carried out or need a person, the worst first",
    problem: "What became of it",
    said: "Why",
    entries: 0,
    left_out: 0,
};

impl Report {
    /// The report as one HTML page: how the run ended and what to do next, guards that stopped it, what failed or needs a
    /// person with the reason of each, and the figures.
    ///
    /// It is made as the page of a [plan](crate::reconcile::Plan::html) is: it loads and sends nothing, everything from
    /// outside is escaped, and what does not fit is counted. However many entries the plan had, the page has at most the
    /// 10,000 that the report keeps. It is personal data, as the report is.
    ///
    /// # Examples
    ///
    /// ```
    /// # use entrant::job::Report;
    /// # fn example(report: &Report, mut file: impl std::io::Write) -> std::io::Result<()> {
    /// write!(file, "{}", report.html())?;      // to a (buffered) writer,
    /// let page = report.html().to_string();    // or as text, such as for an answer over HTTP
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn html(&self) -> impl fmt::Display + '_ {
        Html(self)
    }
}

struct Html<'a>(&'a Report);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let mut out = Out::new(f);
        head(&mut out, &format!("Report of job {}, {}", short(&report.job), minute(report.started)));
        top(&mut out, report);
        out.markup("<main>\n");
        tiles(&mut out, report);
        next(&mut out, report);
        if let RunStatus::Stopped { breaches } = &report.status {
            guards(&mut out, breaches);
        }
        troubles(&mut out, report);
        figures(&mut out, report);
        let (entries, left_out) = (report.troubles.len() as u64, report.troubles_left_out);
        parts::list(&mut out, &List { entries, left_out, ..ENTRIES });
        out.markup("</main>\n");
        foot(&mut out, |out| rows::write_troubles(out, report.troubles.iter().map(trouble)));
        out.finish()
    }
}

fn trouble(entry: &EntryReport) -> Trouble<'_> {
    let group = Group::of(entry);
    Trouble {
        action: entry.action,
        situation: entry.situation,
        class: &entry.key.mapping,
        key: entry.key.to_string(),
        label: entry.label.as_deref(),
        said: words::reasons(entry).map(|reason| (group.severity(), group.name(), reason)).collect(),
    }
}

fn top(out: &mut Out<'_, '_>, report: &Report) {
    out.markup("<a class=\"skip\" href=\"#entries\">Skip to all entries</a>\n<header>\n<p class=\"kicker\">Report of job</p>\n<h1>");
    out.outside(&short(&report.job)).markup("</h1>\n<p class=\"lead\">").text(&words::sentence(report));
    out.markup("</p>\n<dl class=\"facts\">\n");
    fact(out, "Began", &minute(report.started));
    fact(out, "Took", &words::duration(report));
    fact(out, "Plan", &report.plan);
    out.markup(
        "</dl>\n<p class=\"note\">This page is personal data: keep it where only those may read who may know it.</p>\n",
    );
    out.markup("</header>\n");
}

fn tiles(out: &mut Out<'_, '_>, report: &Report) {
    let count = |outcome| report.outcome(outcome);
    let loud = |count: u64, class: &'static str| if count > 0 { class } else { "calm" };
    let note = |count: u64, what: &str| match count {
        0 => String::new(),
        _ => format!("{} {what}", thousands(count)),
    };
    out.markup("<ul class=\"tiles\">\n");
    let applied = count(OutcomeKind::Applied);
    let word = if applied == 1 { "entry carried out" } else { "entries carried out" };
    tile(out, applied, word, "", loud(applied, "good"), "#figures");
    let (failed, stale) = (count(OutcomeKind::Failed), count(OutcomeKind::Stale));
    tile(out, failed, "failed", &note(stale, "out of date"), loud(failed + stale, "bad"), "#troubles");
    let attention = words::attention(report);
    let word = if attention == 1 { "needs a person" } else { "need a person" };
    let blocked = note(count(OutcomeKind::Blocked), "blocked");
    tile(out, attention, word, &blocked, loud(attention, "warn"), "#troubles");
    let pending = count(OutcomeKind::Pending);
    tile(out, pending, "in doubt", "the next run looks again", loud(pending, "warn"), "#troubles");
    tile(out, count(OutcomeKind::Waiting), "leave later", "after a grace period", "calm", "#figures");
    out.markup("</ul>\n");
}

fn next(out: &mut Out<'_, '_>, report: &Report) {
    out.markup(
        "<section id=\"next-steps\" aria-labelledby=\"next-title\">\n<h2 id=\"next-title\">What to do next</h2>\n",
    );
    let steps = words::steps(report);
    if steps.is_empty() {
        out.markup("<p class=\"none\">Nothing.</p>\n</section>\n");
        return;
    }
    out.markup("<ul class=\"whole\">\n");
    for step in &steps {
        out.markup("<li>").message(step).markup(".</li>\n");
    }
    out.markup("</ul>\n</section>\n");
}

/// What stopped it, and how it may go on.
fn guards(out: &mut Out<'_, '_>, breaches: &[Breach]) {
    out.markup("<section id=\"guards\" aria-labelledby=\"guards-title\">\n<h2 id=\"guards-title\">Stopped by</h2>\n");
    out.markup("<p class=\"about\">A guard stops what is more than usual. Review the plan; if it is right, apply it with the guard lifted, for this plan alone.</p>\n");
    out.markup("<table>\n<thead><tr><th scope=\"col\">Guard</th><th scope=\"col\">Of</th><th scope=\"col\" class=\"number\">Planned</th>");
    out.markup(
        "<th scope=\"col\" class=\"number\">In the 24 hours before</th><th scope=\"col\" class=\"number\">Allowed</th>",
    );
    out.markup(
        "<th scope=\"col\" class=\"number\">Taken from</th><th scope=\"col\">Lifted by</th></tr></thead>\n<tbody>\n",
    );
    for breach in breaches {
        out.markup("<tr><th scope=\"row\">").markup(breach.guard.as_str()).markup("</th><td>");
        out.outside(&short(breach.class.as_str()));
        if let Some(object) = &breach.object {
            out.markup(" <small>").outside(&short(&object.id)).markup("</small>");
        }
        for number in [breach.planned, breach.recent, breach.allowed, breach.base] {
            out.markup("</td><td class=\"number\">").number(number);
        }
        out.markup("</td><td><code>").text(&words::lift(breach)).markup("</code></td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n</section>\n");
}

/// What went wrong, the worst first, with the reason of each.
fn troubles(out: &mut Out<'_, '_>, report: &Report) {
    out.markup("<section id=\"troubles\" aria-labelledby=\"troubles-title\">\n<h2 id=\"troubles-title\">Failures and exceptions</h2>\n");
    let groups = words::groups(report);
    if groups.is_empty() {
        out.markup("<p class=\"none\">None.</p>\n</section>\n");
        return;
    }
    if report.troubles_left_out > 0 {
        out.markup("<p class=\"banner\">").number(report.troubles_left_out);
        out.markup(" more are not on this page, none of them worse than these.</p>\n");
    }
    for (group, entries) in &groups {
        fold(out, entries.len());
        out.markup("<summary><span class=\"dot ");
        out.markup(if *group < Group::Stale { "bad" } else { "warn" }).markup("\"></span> <b>");
        out.text(&words::heading(group.name())).markup("</b> <span class=\"count\">").number(entries.len() as u64);
        out.markup("</span></summary>\n<table>\n<thead><tr><th scope=\"col\">Who</th><th scope=\"col\">Action</th><th scope=\"col\">Why</th></tr></thead>\n<tbody>\n");
        for entry in entries.iter().take(NAMED) {
            let key = short(&entry.key.to_string());
            out.markup("<tr><th scope=\"row\">");
            match &entry.label {
                Some(label) => out.outside(&short(label)).markup(" <small>").outside(&key).markup("</small>"),
                None => out.outside(&key),
            };
            out.markup("</th><td>").markup(entry.action.as_str()).markup("</td><td>");
            for (index, reason) in words::reasons(entry).enumerate() {
                out.markup(if index == 0 { "" } else { "; " }).message(&short(reason));
            }
            out.markup("</td></tr>\n");
        }
        out.markup("</tbody>\n</table>\n");
        more(out, entries.len());
        out.markup("<p class=\"all\"><a href=\"#entries\" data-show=\"problem\" data-value=\"").markup(group.name());
        out.markup("\">Show in the list of entries</a></p>\n</details>\n");
    }
    out.markup("</section>\n");
}

fn figures(out: &mut Out<'_, '_>, report: &Report) {
    out.markup("<section id=\"figures\" aria-labelledby=\"figures-title\">\n<h2 id=\"figures-title\">Figures</h2>\n<div class=\"pair\">\n");
    done(out, report);
    rolled_up(out, "What became of it, rolled up", "Outcome", "Entries", &words::sync_status(report));
    out.markup("</div>\n<div class=\"pair\">\n");
    parts::situations(out, &report.situations, Link::None, 0);
    rolled_up(out, "What was found, rolled up", "Bucket", "Objects", &words::buckets(report));
    out.markup("</div>\n</section>\n");
}

/// What was done, by action and outcome.
fn done(out: &mut Out<'_, '_>, report: &Report) {
    out.markup("<table class=\"chart\">\n<caption>What was done</caption>\n<thead><tr><th scope=\"col\">Action</th>");
    out.markup("<th scope=\"col\" class=\"number\">Entries</th><th scope=\"col\">What became of them</th></tr></thead>\n<tbody>\n");
    let deeds = words::deeds(report);
    if deeds.is_empty() {
        out.markup("<tr><td colspan=\"3\">Nothing.</td></tr>\n");
    }
    let total = deeds.iter().map(words::Deed::total).max().unwrap_or(0);
    for deed in &deeds {
        let bad = [OutcomeKind::Failed, OutcomeKind::Stale, OutcomeKind::Blocked, OutcomeKind::Pending];
        let bad = bad.iter().map(|outcome| deed.of(*outcome)).sum();
        out.markup("<tr><th scope=\"row\">").markup(deed.action.as_str()).markup("</th><td class=\"number\">");
        out.number(deed.total()).markup("</td><td>");
        bar(out, tone(deed.action), deed.total().saturating_sub(bad), bad, total);
        out.markup("<small>").text(&deed.words()).markup("</small></td></tr>\n");
    }
    for (attribute, own) in &report.elements {
        out.markup("<tr><th scope=\"row\" class=\"attribute\">").outside(&short(attribute));
        out.markup("</th><td class=\"number\">").number(own.given.saturating_add(own.taken));
        out.markup("</td><td><small>").number(own.given).markup(" given, ").number(own.taken);
        out.markup(" taken</small></td></tr>\n");
    }
    if report.warnings > 0 {
        out.markup("<tr><td colspan=\"3\"><small>").text(&counted(report.warnings, "entry", "entries"));
        out.markup(" left something optional out</small></td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n");
}

fn rolled_up(
    out: &mut Out<'_, '_>,
    caption: &'static str,
    what: &'static str,
    counted: &'static str,
    rows: &[(&'static str, u64, &'static str)],
) {
    let total = rows.iter().map(|(_, count, _)| *count).max().unwrap_or(0);
    out.markup("<table class=\"chart\">\n<caption>")
        .markup(caption)
        .markup("</caption>\n<thead><tr><th scope=\"col\">");
    out.markup(what).markup("</th><th scope=\"col\" class=\"number\">").markup(counted);
    out.markup("</th><th scope=\"col\"><span class=\"hidden\">Meaning</span></th></tr></thead>\n<tbody>\n");
    for (name, count, meaning) in rows {
        out.markup("<tr><th scope=\"row\">").markup(name).markup("</th><td class=\"number\">").number(*count);
        out.markup("</td><td>");
        let tone = match *name {
            "failed" | "ambiguous" | "link problems" => "warn",
            "one to one" | "success" => "good",
            "unsynced" | "out of scope" | "unresolved target" => "calm",
            _ => "plain",
        };
        bar(out, tone, *count, 0, total);
        out.markup("<small>").markup(meaning).markup("</small></td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n");
}
