//! The folders are the architecture: which module may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use of the crate, beside itself. A new module goes in here first.
const EDGES: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("error", &["plain"]),
    ("clock", &["error"]),
    ("secret", &["error"]),
    ("cloud", &["error"]),
    ("digest", &[]),
    ("permit", &["error"]),
    ("model", &["error", "clock", "secret", "cloud"]),
    ("expr", &["error", "clock", "secret", "cloud", "digest", "model"]),
    ("mapping", &["plain", "error", "clock", "secret", "cloud", "digest", "model", "expr"]),
    ("reconcile", &["plain", "error", "clock", "secret", "cloud", "digest", "model", "expr", "mapping"]),
    ("odata", &["error", "clock", "secret", "cloud", "model"]),
    ("http", &["error", "clock", "secret", "cloud"]),
    ("auth", &["error", "clock", "secret", "cloud", "http"]),
    ("graph", &["error", "clock", "secret", "cloud", "permit", "model", "odata", "http", "auth"]),
    ("store", &["error", "clock", "secret", "cloud", "model", "reconcile"]),
    ("connection", &["error", "clock", "secret", "cloud", "http", "auth", "graph"]),
    ("adapters", ADAPTERS),
    // The engine knows no product: what it works on reaches it through the traits of `store`.
    (
        "job",
        &[
            "plain",
            "error",
            "clock",
            "secret",
            "cloud",
            "digest",
            "permit",
            "model",
            "expr",
            "mapping",
            "reconcile",
            "store",
        ],
    ),
    ("sim", &["error", "clock", "secret", "cloud", "http"]),
    ("guide", &[]),
    ("testing", &["error", "clock", "secret", "cloud", "model", "store", "reconcile"]),
];

const ADAPTERS: &[&str] = &[
    "error",
    "clock",
    "secret",
    "cloud",
    "digest",
    "model",
    "reconcile",
    "odata",
    "http",
    "auth",
    "graph",
    "store",
    "connection",
];

/// Names that `lib.rs` re-exports, and the module that each stands for.
fn reexports() -> BTreeMap<String, String> {
    let text = fs::read_to_string(source_root().join("lib.rs")).expect("the crate has a root");
    let mut names = BTreeMap::new();
    for line in code(&text).split(';').filter_map(|item| item.trim().strip_prefix("pub use ")) {
        let path: String = line.split_whitespace().collect();
        for leaf in leaves(&path) {
            if let (Some(module), Some(name)) = (leaf.first(), leaf.last()) {
                names.insert(name.clone(), module.clone());
            }
        }
    }
    names
}

#[test]
fn modules_use_only_what_they_may() {
    let reexports = reexports();
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for path in sources() {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        seen.insert(module.clone());
        let text = fs::read_to_string(&path).expect("a source file is text");
        for used in used_modules(&text, &reexports) {
            if let Err(why) = allowed(&module, &used) {
                findings.push(format!("{}: {why}", path.display()));
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    let known: BTreeSet<String> = EDGES.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(seen, known, "the table names exactly the modules that there are");
}

#[test]
fn only_one_file_names_reqwest() {
    let naming: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| names_reqwest(&fs::read_to_string(path).expect("a source file is text")))
        .filter(|path| !path.ends_with("http/reqwest.rs"))
        .collect();
    assert_eq!(naming, Vec::<PathBuf>::new());
}

#[test]
fn a_forbidden_edge_is_noticed() {
    let reexports = BTreeMap::from([("Record".to_owned(), "model".to_owned())]);
    #[rustfmt::skip]
    let table: &[(&str, &[&str], &str)] = &[
        ("use crate::graph::GraphClient;", &["graph"], "a plain use"),
        ("pub(crate) use crate::{\n    graph::{self, Client},\n    model::Name as N,\n};", &["graph", "model"], "a nested use"),
        ("fn f() -> crate::job::Job { crate ::sim:: x() }", &["job", "sim"], "in the code"),
        ("use crate::Record;", &["model"], "by a re-export"),
        ("// crate::graph\n/* crate::job */\n/// [`x`](crate::sim)\nlet s = \"crate::auth\";", &[], "comments and texts"),
        ("let c = '\"'; use crate::graph::X; let d = '\\''; // \"", &["graph"], "a quote as a character"),
        ("let s = r#\"a \" crate::job \"#; use crate::model::X;", &["model"], "a raw text"),
        ("use crate::model::X;\n#[cfg(test)]\nmod tests { use crate::job::Y; fn f() { let b = '{'; } }\nuse crate::odata::Z;", &["model", "odata"], "tests may use all"),
        ("fn f<'a>(x: &'a str) -> crate::graph::X<'a> {}", &["graph"], "lifetimes are no characters"),
    ];
    for (text, expected, why) in table {
        let used: Vec<_> = used_modules(text, &reexports).into_iter().collect();
        assert_eq!(used, *expected, "{why}");
    }
    assert!(allowed("reconcile", "graph").is_err(), "the planner knows nothing of Graph");
    assert!(allowed("sim", "graph").is_err(), "the simulated tenant shares nothing with the client");
    assert!(allowed("reconcile", "model").is_ok());
    assert!(allowed("reconcile", "reconcile").is_ok());
    assert!(allowed("novelty", "model").is_err(), "a module that is not in the table");
    assert!(allowed("model", "novelty").is_err(), "nor this one");
    assert!(names_reqwest("use reqwest::Client;") && names_reqwest("x(::reqwest::get)"));
    assert!(!names_reqwest(
        "use crate::http::reqwest::Transport; mod reqwest; #[cfg(feature = \"reqwest\")] // reqwest::"
    ));
}

fn allowed(module: &str, used: &str) -> Result<(), String> {
    let row = |name: &str| EDGES.iter().find(|(module, _)| *module == name);
    let (_, may) = row(module).ok_or_else(|| format!("{module} is not in the table of modules"))?;
    row(used).ok_or_else(|| format!("{module} uses {used}, which is not in the table of modules"))?;
    if module == used || may.contains(&used) { Ok(()) } else { Err(format!("{module} may not use {used}")) }
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![source_root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 10, "the sources were found");
    files
}

fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(source_root()).expect("it was found there");
    let first = inside.components().next().expect("a file has a name");
    let name = first.as_os_str().to_string_lossy();
    name.trim_end_matches(".rs").to_owned()
}

/// The modules of the crate that a text uses outside its tests.
fn used_modules(text: &str, reexports: &BTreeMap<String, String>) -> BTreeSet<String> {
    let code = without_tests(&code(text));
    let mut used = BTreeSet::new();
    let mut rest = code.as_str();
    while let Some(place) = rest.find("crate") {
        let before = rest[..place].chars().next_back();
        rest = &rest[place + "crate".len()..];
        let Some(path) = rest.trim_start().strip_prefix("::") else {
            continue;
        };
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == '$') {
            continue;
        }
        let tight: String = tree(path).split_whitespace().collect::<Vec<_>>().join(" ");
        for leaf in leaves(&tight) {
            if let Some(first) = leaf.first() {
                used.insert(reexports.get(first).unwrap_or(first).clone());
            }
        }
    }
    used
}

