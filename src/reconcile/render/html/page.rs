//! The page, section by section.

use std::fmt;

use super::out::Out;
use super::parts::{self, Link, List, NAMED, bar, fact, fold, foot, head, more, sentence, short, tile, tone};
use super::rows::{self, SHOWN, SHOWN_ELEMENTS};
use crate::reconcile::render::words::{self, Headline, Loss, Names, ProblemKind};
use crate::reconcile::{Action, Entry, Plan, Problem, SetChange, Severity, Situation};

impl Plan {
    /// The plan as one HTML page, for those who decide about it: who loses access, who, why; what needs a person; the
    /// figures; and all entries with a search.
    ///
    /// The page loads nothing and sends nothing: styles, script and charts are in it, and its
    /// `Content-Security-Policy` admits nothing else. Everything but the search and the list of entries can be read
    /// without JavaScript. Whatever comes from outside is escaped, and is free of control characters. It is written piece
    /// by piece, so that a plan of any size takes no second copy in memory. It is personal data, as the plan is.
    ///
    /// # Examples
    ///
    /// ```
    /// # use entrant::reconcile::Plan;
    /// # fn example(plan: &Plan, mut file: impl std::io::Write) -> std::io::Result<()> {
    /// write!(file, "{}", plan.html())?;      // to a (buffered) writer,
    /// let page = plan.html().to_string();    // or as text, such as for an answer over HTTP
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn html(&self) -> impl fmt::Display + '_ {
        Html(self)
    }
}

const ENTRIES: List = List {
    heading: "All entries",
    caption: "All entries, what needs a person first",
    problem: "Problem",
    said: "What changes, and why",
    entries: 0,
    left_out: 0,
};

struct Html<'a>(&'a Plan);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.0;
        let headline = Headline::of(plan);
        let mut out = Out::new(f);
        head(&mut out, &format!("Plan of job {}, {}", short(plan.job()), words::minute(plan.as_of())));
        top(&mut out, plan, &headline);
        out.markup("<main>\n");
        tiles(&mut out, plan, &headline);
        attention(&mut out, plan);
        losses(&mut out, plan);
        figures(&mut out, plan);
        limits(&mut out, plan);
        reads(&mut out, plan);
        told(&mut out, plan);
        warnings(&mut out, plan);
        let entries = plan.entries().len() as u64;
        parts::list(&mut out, &List { entries, ..ENTRIES });
        out.markup("</main>\n");
        foot(&mut out, |out| rows::write(out, plan));
        out.finish()
    }
}

fn top(out: &mut Out<'_, '_>, plan: &Plan, headline: &Headline) {
    let header = plan.header();
    out.markup("<a class=\"skip\" href=\"#entries\">Skip to all entries</a>\n<header>\n<p class=\"kicker\">Plan of job</p>\n<h1>").outside(&short(&header.job));
    out.markup("</h1>\n<p class=\"lead\">")
        .text(&headline.sentences(plan).join(" "))
        .markup("</p>\n<dl class=\"facts\">\n");
    fact(out, "As of", &words::minute(header.as_of));
    fact(out, "Link set", &header.link_set);
    if let Some(tenant) = &header.tenant {
        fact(out, "Tenant", tenant);
    }
    fact(out, "Digest", plan.digest());
    out.markup(
        "</dl>\n<p class=\"note\">This page is personal data: keep it where only those may read who may know it.</p>\n",
    );
    out.markup("</header>\n");
}

