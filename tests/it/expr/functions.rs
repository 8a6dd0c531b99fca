//! What each function gives, a table for each. The functions are described on [the page for application provisioning]
//! and, where the table says so, on [that of cloud sync]; where the two disagree or are silent, the rows say what we do.
//!
//! [the page for application provisioning]: https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data
//! [that of cloud sync]: https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions

use entrant::Value;
use entrant::model::Attributes;
use serde_json::{Value as Json, json};
use time::macros::datetime;

use super::{attributes, context, evaluate};

/// What the rows read.
pub(super) fn object() -> Attributes {
    let mut object = attributes(json!({
        "a": "x", "empty": "", "null": null, "n": 15, "list": ["b", null, "c"], "none": [], "flag": true, "off": false,
        "complex": {"member": "inside"}, "name": "Zoë Müller", "emoji": "👍🏽a", "date": "2024-02-29T10:30:00Z",
        "mobile": "+49 151-23 45", "dup": ["a", "A", "a", "b"], "one": ["only"],
    }));
    object.insert("moment".into(), Value::from(datetime!(2024-02-29 10:30:15.25 UTC)));
    object.insert("sid".into(), Value::Binary([1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0].as_slice().into()));
    object
}

pub(super) const ERROR: &str = "an error";

pub(super) fn holds(table: &[(&str, Json)]) {
    let object = object();
    for (expression, expected) in table {
        match evaluate(expression, &object, &context()) {
            Err(error) => assert_eq!(*expected, json!(ERROR), "{expression}: {error}"),
            got => assert_eq!(got, Ok(expected.clone()), "{expression}"),
        }
    }
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#append>.
#[rustfmt::skip]
#[test]
fn append() {
    holds(&[
        (r#"Append("a", "")"#, json!("a")),
        (r#"Append([null], "b")"#, json!(null)),
        (r#"Append([null], IgnoreAttributeFlow)"#, json!({"ignoreFlow": true})),
        (r#"Append([null], Error("evaluated all the same"))"#, json!(ERROR)),
        (r#"Append("a", Append([null], "b")) & "c""#, json!("ac")),
        (r#"ToLower(Append(ToUpper("Éa"), Append([list], "X")))"#, json!(ERROR)),
        (r#"ToLower(Append(Append([list], "X"), "Y"))"#, json!(["bxy", null, "cxy"])),
        (r#"Append("A", ToLower("BÉ"))"#, json!("Abé")),
        (r#"Append("A", Join("-", "b", [list]))"#, json!("Ab-b-c")),
        (r#"Append([a], [null])"#, json!("x")),
        (r#"Append([n], [flag])"#, json!("15True")),
        (r#"Append([a], [list])"#, json!(ERROR)),
        (r#"Append([complex], "x")"#, json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#approleassignmentscomplex>.
#[rustfmt::skip]
#[test]
fn app_role_assignments_complex() {
    holds(&[
        ("AppRoleAssignmentsComplex([null])", json!(null)),
        ("AppRoleAssignmentsComplex([none])", json!([])),
        ("AppRoleAssignmentsComplex([one])", json!(["only"])),
        ("AppRoleAssignments([one])", json!(["only"])),
        ("AssertiveAppRoleAssignmentsComplex([complex])", json!(["{}"])),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#bitand>.
#[rustfmt::skip]
#[test]
fn bit_and() {
    holds(&[
        ("BitAnd(&HF, &HF7)", json!("7")),
        (r#"BitAnd("&HF", [n])"#, json!("15")),
        ("BitAnd(-1, [n])", json!("15")),
        ("BitAnd([null], 1)", json!(null)),
        (r#"BitAnd([empty], 1)"#, json!(ERROR)),
        (r#"BitAnd(1, [a])"#, json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#cbool>.
#[rustfmt::skip]
#[test]
fn c_bool() {
    holds(&[
        ("CBool([a] = [a])", json!("True")),
        ("CBool([null])", json!("False")),
        ("CBool([empty])", json!("False")),
        ("CBool(-3)", json!("True")),
        (r#"CBool("TRUE")"#, json!("True")),
        ("CBool([a])", json!(ERROR)),
        ("CBool([moment])", json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#coalesce>.
#[rustfmt::skip]
#[test]
fn coalesce() {
    holds(&[
        ("Coalesce([null], [empty], [none], [a])", json!("x")),
        ("Coalesce([null], [empty])", json!("")),
        ("Coalesce([null], )", json!(null)),
        ("Coalesce([list], [a])", json!(["b", null, "c"])),
        ("Coalesce([n], [list] & [a])", json!("15")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#converttobase64>.
#[rustfmt::skip]
#[test]
fn convert_to_base64_and_hex() {
    holds(&[
        (r#"ConvertToBase64("Hello world!")"#, json!("SABlAGwAbABvACAAdwBvAHIAbABkACEA")),
        (r#"ConvertToBase64("👍")"#, json!("PdhN3A==")),
        (r#"ConvertToBase64("")"#, json!("")),
        (r#"ConvertToUTF8Hex("é€")"#, json!("C3A9E282AC")),
        ("ConvertToUTF8Hex([null])", json!(null)),
        ("ConvertToUTF8Hex([dup])", json!(["61", "41", "61", "62"])),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#convertfrombase64>.
#[rustfmt::skip]
#[test]
fn convert_from_base64() {
    holds(&[
        (r#"ConvertFromBase64("SABlAGwAbABvACAAdwBvAHIAbABkACEA")"#, json!("Hello world!")),
        (r#"ConvertFromBase64("SGVsbG8gd29ybGQh", UTF8)"#, json!("Hello world!")),
        (r#"ConvertFromBase64("SGVs bG8=", ASCII)"#, json!("Hello")),
        (r#"ConvertFromBase64("w6k=", UTF8)"#, json!("é")),
        (r#"ConvertFromBase64("w6k=", ASCII)"#, json!(ERROR)),
        (r#"ConvertFromBase64("YQ==")"#, json!(ERROR)),
        (r#"ConvertFromBase64("ANg=")"#, json!(ERROR)),
        (r#"ConvertFromBase64("YQ", UTF8)"#, json!(ERROR)),
        (r#"ConvertFromBase64("Y===", UTF8)"#, json!(ERROR)),
        ("ConvertFromBase64([null])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#count>.
#[rustfmt::skip]
#[test]
fn count() {
    holds(&[
        ("Count([list])", json!("3")),
        ("Count([none])", json!("0")),
        ("Count([null])", json!("0")),
        ("Count([complex])", json!("1")),
        ("Count([empty])", json!("1")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#cstr>.
#[rustfmt::skip]
#[test]
fn c_str() {
    holds(&[
        ("CStr([flag])", json!("True")),
        ("CStr([n])", json!("15")),
        ("CStr([moment])", json!("2/29/2024 10:30:15 AM")),
        ("CStr([list])", json!(["b", null, "c"])),
        ("CStr([complex])", json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-functions>.
#[rustfmt::skip]
#[test]
fn default_domain() {
    holds(&[
        ("DefaultDomain()", json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#dncomponent>.
#[rustfmt::skip]
#[test]
fn dn_component() {
    holds(&[
        (r#"DNComponent("cn=Joe,dc=contoso,dc=com", 1)"#, json!("Joe")),
        (r#"DNComponent(CRef("cn=Joe, ou = Sales ,dc=com"), 2)"#, json!("Sales")),
        (r#"DNComponent("cn=Doe\\, Joe,ou=x", 1)"#, json!("Doe, Joe")),
        (r#"DNComponent("cn=Doe\\2C Jo\\C3\\AB,ou=x", 1)"#, json!("Doe, Joë")),
        (r#"DNComponent("cn=\"Doe, Joe\",ou=x", 1)"#, json!("Doe, Joe")),
        (r#"DNComponent("cn=x\\ ,ou=y", 1)"#, json!("x ")),
        (r#"DNComponent("cn=x\\", 1)"#, json!("x\\")),
        (r#"DNComponent("cn=Joe", 2)"#, json!("")),
        (r#"DNComponent("cn=Joe", 0)"#, json!("")),
        (r#"DNComponent("cn=Joe", -1)"#, json!("")),
        ("DNComponent([null], 1)", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#error>.
#[rustfmt::skip]
#[test]
fn error() {
    holds(&[
        (r#"Error("boom")"#, json!(ERROR)),
        (r#"Error([null])"#, json!(ERROR)),
        (r#"IIF(IsPresent([a]), [a], Error("a is required"))"#, json!("x")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#ignoreflowifnullorempty>.
#[rustfmt::skip]
#[test]
fn ignore_flow_if_null_or_empty() {
    holds(&[
        ("IgnoreFlowIfNullOrEmpty([a])", json!("x")),
        ("IgnoreFlowIfNullOrEmpty([null])", json!({"ignoreFlow": true})),
        ("IgnoreFlowIfNullOrEmpty([empty])", json!({"ignoreFlow": true})),
        ("IgnoreFlowIfNullOrEmpty([none])", json!({"ignoreFlow": true})),
        ("IgnoreFlowIfNullOrEmpty(0)", json!("0")),
        ("Coalesce(IgnoreFlowIfNullOrEmpty([null]), [a])", json!({"ignoreFlow": true})),
        ("Count(IgnoreFlowIfNullOrEmpty([null]))", json!({"ignoreFlow": true})),
        ("IsNull(IgnoreObjectFlow)", json!({"ignoreObject": true})),
        ("Redact(IgnoreFlowIfNullOrEmpty([null]))", json!({"ignoreFlow": true})),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#iif>.
#[rustfmt::skip]
#[test]
fn iif() {
    holds(&[
        (r#"IIF([flag], "y", "n")"#, json!("y")),
        (r#"IIF([null], "y", "n")"#, json!("n")),
        (r#"IIF([n], "y", "n")"#, json!("y")),
        (r#"IIF([null] = "", "y", "n")"#, json!("y")),
        (r#"IIF([a] = "X", "y", "n")"#, json!("n")),
        (r#"IIF([n] > "9", "y", "n")"#, json!("y")),
        (r#"IIF([missing] < 1, "y", "n")"#, json!("n")),
        (r#"IIF([moment] < Now(), "y", "n")"#, json!("y")),
        (r#"IIF([off] = "FALSE", "y", "n")"#, json!("y")),
        (r#"IIF(InStr([a], "x") = "1", "y", Error("not reached"))"#, json!("y")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#instr>.
#[rustfmt::skip]
#[test]
fn in_str() {
    holds(&[
        (r#"InStr([name], "Müller")"#, json!("5")),
        (r#"InStr([name], "MÜLLER", 1, vbTextCompare)"#, json!("5")),
        (r#"InStr([name], "MÜLLER")"#, json!("0")),
        (r#"InStr("banana", "a", 3)"#, json!("4")),
        (r#"InStr("banana", "a", 7)"#, json!("0")),
        (r#"InStr("banana", "", 3)"#, json!("3")),
        (r#"InStr("banana", "", 7)"#, json!("0")),
        (r#"InStr("banana", [null])"#, json!("1")),
        (r#"InStr([null], "a")"#, json!("0")),
        (r#"InStr([dup], "a")"#, json!(["1", "0", "1", "0"])),
        (r#"InStr("a", "a", [off] & [n])"#, json!(ERROR)),
        (r#"InStr([emoji], "a")"#, json!("3")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#isnull>.
#[rustfmt::skip]
#[test]
fn is_null_is_present_is_string() {
    holds(&[
        ("IsNull([missing])", json!("True")),
        ("IsNull([empty])", json!("False")),
        ("IsNull([none])", json!("False")),
        ("IsNullOrEmpty([none])", json!("True")),
        (r#"IsNullOrEmpty(" ")"#, json!("False")),
        ("IsPresent([none])", json!("False")),
        ("IsPresent([off])", json!("True")),
        ("IsString([n])", json!("True")),
        ("IsString([moment])", json!("True")),
        ("IsString([empty])", json!("True")),
        ("IsString([null])", json!("False")),
        ("IsString([one])", json!("False")),
        ("IsString([complex])", json!("False")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#item>.
#[rustfmt::skip]
#[test]
fn item() {
    holds(&[
        ("Item([list], 3)", json!("c")),
        ("Item([list], 2)", json!(null)),
        (r#"Item([a], "1")"#, json!("x")),
        ("Item([a], 2)", json!(ERROR)),
        ("Item([list], 0 & 0)", json!(ERROR)),
        ("Item([list], -1 & [null])", json!(ERROR)),
        ("Item([none], 1)", json!(ERROR)),
        ("Item([null], 1)", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#join>.
#[rustfmt::skip]
#[test]
fn join() {
    holds(&[
        (r#"Join(", ", [empty], [a], [null], "y")"#, json!("x, y")),
        (r#"Join("-", [list], 8)"#, json!("b-c-8")),
        (r#"Join(",", [null])"#, json!("")),
        (r#"Join([null], "a", "b")"#, json!("ab")),
        (r#"Join("-", [complex])"#, json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#left>.
#[rustfmt::skip]
#[test]
fn left() {
    holds(&[
        ("Left([name], 3)", json!("Zoë")),
        ("Left([name], 0)", json!("")),
        ("Left([name], -1)", json!("Zoë Müller")),
        ("Left([name], 99)", json!("Zoë Müller")),
        ("Left([null], 1)", json!("")),
        (r#"Left(Append("é", "b"), 1)"#, json!("é")),
        ("Left([dup], 1)", json!(["a", "A", "a", "b"])),
        ("Left([emoji], 1)", json!("👍")),
        ("Left([a], 9223372036854775807)", json!("x")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#mid>.
#[rustfmt::skip]
#[test]
fn mid() {
    holds(&[
        ("Mid([name], 5, 3)", json!("Mül")),
        ("Mid([name], 5, )", json!("Müller")),
        ("Mid([name], 5, 99)", json!("Müller")),
        ("Mid([name], 1, 0)", json!("")),
        ("Mid([name], 99, 0)", json!("")),
        ("Mid([name], 1, -1)", json!("Zoë Müller")),
        ("Mid([name], 0, 2)", json!("Zoë Müller")),
        ("Mid([name], -5, 2)", json!("Zoë Müller")),
        ("Mid([name], 11, 2)", json!("Zoë Müller")),
        ("Mid([name], 10, 2)", json!("r")),
        ("Mid([empty], 1, 2)", json!("")),
        ("Mid([null], 1, 2)", json!("")),
        (r#"Mid([a] & "yz", 2, 1)"#, json!("y")),
        ("Mid([name], [null], 1)", json!(ERROR)),
        ("Mid([a], 9223372036854775807, 1)", json!("x")),
        ("Mid([a], -9223372036854775808, 1)", json!("x")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#normalizediacritics>.
#[rustfmt::skip]
#[test]
fn normalize_diacritics() {
    holds(&[
        ("NormalizeDiacritics([name])", json!("Zoe Muller")),
        (r#"NormalizeDiacritics("ø ö å ß ł ı Æ")"#, json!("oe o a ss l i AE")),
        (r#"NormalizeDiacritics("đ ð þ й が")"#, json!("đ ð þ й が")),
        ("NormalizeDiacritics([null])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#not>.
#[rustfmt::skip]
#[test]
fn not() {
    holds(&[
        ("Not([flag])", json!("False")),
        (r#"Not("true")"#, json!("False")),
        ("Not([off])", json!("True")),
        ("Not([null])", json!("True")),
        ("Not([n])", json!("True")),
        ("Not([list])", json!("True")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#pcase>.
#[rustfmt::skip]
#[test]
fn p_case() {
    holds(&[
        (r#"PCase("mARIA-josé o'neil_x")"#, json!("Maria-José O'Neil_X")),
        (r#"PCase("a@b.c+d(e)")"#, json!("A@B.C+D(E)")),
        (r#"PCase("a-b c", " ")"#, json!("A-b C")),
        (r#"PCase("a-b c", "")"#, json!("A-b c")),
        (r#"PCase("a1b éa", [null])"#, json!("A1b Éa")),
        (r#"PCase("ßa ǆa")"#, json!("ßa Ǆa")),
        ("PCase([dup])", json!(["A", "A", "A", "B"])),
        ("PCase([null])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#redact>.
#[rustfmt::skip]
#[test]
fn redact() {
    holds(&[
        ("Redact([a])", json!("x")),
        ("Redact([list])", json!(["b", null, "c"])),
        ("Redact([null])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#removeduplicates>.
#[rustfmt::skip]
#[test]
fn remove_duplicates() {
    holds(&[
        ("RemoveDuplicates([dup])", json!(["a", "A", "b"])),
        ("RemoveDuplicates([a])", json!(["x"])),
        ("RemoveDuplicates([none])", json!([])),
        ("RemoveDuplicates([null])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#replace>.
#[rustfmt::skip]
#[test]
fn replace() {
    holds(&[
        (r#"Replace([null], "a", , , "b")"#, json!(null)),
        (r#"Replace("aXa", "a", , , [null])"#, json!("X")),
        (r#"Replace([a], "b", , , , , "<b|b>")"#, json!("<x|x>")),
        (r#"Replace([a], "b", , , "ignored", , "<b>")"#, json!("<x>")),
        (r#"Replace([a], "b", , , , , [null])"#, json!(null)),
        (r#"Replace([list], "b", , , "B")"#, json!(["B", null, "c"])),
        (r#"Replace([mobile], , "[ -]", , "")"#, json!("+491512345")),
        (r#"Replace("hello", , ".*", , "x")"#, json!("xx")),
        (r#"Replace("", , ".*", , "x")"#, json!("x")),
        (r#"Replace("abc", , "", , "-")"#, json!("-a-b-c-")),
        (r#"Replace("a1", , "(?<n>\\d)", , "<${n}|$1|$2|${x}|$$>")"#, json!("a<1|1|$2|${x}|$>")),
        (r#"Replace("Lee Ann", , "(\\w+) (\\w+)", , "$2, $1x")"#, json!("Ann, Leex")),
        (r##"Replace("a1b22", , "[a-z](?<n>\\d+)", "n", "#")"##, json!("a#b#")),
        (r##"Replace("ab", , "a(?<n>x)?", "n", "#")"##, json!("ab")),
        (r##"Replace("ab", , "(?=a(?<n>b))a", "n", "#")"##, json!("a#")),
        (r#"Replace([empty], , "(?<n>\\d{3})", "n", , [mobile])"#, json!("151")),
        (r#"Replace([null], , "(?<n>z)", "n", , [mobile])"#, json!(null)),
        (r#"Replace([a], , "(?<n>z)", "n", , [mobile])"#, json!("x")),
        (r#"Replace([null], , "(?<n>z)", "n", , [null])"#, json!(null)),
        (r#"Replace("aXb", , [a], , "y")"#, json!("aXb")),
        (r#"Replace("axb", , "(?i)" & ToUpper([a]), , "y")"#, json!("ayb")),
        (r#"Replace("é", "e", , , "x")"#, json!("é")),
        (r#"Replace("x", [empty], , , "b")"#, json!(ERROR)),
        (r#"Replace("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", , "(a+)+$", , "")"#, json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#singleapproleassignment>.
#[rustfmt::skip]
#[test]
fn single_app_role_assignment() {
    holds(&[
        ("SingleAppRoleAssignment([one])", json!("only")),
        ("SingleAppRoleAssignment([none])", json!(null)),
        ("SingleAppRoleAssignment([dup])", json!(ERROR)),
        ("SingleAppRoleAssignment([complex])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#split>.
#[rustfmt::skip]
#[test]
fn split() {
    holds(&[
        (r#"Split(" a , b ,, ", ",")"#, json!(["a", "b"])),
        (r#"Split("a--b-c", "--")"#, json!(["a", "b-c"])),
        (r#"Split([empty], ",")"#, json!([])),
        (r#"Split([null], ",")"#, json!(null)),
        (r#"Split(Split("a;b,c", ","), ";")"#, json!(["a", "b", "c"])),
        (r#"Split([a], [null])"#, json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/reference-expressions#stringfromsid>.
#[rustfmt::skip]
#[test]
fn string_from_sid() {
    holds(&[
        ("StringFromSid([sid])", json!("S-1-5-32-544")),
        (r#"StringFromSid("AQIAAAAAAAUgAAAAIAIAAA==")"#, json!("S-1-5-32-544")),
        (r#"StringFromSid("AQAAAAAAAAU=")"#, json!("S-1-5")),
        (r#"StringFromSid("AgIAAAAAAAUgAAAAIAIAAA==")"#, json!(ERROR)),
        (r#"StringFromSid("AQIAAAAAAAUgAAAA")"#, json!(ERROR)),
        ("StringFromSid([null])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#stripspaces>.
#[rustfmt::skip]
#[test]
fn strip_spaces_and_trim() {
    holds(&[
        (r#"StripSpaces(" a b ")"#, json!("ab")),
        ("StripSpaces(\"a\u{a0}b\tc\")", json!("a\u{a0}b\tc")),
        ("Trim(\"\u{2003}\u{a0} a b \t\r\n\")", json!("a b")),
        (r#"Trim(Append(" ", [a]))"#, json!("x")),
        ("Trim([null])", json!(null)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#switch>.
#[rustfmt::skip]
#[test]
fn switch() {
    holds(&[
        (r#"Switch([a], "d", "x", "hit")"#, json!("hit")),
        (r#"Switch([a], "d", "X", "hit")"#, json!("d")),
        (r#"Switch([a], , "y", "hit")"#, json!(null)),
        (r#"Switch([null], "d", "", "hit")"#, json!("hit")),
        (r#"Switch([empty], "d", [null], "hit")"#, json!("hit")),
        (r#"Switch([flag], "d", "TRUE", "hit")"#, json!("hit")),
        (r#"Switch("TRUE", "d", [flag], "hit")"#, json!("hit")),
        (r#"Switch([n], "d", 15, "hit")"#, json!("hit")),
        (r#"Switch([a], Error("no"), "x", "hit", Error("no"), Error("no"))"#, json!("hit")),
        (r#"Switch([a], "d", [list], "hit")"#, json!(ERROR)),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#tolower>.
#[rustfmt::skip]
#[test]
fn to_lower_and_to_upper() {
    holds(&[
        (r#"ToLower("ÀİIẞ")"#, json!("àİiß")),
        (r#"ToLower("Iİ", "az-Latn-AZ")"#, json!("ıi")),
        (r#"ToLower("I", [null])"#, json!("i")),
        (r#"ToLower("I", "")"#, json!("i")),
        (r#"ToUpper("straße éıiﬁ")"#, json!("STRAßE ÉıIﬁ")),
        (r#"ToUpper("ıi", "tr")"#, json!("Iİ")),
        ("ToUpper([dup])", json!(["A", "A", "A", "B"])),
        (r#"ToLower(Append("A", [name]))"#, json!("azoë müller")),
    ]);
}

/// See <https://learn.microsoft.com/entra/identity/app-provisioning/functions-for-customizing-application-data#word>.
#[rustfmt::skip]
#[test]
fn word() {
    holds(&[
        (r#"Word("The quick brown fox", 3, " ")"#, json!("brown")),
        (r#"Word(",,a,,b", 2, ",")"#, json!("b")),
        (r#"Word([name], 1, "")"#, json!("Zoë Müller")),
        (r#"Word([name], 1, [null])"#, json!("Zoë Müller")),
        (r#"Word([name], [null], " ")"#, json!("")),
        (r#"Word([name], -1, " ")"#, json!("")),
        (r#"Word([null], 1, " ")"#, json!("")),
        (r#"Word([name], 2, "ë ")"#, json!("Müller")),
    ]);
}
