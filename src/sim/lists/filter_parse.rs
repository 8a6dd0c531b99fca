//! The parser of `$filter`: one of its own, so that a mistake of the client is not made here too.

use super::filter::{Edge, Filter, Literal, Mode, Path, Terms};
use super::filter_any;
use super::filter_lex::{Token, clause, lex};
use crate::sim::apps::application;
use crate::sim::groups::group_property;
use crate::sim::objects::extension::ExtensionType;
use crate::sim::objects::stored::{fold, is_text};
use crate::sim::users::property::{self, Class, Kind, Prop, Support, property};
use crate::sim::wire::answer::{Refusal, read_date};

/// Brackets and `not` nest this deep at most.
const MAX_DEPTH: usize = 32;
/// So many conditions a filter has at most: in a batch it could be megabytes long.
const MAX_CONDITIONS: usize = 1_000;
/// Properties whose end can be asked for; of collections, that of their items.
const ENDINGS: &[Prop] = &[
    property::MAIL,
    property::UPN,
    property::OTHER_MAILS,
    property::PROXY_ADDRESSES,
    group_property::MAIL,
    group_property::PROXY_ADDRESSES,
];

/// Ids, which may stand without quotes.
const UNQUOTED: &[Prop] = &[
    property::ID,
    group_property::ID,
    application::ID,
    application::APP_ID,
    application::PRINCIPAL_ID,
    application::PRINCIPAL_APP_ID,
];

pub(crate) fn parse(text: &str, terms: Terms<'_>) -> Result<Filter, Refusal> {
    let mut parser = Parser { tokens: lex(text)?, at: 0, conditions: 0, terms };
    let filter = parser.any(0)?;
    match parser.next() {
        Token::End => Ok(filter),
        token => Err(parser.unexpected(&token)),
    }
}

/// Whether `endsWith` takes it.
pub(crate) fn has_ending(prop: Prop) -> bool {
    ENDINGS.contains(&prop)
}

pub(crate) struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    conditions: usize,
    pub(crate) terms: Terms<'a>,
}

