//! A report as a page and as Markdown: what they say, and that nothing from outside has a meaning in them.

use std::time::{Duration, Instant};

use entrant::Report;
use serde_json::{Value, json};

use super::html::{all, is_accessible, is_sound, parsed, structure, text};
use super::{hostile, markdown};

fn report(json: Value) -> Report {
    serde_json::from_value(json).expect("the report is well formed")
}

fn trouble(id: &str, action: &str, outcome: Value, more: Value) -> Value {
    let mut trouble = json!({ "key": { "mapping": "user", "end": "source", "id": id }, "situation": "confirmed",
        "action": action, "label": format!("Person {id}"), "outcome": outcome });
    let (Value::Object(members), Value::Object(more)) = (&mut trouble, more) else { return trouble };
    members.extend(more);
    trouble
}

fn failed(class: &str, message: &str) -> Value {
    json!({ "kind": "failed", "class": class, "message": message })
}

fn count(action: &str, outcome: &str, count: u64) -> Value {
    json!({ "situation": "confirmed", "action": action, "outcome": outcome, "count": count })
}

fn frame(status: Value) -> Value {
    json!({
        "job": "staff", "plan": "c0ffee", "started": "2026-01-05T09:00:00Z", "finished": "2026-01-05T09:02:05Z",
        "status": status, "situations": { "confirmed": 950, "absent": 12, "ambiguous": 2, "source-missing": 3 },
        "outcomes": [], "troubles": [], "troublesLeftOut": 0, "warnings": 0
    })
}

/// Every kind of trouble, each once.
fn everything() -> Value {
    let mut json = frame(json!({ "status": "incomplete" }));
    json["elements"] = json!({ "members": { "given": 12, "taken": 1 } });
    json["warnings"] = json!(2);
    json["outcomes"] = json!([
        count("create", "applied", 12),
        count("update", "applied", 40),
        count("update", "failed", 4),
        count("disable", "stale", 1),
        count("create", "pending", 1),
        count("exception", "blocked", 2),
        count("wait", "waiting", 3),
        count("report", "unchanged", 9)
    ]);
    json["troubles"] = json!([
        trouble("1", "update", failed("forbidden", "Insufficient privileges; grant `User.ReadWrite.All`"), json!({})),
        trouble("2", "update", failed("throttled", "429 after 6 attempts"), json!({})),
        trouble("3", "update", failed("conflict", "`ada@contoso.com` is taken by `a9`"), json!({})),
        trouble("4", "update", failed("invalid", "`XX` is no country"), json!({ "label": null })),
        trouble("5", "disable", json!({ "kind": "stale", "reason": "the source has it again" }), json!({})),
        trouble("6", "create", json!({ "kind": "pending", "reason": "no answer came" }), json!({})),
        trouble("7", "exception", json!({ "kind": "blocked", "reason": "2 objects match: a8, a9" }), json!({})),
        trouble(
            "8",
            "update",
            json!({ "kind": "applied" }),
            json!({ "attention": ["skuId: waits for a seat of `SPE_E5`"] })
        ),
    ]);
    json
}

fn stopped() -> Value {
    frame(json!({ "status": "stopped", "breaches": [
        { "guard": "disable", "class": "user", "planned": 120, "recent": 3, "allowed": 96, "base": 960 },
        { "guard": "member-removal", "class": "group", "object": { "class": "group", "id": "g1" }, "planned": 40,
          "recent": 0, "allowed": 10, "base": 100 }
    ] }))
}

