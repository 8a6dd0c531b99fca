//! Documents that cannot be used, and what is odd in those that can: all at once, each with its place.

use entrant::mapping::synchronization::SynchronizationSchema;
use serde_json::{Value as Json, json};

use super::{MAPPING, expression, faults, load, small, warnings, with_mapping, with_second};

fn second(message: &str) -> Vec<String> {
    vec![format!("{MAPPING}.attributeMappings[1].{message}")]
}

#[test]
fn each_fault_is_said_with_its_place() {
    let unique = expression("SelectUniqueValue([login], [title])");
    #[rustfmt::skip]
    let table = [
        (with_second(json!({"targetAttributeName": "jobTitel"})), second("targetAttributeName: \"User\" has no attribute \"jobTitel\"; did you mean jobTitle?")),
        (with_second(json!({"targetAttributeName": "objectId"})), second("targetAttributeName: \"objectId\" is set by the target and cannot be written")),
        (with_second(json!({"targetAttributeName": "employeeId"})), second("targetAttributeName: \"employeeId\" is mapped twice; once is right")),
        (with_second(json!({"targetAttributeName": null})), second("targetAttributeName: the name of the target's attribute is missing")),
        (with_second(json!({"source": expression("ToLowr([login])")})), second("source.expression: there is no function ToLowr (character 1): did you mean ToLower?")),
        (with_second(json!({"source": {"type": "Function", "name": "Append", "parameters": [{"key": "source", "value": {"name": "login"}}]}})), second("source.expression: Append needs its argument 2 (suffix) (character 1): Append(source, suffix)")),
        (with_second(json!({"source": {"type": "Attribute"}})), second("source: there is neither an expression nor a name to make one of")),
        (with_second(json!({"source": unique})), second("flowType: the value is made unique, and would change in each run: ObjectAddOnly is right")),
        (with_second(json!({"source": unique, "flowType": "ObjectAddOnly", "matchingPriority": 2})), second("matchingPriority: a value that is made unique finds nobody; match on another")),
        (with_second(json!({"source": expression("ToLower(SelectUniqueValue([login], [title]))"), "flowType": "ObjectAddOnly"})), second("source.expression: SelectUniqueValue is not the outermost function (character 9): put the other functions into its rules: SelectUniqueValue(ToLower([a]), ToLower([b]))")),
        (with_second(json!({"flowType": "Alway"})), second("flowType: there is no \"Alway\": did you mean Always?")),
        (with_second(json!({"flowBehavior": 7})), second("flowBehavior: there is no 7: one of FlowWhenChanged, FlowAlways")),
        (with_second(json!({"matchingPriority": "1"})), second("matchingPriority: \"1\" is no whole number of 32 bits")),
        (with_second(json!({"matchingPriority": 5_000_000_000_i64})), second("matchingPriority: 5000000000 is no whole number of 32 bits")),
        (with_second(json!({"source": "title"})), second("source: \"title\" is no object")),
        (with_second(json!({"targetAttributeName": "level", "defaultValue": "one"})), second("defaultValue: \"one\" is not a whole number")),
        (with_second(json!({"targetAttributeName": "accountEnabled", "defaultValue": "yes"})), second("defaultValue: \"yes\" is not True or False")),
        (with_mapping(json!({"sourceObjectName": "Wroker"})), vec![format!("{MAPPING}.sourceObjectName: the directory has no object \"Wroker\"; did you mean Worker?")]),
        (with_mapping(json!({"targetObjectName": null})), vec![format!("{MAPPING}.targetObjectName: the directory has no object \"\"")]),
        (with_mapping(json!({"flowTypes": "Add, Upate"})), vec![format!("{MAPPING}.flowTypes: there is no \"Upate\": any of Add, Update, Delete with commas between, or None")]),
        (with_mapping(json!({"attributeMappings": null})), vec![format!("{MAPPING}.attributeMappings: no mapping has a matchingPriority above 0, and existing objects are to be updated")]),
        (with_mapping(json!({"attributeMappings": [null]})), vec![
            format!("{MAPPING}.attributeMappings[0]: null is no object"),
            format!("{MAPPING}.attributeMappings[0].targetAttributeName: the name of the target's attribute is missing"),
            format!("{MAPPING}.attributeMappings: no mapping has a matchingPriority above 0, and existing objects are to be updated"),
        ]),
    ];
    for (json, expected) in table {
        assert_eq!(faults(&json), expected);
    }
}

