//! The functions of the language, in one table.
//!
//! A new function is an entry in `FUNCTIONS` and its code in a file beside; the parser does not change.

mod case;
mod convert;
mod dates;
mod diacritics;
mod flow;
mod list;
mod logic;
mod random;
mod replace;
mod roles;
mod text;

pub(crate) use diacritics::without_marks;

use super::ast::Node;
use super::eval::{Call, Item, Stop, Written};
use super::suggest::closest;
use super::types::Type;

/// The parameter that `DefaultDomain` reads.
pub(super) const DEFAULT_DOMAIN: &str = "DefaultDomain";

/// A function: what it takes, and what it does.
#[derive(Debug)]
pub(super) struct Function {
    /// Microsoft's spelling. Calls are matched without regard to ASCII case.
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// How often the last parameter may come.
    pub(super) last: Last,
    pub(super) gives: Type,
    /// What is known of a call without data; what is wrong with it whatever they are.
    pub(super) prepare: fn(&[Option<Node>]) -> Result<Prepared, Misuse>,
    pub(super) run: for<'a> fn(&Call<'a, '_>) -> Result<Item<'a>, Stop>,
    /// The same for single texts, right to where the text is wanted: most expressions build one text from others, and
    /// need no value on the way then.
    pub(super) write: Option<Write>,
    /// Whether an argument is evaluated whatever the others are.
    pub(super) always_reads: fn(usize) -> bool,
    pub(super) traits: Traits,
    /// Another form with fewer arguments, for calls with exactly so many.
    pub(super) shorter: Option<&'static Function>,
}

/// What must be known of an expression that calls the function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) reads_clock: bool,
    pub(super) draws: bool,
    pub(super) redacts: bool,
    /// Only at the top of an expression.
    pub(super) asks_what_is_taken: bool,
    pub(super) reads_parameter: Option<&'static str>,
}

/// What was made of constant arguments when an expression was parsed.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Prepared {
    #[default]
    Nothing,
    Replace(Box<replace::Prepare>),
    Formats(Box<dates::Formats>),
}

pub(super) type Write = fn(&Call<'_, '_>, &mut String) -> Result<Written, Stop>;

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) takes: Type,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Must be given.
    Required,
    /// Must have its place, and may be left empty there: then it is null.
    Place,
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

const fn required(name: &'static str, takes: Type) -> Parameter {
    Parameter { name, need: Need::Required, takes }
}

const fn place(name: &'static str, takes: Type) -> Parameter {
    Parameter { name, need: Need::Place, takes }
}

const fn optional(name: &'static str, takes: Type) -> Parameter {
    Parameter { name, need: Need::Optional, takes }
}

/// What most functions are: text for text, no repetition, nothing known before.
const PLAIN: Function = Function {
    name: "",
    parameters: &[required("source", Type::Text)],
    last: Last::Once,
    gives: Type::Text,
    prepare: |_| Ok(Prepared::Nothing),
    run: |_| Ok(Item::NULL),
    write: None,
    always_reads: |_| true,
    traits: NO_TRAITS,
    shorter: None,
};

const NO_TRAITS: Traits =
    Traits { reads_clock: false, draws: false, redacts: false, asks_what_is_taken: false, reads_parameter: None };

const ROLES: &[Parameter] = &[required("[appRoleAssignments]", Type::Any)];
const ANYTHING: &[Parameter] = &[required("expression", Type::Any)];
const CASED: &[Parameter] = &[required("source", Type::Text), optional("culture", Type::Culture)];
const FIRST_ONLY: fn(usize) -> bool = |index| index == 0;

static FORMAT_DATE_TIME_SHORT: Function = Function {
    name: "FormatDateTime",
    parameters: &[
        required("source", Type::Any),
        required("inputFormat", Type::Text),
        required("outputFormat", Type::Text),
    ],
    prepare: dates::check_short,
    run: dates::format_short,
    ..PLAIN
};