impl Parser<'_> {
    pub(crate) fn next(&mut self) -> Token {
        let token = self.tokens.get(self.at).cloned().unwrap_or(Token::End);
        self.at += 1;
        token
    }

    pub(crate) fn next_is(&self, keyword: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn next_opens(&self, token: &Token) -> bool {
        self.tokens.get(self.at) == Some(token)
    }

    pub(crate) fn take(&mut self, keyword: &str) -> bool {
        let is = self.next_is(keyword);
        self.at += usize::from(is);
        is
    }

    pub(crate) fn expect(&mut self, expected: &Token) -> Result<(), Refusal> {
        match self.next() {
            token if token == *expected => Ok(()),
            token => Err(self.unexpected(&token)),
        }
    }

    pub(crate) fn unexpected(&self, token: &Token) -> Refusal {
        let found = match token {
            Token::Open => "(",
            Token::Close => ")",
            Token::Comma => ",",
            Token::Slash => "/",
            Token::Word(word) | Token::Text(word) => word,
            Token::End => return clause("Syntax error: the expression ends too early"),
        };
        clause(format!("Syntax error at '{found}' (term {})", self.at))
    }

    fn any(&mut self, depth: usize) -> Result<Filter, Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal::unsupported("The filter is nested too deeply."));
        }
        let mut parts = vec![self.all(depth)?];
        while self.take("or") {
            parts.push(self.all(depth)?);
        }
        self.check_count(parts.len())?;
        Ok(single_or(parts, Filter::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Filter, Refusal> {
        let mut parts = vec![self.term(depth)?];
        while self.take("and") {
            parts.push(self.term(depth)?);
        }
        Ok(single_or(parts, Filter::All))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal::unsupported("The filter is nested too deeply."));
        }
        match self.next() {
            Token::Open => {
                let inner = self.any(depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Token::Word(word) if word.eq_ignore_ascii_case("not") => {
                self.require_advanced("not")?;
                Ok(Filter::Not(Box::new(self.term(depth + 1)?)))
            }
            Token::Word(word) if self.tokens.get(self.at) == Some(&Token::Open) && !word.eq_ignore_ascii_case("in") => {
                self.function(&word)
            }
            Token::Word(word) => self.comparison(&word),
            token => Err(self.unexpected(&token)),
        }
    }

    fn function(&mut self, name: &str) -> Result<Filter, Refusal> {
        self.spend()?;
        let is_end = name.eq_ignore_ascii_case("endswith");
        if !is_end && !name.eq_ignore_ascii_case("startswith") {
            return Err(Refusal::unsupported(format!("The function '{name}' is not supported.")));
        }
        if is_end {
            self.require_advanced("endsWith")?;
        }
        self.expect(&Token::Open)?;
        let path = match self.next() {
            Token::Word(word) => self.path(&word)?,
            token => return Err(self.unexpected(&token)),
        };
        self.expect(&Token::Comma)?;
        let text = match self.next() {
            Token::Text(text) => text,
            token => return Err(self.unexpected(&token)),
        };
        self.expect(&Token::Close)?;
        if !is_end {
            self.allow(path.prop, property(path.prop).answers.starts, "startsWith")?;
        }
        let fits = kind_of(&path).is_some_and(is_text) && (!is_end || has_ending(path.prop));
        match text.is_empty() || !fits {
            true => Err(unsupported_clause(&path)),
            false if is_end => Ok(Filter::EndsWith(path, fold(&text))),
            false => Ok(Filter::StartsWith(path, fold(&text))),
        }
    }

    fn comparison(&mut self, word: &str) -> Result<Filter, Refusal> {
        self.spend()?;
        if let Some(prop) = self.find(word).filter(|prop| property(*prop).is_collection()) {
            return filter_any::parse(self, prop);
        }
        if self.terms.class == Class::Group && word.eq_ignore_ascii_case("hasMembersWithLicenseErrors") {
            return self.license_errors();
        }
        let path = self.path(word)?;
        let operator = match self.next() {
            Token::Word(operator) => operator.to_ascii_lowercase(),
            token => return Err(self.unexpected(&token)),
        };
        match operator.as_str() {
            "ge" => self.beyond(path, Edge::AtLeast),
            "le" => self.beyond(path, Edge::AtMost),
            "eq" => {
                let value = self.compared(&path, "eq")?;
                Ok(Filter::In(path, vec![value]))
            }
            "ne" => {
                self.require_advanced("ne")?;
                let value = self.compared(&path, "ne")?;
                Ok(Filter::Not(Box::new(Filter::In(path, vec![value]))))
            }
            "in" => {
                self.expect(&Token::Open)?;
                let mut values = vec![self.compared(&path, "in")?];
                loop {
                    match self.next() {
                        Token::Comma => values.push(self.compared(&path, "in")?),
                        Token::Close => break,
                        token => return Err(self.unexpected(&token)),
                    }
                }
                self.check_count(values.len())?;
                Ok(Filter::In(path, values))
            }
            other => Err(Refusal::unsupported(format!("Operator '{other}' is not supported."))),
        }
    }

    /// What follows `hasMembersWithLicenseErrors`, which no answer shows and no advanced query takes.
    fn license_errors(&mut self) -> Result<Filter, Refusal> {
        let wanted = match (self.take("eq"), self.next()) {
            (true, Token::Word(word)) if word == "true" => Some(true),
            (true, Token::Word(word)) if word == "false" => Some(false),
            _ => None,
        };
        match wanted.filter(|_| self.terms.mode == Mode::Plain) {
            Some(true) => Ok(Filter::LicenseErrors),
            Some(false) => Ok(Filter::Not(Box::new(Filter::LicenseErrors))),
            None => Err(Refusal::unsupported(
                "Unsupported or invalid query filter clause specified for property 'hasMembersWithLicenseErrors' of \
                 resource 'Group'.",
            )),
        }
    }

    /// What follows `ge` and `le`.
    fn beyond(&mut self, path: Path, edge: Edge) -> Result<Filter, Refusal> {
        self.allow(path.prop, property(path.prop).answers.range, if edge == Edge::AtLeast { "ge" } else { "le" })?;
        match self.literal(&path)? {
            Literal::Text(text) => Ok(Filter::Beyond(path, edge, text)),
            Literal::Null | Literal::Bool(_) | Literal::Number(_) => Err(unsupported_clause(&path)),
        }
    }

    fn find(&self, name: &str) -> Option<Prop> {
        self.terms.extensions.find(self.terms.class, name).next()
    }

    fn path(&mut self, word: &str) -> Result<Path, Refusal> {
        let Some(prop) = self.find(word) else {
            let kind = self.terms.class.name();
            return Err(clause(format!("Could not find a property named '{word}' on type 'microsoft.graph.{kind}'")));
        };
        let mut path = Path { prop, member: None };
        if self.tokens.get(self.at) == Some(&Token::Slash) {
            self.at += 1;
            match self.next() {
                Token::Word(member) => path.member = Some(self.member(&path, &member)?),
                token => return Err(self.unexpected(&token)),
            }
        }
        let is_asked_whole = path.member.is_none() && property(prop).kind == Kind::Object;
        if is_asked_whole || property(prop).is_collection() || !property(prop).answers.is_any() {
            return Err(unsupported_clause(&path));
        }
        Ok(path)
    }

    fn member(&self, path: &Path, member: &str) -> Result<String, Refusal> {
        crate::sim::objects::values::member_of(path.prop, member).ok_or_else(|| unsupported_clause(path))
    }

    /// A value to compare a property with.
    fn literal(&mut self, path: &Path) -> Result<Literal, Refusal> {
        let unsupported = || unsupported_clause(path);
        let Some(kind) = kind_of(path) else { return Err(unsupported()) };
        match self.next() {
            // An empty value matches nothing that Graph indexes, and it refuses it.
            Token::Text(text) if is_text(kind) && text.is_empty() => Err(unsupported()),
            Token::Text(text) if is_text(kind) => Ok(Literal::Text(fold(&text))),
            Token::Word(word) if word == "null" => Ok(Literal::Null),
            Token::Word(word) if kind == Kind::Bool && (word == "true" || word == "false") => {
                Ok(Literal::Bool(word == "true"))
            }
            Token::Word(word) if kind == Kind::Date => {
                let at = read_date(&word.to_uppercase()).map(|at| Literal::Text(fold(&at)));
                at.ok_or_else(|| clause(format!("'{word}' is not a date such as 2026-03-04T10:15:30Z")))
            }
            Token::Word(word) if kind == Kind::Number => {
                word.parse().map(Literal::Number).map_err(|_| clause(format!("'{word}' is not a whole number")))
            }
            Token::Word(word) if UNQUOTED.contains(&path.prop) => Ok(Literal::Text(fold(&word))),
            Token::Text(_) | Token::Word(_) => Err(Refusal::unsupported(format!(
                "A binary operator with incompatible types was detected at property '{}'.",
                path.name()
            ))),
            token => Err(self.unexpected(&token)),
        }
    }

    /// A value after `eq`, `ne` or `in`.
    fn compared(&mut self, path: &Path, operator: &str) -> Result<Literal, Refusal> {
        let value = self.literal(path)?;
        let answers = property(path.prop).answers;
        match value {
            Literal::Null => self.allow(path.prop, answers.null, "eq null")?,
            _ => self.allow(path.prop, answers.eq, operator)?,
        }
        Ok(value)
    }

    /// Refuses what may not be asked of a property, or not so.
    pub(crate) fn allow(&self, prop: Prop, support: Support, operator: &str) -> Result<(), Refusal> {
        match support {
            Support::Plain => Ok(()),
            Support::Advanced => self.require_advanced(operator),
            Support::Never => Err(unsupported_property(prop)),
        }
    }

    /// Counts one more condition.
    pub(crate) fn spend(&mut self) -> Result<(), Refusal> {
        self.conditions += 1;
        match self.conditions > MAX_CONDITIONS {
            true => Err(Refusal::unsupported(format!("The filter has more than {MAX_CONDITIONS} conditions."))),
            false => Ok(()),
        }
    }

    pub(crate) fn require_advanced(&self, operator: &str) -> Result<(), Refusal> {
        match self.terms.mode {
            Mode::Advanced => Ok(()),
            Mode::Plain => Err(Refusal::unsupported(format!(
                "Operator '{operator}' is not supported because the required parameters might be missing. Try adding \
                 $count=true query parameter and ConsistencyLevel:eventual header. Refer to \
                 https://aka.ms/graph-docs/advanced-queries for more information"
            ))),
        }
    }

    pub(crate) fn check_count(&self, count: usize) -> Result<(), Refusal> {
        let max = self.terms.max_values;
        if count <= max {
            return Ok(());
        }
        Err(Refusal::unsupported(format!(
            "Too many child clauses specified in search filter expression containing 'OR' operators: {count}. Max \
             allowed: {max}."
        )))
    }
}

/// What a property, or its member, is compared as; `None`: it is not.
fn kind_of(path: &Path) -> Option<Kind> {
    match (path.prop, property(path.prop).kind) {
        (property::PASSWORD_PROFILE, _) => Some(Kind::Bool),
        (_, Kind::Object) => path.member.as_ref().map(|_| Kind::Text(0)),
        (_, Kind::Extension(kind)) => match kind {
            ExtensionType::Boolean => Some(Kind::Bool),
            ExtensionType::DateTime => Some(Kind::Date),
            ExtensionType::Integer | ExtensionType::LargeInteger => Some(Kind::Number),
            ExtensionType::String => Some(Kind::Text(256)),
            ExtensionType::Binary => None,
        },
        (_, kind) => Some(kind),
    }
}

fn single_or(mut parts: Vec<Filter>, join: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

fn unsupported_clause(path: &Path) -> Refusal {
    unsupported_property(path.prop)
}

pub(crate) fn unsupported_property(prop: Prop) -> Refusal {
    Refusal::unsupported(format!(
        "Unsupported or invalid query filter clause specified for property '{}' of resource '{}'.",
        property(prop).name,
        Class::of(prop).resource()
    ))
}

#[cfg(test)]
mod tests;
