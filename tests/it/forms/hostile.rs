//! Plans in which whatever comes from outside is what an attacker would have put there.

use entrant::Plan;
use serde_json::Value;

use super::sample;

/// Text that means something to a page, a script, a terminal, a table or a list.
pub(crate) const HOSTILE: [&str; 24] = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</script x",
    "<!-- <script /",
    "--><img src=x onerror=alert(1)>",
    "\"'><svg/onload=alert(1)>",
    "&lt;b&gt;&amp;#60;",
    "</title></style></textarea></noscript><plaintext>",
    "javascript:alert(1)",
    "https://evil.example/ www.evil.example @user #1 mail@evil.example",
    "[link](https://evil.example) ![image](https://evil.example/x.png) [^1] <https://evil.example>",
    "a | b \\| c \\\\| d",
    "`` ` ``` ~~~ **bold** _it_ ~~gone~~ $x$",
    "`|</code>`<b>|",
    "\n# Heading\n\n| a |\n| - |\n\n- item\n",
    "1. item",
    "- item",
    "\u{202e}gnp.exe\u{2066}\u{200f}",
    "line\u{2028}separator\u{2029}\u{85}",
    "\u{0}\u{1b}[2J\u{7f}\r\n",
    "]]></entries>{{constructor.constructor('alert(1)')()}}${alert(1)}",
    "",
    " ",
    "ends with a backslash \\",
];

/// Members of a plan's JSON that hold text from outside.
const FREE: [&str; 25] = [
    "id",
    "place",
    "label",
    "attribute",
    "rule",
    "message",
    "reason",
    "value",
    "old",
    "new",
    "through",
    "job",
    "linkSet",
    "tenant",
    "run",
    "fingerprint",
    "store",
    "class",
    "mapping",
    "skuId",
    "basis",
    "linkSetId",
    "digest",
    "partial",
    "plan",
];

/// The plan with everything in it, with all text from outside replaced.
pub(crate) fn with_text(mut replace: impl FnMut() -> String) -> Plan {
    let mut json = serde_json::to_value(sample::everything()).expect("a plan is JSON");
    change(&mut json, &mut replace);
    serde_json::from_value(json).expect("it still is a plan")
}

/// Each text in turn, beginning with one of them.
pub(crate) fn in_turn(first: usize) -> Plan {
    let mut texts = HOSTILE.iter().cycle().skip(first);
    with_text(|| (*texts.next().expect("it goes on for ever")).to_owned())
}

pub(crate) fn change(json: &mut Value, replace: &mut impl FnMut() -> String) {
    match json {
        Value::Array(values) => values.iter_mut().for_each(|value| change(value, replace)),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if FREE.contains(&name.as_str()) => *text = replace(),
                    // Evidence and elements have kinds of their own.
                    Value::String(_) => {}
                    other => change(other, replace),
                }
            }
        }
        _ => {}
    }
}
