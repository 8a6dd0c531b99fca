//! The functions of the language, in one table.
//!
//! A new function is a line in `FUNCTIONS` and its code in a file beside; the parser does not change.

mod case;
mod diacritics;
mod logic;
mod replace;
mod text;

pub(crate) use diacritics::without_marks;

use super::ast::Node;
use super::eval::{Call, Item, Stop};
use super::suggest::closest;

/// A function: what it takes, and what it does.
#[derive(Debug)]
pub(super) struct Function {
    /// Microsoft's spelling. Calls are matched without regard to ASCII case.
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// How often the last parameter may come.
    pub(super) last: Last,
    /// What is wrong with a call whatever the data are.
    pub(super) check: fn(&[Option<Node>]) -> Result<(), Misuse>,
    pub(super) run: for<'a> fn(&Call<'a, '_>) -> Result<Item<'a>, Stop>,
    pub(super) reads_clock: bool,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) need: Need,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Must be given.
    Required,
    /// May be left empty anywhere, and left out at the end: then it is null.
    Optional,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Last {
    Once,
    /// Any number of times; what comes after the first may be left empty.
    Repeats,
}

/// A call that is wrong in itself.
#[derive(Debug)]
pub(super) struct Misuse {
    pub(super) argument: Option<usize>,
    pub(super) message: String,
    pub(super) accepted: String,
}

const fn required(name: &'static str) -> Parameter {
    Parameter { name, need: Need::Required }
}

const fn optional(name: &'static str) -> Parameter {
    Parameter { name, need: Need::Optional }
}

/// What most functions are: no repetition, no further check, no clock.
const PLAIN: Function = Function {
    name: "",
    parameters: &[],
    last: Last::Once,
    check: |_| Ok(()),
    run: |_| Ok(Item::NULL),
    reads_clock: false,
};

static FUNCTIONS: &[Function] = &[
    Function { name: "Append", parameters: &[required("source"), required("suffix")], run: text::append, ..PLAIN },
    Function {
        name: "Coalesce",
        parameters: &[required("source")],
        last: Last::Repeats,
        run: logic::coalesce,
        ..PLAIN
    },
    Function {
        name: "IIF",
        parameters: &[required("condition"), required("valueIfTrue"), required("valueIfFalse")],
        run: logic::iif,
        ..PLAIN
    },
    Function {
        name: "Join",
        parameters: &[required("separator"), required("source")],
        last: Last::Repeats,
        run: text::join,
        ..PLAIN
    },
    Function {
        name: "NormalizeDiacritics",
        parameters: &[required("source")],
        run: diacritics::normalize_diacritics,
        ..PLAIN
    },
    Function {
        name: "Replace",
        parameters: &[
            required("source"),
            optional("oldValue"),
            optional("regexPattern"),
            optional("regexGroupName"),
            optional("replacementValue"),
            optional("replacementAttributeName"),
            optional("template"),
        ],
        check: replace::check,
        run: replace::replace,
        ..PLAIN
    },
    Function { name: "StripSpaces", parameters: &[required("source")], run: text::strip_spaces, ..PLAIN },
    Function { name: "ToLower", parameters: &[required("source"), optional("culture")], run: case::to_lower, ..PLAIN },
];

/// Functions of the reference that this version does not have.
const LATER: &[&str] = &[
    "AppRoleAssignments",
    "AppRoleAssignmentsComplex",
    "AssertiveAppRoleAssignmentsComplex",
    "BitAnd",
    "CBool",
    "CDate",
    "ConvertFromBase64",
    "ConvertToBase64",
    "ConvertToUTF8Hex",
    "Count",
    "CStr",
    "DateAdd",
    "DateDiff",
    "DateFromNum",
    "DefaultDomain",
    "DNComponent",
    "Error",
    "FormatDateTime",
    "Guid",
    "IgnoreFlowIfNullOrEmpty",
    "InStr",
    "IsNull",
    "IsNullOrEmpty",
    "IsPresent",
    "IsString",
    "Item",
    "Left",
    "Mid",
    "Not",
    "Now",
    "NumFromDate",
    "PCase",
    "RandomString",
    "Redact",
    "RemoveDuplicates",
    "SelectUniqueValue",
    "SingleAppRoleAssignment",
    "Split",
    "StringFromSid",
    "Switch",
    "ToUpper",
    "Trim",
    "Word",
];

/// Functions of the on-premises Entra Connect engine, whose language is another.
#[rustfmt::skip]
const CONNECT: &[&str] = &[
    "BitOr", "CGuid", "CNum", "CRef", "Contains", "ConvertFromUTF8Hex", "DNComponentRev", "EscapeDNComponent", "InStrRev",
    "IsBitSet", "IsCert", "IsDate", "IsEmpty", "IsGuid", "IsNumeric", "ItemOrNull", "LCase", "Len", "LTrim", "PadLeft",
    "PadRight", "RandomNum", "ReplaceChars", "Right", "RTrim", "Select", "StringFromGuid", "UCase", "Where", "With",
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// What to say of a function that is not in the table: what is wrong, and what would be accepted.
pub(super) fn explain_unknown(name: &str) -> (String, String) {
    let known = || FUNCTIONS.iter().map(|function| function.name);
    let all = || known().collect::<Vec<_>>().join(", ");
    let is = |other: &&&str| other.eq_ignore_ascii_case(name);
    if let Some(name) = LATER.iter().find(is) {
        return (format!("the function {name} is not supported yet in this version"), format!("one of {}", all()));
    }
    if let Some(name) = CONNECT.iter().find(is) {
        return (format!("{name} is an Entra Connect function"), format!("that language is another; one of {}", all()));
    }
    let accepted = match closest(name, known().chain(LATER.iter().copied())) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("one of {}", all()),
    };
    (format!("there is no function {name}"), accepted)
}

impl Function {
    /// The parameter that an argument is for. The count has been checked.
    pub(super) fn parameter(&self, index: usize) -> Parameter {
        match self.parameters.get(index) {
            Some(parameter) => Parameter { ..*parameter },
            None => optional(self.parameters.last().map_or("", |last| last.name)),
        }
    }

    pub(super) fn check_count(&self, count: usize) -> Result<(), (String, String)> {
        let most = self.parameters.len();
        let least =
            self.parameters.iter().rposition(|parameter| parameter.need == Need::Required).map_or(0, |last| last + 1);
        if count >= least && (count <= most || self.last == Last::Repeats) {
            return Ok(());
        }
        let wanted = match &self.last {
            Last::Repeats => format!("{least} or more"),
            Last::Once if least == most => least.to_string(),
            Last::Once => format!("{least} to {most}"),
        };
        let name = self.name;
        let message = format!("{name} takes {wanted} arguments and has {count}");
        Err((message, self.signature()))
    }

    /// How a call looks: `Append(source, suffix)`.
    pub(super) fn signature(&self) -> String {
        let names: Vec<_> = self
            .parameters
            .iter()
            .map(|parameter| match parameter.need {
                Need::Required => parameter.name.to_owned(),
                Need::Optional => format!("{}?", parameter.name),
            })
            .collect();
        let more = if self.last == Last::Repeats { ", …" } else { "" };
        format!("{}({}{more})", self.name, names.join(", "))
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
