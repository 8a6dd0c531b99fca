//! The entries as the page's script takes them: one JSON document, in which what repeats is written once.

use std::collections::HashMap;

use serde::Serialize;

use super::super::words::{self, Names, ShownChange};
use super::out::Out;
use crate::reconcile::{Action, AttributeChange, Entry, Plan, Problem, SetChange, Severity, Situation};

/// The longest value that is shown whole, in characters.
pub(super) const SHOWN: usize = 300;
/// How many of the elements that are given or taken are named.
pub(super) const SHOWN_ELEMENTS: usize = 50;

/// Texts that repeat, each written once; a row holds their numbers.
#[derive(Default)]
struct Texts {
    numbers: HashMap<String, usize>,
}

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        let text = words::shorten(text, SHOWN);
        let next = self.numbers.len();
        *self.numbers.entry(text).or_insert(next)
    }

    fn in_order(&self) -> Vec<&str> {
        let mut texts: Vec<(&usize, &str)> =
            self.numbers.iter().map(|(text, number)| (number, text.as_str())).collect();
        texts.sort_unstable();
        texts.into_iter().map(|(_, text)| text).collect()
    }
}

/// Attribute, rule, the value afterwards; then the value before and the one between, where they are known.
type Change = (usize, usize, String, Option<String>, Option<String>);

/// Attribute, rule, given, how many more, taken, how many more.
type Set = (usize, usize, Vec<String>, usize, Vec<String>, usize);

/// An entry. Numbers are places in the lists of actions, situations and texts.
#[derive(Default, Serialize)]
struct Row {
    /// What is done.
    a: usize,
    /// What was found.
    s: usize,
    /// Its state, as [`state`] says it.
    n: u8,
    /// The class.
    k: usize,
    /// The key.
    i: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    l: Option<String>,
    /// Where it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    o: Option<String>,
    /// What is written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    c: Vec<Change>,
    /// What is given and taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    e: Vec<Set>,
    /// Secrets: attribute and rule.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    x: Vec<(usize, usize)>,
    /// Until when it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    u: Option<String>,
    /// The evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<usize>,
    /// The reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    r: Option<String>,
    /// What comes before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    f: Vec<String>,
    /// Severity, rule, and what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    p: Vec<(usize, usize, String)>,
}

/// 0: is carried out; 1: needs a person; 2: blocked; 3: nothing is done. 4 more: something is lost by it.
fn state(entry: &Entry) -> u8 {
    let state = match entry {
        entry if entry.is_blocked() => 2,
        entry if entry.needs_attention() => 1,
        entry if entry.runs() => 0,
        _ => 3,
    };
    let loses = words::Loss::ALL.iter().any(|loss| loss.is_of(entry));
    if loses { state + 4 } else { state }
}

fn place<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or(all.len())
}

impl Row {
    fn new(entry: &Entry, names: &Names<'_>, texts: &mut Texts) -> Self {
        let text = |text: &str| words::shorten(text, SHOWN);
        let c = entry.changes.iter().map(|own| change(own, texts)).collect();
        let e = entry.sets.iter().map(|own| set(own, names, texts)).collect();
        let x = entry.secrets.iter().map(|own| (texts.number(&own.attribute), texts.number(&own.rule))).collect();
        let p = entry.problems.iter().map(|own| problem(own, texts)).collect();
        Self {
            a: place(Action::ALL, &entry.action),
            s: place(Situation::ALL, &entry.situation),
            n: state(entry),
            k: texts.number(entry.class.as_str()),
            i: text(&entry.key.to_string()),
            l: entry.label.as_deref().map(text),
            o: entry.origin.as_ref().map(|origin| text(&origin.to_string())),
            c,
            e,
            x,
            u: entry.until.map(words::minute),
            v: entry.evidence.as_ref().map(|evidence| texts.number(&evidence.to_string())),
            r: words::remark(entry),
            f: entry.after.iter().map(|edge| text(&edge.entry.to_string())).collect(),
            p,
        }
    }
}

fn change(own: &AttributeChange, texts: &mut Texts) -> Change {
    let ShownChange { old, new, through } = words::change(own, SHOWN);
    (texts.number(&own.attribute), texts.number(&own.rule), new, old, through)
}

fn set(own: &SetChange, names: &Names<'_>, texts: &mut Texts) -> Set {
    let (given, more_given) = names.elements(&own.add, SHOWN_ELEMENTS, SHOWN);
    let (taken, more_taken) = names.elements(&own.remove, SHOWN_ELEMENTS, SHOWN);
    (texts.number(&own.attribute), texts.number(&own.rule), given, more_given, taken, more_taken)
}

fn problem(own: &Problem, texts: &mut Texts) -> (usize, usize, String) {
    (place(Severity::ALL, &own.severity), texts.number(&own.rule), words::problem(own, SHOWN))
}

/// Writes all entries, one a line, with the words that they go by.
pub(super) fn write(out: &mut Out<'_, '_>, plan: &Plan) {
    let (names, mut texts) = (Names::of(plan), Texts::default());
    out.markup("{\"entries\":[");
    for (index, entry) in plan.entries().iter().enumerate() {
        if out.is_broken() {
            return;
        }
        out.markup(if index == 0 { "\n" } else { ",\n" }).json(&Row::new(entry, &names, &mut texts));
    }
    end(out, &texts);
}

/// The words that the entries go by.
fn end(out: &mut Out<'_, '_>, texts: &Texts) {
    out.markup("\n],\n\"texts\":").json(&texts.in_order());
    let words = |all: Vec<&'static str>| all;
    out.markup(",\n\"actions\":").json(&words(Action::ALL.iter().map(|own| own.as_str()).collect()));
    out.markup(",\n\"situations\":").json(&words(Situation::ALL.iter().map(|own| own.as_str()).collect()));
    out.markup(",\n\"severities\":").json(&words(Severity::ALL.iter().map(|own| own.as_str()).collect()));
    out.markup("}");
}

/// What became of an entry, or what of it needs a person.
pub(crate) struct Trouble<'a> {
    pub(crate) action: Action,
    pub(crate) situation: Situation,
    pub(crate) class: &'a str,
    pub(crate) key: String,
    pub(crate) label: Option<&'a str>,
    /// How bad it is; the group that it belongs to, by name; and what is said of it.
    pub(crate) said: Vec<(Severity, &'a str, &'a str)>,
}

/// Writes troubles as entries, for the same script.
pub(crate) fn write_troubles<'a>(out: &mut Out<'_, '_>, troubles: impl Iterator<Item = Trouble<'a>>) {
    let mut texts = Texts::default();
    let text = |text: &str| words::shorten(text, SHOWN);
    let rows = troubles.map(|own| Row {
        a: place(Action::ALL, &own.action),
        s: place(Situation::ALL, &own.situation),
        // Each of them needs a person; the group says how much.
        n: 1,
        k: texts.number(own.class),
        i: text(&own.key),
        l: own.label.map(text),
        p: own
            .said
            .iter()
            .map(|(severity, group, said)| {
                (place(Severity::ALL, severity), texts.number(group), words::shorten(said, words::SENTENCE))
            })
            .collect(),
        ..Row::default()
    });
    out.markup("{\"entries\":[");
    for (index, row) in rows.enumerate() {
        if out.is_broken() {
            return;
        }
        out.markup(if index == 0 { "\n" } else { ",\n" }).json(&row);
    }
    end(out, &texts);
}
