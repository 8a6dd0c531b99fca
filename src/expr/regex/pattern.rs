//! A pattern, ready for use.

use std::fmt;

use super::compile::{Program, compile};
use super::machine::{Groups, search};
use super::parse::parse;
use crate::expr::fuel::{Exhausted, Fuel};

/// Longest pattern, in characters.
const MAX_PATTERN: usize = 10_000;

/// A compiled pattern. Two are equal if their texts are.
#[derive(Debug)]
pub(crate) struct Regex {
    pattern: Box<str>,
    program: Program,
    unnamed: usize,
    names: Vec<String>,
}

/// Why a text is no pattern, and at which character, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatternError {
    pub(super) message: String,
    pub(super) character: usize,
}

impl Regex {
    pub(crate) fn new(pattern: &str) -> Result<Self, PatternError> {
        if pattern.chars().nth(MAX_PATTERN).is_some() {
            let message = format!("it has more than {MAX_PATTERN} characters");
            return Err(PatternError { message, character: MAX_PATTERN });
        }
        let parsed = parse(pattern)?;
        let program = compile(&parsed)?;
        Ok(Self { pattern: pattern.into(), program, unnamed: parsed.unnamed, names: parsed.names })
    }

    /// The text that it was made from.
    pub(crate) fn source(&self) -> &str {
        &self.pattern
    }

    /// Whether it is found anywhere in a text.
    pub(crate) fn is_match(&self, text: &str, fuel: &Fuel) -> Result<bool, Exhausted> {
        Ok(search(&self.program, text, 0, fuel)?.is_some())
    }

    /// The number of a group by its name.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name).map(|index| self.unnamed + 1 + index)
    }

    /// How many groups there are, the whole match included.
    pub(super) fn groups(&self) -> usize {
        self.program.groups
    }

    pub(crate) fn first<'t>(&self, text: &'t str, fuel: &Fuel) -> Result<Option<Match<'t>>, Exhausted> {
        Ok(search(&self.program, text, 0, fuel)?.map(|groups| Match { text, groups }))
    }

    /// Calls a function with each match from left to right. An empty match may follow right after another one, as in
    /// .NET.
    pub(crate) fn each<'t>(
        &self,
        text: &'t str,
        fuel: &Fuel,
        mut visit: impl FnMut(&Match<'t>) -> Result<(), Exhausted>,
    ) -> Result<(), Exhausted> {
        let mut from = 0;
        while let Some(groups) = search(&self.program, text, from, fuel)? {
            fuel.burn(1)?;
            let found = Match { text, groups };
            visit(&found)?;
            let range = found.range();
            from = range.end;
            if range.is_empty() {
                match text[from..].chars().next() {
                    Some(character) => from += character.len_utf8(),
                    None => break,
                }
            }
        }
        Ok(())
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (character {} of the pattern)", self.message, self.character)
    }
}

/// One match in a text.
#[derive(Debug)]
pub(crate) struct Match<'t> {
    text: &'t str,
    groups: Groups,
}