/// The answers to what is asked first.
fn tiles(out: &mut Out<'_, '_>, plan: &Plan, headline: &Headline) {
    out.markup("<ul class=\"tiles\">\n");
    let Headline { switched_off, deleted, others_deleted, lose_licenses, references_taken, .. } = *headline;
    let mut notes: Vec<String> = Vec::new();
    let mut note = |count: u64, one: &str, several: &str| {
        if count > 0 {
            notes.push(words::counted(count, one, several));
        }
    };
    note(deleted, "deleted", "deleted");
    note(switched_off, "switched off", "switched off");
    note(others_deleted, "other object deleted", "other objects deleted");
    let loud = |count: u64, class: &'static str| if count > 0 { class } else { "calm" };
    let lose = headline.lose_access();
    let people = if lose == 1 { "person loses access" } else { "people lose access" };
    tile(out, lose, people, &notes.join(", "), loud(lose + others_deleted, "bad"), "#losses");

    let blocked =
        if headline.blocked > 0 { format!("{} blocked", words::thousands(headline.blocked)) } else { String::new() };
    let need = if headline.attention == 1 { "needs a person" } else { "need a person" };
    tile(out, headline.attention, need, &blocked, loud(headline.attention, "warn"), "#attention");

    let ends = if references_taken == 1 { "membership or reference ends" } else { "memberships or references end" };
    if lose_licenses > 0 {
        let word = if lose_licenses == 1 { "loses licences" } else { "lose licences" };
        let note = if references_taken > 0 { words::counted(references_taken, ends, ends) } else { String::new() };
        tile(out, lose_licenses, word, &note, "bad", "#losses");
    } else if references_taken > 0 {
        tile(out, references_taken, ends, "", "bad", "#losses");
    }
    let made = headline.noun(headline.created, ["account made", "accounts made"], ["object made", "objects made"]);
    tile(out, headline.created, made, "", loud(headline.created, "good"), "#entries");
    let changed =
        headline.noun(headline.changed, ["account changed", "accounts changed"], ["object changed", "objects changed"]);
    tile(out, headline.changed, changed, "", loud(headline.changed, "plain"), "#entries");
    let confirmed = plan.situations().get(&Situation::Confirmed).copied().unwrap_or(0);
    if headline.later > 0 {
        let word = if headline.later == 1 { "leaves later" } else { "leave later" };
        tile(out, headline.later, word, "after a grace period", "calm", "#losses");
    } else {
        tile(out, confirmed, "linked already", "with or without a change", "calm", "#figures");
    }
    out.markup("</ul>\n");
}

/// What needs a person: the plan as a whole, then its entries.
fn attention(out: &mut Out<'_, '_>, plan: &Plan) {
    out.markup("<section id=\"attention\" aria-labelledby=\"attention-title\">\n<h2 id=\"attention-title\">Needs a person</h2>\n");
    let whole: Vec<&Problem> = plan.problems().iter().filter(|own| own.severity != Severity::Warning).collect();
    let mut kinds = words::problem_kinds(plan, SHOWN);
    kinds.retain(|kind| kind.severity != Severity::Warning);
    let exceptions = words::unexplained(plan);
    let partial = plan.reads().iter().filter(|read| !words::ending(read).0).count();
    let over = words::limits(plan).iter().filter(|limit| limit.is_exceeded()).count();
    if partial > 0 {
        out.markup("<p class=\"banner\">Not everything was read: see <a href=\"#reads\">what was read</a>. ");
        out.markup("Nobody is removed for not being in a list that broke off.</p>\n");
    }
    if over > 0 {
        out.markup("<p class=\"banner\">More is planned than the default limits allow: see <a href=\"#limits\">limits</a>.</p>\n");
    }
    whole_problems(out, &whole);
    if whole.is_empty() && kinds.is_empty() && exceptions.is_empty() {
        out.markup("<p class=\"none\">Nothing in this plan waits for a person.</p>\n");
    }
    kinds.iter().for_each(|kind| problem_kind(out, kind, Kind::Problem));
    exceptions.iter().for_each(|kind| problem_kind(out, kind, Kind::Situation));
    out.markup("</section>\n");
}

