//! The figures that people and status pages go by.

use entrant::Report;
use entrant::reconcile::Situation;
use serde_json::{Value, json};

fn report(situations: &Value, outcomes: &Value, warnings: u64) -> Report {
    serde_json::from_value(json!({
        "job": "staff", "plan": "", "started": "2026-01-05T09:00:00Z", "finished": "2026-01-05T09:00:00Z",
        "status": { "status": "complete" }, "situations": situations, "outcomes": outcomes, "troubles": [],
        "troublesLeftOut": 0, "warnings": warnings,
    }))
    .expect("a report")
}

/// Each situation is in the one list that people look for it in: R47 to R49.
#[test]
fn every_situation_has_its_list() {
    let lists = |situation: Situation| {
        let buckets = report(&json!({ situation.as_str(): 7 }), &json!([]), 0).buckets();
        let Value::Object(lists) = serde_json::to_value(buckets).expect("plain data") else { panic!("an object") };
        lists.into_iter().filter(|(_, count)| *count == json!(7)).map(|(name, _)| name).collect::<Vec<_>>()
    };
    use Situation as S;
    #[rustfmt::skip]
    let table: &[(Situation, &[&str])] = &[
        (S::Confirmed, &["oneToOne"]),
        (S::Found, &["oneToOne"]),
        (S::Absent, &["unresolvedSource"]),
        (S::Unassigned, &["unresolvedTarget"]),
        (S::Ambiguous, &["ambiguous"]),
        (S::FoundAlreadyLinked, &["ambiguous"]),
        (S::Rekeyed, &["ambiguous"]),
        (S::Duplicate, &["ambiguous"]),
        (S::Unreadable, &["ambiguous"]),
        (S::Missing, &["linkProblems"]),
        (S::SourceMissing, &["linkProblems"]),
        (S::LinkOnly, &["linkProblems"]),
        (S::RecycleBin, &["linkProblems"]),
        (S::Pending, &["linkProblems"]),
        (S::Unqualified, &["outOfScope"]),
        (S::SourceIgnored, &["outOfScope"]),
        (S::TargetIgnored, &["outOfScope"]),
        // Counted, and no problem of anybody's.
        (S::Retired, &[]),
        (S::AllGone, &[]),
    ];
    assert_eq!(table.len(), Situation::ALL.len(), "every situation");
    for (situation, expected) in table {
        assert_eq!(lists(*situation), *expected, "{situation}");
    }
}

/// What was not carried out for certain is no success, and what nobody tried did not fail.
#[test]
fn every_outcome_has_its_figure() {
    let figures = |situation: &str, action: &str, outcome: &str| {
        let outcomes = json!([{ "situation": situation, "action": action, "outcome": outcome, "count": 5 }]);
        let status = report(&json!({}), &outcomes, 2).sync_status();
        [status.impacted, status.success, status.failed, status.unsynced, status.partially_synced]
    };
    #[rustfmt::skip]
    let table = [
        ("confirmed", "update", "applied", [5, 5, 0, 0, 2]),
        ("confirmed", "update", "unchanged", [0, 0, 0, 0, 2]),
        ("confirmed", "update", "blocked", [5, 0, 5, 0, 2]),
        ("confirmed", "update", "stale", [5, 0, 5, 0, 2]),
        ("confirmed", "update", "failed", [5, 0, 5, 0, 2]),
        ("confirmed", "update", "held", [5, 0, 5, 0, 2]),
        ("confirmed", "update", "pending", [5, 0, 0, 0, 2]),
        ("source-missing", "wait", "waiting", [0, 0, 0, 0, 2]),
        ("absent", "report", "unchanged", [0, 0, 0, 5, 2]),
        ("absent", "create", "applied", [5, 5, 0, 0, 2]),
        ("absent", "create", "pending", [5, 0, 0, 0, 2]),
        ("unassigned", "report", "unchanged", [0, 0, 0, 0, 2]),
    ];
    for (situation, action, outcome, expected) in table {
        assert_eq!(figures(situation, action, outcome), expected, "{situation} {action} {outcome}");
    }
}