#[test]
fn directories_are_found_by_their_names() {
    let mut json = small();
    json["synchronizationRules"][0]["sourceDirectoryName"] = json!("HR");
    json["directories"][1]["objects"][0]["attributes"][2]["name"] = json!("employeeId");
    json["directories"][1]["objects"].as_array_mut().expect("a list").push(json!({"attributes": {}}));
    json["directories"].as_array_mut().expect("a list").push(json!({"name": "entra"}));
    assert_eq!(
        faults(&json),
        [
            "directories[1].objects[1].attributes: an object is no list",
            "directories[1].objects[0].attributes[2].name: two attributes of the object are called \"employeeId\"",
            "directories[1].objects[1].name: the name is missing",
            "directories[2].name: two directories are called \"entra\"",
            "synchronizationRules[0].sourceDirectoryName: there is no directory \"HR\"; did you mean hr?",
        ]
    );
    assert_eq!(faults(&json!({})), [""; 0], "nothing is wrong with nothing");
    assert_eq!(faults(&json!([])), ["the document: a list is no object"]);
}

#[test]
fn clauses_of_filters_are_checked_one_by_one() {
    let clause = |operator: &str, name: &str, values: Json| json!({"operatorName": operator, "sourceOperandName": name, "targetOperand": {"values": values}});
    let scope = |clauses: Vec<Json>| with_mapping(json!({"scope": {"inputFilterGroups": [{"clauses": clauses}]}}));
    let json = scope(vec![
        clause("EQUAL", "login", json!(["x"])),
        clause("EQUALS", "login", json!([])),
        clause("REGEX MATCH", "login", json!(["("])),
        clause("Greater_Than", "level", json!(["many"])),
        clause("IS NULL", "", json!(null)),
        clause("IS NULL", "login", json!(null)),
    ]);
    let faults = faults(&json);
    let place = format!("{MAPPING}.scope.inputFilterGroups[0].clauses");
    assert_eq!(faults.len(), 5, "{faults:#?}");
    for (index, part) in
        ["did you mean EQUALS?", "needs targetOperand", "the pattern", "no whole number", "sourceOperandName is empty"]
            .iter()
            .enumerate()
    {
        assert!(
            faults[index].starts_with(&format!("{place}[{index}]: ")) && faults[index].contains(part),
            "{faults:#?}"
        );
    }
    let json = scope(vec![
        clause("EQUALS", "logn", json!(["x"])),
        clause("IS NOT NULL", "tags", json!([])),
        clause("IS NOT NULL", "hired", json!([])),
        clause("&", "level", json!(["12"])),
    ]);
    assert_eq!(
        warnings(&json),
        [
            format!("{place}[0]: the source has no attribute \"logn\"; did you mean login?"),
            format!("{place}[1]: the attribute holds several values, and a filter looks at single ones"),
            format!("{place}[2]: Entra does not filter on dates; it is evaluated here, as text"),
            format!(
                "{place}[3]: the attribute's text is looked for in the operand; an older engine of Entra compared bits"
            ),
        ]
    );
}

