//! Entra's own scoping filters: who belongs, as a `synchronizationSchema` says it.

use std::sync::Arc;

use serde::Deserialize;

use crate::error::{Error, ErrorKind};
use crate::expr::{AttributePath, Found, Fuel, Regex, closest, integer, text_form};
use crate::model::{Attributes, Name, Value};

/// The `scope` of an object mapping: three sets of groups of clauses.
///
/// A set holds if it is empty or one of its groups does, and a group if all its clauses do. A clause on an attribute
/// that is absent, null or empty does not hold, whatever its operator, but `IS NULL`. Text is compared by case.
///
/// # Examples
///
/// ```
/// use entrant::mapping::{ScopeVerdict, ScopingFilter};
/// use entrant::{Record, model::ObjectId};
///
/// let filter = ScopingFilter::from_json(r#"{"groups": [{"name": "Sales", "clauses": [
///     {"sourceOperandName": "department", "operatorName": "EQUALS", "targetOperand": {"values": ["Sales"]}}
/// ]}]}"#)?;
/// let record = Record::new(ObjectId::user("1")).with("department", "HR");
/// assert_eq!(filter.evaluate(&record.attributes)?, ScopeVerdict::LeftScope);
/// # Ok::<(), entrant::mapping::ScopeError>(())
/// ```
///
/// See [scoping filters](https://learn.microsoft.com/entra/identity/app-provisioning/define-conditional-rules-for-provisioning-user-accounts).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScopingFilter {
    pub(super) groups: Vec<Group>,
    pub(super) input: Vec<Group>,
    pub(super) category: Vec<Group>,
}

impl ScopingFilter {
    /// Its three sets: `groups`, those of the input, those of the category.
    pub(super) fn sets(&self) -> [&[Group]; 3] {
        [&self.groups, &self.input, &self.category]
    }
}

/// What a [`ScopingFilter`] says of an object. Complete by definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a filter has these three sets")]
pub enum ScopeVerdict {
    /// It belongs.
    InScope,
    /// It fails the `groups`: what was written for it is taken back.
    LeftScope,
    /// It fails the `inputFilterGroups`: it counts as not read, and nothing is taken back.
    NotRead,
    /// It fails the `categoryFilterGroups`: it is the matter of another mapping, and nothing is taken back.
    OtherCategory,
}

/// What is wrong with a [`ScopingFilter`], or with an object for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ScopeError {
    place: String,
    message: String,
}

impl ScopeError {
    pub(super) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }

    /// Where: `groups[0].clauses[1]`, or the attribute of the object.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong and what would be accepted, in one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<ScopeError> for Error {
    fn from(error: ScopeError) -> Self {
        Error::new(ErrorKind::Invalid, "the scoping filter cannot be used").with_source(error)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) clauses: Vec<Clause>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    pub(super) attribute: AttributePath,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Equals(Vec<String>),
    NotEquals(Vec<String>),
    Is(bool),
    Null,
    NotNull,
    Matches(Vec<Arc<Regex>>),
    NotMatches(Vec<Arc<Regex>>),
    Greater(Vec<i64>),
    GreaterOrEqual(Vec<i64>),
    Includes(Vec<String>),
    EndsWith(Vec<String>),
    /// The attribute's text lies within the operand.
    Within(Vec<String>),
    NotWithin(Vec<String>),
}

/// The operators as Microsoft writes them.
#[rustfmt::skip]
const OPERATORS: [&str; 15] = [
    "EQUALS", "NOT EQUALS", "IS TRUE", "IS FALSE", "IS NULL", "IS NOT NULL", "PRESENT", "REGEX MATCH", "NOT REGEX MATCH",
    "Greater_Than", "Greater_Than_OR_EQUALS", "Includes", "ENDS_WITH", "&", "!&",
];

