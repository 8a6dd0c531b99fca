//! Plans to show, made from JSON as a host would have kept it: one with everything in it, and big ones.

use entrant::Plan;
use serde_json::{Value, json};

/// A plan of these entries, with the digest that it has.
pub(crate) fn plan(header: &Value, mut entries: Vec<Value>) -> Plan {
    let key = |entry: &Value| {
        let text = |name: &str| entry["key"][name].as_str().unwrap_or_default().to_owned();
        (text("mapping"), text("end"), text("id"), entry["key"]["record"].as_u64())
    };
    entries.sort_by_key(key);
    let json = json!({ "header": header, "entries": entries, "digest": "" });
    let plan: Plan = serde_json::from_value(json).expect("the plan is well formed");
    plan.select(|_| true)
}

pub(crate) fn header() -> Value {
    json!({
        "format": 1,
        "job": "staff",
        "linkSet": "acme",
        "linkSetId": "9b0d",
        "tenant": "0b8e2d5c-6f3e-4b8f-9f55-0d5a4b1f7f10",
        "asOf": "2026-01-05T09:00:00Z",
        "run": "full",
        "fingerprint": "f00d",
        "reads": [
            { "store": "people.csv", "class": "user", "objects": 1012, "completeness": "complete" },
            { "store": "entra", "class": "user", "objects": 1030, "completeness": "complete" },
            { "store": "entra", "class": "group", "objects": 41,
              "completeness": { "partial": { "reason": "the list of members of `All Staff` broke off" } } }
        ],
        "situations": { "confirmed": 950, "found": 1, "absent": 3, "ambiguous": 1, "duplicate": 2, "source-missing": 2,
                        "unqualified": 1, "unassigned": 60 },
        "ownedElsewhere": 4,
        "linked": { "user": 960, "group": 40 },
        "memberships": { "group": 300 },
        "problems": [
            { "severity": "attention", "rule": "partial-read", "message": "the groups of entra were not read to their end" },
            { "severity": "warning", "rule": "unknown-seats", "message": "seats of `SPE_E3` could not be read" }
        ]
    })
}

fn entry(id: &str, situation: &str, action: &str, more: Value) -> Value {
    let mut entry = json!({
        "key": { "mapping": "user", "end": "source", "id": id }, "class": "user", "situation": situation, "action": action,
        "source": { "class": "user", "id": id }, "origin": { "place": "people.csv", "row": 17 },
    });
    let (Value::Object(entry_members), Value::Object(more)) = (&mut entry, more) else { return entry };
    entry_members.extend(more);
    entry
}

