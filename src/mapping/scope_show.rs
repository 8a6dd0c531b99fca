//! A scoping filter in print: for people, and for what a mapping is told apart by.

use std::fmt;

use super::scope::{Clause, Group, ScopingFilter, Test};
use super::show::join;

impl fmt::Display for ScopingFilter {
    /// All that decides: `department EQUALS "Sales" and country IS NOT NULL`. Names of groups are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = [("", &self.groups), ("input filter: ", &self.input), ("category: ", &self.category)];
        let mut first = true;
        for (label, groups) in sets.into_iter().filter(|(_, groups)| !groups.is_empty()) {
            write!(f, "{}{label}", if first { "" } else { "; " })?;
            first = false;
            join(f, groups, " or ", |f, group| match (groups.len(), group.clauses.len()) {
                (1, _) | (_, 0 | 1) => write_group(f, group),
                _ => {
                    f.write_str("(")?;
                    write_group(f, group)?;
                    f.write_str(")")
                }
            })?;
        }
        if first { f.write_str("everything") } else { Ok(()) }
    }
}

fn write_group(f: &mut fmt::Formatter<'_>, group: &Group) -> fmt::Result {
    if group.clauses.is_empty() {
        return f.write_str("everything");
    }
    join(f, &group.clauses, " and ", write_clause)
}

fn write_clause(f: &mut fmt::Formatter<'_>, Clause { attribute, test }: &Clause) -> fmt::Result {
    let name = attribute.text().as_str();
    // No name can pretend to be a clause.
    match name.chars().all(|character| character.is_alphanumeric() || "._:-".contains(character)) {
        true => write!(f, "{name} ")?,
        false => write!(f, "{name:?} ")?,
    }
    f.write_str(test.operator())?;
    let operands = test.operands();
    if operands.is_empty() {
        return Ok(());
    }
    f.write_str(" ")?;
    let is_number = matches!(test, Test::Greater(_) | Test::GreaterOrEqual(_));
    join(f, &operands, " | ", |f, operand| if is_number { f.write_str(operand) } else { write!(f, "{operand:?}") })
}

impl Test {
    /// The operator as Microsoft writes it.
    pub(super) fn operator(&self) -> &'static str {
        match self {
            Self::Equals(_) => "EQUALS",
            Self::NotEquals(_) => "NOT EQUALS",
            Self::Is(true) => "IS TRUE",
            Self::Is(false) => "IS FALSE",
            Self::Null => "IS NULL",
            Self::NotNull => "IS NOT NULL",
            Self::Matches(_) => "REGEX MATCH",
            Self::NotMatches(_) => "NOT REGEX MATCH",
            Self::Greater(_) => "Greater_Than",
            Self::GreaterOrEqual(_) => "Greater_Than_OR_EQUALS",
            Self::Includes(_) => "Includes",
            Self::EndsWith(_) => "ENDS_WITH",
            Self::Within(_) => "&",
            Self::NotWithin(_) => "!&",
        }
    }

    /// What it compares with, as text; nothing where it compares with nothing.
    pub(super) fn operands(&self) -> Vec<String> {
        match self {
            Self::Equals(texts)
            | Self::NotEquals(texts)
            | Self::Includes(texts)
            | Self::EndsWith(texts)
            | Self::Within(texts)
            | Self::NotWithin(texts) => texts.clone(),
            Self::Greater(numbers) | Self::GreaterOrEqual(numbers) => numbers.iter().map(i64::to_string).collect(),
            Self::Matches(patterns) | Self::NotMatches(patterns) => {
                patterns.iter().map(|pattern| pattern.source().to_owned()).collect()
            }
            Self::Is(_) | Self::Null | Self::NotNull => Vec::new(),
        }
    }
}
