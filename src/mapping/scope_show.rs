//! A scoping filter in print: for people, and for what a mapping is told apart by.

use std::fmt;

use super::scope::{Clause, Group, ScopingFilter, Test};

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
    let texts = |f: &mut fmt::Formatter<'_>, operator: &str, operands: &[String]| {
        write!(f, "{operator} ")?;
        join(f, operands, " | ", |f, operand| write!(f, "{operand:?}"))
    };
    let numbers = |f: &mut fmt::Formatter<'_>, operator: &str, operands: &[i64]| {
        write!(f, "{operator} ")?;
        join(f, operands, " | ", |f, operand| write!(f, "{operand}"))
    };
    match test {
        Test::Equals(operands) => texts(f, "EQUALS", operands),
        Test::NotEquals(operands) => texts(f, "NOT EQUALS", operands),
        Test::Is(true) => f.write_str("IS TRUE"),
        Test::Is(false) => f.write_str("IS FALSE"),
        Test::Null => f.write_str("IS NULL"),
        Test::NotNull => f.write_str("IS NOT NULL"),
        Test::Matches(patterns) | Test::NotMatches(patterns) => {
            let operator = if matches!(test, Test::Matches(_)) { "REGEX MATCH" } else { "NOT REGEX MATCH" };
            let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.source().to_owned()).collect();
            texts(f, operator, &patterns)
        }
        Test::Greater(operands) => numbers(f, "Greater_Than", operands),
        Test::GreaterOrEqual(operands) => numbers(f, "Greater_Than_OR_EQUALS", operands),
        Test::Includes(operands) => texts(f, "Includes", operands),
        Test::EndsWith(operands) => texts(f, "ENDS_WITH", operands),
        Test::Within(operands) => texts(f, "&", operands),
        Test::NotWithin(operands) => texts(f, "!&", operands),
    }
}

fn join<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    between: &str,
    show: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    items.iter().enumerate().try_for_each(|(index, item)| {
        f.write_str(if index == 0 { "" } else { between })?;
        show(f, item)
    })
}
