//! The page: that it is sound, loads nothing, and that nothing from outside becomes markup; judged by an HTML5 parser.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use entrant::Plan;
use proptest::prelude::*;
use scraper::{Html, Node, Selector};

use super::{hostile, sample};

fn page(plan: &Plan) -> (String, Html) {
    parsed(plan.html())
}

pub(super) fn parsed(page: impl std::fmt::Display) -> (String, Html) {
    let text = page.to_string();
    let page = Html::parse_document(&text);
    (text, page)
}

pub(super) fn all<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).expect("a selector")).collect()
}

pub(super) fn text(page: &Html, selector: &str) -> String {
    all(page, selector).iter().flat_map(|element| element.text()).collect()
}

/// The elements in order with the names of their attributes, but for the marks of quoted names within a sentence.
pub(super) fn structure(page: &Html) -> Vec<String> {
    let mut parts = Vec::new();
    for node in page.tree.root().descendants() {
        match node.value() {
            Node::Element(element) if element.name() != "code" => {
                let names: Vec<&str> = element.attrs().map(|(name, _)| name).collect();
                parts.push(format!("{} {}", element.name(), names.join(" ")));
            }
            Node::Comment(comment) => panic!("a comment: {comment:?}"),
            Node::ProcessingInstruction(instruction) => panic!("an instruction: {instruction:?}"),
            _ => {}
        }
    }
    parts
}

/// The structure of a page whose texts mean nothing.
static HARMLESS: LazyLock<Vec<String>> = LazyLock::new(|| structure(&page(&hostile::with_text(|| "x".to_owned())).1));

/// What holds for the page of any plan.
pub(super) fn is_sound(text: &str, page: &Html) {
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    assert!(text.starts_with("<!doctype html>"));
    for element in page.tree.root().descendants().filter_map(|node| node.value().as_element()) {
        let name = element.name();
        assert!(
            !matches!(name, "img" | "link" | "iframe" | "object" | "embed" | "base" | "a" if element.attr("src").is_some()),
            "{element:?}"
        );
        for (attribute, value) in element.attrs() {
            let is_refused = attribute.starts_with("on")
                || matches!(attribute, "src" | "srcset" | "style" | "action" | "formaction" | "ping");
            assert!(!is_refused, "{element:?}");
            assert!(attribute != "href" || value.starts_with('#'), "{element:?}");
        }
    }
    let scripts = all(page, "script");
    assert_eq!(scripts.len(), 2, "the data and the script");
    assert_eq!(scripts[0].attr("type"), Some("application/json"));
    assert_eq!(all(page, "style").len(), 1);
    let hostile = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(|character| hostile(*character)), None);
}

#[test]
fn the_page_of_a_plan_is_sound_and_loads_nothing() {
    for plan in [sample::everything(), sample::big(300), sample::plan(&sample::header(), Vec::new())] {
        let (text, page) = page(&plan);
        is_sound(&text, &page);
        is_accessible(&page);
    }
}

/// Who hears the page, or goes through it by keys, finds the way.
pub(super) fn is_accessible(page: &Html) {
    assert_eq!(all(page, "html[lang=en]").len(), 1);
    assert_eq!(all(page, "h1").len(), 1);
    assert!(all(page, "th").iter().all(|cell| cell.attr("scope").is_some()), "every head of a table says of what");
    for control in all(page, "input, select") {
        let label = control.ancestors().find(|node| node.value().as_element().is_some_and(|own| own.name() == "label"));
        assert!(label.is_some(), "every field has a label");
    }
    for section in all(page, "section") {
        let id = section.attr("aria-labelledby").expect("a section has a heading");
        assert_eq!(all(page, &format!("#{id}")).len(), 1);
    }
    for link in all(page, "a[href]") {
        let to = link.attr("href").expect("it has one");
        // A link to a section that this plan does not have leads nowhere.
        assert_eq!(all(page, to).len(), 1, "{to}");
    }
}

/// The policy admits the page's own style and script, as a parser sees them, and nothing else.
#[test]
fn the_policy_admits_the_pages_own_script_and_nothing_else() {
    let (_, page) = page(&sample::everything());
    let policy = all(&page, "meta[http-equiv=Content-Security-Policy]")[0].attr("content").expect("a policy");
    let hash = |text: String| {
        let digest = hmac_sha256::Hash::hash(text.as_bytes());
        let bits: String = digest.iter().map(|byte| format!("{byte:08b}")).collect::<String>() + "00";
        let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".as_bytes();
        let sixes =
            (0..bits.len() / 6).map(|index| usize::from_str_radix(&bits[6 * index..6 * index + 6], 2).expect("bits"));
        format!("'sha256-{}='", sixes.map(|six| char::from(digits[six])).collect::<String>())
    };
    let (style, script) = (hash(text(&page, "style")), hash(text(&page, "script:not([type])")));
    assert_eq!(
        policy,
        format!("default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'")
    );
}

/// The list is made by the script: it knows no way to make markup of text, to run text, or to reach anything.
#[test]
fn the_script_makes_no_markup_of_text() {
    let script = text(&page(&sample::everything()).1, "script:not([type])");
    assert!(script.contains("createElement") && script.contains("JSON.parse"));
    let refused = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "setHTML",
        "DOMParser",
        "createContextualFragment",
        "document.write",
    ]
    .into_iter()
    .chain([
        "eval(",
        "Function(",
        "import(",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "sendBeacon",
        ".src",
        "setAttribute",
    ])
    .chain(["localStorage", "sessionStorage", "indexedDB", "document.cookie", "location"]);
    for way in refused {
        assert!(!script.contains(way), "{way}");
    }
}