fn names_reqwest(text: &str) -> bool {
    let code = code(text);
    code.match_indices("reqwest").any(|(place, name)| {
        let before = code[..place].trim_end();
        let within_path =
            before.ends_with("::") && before.trim_end_matches(':').ends_with(|c: char| c.is_alphanumeric());
        let part_of_name = code[..place].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let path_follows = code[place + name.len()..].trim_start().starts_with("::");
        path_follows && !within_path && !part_of_name
    })
}

/// The beginning of a text that is a path or a tree of paths, as in a `use`.
fn tree(text: &str) -> &str {
    let mut depth = 0_usize;
    for (place, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return &text[..place],
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return &text[..=place];
                }
            }
            ':' | '_' | '*' => {}
            character if character.is_alphanumeric() => {}
            _ if depth > 0 => {}
            character if character.is_whitespace() && text[..place].trim_end().ends_with("::") => {}
            _ => return &text[..place],
        }
    }
    text
}

/// The paths of a tree, each as its segments.
fn leaves(tree: &str) -> Vec<Vec<String>> {
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()];
    };
    let prefix: Vec<String> = leaves(&tree[..open]).concat();
    let inner = tree[open + 1..].trim_end().trim_end_matches(';').trim_end_matches('}');
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for character in inner.chars() {
        match character {
            ',' if depth == 0 => parts.push(String::new()),
            other => {
                match other {
                    '{' => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                parts.last_mut().expect("it begins with one").push(other);
            }
        }
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts
        .flat_map(|part| {
            // A brace that `trim_end_matches` took from a nested tree at the end.
            let missing = part.matches('{').count().saturating_sub(part.matches('}').count());
            leaves(&format!("{part}{}", "}".repeat(missing)))
        })
        .map(|leaf| prefix.iter().cloned().chain(leaf).collect())
        .collect()
}

/// The text without comments, and with texts and characters emptied.
fn code(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::new();
    let mut at = 0;
    let is = |at: usize, character: char| characters.get(at) == Some(&character);
    while at < characters.len() {
        let character = characters[at];
        if is(at, '/') && is(at + 1, '/') {
            while at < characters.len() && !is(at, '\n') {
                at += 1;
            }
        } else if is(at, '/') && is(at + 1, '*') {
            while at < characters.len() && !(is(at, '*') && is(at + 1, '/')) {
                at += 1;
            }
            at += 2;
        } else if character == 'r' && (is(at + 1, '"') || is(at + 1, '#')) && !code.ends_with(char::is_alphanumeric) {
            let hashes = characters[at + 1..].iter().take_while(|next| **next == '#').count();
            if !is(at + 1 + hashes, '"') {
                code.push(character);
                at += 1;
                continue;
            }
            at += 2 + hashes;
            while at < characters.len() && !(is(at, '"') && (1..=hashes).all(|next| is(at + next, '#'))) {
                at += 1;
            }
            at += 1 + hashes;
        } else if character == '"' {
            at += 1;
            while at < characters.len() && !is(at, '"') {
                at += if is(at, '\\') { 2 } else { 1 };
            }
            at += 1;
            code.push_str("\"\"");
        } else if character == '\'' && (is(at + 2, '\'') || is(at + 1, '\\')) {
            at += if is(at + 1, '\\') { 3 } else { 2 };
            while at < characters.len() && !is(at, '\'') {
                at += 1;
            }
            at += 1;
        } else {
            code.push(character);
            at += 1;
        }
    }
    code
}

/// Code without the blocks that only tests compile.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(place) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..place]);
        rest = &rest[place..];
        let end = rest.find(['{', ';']).unwrap_or(rest.len());
        let mut depth = 0_usize;
        let mut skipped = rest.len();
        for (at, character) in rest[end..].char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                skipped = end + at + 1;
                break;
            }
        }
        rest = &rest[skipped..];
    }
    kept + rest
}