#[rustfmt::skip]
static FUNCTIONS: &[Function] = &[
    Function { name: "Append", parameters: &[required("source", Type::Text), required("suffix", Type::Text)], run: text::append, write: Some(text::write_append), ..PLAIN },
    Function { name: "AppRoleAssignments", parameters: &[required("source", Type::Any)], gives: Type::List, run: roles::complex, ..PLAIN },
    Function { name: "AppRoleAssignmentsComplex", parameters: ROLES, gives: Type::List, run: roles::complex, ..PLAIN },
    Function { name: "AssertiveAppRoleAssignmentsComplex", parameters: ROLES, gives: Type::List, run: roles::complex, ..PLAIN },
    Function {
        name: "BitAnd",
        parameters: &[required("value1", Type::Integer), required("value2", Type::Integer)],
        gives: Type::Integer,
        run: logic::bit_and,
        ..PLAIN
    },
    Function { name: "CBool", parameters: &[required("expression", Type::Boolean)], gives: Type::Boolean, run: convert::c_bool, ..PLAIN },
    Function { name: "CDate", parameters: &[required("expression", Type::DateTime)], gives: Type::DateTime, run: dates::c_date, ..PLAIN },
    Function {
        name: "Coalesce",
        parameters: &[required("source", Type::Any)],
        last: Last::Repeats,
        gives: Type::Any,
        run: logic::coalesce,
        always_reads: FIRST_ONLY,
        ..PLAIN
    },
    Function {
        name: "ConvertFromBase64",
        parameters: &[required("source", Type::Text), optional("encoding", Type::Encoding)],
        run: convert::from_base64,
        ..PLAIN
    },
    Function { name: "ConvertToBase64", run: convert::to_base64, ..PLAIN },
    Function { name: "ConvertToUTF8Hex", run: convert::to_utf8_hex, ..PLAIN },
    Function { name: "Count", parameters: &[required("attribute", Type::Any)], gives: Type::Integer, run: list::count, ..PLAIN },
    Function { name: "CRef", parameters: &[required("value", Type::Any)], gives: Type::Any, run: convert::c_ref, ..PLAIN },
    Function { name: "CStr", parameters: &[required("value", Type::Text)], run: convert::c_str, ..PLAIN },
    Function {
        name: "DateAdd",
        parameters: &[required("interval", Type::Interval), required("value", Type::Any), required("dateTime", Type::DateTime)],
        gives: Type::DateTime,
        run: dates::date_add,
        ..PLAIN
    },
    Function {
        name: "DateDiff",
        parameters: &[required("interval", Type::Interval), required("date1", Type::DateTime), required("date2", Type::DateTime)],
        gives: Type::Integer,
        run: dates::date_diff,
        ..PLAIN
    },
    Function { name: "DateFromNum", parameters: &[required("value", Type::Any)], gives: Type::DateTime, run: dates::date_from_num, ..PLAIN },
    Function {
        name: "DefaultDomain",
        parameters: &[],
        gives: Type::Any,
        run: flow::default_domain,
        traits: Traits { reads_parameter: Some(DEFAULT_DOMAIN), ..NO_TRAITS },
        ..PLAIN
    },
    Function {
        name: "DNComponent",
        parameters: &[required("dn", Type::Text), required("number", Type::Integer)],
        run: convert::dn_component,
        ..PLAIN
    },
    Function { name: "Error", parameters: &[required("message", Type::Text)], gives: Type::Any, run: flow::error, ..PLAIN },
    Function {
        name: "FormatDateTime",
        parameters: &[
            required("source", Type::Any),
            optional("dateTimeStyles", Type::Text),
            required("inputFormat", Type::Text),
            required("outputFormat", Type::Text),
        ],
        prepare: dates::check_long,
        run: dates::format_long,
        shorter: Some(&FORMAT_DATE_TIME_SHORT),
        ..PLAIN
    },
    Function { name: "Guid", parameters: &[], run: random::guid, traits: Traits { draws: true, ..NO_TRAITS }, ..PLAIN },
    Function { name: "IgnoreFlowIfNullOrEmpty", parameters: ANYTHING, gives: Type::Any, run: flow::ignore_if_empty, ..PLAIN },
    Function {
        name: "IIF",
        parameters: &[required("condition", Type::Boolean), required("valueIfTrue", Type::Any), required("valueIfFalse", Type::Any)],
        gives: Type::Any,
        run: logic::iif,
        always_reads: FIRST_ONLY,
        ..PLAIN
    },
    Function {
        name: "InStr",
        parameters: &[
            required("value1", Type::Text),
            required("value2", Type::Text),
            optional("start", Type::Position),
            optional("compareType", Type::CompareMode),
        ],
        gives: Type::Integer,
        run: text::in_str,
        ..PLAIN
    },
    Function { name: "IsNull", parameters: ANYTHING, gives: Type::Boolean, run: logic::is_null, ..PLAIN },
    Function { name: "IsNullOrEmpty", parameters: ANYTHING, gives: Type::Boolean, run: logic::is_null_or_empty, ..PLAIN },
    Function { name: "IsPresent", parameters: ANYTHING, gives: Type::Boolean, run: logic::is_present, ..PLAIN },
    Function { name: "IsString", parameters: ANYTHING, gives: Type::Boolean, run: logic::is_string, ..PLAIN },
    Function {
        name: "Item",
        parameters: &[required("attribute", Type::Any), required("index", Type::Position)],
        gives: Type::Any,
        run: list::item,
        ..PLAIN
    },
    Function {
        name: "Join",
        parameters: &[required("separator", Type::Text), required("source", Type::Text)],
        last: Last::Repeats,
        run: text::join,
        write: Some(text::write_join),
        ..PLAIN
    },
    Function { name: "Left", parameters: &[required("string", Type::Text), required("numChars", Type::Integer)], run: text::left, ..PLAIN },
    Function {
        name: "Mid",
        parameters: &[required("source", Type::Text), required("start", Type::Integer), place("length", Type::Integer)],
        run: text::mid,
        ..PLAIN
    },
    Function { name: "NormalizeDiacritics", run: diacritics::normalize_diacritics, ..PLAIN },
    Function { name: "Not", parameters: &[required("source", Type::Any)], gives: Type::Boolean, run: logic::not, ..PLAIN },
    Function {
        name: "Now",
        parameters: &[],
        gives: Type::DateTime,
        run: dates::now,
        traits: Traits { reads_clock: true, ..NO_TRAITS },
        ..PLAIN
    },
    Function { name: "NumFromDate", parameters: &[required("value", Type::DateTime)], gives: Type::Integer, run: dates::num_from_date, ..PLAIN },
    Function { name: "PCase", parameters: &[required("source", Type::Text), optional("wordSeparators", Type::Text)], run: case::p_case, ..PLAIN },
    Function {
        name: "RandomString",
        parameters: &[
            required("Length", Type::Integer),
            required("MinimumNumbers", Type::Integer),
            required("MinimumSpecialCharacters", Type::Integer),
            required("MinimumCapital", Type::Integer),
            required("MinimumLowerCase", Type::Integer),
            optional("CharactersToAvoid", Type::Text),
        ],
        run: random::random_string,
        traits: Traits { draws: true, ..NO_TRAITS },
        ..PLAIN
    },
    Function {
        name: "Redact",
        parameters: &[required("value", Type::Any)],
        gives: Type::Any,
        run: flow::redact,
        traits: Traits { redacts: true, ..NO_TRAITS },
        ..PLAIN
    },
    Function { name: "RemoveDuplicates", parameters: &[required("attribute", Type::Any)], gives: Type::List, run: list::remove_duplicates, ..PLAIN },
    Function {
        name: "Replace",
        parameters: &[
            required("source", Type::Text),
            optional("oldValue", Type::Text),
            optional("regexPattern", Type::Text),
            optional("regexGroupName", Type::Text),
            optional("replacementValue", Type::Text),
            optional("replacementAttributeName", Type::Text),
            optional("template", Type::Text),
        ],
        prepare: replace::check,
        run: replace::replace,
        ..PLAIN
    },
    Function {
        name: "SelectUniqueValue",
        parameters: &[required("rule1", Type::Text), required("rule2", Type::Text)],
        last: Last::Repeats,
        run: flow::select_unique,
        always_reads: FIRST_ONLY,
        traits: Traits { asks_what_is_taken: true, ..NO_TRAITS },
        ..PLAIN
    },
    Function { name: "SingleAppRoleAssignment", parameters: ROLES, gives: Type::Any, run: roles::single, ..PLAIN },
    Function {
        name: "Split",
        parameters: &[required("source", Type::Text), required("delimiter", Type::Text)],
        gives: Type::List,
        run: list::split,
        ..PLAIN
    },
    Function { name: "StringFromSid", parameters: &[required("bin", Type::Any)], run: convert::string_from_sid, ..PLAIN },
    Function { name: "StripSpaces", run: text::strip_spaces, ..PLAIN },
    Function {
        name: "Switch",
        parameters: &[
            required("source", Type::Any),
            optional("defaultValue", Type::Any),
            required("key1", Type::Any),
            required("value1", Type::Any),
        ],
        last: Last::Repeats,
        gives: Type::Any,
        prepare: logic::check_switch,
        run: logic::switch,
        always_reads: |index| index == 0 || index == 2,
        ..PLAIN
    },
    Function { name: "ToLower", parameters: CASED, run: case::to_lower, write: Some(case::write_lower), ..PLAIN },
    Function { name: "ToUpper", parameters: CASED, run: case::to_upper, ..PLAIN },
    Function { name: "Trim", parameters: &[required("value", Type::Text)], run: text::trim, ..PLAIN },
    Function {
        name: "Word",
        parameters: &[required("string", Type::Text), required("wordNumber", Type::Integer), required("delimiters", Type::Text)],
        run: text::word,
        ..PLAIN
    },
];