/// One entry of every kind, and each of their parts.
pub(crate) fn everything() -> Plan {
    let target = |id: &str| json!({ "class": "user", "id": id });
    let entries = vec![
        entry(
            "1",
            "confirmed",
            "update",
            json!({
                "label": "Ada Lovelace", "target": target("a1"),
                "changes": [
                    { "attribute": "jobTitle", "old": "Clerk", "new": "Chief | Analyst", "rule": "[JobTitle]" },
                    { "attribute": "mobilePhone", "old": "+49 1", "new": null, "rule": "[Phone]" },
                    { "attribute": "userPrincipalName", "old": "ada@contoso.com", "new": "alan@contoso.com",
                      "rule": "Join(\"@\", ToLower([login]), %Domain%)", "renames": true, "through": "swap-1@contoso.com" }
                ],
                "sets": [
                    { "attribute": "assignedLicenses", "kind": "licenses", "rule": "[licence]",
                      "add": [{ "value": { "skuId": "x" }, "label": "SPE_E5", "seat": true }] },
                    { "attribute": "manager", "kind": "reference", "rule": "[managerId]",
                      "add": [{ "value": "m1", "source": { "class": "user", "id": "2" } }] }
                ],
                "after": [{ "entry": { "mapping": "user", "end": "source", "id": "2" }, "kind": "frees", "attribute": "userPrincipalName" }]
            }),
        ),
        entry(
            "2",
            "absent",
            "create",
            json!({
                "label": "Grace Hopper", "linkOrigin": "created",
                "changes": [{ "attribute": "displayName", "new": "Grace Hopper", "rule": "[Name]" }],
                "secrets": [{ "attribute": "password", "rule": "generated" }],
                "problems": [{ "severity": "warning", "rule": "unresolved-reference", "attribute": "manager", "value": "99",
                               "message": "nobody has this id; the rest goes on" }]
            }),
        ),
        entry(
            "3",
            "absent",
            "create",
            json!({
                "label": "Edsger", "linkOrigin": "created",
                "problems": [{ "severity": "blocks", "rule": "unverified-domain", "attribute": "userPrincipalName",
                               "value": "e@contoso.example", "message": "contoso.example is no verified domain of the tenant; verified are contoso.com" }]
            }),
        ),
        entry(
            "4",
            "source-missing",
            "disable",
            json!({
                "label": "Barbara", "target": target("a4"),
                "changes": [{ "attribute": "accountEnabled", "old": true, "new": false, "rule": "leaver: source-missing", "status": true }],
                "evidence": { "kind": "notInCompleteRead", "read": 1012, "askedAgain": true }
            }),
        ),
        entry(
            "5",
            "unqualified",
            "delete",
            json!({ "label": "Tony", "target": target("a5"), "evidence": { "kind": "outOfScope" } }),
        ),
        entry(
            "6",
            "unqualified",
            "update",
            json!({
                "label": "Donald", "target": target("a6"), "evidence": { "kind": "inactive", "rule": "[active]" },
                "sets": [{ "attribute": "assignedLicenses", "kind": "licenses", "rule": "leaver: unqualified",
                           "remove": [{ "value": { "skuId": "x" }, "label": "SPE_E3", "seat": true }], "given": 1 }]
            }),
        ),
        entry(
            "7",
            "source-missing",
            "wait",
            json!({
                "label": "Niklaus", "target": target("a7"), "until": "2026-01-12T09:00:00Z", "notes": ["leaving"],
                "evidence": { "kind": "notFoundById" }
            }),
        ),
        entry(
            "8",
            "ambiguous",
            "exception",
            json!({
                "label": "Robin", "reason": "2 objects match: a8, a9", "candidates": [target("a8"), target("a9")]
            }),
        ),
        entry("9", "found", "link", json!({ "label": "Frances", "target": target("a10"), "linkOrigin": "adopted" })),
        entry("10", "absent", "report", json!({ "label": "Kurt", "reason": "inactive, and create_inactive is off" })),
        entry("11", "recycle-bin", "restore", json!({ "label": "Ken", "target": target("a11") })),
        entry("12", "link-only", "unlink", json!({})),
        entry(
            "13",
            "duplicate",
            "exception",
            json!({
                "key": { "mapping": "user", "end": "source", "id": "13", "record": 2 },
                "problems": [{ "severity": "attention", "rule": "duplicate-id", "message": "2 records share the id `13`; an id must be one object's alone" }]
            }),
        ),
        entry(
            "g1",
            "confirmed",
            "update",
            json!({
                "key": { "mapping": "group", "end": "source", "id": "g1" }, "class": "group", "label": "All Staff",
                "target": { "class": "group", "id": "t1" },
                "sets": [{ "attribute": "members", "kind": "references", "rule": "[members]", "given": 40,
                           "add": [{ "source": { "class": "user", "id": "2" } }],
                           "remove": [{ "value": "a4", "source": { "class": "user", "id": "4" }, "label": "Barbara" }, { "value": "a5" }] }]
            }),
        ),
    ];
    plan(&header(), entries)
}

const FIRST: [&str; 16] = [
    "Ada", "Søren", "Zoë", "José", "Mia", "Łukasz", "Nguyễn", "Omar", "Ingrid", "Jürgen", "Fatima", "Chloé", "Ravi",
    "Anja", "Tom", "Seán",
];
const LAST: [&str; 16] = [
    "Lovelace",
    "Kierkegaard",
    "Müller",
    "García",
    "O'Neil",
    "Nowak",
    "Trần",
    "Haddad",
    "Bergström",
    "Weiß",
    "Al-Sayed",
    "Dubois",
    "Patel",
    "Schmidt-Hansen",
    "Baker",
    "Murphy",
];
const TITLES: [&str; 8] =
    ["Clerk", "Chief", "Analyst", "Engineer II", "Sales Lead", "Nurse", "Head of Payroll & Benefits", "Intern"];

