//! What the pages of plans and of reports have in common: the frame, figures, and the list that the script fills.

use std::collections::BTreeMap;

use super::csp::hash;
use super::out::Out;
use super::rows::SHOWN;
use crate::reconcile::render::words;
use crate::reconcile::{Action, Situation};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// How many entries a section names; all of them are in the list at the end.
pub(crate) const NAMED: usize = 100;
/// With more than this a group is folded.
const UNFOLDED: usize = 12;

/// Begins a page; it loads nothing, and runs and shows nothing but what is in it.
pub(crate) fn head(out: &mut Out<'_, '_>, title: &str) {
    out.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '");
    out.text(&hash(STYLE)).markup("'; script-src '").text(&hash(SCRIPT));
    out.markup("'; base-uri 'none'; form-action 'none'\">\n");
    out.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.markup("<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n");
    out.markup("<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    out.text(title).markup("</title>\n<style>");
    out.markup(STYLE).markup("</style>\n</head>\n<body>\n");
}

/// Ends a page: the entries that `rows` writes for the script, and the script.
pub(crate) fn foot(out: &mut Out<'_, '_>, rows: impl FnOnce(&mut Out<'_, '_>)) {
    out.markup("<script type=\"application/json\" id=\"plan\">");
    rows(out);
    out.markup("</script>\n<script>").markup(SCRIPT).markup("</script>\n</body>\n</html>\n");
}

pub(crate) fn fact(out: &mut Out<'_, '_>, name: &'static str, value: &str) {
    out.markup("<div><dt>").markup(name).markup("</dt><dd>").outside(&short(value)).markup("</dd></div>\n");
}

pub(crate) fn tile(
    out: &mut Out<'_, '_>,
    count: u64,
    word: &'static str,
    note: &str,
    class: &'static str,
    to: &'static str,
) {
    out.markup("<li class=\"").markup(class).markup("\"><a href=\"").markup(to).markup("\"><strong>").number(count);
    out.markup("</strong> <span>").markup(word).markup("</span>");
    if !note.is_empty() {
        out.markup(" <small>").text(note).markup("</small>");
    }
    out.markup("</a></li>\n");
}

pub(crate) fn fold(out: &mut Out<'_, '_>, count: usize) {
    out.markup(if count > UNFOLDED { "<details>\n" } else { "<details open>\n" });
}

pub(crate) fn more(out: &mut Out<'_, '_>, count: usize) {
    if count > NAMED {
        out.markup("<p class=\"more\">… and ").number((count - NAMED) as u64).markup(" more.</p>\n");
    }
}

/// A bar of two parts; the figures beside it say the same in words.
pub(crate) fn bar(out: &mut Out<'_, '_>, tone: &'static str, count: u64, blocked: u64, total: u64) {
    // What is there shows, however little it is.
    let width = |count: u64| match count {
        0 => 0,
        _ => u64::try_from(u128::from(count) * 400 / u128::from(total.max(1))).unwrap_or(400).max(2),
    };
    out.markup("<svg class=\"bar\" viewBox=\"0 0 404 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">");
    out.markup("<rect class=\"")
        .markup(tone)
        .markup("\" x=\"0\" y=\"0\" height=\"10\" width=\"")
        .plain_number(width(count));
    out.markup("\"/>");
    if blocked > 0 {
        out.markup("<rect class=\"blocked\" y=\"0\" height=\"10\" x=\"").plain_number(width(count) + 2);
        out.markup("\" width=\"").plain_number(width(blocked)).markup("\"/>");
    }
    out.markup("</svg>");
}

pub(crate) fn tone(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Restore => "good",
        Action::Update | Action::Link | Action::Relink => "plain",
        Action::Disable | Action::Delete => "bad",
        Action::Exception => "warn",
        Action::Unlink | Action::Wait | Action::Report | Action::Ignore => "calm",
    }
}

fn found_tone(situation: Situation) -> &'static str {
    match situation {
        Situation::Confirmed | Situation::Found => "plain",
        Situation::Absent => "good",
        Situation::Ambiguous
        | Situation::FoundAlreadyLinked
        | Situation::Rekeyed
        | Situation::Duplicate
        | Situation::Unreadable
        | Situation::Missing
        | Situation::RecycleBin => "warn",
        Situation::Unqualified | Situation::SourceMissing | Situation::Retired => "bad",
        Situation::Pending
        | Situation::SourceIgnored
        | Situation::LinkOnly
        | Situation::Unassigned
        | Situation::TargetIgnored
        | Situation::AllGone => "calm",
    }
}

