//! Markdown: what it looks like, and that nothing from outside has a meaning in it.

use std::sync::LazyLock;

use entrant::Plan;
use proptest::prelude::*;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag};

use super::{hostile, sample};

#[test]
fn a_plan_reads_from_what_needs_a_person_to_the_entries() {
    let plan = sample::everything();
    insta::assert_snapshot!(plan.markdown().to_string().replace(plan.digest(), "…"));
}

#[test]
fn a_plan_with_nothing_to_do_says_so() {
    let mut header = sample::header();
    header["problems"] = serde_json::json!([]);
    let text = sample::plan(&header, Vec::new()).markdown().to_string();
    assert!(text.contains("**Nothing to change.**"), "{text}");
    assert!(!text.contains("## Needs") && !text.contains("## Who loses") && !text.contains("## Entries"), "{text}");
}

/// What the text is made of: blocks in order, without what is in them. Fails where something from outside has a meaning.
pub(super) fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut in_code = false;
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Start(
                Tag::Heading { .. }
                | Tag::Paragraph
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::List(None)
                | Tag::Item,
            ) => {
                let Event::Start(tag) = event else { continue };
                blocks.push(format!("{tag:?}"));
            }
            Event::Start(Tag::Strong) | Event::End(_) | Event::Text(_) | Event::Code(_) => {}
            Event::InlineHtml(CowStr::Borrowed("<code>")) if !in_code => in_code = true,
            Event::InlineHtml(CowStr::Borrowed("</code>")) if in_code => in_code = false,
            other => panic!("{other:?} in\n{text}"),
        }
    }
    assert!(!in_code, "{text}");
    blocks
}

/// The blocks of a text in which nothing from outside means anything.
static HARMLESS: LazyLock<Vec<String>> =
    LazyLock::new(|| blocks(&hostile::with_text(|| "x".to_owned()).markdown().to_string()));

/// Blank text in place of a value clears it, and clears are listed: such a plan has other blocks.
fn is_harmless(plan: &Plan, is_blank: bool) {
    let text = plan.markdown().to_string();
    assert_eq!(text.chars().find(|character| character.is_control() && *character != '\n'), None, "{text:?}");
    assert!(!text.contains(['\u{202e}', '\u{2028}', '\u{2029}', '\u{200f}']));
    let blocks = blocks(&text);
    assert!(is_blank || blocks == *HARMLESS, "{text}\n{blocks:?}");
}

#[test]
fn hostile_text_has_no_meaning() {
    for text in hostile::HOSTILE {
        is_harmless(&hostile::with_text(|| text.to_owned()), text.trim().is_empty());
    }
    // Texts beside others: what is put together must not mean something that its parts do not.
    for first in 0..hostile::HOSTILE.len() {
        _ = blocks(&hostile::in_turn(first).markdown().to_string());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_has_a_meaning(text in "([`|*_~<>\\[\\]()#!\\\\&; :.@a1-]|\\PC|\\n){0,12}") {
        is_harmless(&hostile::with_text(|| text.clone()), text.trim().is_empty());
    }
}