impl<'t> Match<'t> {
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.group_range(0).unwrap_or_default()
    }

    /// Where a group lies; `None` if it took no part.
    pub(crate) fn group_range(&self, group: usize) -> Option<std::ops::Range<usize>> {
        self.groups.get(group).copied().flatten().map(|(start, end)| start..end)
    }

    /// The text of a group; `None` if it took no part.
    pub(crate) fn group(&self, group: usize) -> Option<&'t str> {
        self.group_range(group).map(|range| &self.text[range])
    }

    /// The text of the group of the highest number; `None` if it took no part.
    pub(super) fn last_group(&self) -> Option<&'t str> {
        self.group(self.groups.len().saturating_sub(1))
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::compile::takes;
    use super::super::tree::Tree;
    use super::*;

    fn find(pattern: &str, text: &str) -> Option<String> {
        let regex = Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let found = regex.first(text, &Fuel::full()).expect("fuel enough");
        found.map(|found| found.group(0).unwrap_or_default().to_owned())
    }

    fn all(pattern: &str, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let regex = Regex::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let each = regex.each(text, &Fuel::full(), |one| {
            found.push(one.group(0).unwrap_or_default().to_owned());
            Ok(())
        });
        each.expect("fuel enough");
        found
    }

    /// What the [quick reference] says, and what our own pages of samples use.
    ///
    /// [quick reference]: https://learn.microsoft.com/dotnet/standard/base-types/regular-expression-language-quick-reference
    #[test]
    fn patterns_find_what_they_find_in_dotnet() {
        #[rustfmt::skip]
        let table: &[(&str, &str, Option<&str>, &str)] = &[
            ("b+", "abbc", Some("bb"), "greedy"),
            ("b+?", "abbc", Some("b"), "lazy"),
            ("a{2}", "aaa", Some("aa"), "counted"),
            ("a{2,}", "aaa", Some("aaa"), "counted from"),
            ("a{1,2}?b", "aab", Some("aab"), "lazily counted"),
            ("a{,2}", "a{,2}", Some("a{,2}"), "no quantifier, so text"),
            ("x|ab|abc", "abc", Some("ab"), "the first branch that matches"),
            (r"^.*?,(?=(?:CN|OU|DC)=)", "CN=A\\,B,OU=C", Some("CN=A\\,B,"), "look-ahead of the default mapping"),
            (r"(?<!a)b", "abcb", Some("b"), "negative look-behind"),
            (r"(?<=a*)b", "aab", Some("b"), "look-behind of any length"),
            (r"(?<=(\d+)(\d+))$", "1053", Some(""), "matched from right to left"),
            (r"(?>a+)ab", "aaab", None, "atomic"),
            (r"(a)\1", "aba aa", Some("aa"), "back-reference"),
            (r"(?<x>a)\k<x>", "abaa", Some("aa"), "by name"),
            (r"(?i)(é)\1", "éÉ", Some("éÉ"), "without case"),
            (r"(?i:A)a", "aA aa", Some("aa"), "an option of a group"),
            (r"a(?i)b|C", "c", Some("c"), "an option holds beyond |"),
            ("(?i)[a-c]", "B", Some("B"), "a class without case"),
            ("(?i)[^a-c]", "Bd", Some("d"), "a negative one"),
            ("(?x) a b # comment\n c", "abc", Some("abc"), "white space without meaning"),
            ("a(?#comment)b", "ab", Some("ab"), "a comment"),
            ("(?n)(a)(?<b>b)", "ab", Some("ab"), "explicit capture"),
            ("a.c", "a\nc", None, "a dot is no line feed"),
            ("(?s)a.c", "a\nc", Some("a\nc"), "unless told"),
            ("c$", "abc\n", Some("c"), "before the last line feed"),
            ("c$", "abc\n\n", None, "and no other"),
            (r"c\z", "abc\n", None, "the very end"),
            ("(?m)^b$", "a\nb\nc", Some("b"), "lines"),
            (r"\bb", "ab b", Some("b"), "word edges"),
            (r"[a-z-[aeiou]]+", "aeiouxyz", Some("xyz"), "subtraction"),
            (r"[^\d-[5]]", "15a", Some("a"), "a negative class and subtraction"),
            ("[]a]+", "a]b", Some("a]"), "a bracket first"),
            ("[a-]+", "-a", Some("-a"), "a dash last"),
            (r"[\w-.]+", "a-b.c!", Some("a-b.c"), "a dash after a set"),
            (r"[\]\-\\]+", r"a]-\", Some(r"]-\"), "escapes in a class"),
            (r"[\/\\\[\]\:\;\|\=\,\+\*\?\<\>]+", "a<>b", Some("<>"), "the published class"),
            (r"\<b\>", "<b>", Some("<b>"), "escaped punctuation"),
            (r"\x41\u00e9\cJ\t", "Aé\n\t", Some("Aé\n\t"), "characters by number"),
            (r"\p{Lu}\P{L}", "aB1", Some("B1"), "categories"),
            (r"\p{IsCyrillic}+", "aЖб", Some("Жб"), "a block"),
            (r"^\w+$", "Zoe\u{301}_9", Some("Zoe\u{301}_9"), "a mark is a part of a word"),
            (r"\w", "ⓐ", None, "a letter in a circle is none"),
            (r"\d", "٣", Some("٣"), "digits of all scripts"),
            (r"\s", "a\u{a0}b", Some("\u{a0}"), "white space of all kinds"),
            (r"(a*)*b", "aab", Some("aab"), "empty rounds end"),
            (r"(a|b*)*c", "abc", Some("abc"), "empty rounds of a branch"),
            (r"(?:\s|\b|\d)*", " 1", Some(" "), "an empty round ends the loop"),
            (r"(?:\s|\b|\d)*$", " 1", Some(" 1"), "unless the rest needs another way"),
            ("(?:)", "x", Some(""), "nothing"),
            ("", "x", Some(""), "nothing at all"),
            ("(^a)*b", "ab", Some("ab"), "an assertion repeated"),
            ("𝒳.", "a𝒳é", Some("𝒳é"), "a character beyond the first plane is one"),
        ];
        for (pattern, text, expected, why) in table {
            assert_eq!(find(pattern, text).as_deref(), *expected, "{why}: {pattern}");
        }
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        for (pattern, message) in [
            ("(", "the parenthesis is not closed (character 1 of the pattern)"),
            ("a)", "there is a ) too many (character 2 of the pattern)"),
            ("[a", "the bracket is not closed (character 1 of the pattern)"),
            ("[z-a]", "the range is the wrong way round (character 5 of the pattern)"),
            (r"[a-\d]", "a range ends with a character (character 6 of the pattern)"),
            ("[a-z-[b]c]", "what is taken out of a class stands last in it (character 9 of the pattern)"),
            ("[[:alpha:]]", "[:name:] means nothing to .NET; write \\p{L}, \\d … (character 2 of the pattern)"),
            ("*a", "there is nothing to repeat (character 1 of the pattern)"),
            ("a**", "a repetition cannot be repeated; put it into a group (?:…) (character 3 of the pattern)"),
            ("a++", "a repetition cannot be repeated; put it into a group (?:…) (character 3 of the pattern)"),
            ("a{3,2}", "the counts are the wrong way round (character 2 of the pattern)"),
            ("a{10001}", "a repetition may ask for at most 10000 (character 2 of the pattern)"),
            ("(?:a{200}){200}", "the pattern repeats too much (character 1 of the pattern)"),
            ("(?<a-b>x)", "balancing groups (?<a-b>…) are not supported (character 5 of the pattern)"),
            ("(?<1>x)", "the name of a group begins with a letter (character 5 of the pattern)"),
            ("(?(1)a|b)", "conditions (?(…)…) are not supported (character 3 of the pattern)"),
            ("(?P<n>x)", "the options are i, m, s, x and n (character 3 of the pattern)"),
            (r"\2(a)", "there is no such group (character 1 of the pattern)"),
            (r"\k<x>", "the group is named after it is referred to (character 3 of the pattern)"),
            (
                r"\07",
                "octal escapes are not supported; write \\x and two hexadecimal digits (character 1 of the pattern)",
            ),
            (r"\y", "there is no such escape (character 1 of the pattern)"),
            (r"\_", "there is no such escape (character 1 of the pattern)"),
            (
                r"\p{Greek}",
                "this is no category or block that is known: write \\p{L}, \\p{Lu}, \\p{IsCyrillic} … (character 1 of the pattern)",
            ),
            (r"\ud800", "half a character cannot be matched (character 1 of the pattern)"),
            ("a\\", "the pattern ends with a backslash (character 2 of the pattern)"),
        ] {
            let error = Regex::new(pattern).expect_err(pattern);
            assert_eq!(error.to_string(), message, "{pattern}");
        }
    }

    #[test]
    fn an_empty_match_may_follow_a_match() {
        assert_eq!(all(".*", "hello"), ["hello", ""]);
        assert_eq!(all("a*", "baac"), ["", "aa", "", ""]);
        assert_eq!(all("", "ab"), ["", "", ""]);
        assert_eq!(all(r"\G\d", "12a3"), ["1", "2"]);
    }

    #[test]
    fn unnamed_groups_are_numbered_before_named_ones() {
        let regex = Regex::new("(?<n>a)(b)(?<m>c)(d)").expect("a pattern");
        let found = regex.first("abcd", &Fuel::full()).expect("fuel enough").expect("a match");
        let groups: Vec<_> = (0..regex.groups()).map(|group| found.group(group)).collect();
        assert_eq!(groups, [Some("abcd"), Some("b"), Some("d"), Some("a"), Some("c")]);
        assert_eq!((regex.group("n"), regex.group("m"), regex.group("x")), (Some(3), Some(4), None));
    }

    #[test]
    fn a_group_holds_its_last_round_and_look_around_captures() {
        let groups = |pattern: &str, text: &str| {
            let regex = Regex::new(pattern).expect("a pattern");
            let found = regex.first(text, &Fuel::full()).expect("fuel enough").expect("a match");
            (1..regex.groups()).map(|group| found.group(group).map(str::to_owned)).collect::<Vec<_>>()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(groups("(?:(a)|b)*", "ab"), [some("a")]);
        assert_eq!(groups("(a|$)*", "a"), [some("")], "the last round too, if it is empty");
        assert_eq!(groups("(?=(a+))a", "aa"), [some("aa")]);
        assert_eq!(groups("(?!(b))a", "ab"), [None]);
        assert_eq!(groups(r"(?<=(\d+)(\d+))$", "1053"), [some("1"), some("053")]);
        assert_eq!(groups("(?:(x)y|xz)", "xz"), [None], "what a failed way captured is undone");
    }

    #[test]
    fn work_is_bounded() {
        let text = "a".repeat(5_000);
        for pattern in ["(a+)+b", "(a|aa)+b", "(?=(a+)+b)", "(.*)*x", r"(?<=b(a|a)*)", "(?:a?){50}a{50}b", ".*.*.*x"] {
            let regex = Regex::new(pattern).expect("a pattern");
            let fuel = Fuel::full();
            assert_eq!(regex.is_match(&text, &fuel), Err(Exhausted), "{pattern}");
            assert_eq!(fuel.left(), 0);
        }
    }

    #[test]
    fn a_pattern_is_soon_read() {
        let many = format!("(?:[{}]{{50}}){{100}}", "a-z".repeat(3_000));
        for pattern in ["(?:(?:(?:){10000}){10000}){10000}", r"(?:(?:\b{10000}){10000}){10000}", &many] {
            let start = std::time::Instant::now();
            let _ = Regex::new(pattern);
            assert!(start.elapsed() < std::time::Duration::from_secs(1), "{pattern}");
        }
    }

    proptest! {
        /// For what both understand alike, another engine finds the same.
        #[test]
        fn another_engine_agrees(pattern in pattern(), text in "[abAB1_ é\n]{0,12}") {
            let Ok(other) = regex::Regex::new(&pattern.replace('$', r"\z")) else {
                return Ok(());
            };
            let own = Regex::new(&pattern.replace('$', r"\z"));
            prop_assert!(own.is_ok(), "{}: {}", pattern, own.expect_err("checked"));
            let own = own.expect("checked");
            // An empty round ends a loop in .NET; the other engine tries another way.
            if has_empty_rounds(&parse(&pattern).expect("checked").tree) {
                return Ok(());
            }
            if let Ok(found) = own.first(&text, &Fuel::full()) {
                let groups = found.map(|found| {
                    (0..own.groups()).map(|group| found.group_range(group)).collect::<Vec<_>>()
                });
                let others = other.captures(&text).map(|found| {
                    (0..other.captures_len()).map(|group| found.get(group).map(|one| one.range())).collect::<Vec<_>>()
                });
                prop_assert_eq!(groups, others, "{} over {:?}", pattern, text);
            }
        }

        #[test]
        fn any_pattern_is_read_or_refused(pattern in any::<String>(), text in any::<String>()) {
            if let Ok(regex) = Regex::new(&pattern) {
                let _ = regex.is_match(&text, &Fuel::full());
            }
        }

        #[test]
        fn any_tokens_are_read_or_refused(
            pattern in r"([ab(){}\[\]^$.*+?|\\<>=!:\-,0-9dwsbknix#'])*", text in "[ab\n]{0,8}"
        ) {
            if let Ok(regex) = Regex::new(&pattern) {
                let _ = regex.each(&text, &Fuel::full(), |_| Ok(()));
            }
        }
    }

    fn has_empty_rounds(tree: &Tree) -> bool {
        match tree {
            Tree::Repeat { tree, most, .. } => (*most != Some(1) && !takes(tree)) || has_empty_rounds(tree),
            Tree::Concat(parts) | Tree::Alternate(parts) => parts.iter().any(has_empty_rounds),
            Tree::Capture { tree, .. } | Tree::Look { tree, .. } | Tree::Atomic(tree) => has_empty_rounds(tree),
            _ => false,
        }
    }

    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[abAB1_é]".prop_map(|text| text),
            Just(".".to_owned()),
            Just("[ab]".to_owned()),
            Just("[^a1]".to_owned()),
            Just(r"\d".to_owned()),
            Just(r"\w".to_owned()),
            Just(r"\s".to_owned()),
            Just(r"\b".to_owned()),
            Just("^".to_owned()),
            Just("$".to_owned()),
        ];
        leaf.prop_recursive(4, 20, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
                inner.clone().prop_map(|part| format!("({part})")),
                inner.clone().prop_map(|part| format!("(?i:{part})")),
                (inner, "(\\*|\\+|\\?|\\*\\?|\\+\\?|\\?\\?|\\{2\\}|\\{1,2\\}|\\{0,2\\}\\?)")
                    .prop_map(|(part, count)| format!("(?:{part}){count}")),
            ]
        })
    }
}