/// Functions of the on-premises Entra Connect engine, whose language is another.
#[rustfmt::skip]
const CONNECT: &[&str] = &[
    "BitOr", "CGuid", "CNum", "Contains", "ConvertFromUTF8Hex", "DNComponentRev", "EscapeDNComponent", "InStrRev",
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
    if let Some(name) = CONNECT.iter().find(is) {
        return (format!("{name} is an Entra Connect function"), format!("that language is another; one of {}", all()));
    }
    let accepted = match closest(name, known()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("one of {}", all()),
    };
    (format!("there is no function {name}"), accepted)
}

impl Prepared {
    /// Whether what was prepared makes the result depend on today.
    pub(super) fn reads_clock(&self) -> bool {
        match self {
            Self::Formats(formats) => formats.input.as_ref().is_none_or(super::datetime::Format::lacks_year),
            Self::Nothing | Self::Replace(_) => false,
        }
    }
}

impl Function {
    /// The form of the function that a call of so many arguments means.
    pub(super) fn for_count(&'static self, count: usize) -> &'static Self {
        self.shorter.filter(|shorter| shorter.parameters.len() == count).unwrap_or(self)
    }

    /// The parameter that an argument is for. The count has been checked.
    pub(super) fn parameter(&self, index: usize) -> Parameter {
        match self.parameters.get(index) {
            Some(parameter) => Parameter { ..*parameter },
            None => self.parameters.last().map_or(optional("", Type::Any), |last| optional(last.name, last.takes)),
        }
    }

    pub(super) fn check_count(&self, count: usize) -> Result<(), (String, String)> {
        let most = self.parameters.len();
        let least =
            self.parameters.iter().rposition(|parameter| parameter.need != Need::Optional).map_or(0, |last| last + 1);
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
                Need::Place | Need::Optional => format!("{}?", parameter.name),
            })
            .collect();
        let more = if self.last == Last::Repeats { ", …" } else { "" };
        format!("{}({}{more})", self.name, names.join(", "))
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.parameters.len() == other.parameters.len()
    }
}