/// A run of so many entries, of which the kept ones went wrong.
fn big(entries: u64) -> Value {
    let kept = (entries / 5).clamp(1, 10_000);
    let mut json = frame(json!({ "status": "needs-attention" }));
    json["situations"] = json!({ "confirmed": entries * 4, "absent": entries / 2, "ambiguous": entries / 50 });
    json["outcomes"] = json!([
        count("create", "applied", entries / 2),
        count("update", "applied", entries - entries / 2 - kept),
        count("update", "failed", kept.div_ceil(2)),
        count("exception", "blocked", kept / 2)
    ]);
    let troubles = (0..kept).map(|number| {
        let id = format!("E{number:06}");
        if number < kept.div_ceil(2) {
            let class = ["forbidden", "conflict", "throttled"][(number % 3) as usize];
            trouble(
                &id,
                "update",
                failed(class, &format!("the service refused to write `jobTitle` of user {number}")),
                json!({}),
            )
        } else {
            let reason = format!("2 objects match: {number}-a, {number}-b");
            trouble(
                &id,
                "exception",
                json!({ "kind": "blocked", "reason": reason }),
                json!({ "situation": "ambiguous" }),
            )
        }
    });
    json["troubles"] = troubles.collect();
    json["troublesLeftOut"] = json!((entries / 5).saturating_sub(10_000));
    json
}

fn quiet() -> Value {
    frame(json!({ "status": "complete" }))
}

#[test]
fn the_page_of_a_report_is_sound_and_loads_nothing() {
    for json in [everything(), stopped(), quiet(), big(1_000)] {
        let (text, page) = parsed(report(json).html());
        is_sound(&text, &page);
        is_accessible(&page);
    }
}

/// How it ended, and what to do: in each form, without the script.
#[test]
fn a_report_says_how_it_ended_and_what_to_do() {
    #[rustfmt::skip]
    let table = [
        (quiet(), "There was nothing to do.", &[][..]),
        (everything(), "52 entries were carried out. It is not finished", &[
            "Failed, not permitted (1): grant what the reason names",
            "Failed, refused as it is (1): correct the value",
            "Out of date (1): make a new plan",
            "In doubt (1): run again",
            "Done, but lacking something (1): the rest was carried out",
            "2 entries left something optional out",
        ]),
        (stopped(), "Stopped by guards before the first write: nothing was changed.", &["guard disable: the plan has 120", "beside 3 in the last 24 hours"]),
    ];
    for (json, sentence, steps) in table {
        let report = report(json);
        let (_, page) = parsed(report.html());
        let lead = text(&page, ".lead");
        assert!(lead.contains(sentence), "{lead}");
        let next = text(&page, "#next-steps");
        assert!(steps.is_empty() == next.contains("Nothing."), "{next}");
        let markdown = report.markdown().to_string();
        assert!(markdown.contains(sentence), "{markdown}");
        // In code spans, or not.
        let shown = report.to_string();
        for step in steps {
            assert!(next.contains(step), "{step} in {next}");
            assert!(markdown.replace(['`', ' '], "").contains(&step.replace(' ', "")), "{step} in {markdown}");
            assert!(shown.contains(step), "{step} in {shown}");
        }
    }
}

#[test]
fn a_stopped_run_says_how_its_guards_are_lifted() {
    let report = report(stopped());
    let guards = text(&parsed(report.html()).1, "#guards");
    for words in ["120", "96", "960", "Apply::lift(Guard::Disable)", "g1", "Apply::lift(Guard::MemberRemoval)"] {
        assert!(guards.contains(words), "{words} in {guards}");
        assert!(report.markdown().to_string().contains(words), "{words}");
    }
}

/// The failures come first, each with who and why.
#[test]
fn failures_and_exceptions_stand_first_each_with_its_reason() {
    let report = report(everything());
    let (_, page) = parsed(report.html());
    let troubles = text(&page, "#troubles");
    let order = [
        "Insufficient privileges",
        "XX is no country",
        "ada@contoso.com is taken",
        "429 after",
        "the source has it again",
        "no answer came",
        "2 objects match",
        "waits for a seat of SPE_E5",
    ];
    let places: Vec<usize> = order.iter().map(|words| troubles.find(words).expect(words)).collect();
    assert!(places.is_sorted(), "{places:?} {troubles}");
    assert!(troubles.contains("Person 1") && troubles.contains("user 4"), "{troubles}");
    let sections: Vec<_> = all(&page, "main section").iter().filter_map(|section| section.attr("id")).collect();
    assert_eq!(sections, ["next-steps", "troubles", "figures", "entries"]);
    let data: Value = serde_json::from_str(&text(&page, "script[type]")).expect("the data is JSON");
    assert_eq!(data["entries"].as_array().map(Vec::len), Some(8));
    insta::assert_snapshot!(report.markdown().to_string());
}

