//! Words that stand for one of a few things. They are read in any case, or as their numbers, and written as documented.

use serde_json::Value as Json;

use super::members::{Member, kind};
use crate::expr::closest;
use crate::mapping::{FlowBehavior, FlowType};
use crate::model::Mutability;

/// The type of an attribute. Complete by definition of Entra's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "Microsoft Graph has these six")]
pub enum AttributeType {
    /// Text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// Another object.
    Reference,
    /// Bytes.
    Binary,
    /// True or false.
    Boolean,
    /// A moment in time.
    DateTime,
}

/// What the value of an attribute mapping comes from. Complete by definition of Entra's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "Microsoft Graph has these three")]
pub enum SourceType {
    /// An attribute of the source, as it is.
    #[default]
    Attribute,
    /// The same text for every object.
    Constant,
    /// A function call: an expression.
    Function,
}

/// What an object mapping may do to the objects of its target; everything unless said.
///
/// This is for the caller to turn into preferences: without `add` nothing is created
/// (`Preferences::without_create`), without `update` nothing is changed or disabled (`without_update`,
/// `without_disable`), without `delete` nobody who leaves is deleted (no `Leaver` that ends in a deletion).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "Microsoft Graph has these three")]
pub struct FlowTypes {
    /// Objects are created.
    pub add: bool,
    /// Objects are changed, which includes that they are disabled.
    pub update: bool,
    /// Objects are deleted.
    pub delete: bool,
}

impl Default for FlowTypes {
    fn default() -> Self {
        Self { add: true, update: true, delete: true }
    }
}

/// A word for one of a few things: each with its number and its spelling.
trait Words: Copy + PartialEq + 'static {
    const ALL: &'static [(Self, i64, &'static str)];
}

fn read_word<W: Words>(json: &Json) -> Result<W, String> {
    let found = match json {
        Json::String(text) => W::ALL.iter().find(|(_, _, word)| word.eq_ignore_ascii_case(text.trim())),
        Json::Number(number) => W::ALL.iter().find(|(_, own, _)| number.as_i64() == Some(*own)),
        _ => None,
    };
    found.map(|(value, ..)| *value).ok_or_else(|| {
        let words = W::ALL.iter().map(|(_, _, word)| *word);
        match json.as_str().and_then(|text| closest(text, words.clone())) {
            Some(near) => format!("there is no {}: did you mean {near}?", kind(json)),
            None => format!("there is no {}: one of {}", kind(json), words.collect::<Vec<_>>().join(", ")),
        }
    })
}

fn word<W: Words>(value: W) -> &'static str {
    W::ALL.iter().find(|(own, ..)| *own == value).map_or("", |(_, _, word)| word)
}

macro_rules! words {
    ($type:ty, $($value:path = $number:literal $word:literal),+) => {
        impl Words for $type {
            const ALL: &'static [(Self, i64, &'static str)] = &[$(($value, $number, $word)),+];
        }

        impl Member for $type {
            fn read(json: &Json) -> Result<Self, String> {
                read_word(json)
            }

            fn write(&self) -> Json {
                word(*self).into()
            }
        }
    };
}

words!(AttributeType,
    AttributeType::String = 0 "String",
    AttributeType::Integer = 1 "Integer",
    AttributeType::Reference = 2 "Reference",
    AttributeType::Binary = 3 "Binary",
    AttributeType::Boolean = 4 "Boolean",
    AttributeType::DateTime = 5 "DateTime");
words!(SourceType,
    SourceType::Attribute = 0 "Attribute",
    SourceType::Constant = 1 "Constant",
    SourceType::Function = 2 "Function");
words!(Mutability,
    Mutability::ReadWrite = 0 "ReadWrite",
    Mutability::ReadOnly = 1 "ReadOnly",
    Mutability::CreateOnly = 2 "Immutable",
    Mutability::WriteOnly = 3 "WriteOnly");
words!(FlowType,
    FlowType::Always = 0 "Always",
    FlowType::ObjectAddOnly = 1 "ObjectAddOnly",
    FlowType::MultiValueAddOnly = 2 "MultiValueAddOnly",
    FlowType::ValueAddOnly = 3 "ValueAddOnly",
    FlowType::AttributeAddOnly = 4 "AttributeAddOnly");
words!(FlowBehavior,
    FlowBehavior::FlowWhenChanged = 0 "FlowWhenChanged",
    FlowBehavior::FlowAlways = 1 "FlowAlways");

impl Member for FlowTypes {
    fn read(json: &Json) -> Result<Self, String> {
        let mut flows = Self { add: false, update: false, delete: false };
        if let Some(bits) = json.as_i64().filter(|bits| (0..8).contains(bits)) {
            return Ok(Self { add: bits & 1 != 0, update: bits & 2 != 0, delete: bits & 4 != 0 });
        }
        let accepted = "any of Add, Update, Delete with commas between, or None";
        let text = json.as_str().ok_or_else(|| format!("{} is not {accepted}", kind(json)))?;
        for word in text.split(',').map(str::trim) {
            match word.to_ascii_lowercase().as_str() {
                "add" => flows.add = true,
                "update" => flows.update = true,
                "delete" => flows.delete = true,
                "none" => {}
                _ => return Err(format!("there is no {}: {accepted}", crate::expr::quote(word))),
            }
        }
        Ok(flows)
    }

    fn write(&self) -> Json {
        let words = [(self.add, "Add"), (self.update, "Update"), (self.delete, "Delete")];
        let words: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        if words.is_empty() { "None".into() } else { words.join(", ").into() }
    }
}