/// An entry as it is found among many: updates and creates for the most part, a few of each other kind.
fn one_of_many(number: usize) -> Value {
    let name = format!("{} {}", FIRST[number % 16], LAST[number / 16 % 16]);
    let id = format!("E{number:06}");
    let login = format!("user{number}@contoso.com");
    let target = json!({ "class": "user", "id": format!("{number:08x}-5d3c-4a52-9b0e-1f4b6a7c8d9e") });
    let title = |shift: usize| TITLES[(number / 3 + shift) % 8];
    let new = |attribute: &str, new: &str, rule: &str| json!({ "attribute": attribute, "new": new, "rule": rule });
    let origin = json!({ "place": "people.csv", "row": number + 2 });
    let more = match number % 50 {
        0 => json!({ "target": target, "evidence": { "kind": "notInCompleteRead", "read": 60000, "askedAgain": true },
            "changes": [{ "attribute": "accountEnabled", "old": true, "new": false, "rule": "leaver: source-missing", "status": true }] }),
        1 => json!({ "target": target, "evidence": { "kind": "inactive", "rule": "[Employment status]" },
            "sets": [{ "attribute": "assignedLicenses", "kind": "licenses", "rule": "leaver: unqualified", "given": 1,
                       "remove": [{ "value": { "skuId": "x" }, "label": "SPE_E3", "seat": true }] }] }),
        2 => {
            json!({ "target": target, "until": "2026-02-04T09:00:00Z", "notes": ["leaving"], "evidence": { "kind": "notFoundById" } })
        }
        3 => json!({ "reason": format!("2 objects match: {number}-a, {number}-b") }),
        4 => {
            json!({ "problems": [{ "severity": "blocks", "rule": "unverified-domain", "attribute": "userPrincipalName",
            "value": format!("user{number}@contoso.example"), "message": "contoso.example is no verified domain of the tenant" }] })
        }
        5 => json!({ "reason": "inactive, and create_inactive is off" }),
        6 if number % 1000 == 6 => json!({ "target": target, "evidence": { "kind": "outOfScope" } }),
        7..=19 => {
            json!({ "linkOrigin": "created", "secrets": [{ "attribute": "password", "rule": "generated" }], "changes": [
            new("accountEnabled", "true", "Switch([Employment status], \"False\", \"Active\", \"True\")"), new("displayName", &name, "Join(\" \", [First], [Last])"),
            new("employeeId", &id, "[WorkerID]"), new("givenName", FIRST[number % 16], "[First]"), new("jobTitle", title(0), "[Title]"),
            new("surname", LAST[number / 16 % 16], "[Last]"), new("usageLocation", "DE", "constant"), new("userPrincipalName", &login, "Join(\"@\", ToLower([login]), %Domain%)")] })
        }
        _ => json!({ "target": target, "changes": [
            { "attribute": "department", "old": format!("Unit {}", number % 90), "new": format!("Unit {}", number % 91), "rule": "[Department]" },
            { "attribute": "jobTitle", "old": title(1), "new": title(2), "rule": "[Title]" }] }),
    };
    let (situation, action) = match number % 50 {
        0 => ("source-missing", "disable"),
        1 => ("unqualified", "update"),
        2 => ("source-missing", "wait"),
        3 => ("ambiguous", "exception"),
        4 | 7..=19 => ("absent", "create"),
        5 => ("absent", "report"),
        6 if number % 1000 == 6 => ("unqualified", "delete"),
        _ => ("confirmed", "update"),
    };
    let mut entry = entry(&id, situation, action, more);
    entry["label"] = name.into();
    entry["origin"] = origin;
    entry
}

/// A plan of so many entries.
pub(crate) fn big(entries: usize) -> Plan {
    let entries: Vec<Value> = (0..entries).map(one_of_many).collect();
    let mut situations = std::collections::BTreeMap::<String, u64>::new();
    for entry in &entries {
        *situations.entry(entry["situation"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    *situations.entry("confirmed".to_owned()).or_default() += 4 * entries.len() as u64;
    let mut header = header();
    header["situations"] = json!(situations);
    header["linked"] = json!({ "user": entries.len() * 5 });
    header["reads"] = json!([
        { "store": "people.csv", "class": "user", "objects": entries.len() * 5 - 3, "completeness": "complete" },
        { "store": "entra", "class": "user", "objects": entries.len() * 5 + 12, "completeness": "complete" }]);
    header["problems"] = json!([]);
    plan(&header, entries)
}