#[test]
fn what_is_odd_is_said_apart() {
    let constant = json!({"type": "Constant", "name": "x", "expression": "\"x\""});
    let disagreeing = |source: Json| with_second(json!({"source": source}));
    #[rustfmt::skip]
    let table = [
        (with_second(json!({"source": expression("[titel]")})), second("source.expression: the source has no attribute titel (character 1): did you mean [title]?")),
        (with_second(json!({"source": expression("tolower([title])")})), second("source.expression: the function is spelt ToLower (character 1): write ToLower")),
        (with_second(json!({"source": constant, "defaultValue": "y"})), second("defaultValue: a constant is never null, so this is never used")),
        (with_second(json!({"source": null})), second("source: there is neither a source nor a default value, so nothing flows")),
        (with_second(json!({"flowType": "MultiValueAddOnly"})), second("flowType: the attribute holds one value, so this is AttributeAddOnly")),
        (with_second(json!({"targetAttributeName": "manager", "flowBehavior": "FlowAlways"})), second("flowBehavior: references are written when they change, whatever is said here")),
        (disagreeing(json!({"type": "Attribute", "name": "login", "expression": "[title]"})), second("source.expression: the expression decides, and name says otherwise")),
        (disagreeing(json!({"type": "Constant", "name": "title", "expression": "[title]"})), second("source.expression: the expression decides, and type says otherwise")),
        (disagreeing(json!({"type": "Function", "name": "ToLower", "expression": "ToLower([title])", "parameters": [{"key": "source", "value": {"name": "login"}}]})), second("source.expression: the expression decides, and parameters says otherwise")),
        (disagreeing(json!({"type": "Function", "name": "ToLower", "expression": "ToLower([title], )", "parameters": [{"key": "source", "value": {"name": "title", "expression": "[title]"}}]})), vec![]),
        (disagreeing(json!({"type": "Function", "name": "Left", "expression": "Left([title], 3)", "parameters": [{"value": {"name": "title"}}, {"value": {"type": "Constant", "name": "3", "expression": "\"3\""}}]})), vec![]),
        (small(), vec![]),
    ];
    for (json, expected) in table {
        assert_eq!(warnings(&json), expected);
    }
    let mut json = small();
    json["directories"][0]["objects"][0]["attributes"][0]["anchor"] = json!(true);
    json["directories"][0]["objects"][0]["attributes"][1]["anchor"] = json!(true);
    json["directories"][0]["objects"][0]["attributes"][2]["name"] = json!("appRoleAssignments");
    json["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][1]["source"] =
        expression("[appRoleAssignments]");
    let found = warnings(&json);
    assert_eq!(found[0], "directories[0].objects[0]: 2 attributes are anchors; one is right");
    assert!(found[1].contains("SingleAppRoleAssignment") && found.len() == 2, "{found:?}");
}

/// PowerShell writes members with capitals, and an answer of Graph may have the schema inside.
#[test]
fn members_in_another_case_and_documents_without_mappings_are_told() {
    let odd = with_second(json!({"flowtype": "ObjectAddOnly"}));
    assert_eq!(warnings(&odd), second("flowtype: nothing goes by this member: it is spelt flowType"));
    let nothing = "synchronizationRules: there is no object mapping, so nothing is mapped; is it the whole schema?";
    let mut capitals = small();
    capitals["SynchronizationRules"] = capitals["synchronizationRules"].take();
    let spelt = "SynchronizationRules: nothing goes by this member: it is spelt synchronizationRules";
    assert_eq!(warnings(&capitals), [nothing, spelt]);
    for empty in [json!({}), json!({"value": small()}), json!({"synchronizationRules": []})] {
        assert_eq!(warnings(&empty), [nothing], "{empty}");
    }
}

#[test]
fn a_fault_in_an_expression_is_shown_under_its_place() {
    let error = load(&with_second(json!({"source": expression("Append([title], \"a)")}))).expect_err("it is wrong");
    insta::assert_snapshot!(error.render(), @r#"
    synchronizationRules[0].objectMappings[0].attributeMappings[1].source.expression
    error: the text is not closed
      |
    1 | Append([title], "a)
      |                 ^ end it with ", and write a quote inside it as \"
    "#);
    assert!(error.faults()[0].expression_error().is_some());
}

#[test]
fn a_warning_of_a_document_is_shown_under_its_place() {
    let document = load(&with_second(json!({"source": expression("tolower([title])")}))).expect("it can be used");
    let shown = document.warnings()[0].render();
    assert!(shown.starts_with(&format!("{MAPPING}.attributeMappings[1].source.expression\nwarning: ")), "{shown}");
    assert!(shown.ends_with("| ^^^^^^^ write ToLower"), "{shown}");
}

#[test]
fn many_faults_are_one_line() {
    let mappings: Vec<Json> = (0..50).map(|index| json!({"targetAttributeName": format!("x{index}")})).collect();
    let error = load(&with_mapping(json!({"attributeMappings": mappings}))).expect_err("all are wrong");
    assert_eq!(error.faults().len(), 51);
    assert!(error.to_string().ends_with("; and 41 more") && !error.to_string().contains('\n'), "{error}");
    let _: SynchronizationSchema = load(&small()).expect("nothing is wrong");
}
