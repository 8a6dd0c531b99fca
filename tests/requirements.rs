//! Which test shows which requirement, R1 to R84: a table, printed by
//! `cargo test --test requirements -- --nocapture`, without a gap.
//!
//! A test cites a requirement in a comment above it or in its body (`R12`, `R12–R19`, `R22 to R32`). What the first lines
//! of a file cite its tests show together, and it is told as such: of none of them alone is it said. What a test asserts is
//! told by the comment above it, or else by its name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const LAST: u32 = 84;

/// A test or a file of tests, what it says that it asserts, and the requirements that it cites.
#[derive(Debug, PartialEq)]
struct Shown {
    test: String,
    says: String,
    requirements: Vec<u32>,
}

/// The requirements that a text cites, ranges too.
fn cited(text: &str) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut range = false;
    let words = text.split(|character: char| !(character.is_alphanumeric() || character == '–'));
    for word in words.filter(|word| !word.is_empty()) {
        let numbers: Vec<Option<u32>> = word.split('–').map(number).collect();
        match numbers.as_slice() {
            [Some(first), Some(last)] => found.extend(*first..=*last),
            [Some(one)] if range => {
                let first = found.last().map_or(*one, |last| last + 1);
                found.extend(first..=*one);
            }
            [Some(one)] => found.push(*one),
            _ => {}
        }
        range = word == "to" && !found.is_empty();
    }
    found.retain(|number| (1..=LAST).contains(number));
    found
}

fn number(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('R').filter(|digits| digits.len() <= 2)?;
    digits.parse().ok()
}

/// A file and its tests, whose functions begin in this column.
fn tests_of(module: &str, text: &str, column: usize) -> Vec<Shown> {
    let heading: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let heading = heading.join(" ");
    let mut shown = vec![Shown { test: module.to_owned(), requirements: cited(&heading), says: heading }];
    let (mut above, mut is_test) = (String::new(), false);
    for line in text.lines() {
        let trimmed = line.trim_start();
        let is_outside = line.len() - trimmed.len() == column;
        if is_outside && (trimmed.starts_with("#[test]") || trimmed.starts_with("#[tokio::test")) {
            is_test = true;
        } else if let Some(name) = trimmed.trim_start_matches("async ").strip_prefix("fn ").filter(|_| is_test) {
            let name = name.split(['(', '<']).next().unwrap_or_default();
            let says = if above.is_empty() { name.replace('_', " ") } else { above.trim_end().to_owned() };
            shown.push(Shown { test: format!("{module}::{name}"), says, requirements: cited(&above) });
            (above, is_test) = (String::new(), false);
        } else if is_outside && trimmed.starts_with("//") {
            above.push_str(trimmed.trim_start_matches('/').trim());
            above.push(' ');
        } else if let (false, Some((_, comment)), Some(last)) = (is_outside, trimmed.split_once("//"), shown.last_mut())
        {
            last.requirements.extend(cited(comment));
        } else if is_outside && !trimmed.starts_with("#[") {
            above.clear();
        }
    }
    for one in &mut shown {
        one.requirements.sort_unstable();
        one.requirements.dedup();
    }
    // A file without tests shows nothing.
    if shown.len() == 1 { Vec::new() } else { shown }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_requirement_is_shown_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    files(&root.join("tests"), &mut paths);
    files(&root.join("src"), &mut paths);
    let mut table: BTreeMap<u32, Vec<(String, String)>> = BTreeMap::new();
    for path in paths.iter().filter(|path| !path.ends_with("tests/requirements.rs")) {
        let text = fs::read_to_string(path).expect("a text");
        let name = path.strip_prefix(root).expect("within it").with_extension("");
        let module = name.to_string_lossy().replace("tests/it/", "").replace("/mod", "").replace('/', "::");
        // Of the code itself only its tests count.
        let (text, column) = match name.starts_with("src") {
            true => (text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests), 4),
            false => (text.as_str(), 0),
        };
        for shown in tests_of(&module, text, column) {
            for requirement in shown.requirements {
                table.entry(requirement).or_default().push((shown.test.clone(), shown.says.clone()));
            }
        }
    }
    for (requirement, tests) in &table {
        for (test, says) in tests {
            println!("R{requirement:<3} {test:<90} {says}");
        }
    }
    let gaps: Vec<String> =
        (1..=LAST).filter(|number| !table.contains_key(number)).map(|number| format!("R{number}")).collect();
    assert!(gaps.is_empty(), "no test cites {}", gaps.join(", "));
}

#[test]
fn what_is_cited_is_found_and_nothing_else() {
    for (text, expected) in [
        ("(R12)", vec![12]),
        ("R12–R14, R3", vec![12, 13, 14, 3]),
        ("R22 to R24", vec![22, 23, 24]),
        ("R6, R35 and R73", vec![6, 35, 73]),
        ("R85 R0 R123 XR12 R 7 RS256", vec![]),
    ] {
        assert_eq!(cited(text), expected, "{text}");
    }
    let text = "//! Some (R1).\n\n/// R2.\n#[test]\nfn one() {\n    x(); // R3\n}\n\n// R9\nfn helper() {}\n\n#[tokio::test]\nasync fn number_two() {\n    // R4\n}\n";
    let shown = |test: &str, says: &str, requirements: &[u32]| Shown {
        test: test.to_owned(),
        says: says.to_owned(),
        requirements: requirements.to_vec(),
    };
    let expected =
        [shown("m", "Some (R1).", &[1]), shown("m::one", "R2.", &[2, 3]), shown("m::number_two", "number two", &[4])];
    assert_eq!(tests_of("m", text, 0), expected);
    assert_eq!(tests_of("m", "//! Some (R1).\n\nfn helper() {}\n", 0), []);
}
