//! The guides know all that the code knows: what has no section there is missed here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use entrant::ErrorKind;
use entrant::connection::Operation;
use entrant::job::{OutcomeKind, RunStatus};
use entrant::reconcile::{Guard, Guards};
use regex::Regex;
use serde::de::DeserializeOwned;

fn guide(name: &str) -> String {
    fs::read_to_string(source().join(format!("guide/{name}.md"))).expect("the guide is there")
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// What stands under a heading of the first level.
fn part<'a>(guide: &'a str, heading: &str) -> &'a str {
    let start = guide.find(&format!("\n# {heading}\n")).expect("the heading is there") + 1;
    let end = guide[start..].find("\n# ").map_or(guide.len(), |length| start + length);
    &guide[start..end]
}

/// All words of an enum, as its stored form refuses one that it does not know: new ones are among them by themselves.
fn words<T: DeserializeOwned>(unknown: &str) -> BTreeSet<String> {
    let Err(refusal) = serde_json::from_str::<T>(unknown) else { panic!("{unknown} is known") };
    refusal.to_string().split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect()
}

/// The names in headings of the second level, as stored forms write them.
fn sections(part: &str) -> BTreeSet<String> {
    let names = part.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`'));
    names.map(kebab).collect()
}

fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// The rows of all tables: their cells, without the heads.
fn rows(part: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = part.lines().collect();
    let is_ruled = |line: &str| line.starts_with("| ---");
    let own =
        lines.iter().zip(lines.iter().skip(1).chain([&""])).filter(|(line, next)| !is_ruled(line) && !is_ruled(next));
    let cells = own.filter_map(|(line, _)| line.strip_prefix("| "));
    cells.map(|row| row.split(" | ").map(|cell| cell.trim_end_matches('|').trim()).collect()).collect()
}

/// What stands in backticks in the first cell of each row.
fn named(part: &str) -> BTreeSet<String> {
    rows(part).iter().flat_map(|row| row[0].split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_kind_of_error_and_every_ending_has_a_section() {
    let guide = guide("when_something_fails");
    let kinds = words::<ErrorKind>("\"?\"");
    assert!(kinds.len() >= 19 && kinds.contains("cursor-expired"), "{kinds:?}");
    assert_eq!(sections(part(&guide, "Errors, kind by kind")), kinds);
    for section in part(&guide, "Errors, kind by kind").split("\n## ").skip(1) {
        assert!(section.contains("- **Means** ") && section.contains("- **Again** "), "{section}");
    }

    let endings = words::<RunStatus>(r#"{"status":"?"}"#);
    assert!(endings.contains("needs-attention"), "{endings:?}");
    assert_eq!(sections(part(&guide, "How runs end")), endings);

    let outcomes = words::<OutcomeKind>("\"?\"");
    assert_eq!(named(part(&guide, "What became of an entry")), outcomes);
}

#[test]
fn every_rule_of_a_problem_has_a_row() {
    let guide = guide("when_something_fails");
    let mut rules: BTreeSet<String> = ["mapping".to_owned()].into();
    // How the code names a rule, wherever it makes a problem.
    let patterns = [
        r#"(?:left_out|Problem::new)\(\s*Severity::\w+,\s*"([a-z-]+)""#,
        r#"\.block\(\s*"([a-z-]+)""#,
        r#"Finding::(?:object|unknown|privileged)\(\s*"([a-z-]+)""#,
        r#"Finding::attribute\(\s*[^,"]+,\s*"([a-z-]+)""#,
        r#"refuse\([^"{}]*?,\s*"([a-z-]+)""#,
        r#"(?:held\(&change|warn\(|Some\(\(|=> \()[,\s]*"([a-z-]+)","#,
        r#"RULE: &str = "([a-z-]+)""#,
    ];
    let patterns: Vec<Regex> = patterns.iter().map(|pattern| Regex::new(pattern).expect("a pattern")).collect();
    for folder in ["reconcile", "adapters/entra", "job"] {
        for text in texts(&source().join(folder)) {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for pattern in &patterns {
                rules.extend(pattern.captures_iter(code).map(|found| found[1].to_owned()));
            }
        }
    }
    for known in ["duplicate-id", "no-seat", "unverified-domain", "role-holder", "full-run", "nested-group"] {
        assert!(rules.contains(known), "the code no longer says {known} in a way that is found here");
    }
    let told = named(part(&guide, "Problems of entries"));
    let missing: Vec<_> = rules.difference(&told).collect();
    assert!(missing.is_empty(), "rules without a row in src/guide/when_something_fails.md: {missing:?}");
    let code = ["reconcile", "adapters/entra", "job"].map(|folder| texts(&source().join(folder)).concat()).concat();
    let gone: Vec<_> = told.iter().filter(|rule| !code.contains(&format!("\"{rule}\""))).collect();
    assert!(gone.is_empty(), "rows of rules that the code does not have: {gone:?}");
}

fn texts(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            texts.extend(self::texts(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(fs::read_to_string(&path).expect("a text"));
        }
    }
    texts
}

#[test]
fn the_table_of_permissions_is_that_of_the_crate() {
    let guide = guide("getting_started");
    let rows = rows(part(&guide, "1. What will the job do?"));
    let told: Vec<_> = rows.iter().map(|row| (row[0].to_owned(), row[1].replace('`', ""))).collect();
    let known: Vec<_> = Operation::all().map(|one| (one.to_string(), one.least().to_string())).collect();
    assert_eq!(told, known);
}

#[test]
fn every_guard_has_a_row() {
    let guide = guide("going_live");
    let guards: BTreeSet<String> = Guard::ALL.iter().map(|guard| guard.as_str().to_owned()).collect();
    assert_eq!(named(part(&guide, "Guards")), guards);
    let unlimited = |guard: &Guard| Guards::default().limit(*guard, 1_000).is_none();
    assert_eq!(Guard::ALL.iter().copied().filter(unlimited).collect::<Vec<_>>(), [Guard::Create, Guard::Update]);
}