fn warnings(out: &mut Out<'_, '_>, plan: &Plan) {
    let whole: Vec<&Problem> = plan.problems().iter().filter(|own| own.severity == Severity::Warning).collect();
    let mut kinds = words::problem_kinds(plan, SHOWN);
    kinds.retain(|kind| kind.severity == Severity::Warning);
    if whole.is_empty() && kinds.is_empty() {
        return;
    }
    out.markup(
        "<section id=\"warnings\" aria-labelledby=\"warnings-title\">\n<h2 id=\"warnings-title\">Warnings</h2>\n",
    );
    out.markup("<p class=\"about\">Something optional was left out or is not known; the rest goes on.</p>\n");
    whole_problems(out, &whole);
    kinds.iter().for_each(|kind| problem_kind(out, kind, Kind::Problem));
    out.markup("</section>\n");
}

fn whole_problems(out: &mut Out<'_, '_>, problems: &[&Problem]) {
    if problems.is_empty() {
        return;
    }
    out.markup("<ul class=\"whole\">\n");
    for problem in problems {
        out.markup("<li>").markup(badge(problem.severity)).markup(" <b>The plan as a whole:</b> ");
        out.message(&words::problem(problem, SHOWN)).markup("</li>\n");
    }
    out.markup("</ul>\n");
}

#[derive(Clone, Copy)]
enum Kind {
    Problem,
    Situation,
}