/// Attributes on which Entra's service does not filter.
const UNSUPPORTED: [&str; 4] = ["appRoleAssignments", "userType", "manager", "members"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterJson {
    #[serde(default)]
    groups: Option<Vec<GroupJson>>,
    #[serde(default)]
    input_filter_groups: Option<Vec<GroupJson>>,
    #[serde(default)]
    category_filter_groups: Option<Vec<GroupJson>>,
}

#[derive(Deserialize)]
struct GroupJson {
    clauses: Vec<ClauseJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClauseJson {
    operator_name: String,
    source_operand_name: String,
    #[serde(default)]
    target_operand: Option<OperandJson>,
}

#[derive(Deserialize)]
struct OperandJson {
    #[serde(default)]
    values: Option<Vec<Value>>,
}

impl ScopingFilter {
    /// Reads a filter; `null` restricts nothing.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place: no JSON of the shape, an operator that is unknown or not supported,
    /// an operand that is missing, no whole number or no pattern.
    pub fn from_json(json: &str) -> Result<Self, ScopeError> {
        let filter: Option<FilterJson> = match json.trim_start().starts_with('[') {
            true => return Err(ScopeError::new("scope", "this is a list; a filter is an object with groups")),
            false => serde_json::from_str(json)
                .map_err(|error| ScopeError::new("scope", format!("this is no filter: {error}")))?,
        };
        let Some(filter) = filter else {
            return Ok(Self::default());
        };
        Ok(Self {
            groups: set("groups", filter.groups)?,
            input: set("inputFilterGroups", filter.input_filter_groups)?,
            category: set("categoryFilterGroups", filter.category_filter_groups)?,
        })
    }

    /// Says whether an object belongs, and by which set it does not.
    ///
    /// # Errors
    ///
    /// An attribute that holds a list or a complex value, on which Entra cannot filter, or a pattern that takes too much
    /// work for its value. Nobody knows then whether the object belongs.
    pub fn evaluate(&self, attributes: &Attributes) -> Result<ScopeVerdict, ScopeError> {
        let fuel = Fuel::full();
        for (set, verdict) in [
            (&self.input, ScopeVerdict::NotRead),
            (&self.category, ScopeVerdict::OtherCategory),
            (&self.groups, ScopeVerdict::LeftScope),
        ] {
            if !set_holds(set, attributes, &fuel)? {
                return Ok(verdict);
            }
        }
        Ok(ScopeVerdict::InScope)
    }

    /// The top-level attributes that it may read, each once, in order.
    #[must_use]
    pub fn attributes(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.clauses().flat_map(|clause| clause.attribute.names().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What Entra's service would not do alike, one line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let unsupported = self.clauses().filter(|clause| UNSUPPORTED.contains(&clause.attribute.text().as_str()));
        unsupported
            .map(|clause| format!("Entra does not filter on {}; it is evaluated here", clause.attribute.text()))
            .collect()
    }

    /// The attributes as they are referred to.
    pub(super) fn references(&self) -> impl Iterator<Item = &AttributePath> {
        self.clauses().map(|clause| &clause.attribute)
    }

    fn clauses(&self) -> impl Iterator<Item = &Clause> {
        let groups = self.input.iter().chain(&self.category).chain(&self.groups);
        groups.flat_map(|group| &group.clauses)
    }
}

fn set(name: &str, groups: Option<Vec<GroupJson>>) -> Result<Vec<Group>, ScopeError> {
    let read_group = |(group_index, group): (usize, GroupJson)| {
        let clauses = group.clauses.into_iter().enumerate().map(|(index, clause)| {
            clause.read().map_err(|message| ScopeError::new(format!("{name}[{group_index}].clauses[{index}]"), message))
        });
        Ok(Group { clauses: clauses.collect::<Result<_, _>>()? })
    };
    groups.unwrap_or_default().into_iter().enumerate().map(read_group).collect()
}

impl ClauseJson {
    fn read(self) -> Result<Clause, String> {
        let attribute = self.source_operand_name.trim();
        if attribute.is_empty() {
            return Err("sourceOperandName is empty; it names an attribute".to_owned());
        }
        let values = self.target_operand.and_then(|operand| operand.values).unwrap_or_default();
        let texts = || {
            let texts: Option<Vec<String>> =
                values.iter().map(|value| text_form(value).map(|text| text.into_owned())).collect();
            texts.filter(|texts| !texts.is_empty()).ok_or_else(|| {
                format!("{} needs targetOperand with values, and each of them is text", self.operator_name)
            })
        };
        let numbers = || -> Result<Vec<i64>, String> {
            let number = |text: String| {
                integer(&Value::text(text.as_str())).ok_or_else(|| format!("{text:?} is no whole number"))
            };
            texts()?.into_iter().map(number).collect()
        };
        let patterns = || -> Result<Vec<Arc<Regex>>, String> {
            let pattern = |text: String| {
                Regex::new(&text).map(Arc::new).map_err(|error| format!("the pattern {text:?} is wrong: {error}"))
            };
            texts()?.into_iter().map(pattern).collect()
        };
        // Spellings differ between the portal, Graph and its pages.
        let normal = self.operator_name.to_lowercase().replace('_', " ");
        let test = match normal.split_whitespace().collect::<Vec<_>>().join(" ").as_str() {
            "equals" => Test::Equals(texts()?),
            "not equals" => Test::NotEquals(texts()?),
            "is true" => Test::Is(true),
            "is false" => Test::Is(false),
            "is null" => Test::Null,
            "is not null" | "present" => Test::NotNull,
            "regex match" => Test::Matches(patterns()?),
            "not regex match" => Test::NotMatches(patterns()?),
            "greater than" => Test::Greater(numbers()?),
            "greater than or equals" => Test::GreaterOrEqual(numbers()?),
            "includes" => Test::Includes(texts()?),
            "ends with" => Test::EndsWith(texts()?),
            "&" => Test::Within(texts()?),
            "!&" => Test::NotWithin(texts()?),
            "ismemberof" | "is member of" | "valid cert match" => {
                return Err(format!("{} is not supported, by Entra either", self.operator_name));
            }
            _ => {
                let known = OPERATORS.join(", ");
                let hint = match closest(&self.operator_name, OPERATORS) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("one of {known}"),
                };
                return Err(format!("there is no operator {:?}: {hint}", self.operator_name));
            }
        };
        Ok(Clause { attribute: AttributePath::new(attribute), test })
    }
}

fn set_holds(set: &[Group], attributes: &Attributes, fuel: &Fuel) -> Result<bool, ScopeError> {
    for group in set {
        if group.holds(attributes, fuel)? {
            return Ok(true);
        }
    }
    Ok(set.is_empty())
}

impl Group {
    fn holds(&self, attributes: &Attributes, fuel: &Fuel) -> Result<bool, ScopeError> {
        for clause in &self.clauses {
            if !clause.holds(attributes, fuel)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Clause {
    fn holds(&self, attributes: &Attributes, fuel: &Fuel) -> Result<bool, ScopeError> {
        let error = |message: &str| ScopeError::new(self.attribute.text().as_str(), message);
        let found = self.attribute.find(attributes);
        let value = match &found {
            Found::Here(value) => *value,
            Found::Collected(value) => value,
            Found::Absent => &Value::Null,
        };
        if matches!(value, Value::Null) || matches!(value, Value::List(elements) if elements.is_empty()) {
            return Ok(self.test == Test::Null);
        }
        let Some(text) = text_form(value) else {
            return Err(error("it holds a list or a complex value, and a filter looks at single ones"));
        };
        if text.is_empty() {
            return Ok(self.test == Test::Null);
        }
        let is_bool = matches!(value, Value::Bool(_));
        let equals = |operand: &String| *operand == text || (is_bool && operand.eq_ignore_ascii_case(&text));
        let found = |patterns: &[Arc<Regex>]| {
            for pattern in patterns {
                let found = pattern.is_match(&text, fuel);
                if found.map_err(|_| error("the pattern takes too much work for this value"))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        Ok(match &self.test {
            Test::Equals(operands) => operands.iter().any(equals),
            Test::NotEquals(operands) => !operands.iter().any(equals),
            Test::Is(wanted) => text.eq_ignore_ascii_case(if *wanted { "true" } else { "false" }),
            Test::Null => false,
            Test::NotNull => true,
            Test::Matches(patterns) => found(patterns)?,
            Test::NotMatches(patterns) => !found(patterns)?,
            Test::Greater(operands) => {
                integer(value).is_some_and(|number| operands.iter().any(|operand| number > *operand))
            }
            Test::GreaterOrEqual(operands) => {
                integer(value).is_some_and(|number| operands.iter().any(|operand| number >= *operand))
            }
            Test::Includes(operands) => operands.iter().any(|operand| text.contains(operand.as_str())),
            Test::EndsWith(operands) => operands.iter().any(|operand| text.ends_with(operand.as_str())),
            Test::Within(operands) => operands.iter().any(|operand| operand.contains(&*text)),
            Test::NotWithin(operands) => !operands.iter().any(|operand| operand.contains(&*text)),
        })
    }
}