/// The words of a list of entries.
pub(crate) struct List {
    pub(crate) heading: &'static str,
    pub(crate) caption: &'static str,
    /// What its field `problem` chooses by.
    pub(crate) problem: &'static str,
    /// What is said of each entry.
    pub(crate) said: &'static str,
    pub(crate) entries: u64,
    /// How many more there are that it does not have.
    pub(crate) left_out: u64,
}

/// Where the script puts the list.
pub(crate) fn list(out: &mut Out<'_, '_>, list: &List) {
    out.markup("<section id=\"entries\" aria-labelledby=\"entries-title\">\n<h2 id=\"entries-title\">");
    out.markup(list.heading).markup(" <span class=\"count\">").number(list.entries).markup("</span></h2>\n");
    if list.left_out > 0 {
        out.markup("<p class=\"about\">").number(list.left_out).markup(" more are not in this list.</p>\n");
    }
    out.markup("<noscript><p class=\"banner\">The list of all entries needs JavaScript. Everything above does not.</p></noscript>\n");
    out.markup("<form id=\"tools\" role=\"search\" hidden>\n");
    out.markup("<label class=\"search\"><span>Search</span><input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" placeholder=\"Name, id, attribute, value, reason\"></label>\n");
    out.markup("<label><span>Show</span><select id=\"state\"></select></label>\n");
    out.markup("<label><span>Action</span><select id=\"action\"></select></label>\n");
    out.markup("<label><span>Situation</span><select id=\"situation\"></select></label>\n");
    out.markup("<label><span>").markup(list.problem).markup("</span><select id=\"problem\"></select></label>\n");
    out.markup("<label><span>Class</span><select id=\"class\"></select></label>\n");
    out.markup("<button type=\"reset\">Clear</button>\n</form>\n<p id=\"found\" role=\"status\" hidden></p>\n");
    out.markup("<table id=\"list\" class=\"list\" hidden>\n<caption class=\"hidden\">").markup(list.caption);
    out.markup("</caption>\n<thead><tr><th scope=\"col\">Action</th><th scope=\"col\">Who</th><th scope=\"col\">");
    out.markup(list.said)
        .markup("</th><th scope=\"col\">Found</th></tr></thead>\n<tbody id=\"rows\"></tbody>\n</table>\n");
    out.markup("<p><button id=\"next\" type=\"button\" hidden>Show more</button></p>\n</section>\n");
}

/// What was found: a table with bars.
pub(crate) fn situations(out: &mut Out<'_, '_>, situations: &BTreeMap<Situation, u64>, link: Link, rest: u64) {
    let total = situations.values().copied().max().unwrap_or(0);
    out.markup("<table class=\"chart\">\n<caption>What was found</caption>\n");
    out.markup("<thead><tr><th scope=\"col\">Situation</th><th scope=\"col\" class=\"number\">Objects</th>");
    out.markup("<th scope=\"col\"><span class=\"hidden\">Meaning</span></th></tr></thead>\n<tbody>\n");
    for (situation, count) in situations {
        out.markup("<tr><th scope=\"row\">");
        match link {
            Link::ToEntries => out
                .markup("<a href=\"#entries\" data-show=\"situation\" data-value=\"")
                .markup(situation.as_str())
                .markup("\">")
                .markup(situation.as_str())
                .markup("</a>"),
            Link::None => out.markup(situation.as_str()),
        };
        out.markup("</th><td class=\"number\">").number(*count).markup("</td><td>");
        bar(out, found_tone(*situation), *count, 0, total);
        out.markup("<small>").markup(words::situation(*situation)).markup("</small></td></tr>\n");
    }
    if rest > 0 {
        out.markup("<tr><th scope=\"row\">owned elsewhere</th><td class=\"number\">").number(rest);
        out.markup("</td><td><small>belong to another job and are left alone</small></td></tr>\n");
    }
    out.markup("</tbody>\n</table>\n");
}

/// Whether the list of entries has those that a figure counts.
#[derive(Clone, Copy)]
pub(crate) enum Link {
    ToEntries,
    None,
}

pub(crate) fn short(text: &str) -> String {
    words::shorten(text, SHOWN)
}

/// The name of a rule as words.
pub(crate) fn sentence(rule: &str) -> String {
    let words = short(rule).replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