fn problem_kind(out: &mut Out<'_, '_>, kind: &ProblemKind<'_>, of: Kind) {
    let count = kind.entries();
    fold(out, count);
    out.markup("<summary>").markup(badge(kind.severity)).markup(" <b>").outside(&sentence(&kind.rule)).markup("</b> ");
    out.markup("<span class=\"count\">").number(count as u64).markup("</span></summary>\n");
    out.markup(
        "<table>\n<thead><tr><th scope=\"col\">Who</th><th scope=\"col\">What is wrong</th></tr></thead>\n<tbody>\n",
    );
    let all = kind.cases.iter().flat_map(|(what, entries)| entries.iter().map(move |entry| (what, *entry)));
    for (what, entry) in all.take(NAMED) {
        out.markup("<tr>");
        who(out, entry);
        out.markup("<td>").message(what).markup("</td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n");
    more(out, count);
    out.markup("<p class=\"all\"><a href=\"#entries\" data-show=\"");
    out.markup(match of {
        Kind::Problem => "problem",
        Kind::Situation => "situation",
    });
    out.markup("\" data-value=\"").text(&kind.rule).markup("\">Show in the list of entries</a></p>\n</details>\n");
}

/// Who it is about, as the head of a row.
fn who(out: &mut Out<'_, '_>, entry: &Entry) {
    out.markup("<th scope=\"row\">");
    let key = short(&entry.key.to_string());
    match &entry.label {
        Some(label) => out.outside(&short(label)).markup(" <small>").outside(&key).markup("</small>"),
        None => out.outside(&key),
    };
    if let Some(origin) = &entry.origin {
        out.markup(" <small>").outside(&short(&origin.to_string())).markup("</small>");
    }
    out.markup("</th>");
}

/// Who loses what, and why.
fn losses(out: &mut Out<'_, '_>, plan: &Plan) {
    out.markup("<section id=\"losses\" aria-labelledby=\"losses-title\">\n<h2 id=\"losses-title\">Who loses what, and why</h2>\n");
    let names = Names::of(plan);
    let mut any = false;
    for loss in Loss::ALL.iter().copied() {
        let losing: Vec<&Entry> = plan.entries().iter().filter(|entry| loss.is_of(entry)).collect();
        if losing.is_empty() {
            continue;
        }
        any = true;
        fold(out, losing.len());
        out.markup("<summary>").markup(match loss {
            Loss::Deleted | Loss::Disabled => "<span class=\"dot bad\"></span>",
            Loss::Licenses | Loss::References => "<span class=\"dot warn\"></span>",
            Loss::Later => "<span class=\"dot calm\"></span>",
        });
        out.markup(" <b>").markup(loss.heading()).markup("</b> <span class=\"count\">").number(losing.len() as u64);
        out.markup("</span></summary>\n<table>\n<thead><tr><th scope=\"col\">Who</th>");
        let has_what = !matches!(loss, Loss::Deleted | Loss::Disabled);
        if has_what {
            out.markup(if loss == Loss::Later { "<th scope=\"col\">When</th>" } else { "<th scope=\"col\">What</th>" });
        }
        out.markup("<th scope=\"col\">Why</th></tr></thead>\n<tbody>\n");
        for entry in losing.iter().take(NAMED) {
            out.markup("<tr>");
            who(out, entry);
            if has_what {
                out.markup("<td>");
                what_is_lost(out, loss, entry, &names);
                out.markup("</td>");
            }
            out.markup("<td>").message(&loss.why(entry)).markup("</td></tr>\n");
        }
        out.markup("</tbody>\n</table>\n");
        more(out, losing.len());
        out.markup("</details>\n");
    }
    if any {
        out.markup("<p class=\"all\"><a href=\"#entries\" data-show=\"state\" data-value=\"loses\">Show in the list of entries</a></p>\n");
    } else {
        out.markup("<p class=\"none\">Nobody loses anything by this plan.</p>\n");
    }
    out.markup("</section>\n");
}

fn what_is_lost(out: &mut Out<'_, '_>, loss: Loss, entry: &Entry, names: &Names<'_>) {
    if let (Loss::Later, Some(until)) = (loss, entry.until) {
        out.text(&words::minute(until));
    }
    for (index, set) in loss.sets(entry).enumerate() {
        if index > 0 {
            out.markup("; ");
        }
        taken(out, set, names);
    }
}

fn taken(out: &mut Out<'_, '_>, set: &SetChange, names: &Names<'_>) {
    let (names, more) = names.elements(&set.remove, SHOWN_ELEMENTS, SHOWN);
    out.markup("<span class=\"attribute\">").outside(&short(&set.attribute)).markup("</span> ");
    for (index, name) in names.iter().enumerate() {
        out.markup(if index == 0 { "" } else { ", " }).outside(name);
    }
    if more > 0 {
        out.markup(" and ").number(more as u64).markup(" more");
    }
}

/// What is done and what was found, each as a table with bars.
fn figures(out: &mut Out<'_, '_>, plan: &Plan) {
    out.markup("<section id=\"figures\" aria-labelledby=\"figures-title\">\n<h2 id=\"figures-title\">Figures</h2>\n<div class=\"pair\">\n");
    let actions = words::actions(plan);
    let total = actions.iter().map(|count| count.shown + count.blocked).max().unwrap_or(0) as u64;
    out.markup("<table class=\"chart\">\n<caption>What is done</caption>\n");
    out.markup("<thead><tr><th scope=\"col\">Action</th><th scope=\"col\" class=\"number\">Entries</th>");
    out.markup("<th scope=\"col\"><span class=\"hidden\">Note</span></th></tr></thead>\n<tbody>\n");
    if actions.is_empty() {
        out.markup("<tr><td colspan=\"3\">Nothing.</td></tr>\n");
    }
    for count in &actions {
        let told = matches!(count.action, Action::Report | Action::Exception | Action::Ignore);
        let blocked = if told { 0 } else { count.blocked as u64 };
        out.markup("<tr><th scope=\"row\"><a href=\"#entries\" data-show=\"action\" data-value=\"");
        out.markup(count.action.as_str())
            .markup("\">")
            .markup(count.action.as_str())
            .markup("</a></th><td class=\"number\">");
        out.number(count.shown as u64).markup("</td><td>");
        bar(out, tone(count.action), count.shown as u64, blocked, total);
        if blocked > 0 {
            out.markup("<small>").number(blocked).markup(" more blocked</small>");
        }
        out.markup("</td></tr>\n");
    }
    for (attribute, given, taken) in words::element_counts(plan) {
        out.markup("<tr><th scope=\"row\" class=\"attribute\">")
            .outside(&short(&attribute))
            .markup("</th><td class=\"number\">");
        out.number((given + taken) as u64).markup("</td><td><small>").number(given as u64).markup(" given, ");
        out.number(taken as u64).markup(" taken</small></td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n");

    parts::situations(out, plan.situations(), Link::ToEntries, plan.owned_elsewhere());
    out.markup("</div>\n</section>\n");
}

fn limits(out: &mut Out<'_, '_>, plan: &Plan) {
    let limits = words::limits(plan);
    if limits.is_empty() {
        return;
    }
    out.markup("<section id=\"limits\" aria-labelledby=\"limits-title\">\n<h2 id=\"limits-title\">Limits</h2>\n");
    out.markup("<p class=\"about\">Allowed is what holds where the job sets no limit of its own. What the job did in the 24 hours before counts too, and is not in this plan.</p>\n");
    out.markup("<table>\n<thead><tr><th scope=\"col\">Kind</th><th scope=\"col\">Class</th><th scope=\"col\" class=\"number\">Planned</th>");
    out.markup("<th scope=\"col\" class=\"number\">Of</th><th scope=\"col\" class=\"number\">Allowed</th><th scope=\"col\"></th></tr></thead>\n<tbody>\n");
    for limit in &limits {
        out.markup("<tr><th scope=\"row\">").markup(limit.kind).markup("</th><td>").outside(&short(&limit.class));
        out.markup("</td><td class=\"number\">").number(limit.planned).markup("</td><td class=\"number\">");
        out.number(limit.base).markup("</td><td class=\"number\">");
        match limit.allowed {
            Some(allowed) => out.number(allowed),
            None => out.markup("any"),
        };
        out.markup("</td><td>");
        if limit.is_exceeded() {
            out.markup("<span class=\"badge blocks\">exceeded</span>");
        }
        out.markup("</td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n</section>\n");
}

fn reads(out: &mut Out<'_, '_>, plan: &Plan) {
    out.markup("<section id=\"reads\" aria-labelledby=\"reads-title\">\n<h2 id=\"reads-title\">What was read</h2>\n");
    out.markup("<table>\n<thead><tr><th scope=\"col\">Store</th><th scope=\"col\">Class</th>");
    out.markup(
        "<th scope=\"col\" class=\"number\">Objects</th><th scope=\"col\">To its end?</th></tr></thead>\n<tbody>\n",
    );
    for read in plan.reads() {
        let (whole, ending) = words::ending(read);
        out.markup("<tr><th scope=\"row\">").outside(&short(&read.store)).markup("</th><td>");
        out.outside(&short(read.class.as_str()))
            .markup("</td><td class=\"number\">")
            .number(read.objects)
            .markup("</td><td>");
        if !whole {
            out.markup("<span class=\"badge blocks\">partial</span> ");
        }
        out.message(&ending).markup("</td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n</section>\n");
}

fn told(out: &mut Out<'_, '_>, plan: &Plan) {
    let reasons = words::told(plan);
    if reasons.is_empty() {
        return;
    }
    out.markup("<section id=\"told\" aria-labelledby=\"told-title\">\n<h2 id=\"told-title\">Left as they are</h2>\n");
    out.markup("<table>\n<thead><tr><th scope=\"col\">Why</th><th scope=\"col\" class=\"number\">Entries</th></tr></thead>\n<tbody>\n");
    for (reason, entries) in reasons.iter().take(NAMED) {
        out.markup("<tr><th scope=\"row\">").message(&short(reason)).markup("</th><td class=\"number\">");
        out.number(entries.len() as u64).markup("</td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n");
    more(out, reasons.len());
    out.markup("<p class=\"all\"><a href=\"#entries\" data-show=\"action\" data-value=\"report\">Show in the list of entries</a></p>\n</section>\n");
}

fn badge(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocks => "<span class=\"badge blocks\">blocked</span>",
        Severity::Attention => "<span class=\"badge attention\">attention</span>",
        Severity::Warning => "<span class=\"badge\">warning</span>",
    }
}