/// What a manager asks first is there without the script.
#[test]
fn who_loses_access_and_why_is_there_without_the_script() {
    let (_, page) = page(&sample::everything());
    let lead = text(&page, ".lead");
    assert!(lead.starts_with("If applied: 2 people lose access, 1 object loses licences, "), "{lead}");
    assert!(lead.ends_with("4 things need a person."), "{lead}");
    let losses = text(&page, "#losses");
    for name in
        ["Barbara", "Tony", "Donald", "SPE_E3", "Niklaus", "not found when asked again by id", "2026-01-12 09:00 UTC"]
    {
        assert!(losses.contains(name), "{name} in {losses}");
    }
    let attention = text(&page, "#attention");
    for name in ["The plan as a whole", "Edsger", "no verified domain of the tenant", "Robin", "2 objects match"] {
        assert!(attention.contains(name), "{name} in {attention}");
    }
    assert!(!text(&page, "#attention").contains("Grace"), "a warning waits for nobody");
    assert!(text(&page, "#warnings").contains("Grace"));
    assert!(text(&page, "#reads").contains("partial"));
    assert!(text(&page, "#limits").contains("member-removal"));
    assert!(text(&page, ".facts").contains(sample::everything().digest()));
}

/// What is taken from a set is named as people know it, where one entry alone has that id.
#[test]
fn elements_are_named_as_people_know_them() {
    let losses = |plan: &Plan| text(&page(plan).1, "#losses");
    assert!(losses(&sample::everything()).contains("members Barbara, Tony (a5)"));
    let mut json = serde_json::to_value(sample::everything()).expect("a plan is JSON");
    for entry in json["entries"].as_array_mut().expect("entries") {
        if entry["label"] == "Donald" {
            entry["target"]["id"] = "a5".into();
        }
    }
    let losses = losses(&serde_json::from_value(json).expect("it still is a plan"));
    assert!(losses.contains("members Barbara, a5"), "two have this id: {losses}");
}

#[test]
fn more_than_the_default_limits_is_told() {
    let (_, page) = page(&sample::everything());
    assert!(!text(&page, "#limits").contains("exceeded"));
    assert!(!text(&page, "#attention").contains("limits"));
    // As on the first run: the one that is linked is the first, and none may be without being asked for.
    let mut json = serde_json::to_value(sample::everything()).expect("a plan is JSON");
    json["header"]["linked"] = serde_json::json!({});
    let (_, page) = self::page(&serde_json::from_value(json).expect("it still is a plan"));
    assert!(text(&page, "#limits").contains("exceeded"));
    assert!(text(&page, "#attention").contains("More is planned than the default limits allow"));
}

#[test]
fn hostile_text_is_text_wherever_it_stands() {
    for hostile in hostile::HOSTILE {
        let (text, page) = page(&hostile::with_text(|| hostile.to_owned()));
        is_sound(&text, &page);
        // Blank text in place of a value clears it, and clears are listed.
        let is_blank = hostile.trim().is_empty();
        assert!(is_blank || structure(&page) == *HARMLESS, "{hostile:?}: {:?}", structure(&page));
        let json: serde_json::Value =
            serde_json::from_str(&self::text(&page, "script[type]")).expect("the data is JSON");
        assert_eq!(json["entries"].as_array().map(Vec::len), Some(14));
    }
    for first in 0..hostile::HOSTILE.len() {
        let (text, page) = page(&hostile::in_turn(first));
        is_sound(&text, &page);
    }
}

/// Names that are right as they are stay so.
#[test]
fn names_of_people_are_not_changed() {
    for name in ["O'Neil & Søns", "محمد", "נועם", "Nguyễn Trần", "👩‍💻 Ada", "क्षत्रिय", "می‌خواهم", "<Ada>"]
    {
        let (_, page) = page(&hostile::with_text(|| name.to_owned()));
        assert_eq!(text(&page, "h1"), name);
        let json: serde_json::Value = serde_json::from_str(&text(&page, "script[type]")).expect("the data is JSON");
        assert_eq!(json["entries"][0]["l"], name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_text_leaves_its_place(text in "([<>&\"'/!=`;-]|script|\\PC|\\u{2028}|\\u{0}|\\n){0,12}") {
        let (shown, page) = page(&hostile::with_text(|| text.clone()));
        is_sound(&shown, &page);
        prop_assert!(text.trim().is_empty() || structure(&page) == *HARMLESS);
        let plain = |character: char| if character.is_control() || character == '\u{2028}' { '\u{fffd}' } else { character };
        let title = self::text(&page, "h1");
        prop_assert_eq!(title.chars().map(plain).collect::<String>(), title.clone());
        prop_assert_eq!(title.chars().count(), text.chars().count());
    }
}

#[test]
fn the_page_grows_by_little_with_each_entry_and_is_written_in_time() {
    let plan = sample::big(5_000);
    let start = Instant::now();
    let bytes = plan.html().to_string().len();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(bytes < 5_000 * 300, "{bytes} bytes");
    // Values of any length are cut off.
    let long = "0123456789".repeat(10_000);
    let bytes = hostile::with_text(|| long.clone()).html().to_string().len();
    assert!(bytes < 200_000, "{bytes} bytes");
}
