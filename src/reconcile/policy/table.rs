//! The table of situations in the documentation of [`Policy`]: written from what a policy answers and accepts.
//!
//! `ENTRANT_UPDATE_DOCS=1 cargo test --lib policy::table` writes it anew.

use std::fs;
use std::path::Path;

use crate::reconcile::policy::rules::{Decision, is_legal};
use crate::reconcile::{Action, Enable, Leaver, Pair, Policy, Preferences, Situation, Winner};

const FILE: &str = "src/reconcile/policy/situations.md";
const UPDATE: &str = "ENTRANT_UPDATE_DOCS";

/// What may be said about each situation, and is not listed with each.
const EVERYWHERE: [Action; 3] = [Action::Report, Action::Ignore, Action::Exception];

fn table() -> String {
    let mut text = "What is found, what the two presets answer, and what else a [rule](Policy::rule) may say; it may say \
                    `report`, `ignore` and `exception` to everything. A leaver's steps are those for objects that can be \
                    disabled.\n\n| situation | it is | outbound | inbound | a rule may say |\n| --- | --- | --- | --- | --- |\n"
        .to_owned();
    let default = Preferences::default;
    let off = default().without_create().without_update().without_disable().with_enable(Enable::Never);
    let outbound = [
        ("", Policy::outbound(default())),
        ("`create` off", Policy::outbound(default().without_create())),
        ("`update` off", Policy::outbound(default().without_update())),
        ("`create`, `update`, `disable`, `enable` off", Policy::outbound(off)),
        ("`recreate_missing`", Policy::outbound(default().with_recreate_missing())),
        ("`restore`", Policy::outbound(default().with_restore())),
        ("`left_scope` delete", Policy::outbound(default().with_left_scope(Leaver::delete()))),
        ("`source_deleted` delete", Policy::outbound(default().with_source_deleted(Leaver::delete()))),
        ("`retired` delete", Policy::outbound(default().with_retired(Leaver::delete()))),
    ];
    let inbound = [("", Policy::inbound(Winner::Source)), ("the target wins", Policy::inbound(Winner::Target))];
    for situation in Situation::ALL {
        let legal = Action::ALL.iter().filter(|action| is_legal(*situation, **action));
        let legal: Vec<String> =
            legal.filter(|action| !EVERYWHERE.contains(action)).map(|action| format!("`{action}`")).collect();
        text.push_str(&format!(
            "| [`{situation}`](Situation::{situation:?}) | {} | {} | {} | {} |\n",
            situation.meaning().trim().trim_end_matches('.'),
            answers(*situation, &outbound),
            answers(*situation, &inbound),
            legal.join(", "),
        ));
    }
    text
}

/// The first policy's answer, and those that differ from it.
fn answers(situation: Situation, policies: &[(&str, Policy)]) -> String {
    let answer = |policy: &Policy| match policy.decide(situation, Pair::default(), true) {
        Decision::Do(Action::Update) if !policy.preferences().update => "`report` what differs".to_owned(),
        Decision::Do(action) => format!("`{action}`"),
        Decision::Report(reason) => format!("`report`: {reason}"),
        Decision::Leave(leaver) if leaver == Leaver::keep() => "`report`: kept".to_owned(),
        Decision::Leave(leaver) => format!("`{}`", leaver.to_string().replace(" after 0 days", "")),
    };
    let mut all: Vec<(&str, String)> = Vec::new();
    for (name, policy) in policies {
        let answer = answer(policy);
        if all.first().is_none_or(|(_, first)| *first != answer) {
            all.push((name, answer));
        }
    }
    let told = all.into_iter().map(|(name, answer)| match name {
        "" => answer,
        name => format!("{name}: {answer}"),
    });
    told.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_table_in_the_documentation_is_what_a_policy_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let now = table();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, &now).expect("the table can be written");
    }
    let written = fs::read_to_string(&path).expect("the table is there");
    assert!(
        written == now,
        "{FILE} is out of date; write it anew with {UPDATE}=1 cargo test --lib policy::table\n{now}"
    );
}