/// The figures of both products are on the page.
#[test]
fn a_report_counts_by_situation_action_and_outcome_and_rolls_them_up() {
    let (_, page) = parsed(report(everything()).html());
    let rows: Vec<String> = all(&page, "#figures tr")
        .iter()
        .map(|row| row.text().collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in [
        "update 44 40 applied, 4 failed",
        "wait 3 3 waiting",
        "members 13 12 given, 1 taken",
        "confirmed 950 linked, and both ends are there",
        "one to one 950 linked or matched with one counterpart",
        "unresolved source 12 in the source, without a counterpart",
        "ambiguous 2 more than one counterpart, or one that is taken",
        "impacted 60 written, or to be written",
        "failed 7 not written",
        "partially synced 2 with something optional left out",
    ] {
        assert!(rows.iter().any(|own| own == row), "{row} in {rows:#?}");
    }
    assert!(all(&page, "#figures svg.bar rect").len() > 10, "with bars");
}

fn with_text(text: &str) -> Report {
    let replaced = |whole: Value| {
        let mut json = whole.clone();
        hostile::change(&mut json, &mut || text.to_owned());
        for (trouble, before) in json["troubles"]
            .as_array_mut()
            .expect("troubles")
            .iter_mut()
            .zip(whole["troubles"].as_array().expect("the same"))
        {
            // The class of an error is one of ours.
            if let Some(class) = before["outcome"].get("class") {
                trouble["outcome"]["class"] = class.clone();
            }
            if let Some(own) = trouble.get_mut("attention") {
                *own = json!([text]);
            }
        }
        json
    };
    let mut json = replaced(everything());
    json["status"] = replaced(stopped())["status"].take();
    report(json)
}

#[test]
fn hostile_text_is_text_wherever_it_stands() {
    let harmless = structure(&parsed(with_text("x").html()).1);
    let lines = with_text("x").to_string().lines().count();
    let blocks = markdown::blocks(&with_text("x").markdown().to_string());
    for hostile in hostile::HOSTILE {
        let report = with_text(hostile);
        let (text, page) = parsed(report.html());
        is_sound(&text, &page);
        assert_eq!(structure(&page), harmless, "{hostile:?}");
        let markdown = report.markdown().to_string();
        assert_eq!(markdown::blocks(&markdown), blocks, "{markdown}");
        // Neither does it move a terminal's cursor.
        let shown = report.to_string();
        assert_eq!(shown.chars().find(|own| own.is_control() && *own != '\n'), None, "{shown:?}");
        assert_eq!(shown.lines().count(), lines, "{shown:?}");
    }
}

#[test]
fn the_page_is_bounded_and_written_in_time() {
    let (ten_thousand, million) = (report(big(50_000)), report(big(1_000_000)));
    let start = Instant::now();
    let (small, big) = (ten_thousand.html().to_string().len(), million.html().to_string());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(big.len() < small + 1_000 && big.len() < 10_000 * 300, "{small} and {} bytes", big.len());
    assert!(big.contains("190,000 more are not in this list"), "what is left out is told");
    assert!(million.markdown().to_string().len() < 100_000);
    // Reasons of any length are cut off.
    let long = "0123456789".repeat(10_000);
    assert!(with_text(&long).html().to_string().len() < 100_000);
}

/// Writes the pages that were looked at in a browser, into the folder that the variable names.
#[test]
#[ignore = "for the eye"]
fn pages_to_look_at() {
    let folder = std::path::PathBuf::from(std::env::var_os("ENTRANT_PAGES").expect("a folder"));
    for (name, report) in [
        ("10", report(big(10))),
        ("1000", report(big(1_000))),
        ("50000", report(big(50_000))),
        ("everything", report(everything())),
        ("stopped", report(stopped())),
        ("quiet", report(quiet())),
        ("hostile", with_text(hostile::HOSTILE[0])),
        ("bidi", with_text(hostile::HOSTILE[17])),
    ] {
        std::fs::write(folder.join(format!("{name}.html")), report.html().to_string()).expect("a page is written");
    }
}
