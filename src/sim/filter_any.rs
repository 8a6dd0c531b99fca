//! `any(…)` in a `$filter`: something in a collection.

use serde_json::Value;

use super::answer::Refusal;
use super::filter::{Filter, Lookup, lower};
use super::filter_parse::{Parser, Token, has_ending, unsupported_property};
use super::group_property;
use super::property::{self, Filtering, Prefix, Prop, property};
use super::shelf::Field;
use super::stored::{Reading, fold};

/// A collection has an item for which one of these holds.
#[derive(Debug, PartialEq)]
pub(super) struct Has {
    pub(super) prop: Prop,
    tests: Vec<Test>,
}

/// Text is folded already.
#[derive(Debug, PartialEq)]
enum Test {
    Is(Box<str>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
}

impl Has {
    pub(super) fn matches(&self, reading: &Reading<'_>) -> bool {
        let Reading::Json(json) = reading else { return false };
        let items = json.as_array().into_iter().flatten();
        let texts = items.filter_map(|item| match member_of(self.prop) {
            Some(member) => item.get(member).and_then(Value::as_str),
            None => item.as_str(),
        });
        let holds = |text: &str, test: &Test| match test {
            Test::Is(is) => lower(text).eq(is.chars()),
            Test::StartsWith(prefix) => {
                let mut chars = lower(text);
                prefix.chars().all(|expected| chars.next() == Some(expected))
            }
            Test::EndsWith(end) => text.to_lowercase().ends_with(&**end),
        };
        texts.into_iter().any(|text| self.tests.iter().any(|test| holds(text, test)))
    }

    pub(super) fn lookups(&self) -> Option<Vec<Lookup>> {
        let is = |test: &Test| match test {
            Test::Is(text) if self.prop == property::ASSIGNED_LICENSES => Some(Lookup::Key(Field::Sku, text.clone())),
            _ => None,
        };
        self.tests.iter().map(is).collect()
    }
}

/// The member of the items that conditions are on; items of other collections are texts.
fn member_of(prop: Prop) -> Option<&'static str> {
    matches!(prop, property::ASSIGNED_LICENSES | group_property::ASSIGNED_LICENSES).then_some("skuId")
}

/// Reads on after the name of a collection: `/any(c:c eq 'x' or startswith(c,'y'))`, `/$count eq 0`.
pub(super) fn parse(parser: &mut Parser, prop: Prop) -> Result<Filter, Refusal> {
    let unsupported = || unsupported_property(prop);
    let known = property(prop);
    if known.filtering == Filtering::None || parser.next() != Token::Slash {
        return Err(unsupported());
    }
    if parser.take("$count") {
        return count(parser, prop);
    }
    if !parser.take("any") {
        return Err(unsupported());
    }
    if known.filtering == Filtering::Advanced {
        parser.require_advanced(known.name)?;
    }
    parser.expect(&Token::Open)?;
    let (variable, first) = match parser.next() {
        Token::Word(word) => match word.split_once(':') {
            Some((variable, rest)) => (variable.to_owned(), rest.to_owned()),
            None => match parser.next() {
                Token::Word(rest) if rest.starts_with(':') => (word, rest[1..].to_owned()),
                token => return Err(parser.unexpected(&token)),
            },
        },
        Token::Close => return Err(unsupported()),
        token => return Err(parser.unexpected(&token)),
    };
    let mut word = if first.is_empty() { next_word(parser)? } else { first };
    let mut tests = Vec::new();
    loop {
        let is_end = word.eq_ignore_ascii_case("endswith");
        if is_end || word.eq_ignore_ascii_case("startswith") {
            let fits = if is_end { has_ending(prop) } else { known.prefix == Prefix::Yes };
            if !fits {
                return Err(unsupported());
            }
            if is_end {
                parser.require_advanced("endsWith")?;
            }
            parser.expect(&Token::Open)?;
            item(parser, prop, &variable, None)?;
            parser.expect(&Token::Comma)?;
            let text = text(parser, prop)?;
            tests.push(if is_end { Test::EndsWith(text) } else { Test::StartsWith(text) });
            parser.expect(&Token::Close)?;
        } else {
            item(parser, prop, &variable, Some(word))?;
            if parser.take("in") {
                parser.expect(&Token::Open)?;
                tests.push(Test::Is(text(parser, prop)?));
                while parser.next_opens(&Token::Comma) {
                    parser.next();
                    tests.push(Test::Is(text(parser, prop)?));
                }
                parser.expect(&Token::Close)?;
            } else if parser.take("eq") {
                tests.push(Test::Is(text(parser, prop)?));
            } else {
                return Err(unsupported());
            }
        }
        parser.check_count(tests.len())?;
        if !parser.take("or") {
            break;
        }
        word = next_word(parser)?;
    }
    parser.expect(&Token::Close)?;
    Ok(Filter::Has(Has { prop, tests }))
}

/// Whether a collection is empty, which is all that its size can be compared with.
fn count(parser: &mut Parser, prop: Prop) -> Result<Filter, Refusal> {
    parser.require_advanced("$count")?;
    let is_equal = parser.take("eq");
    if !is_equal && !parser.take("ne") {
        return Err(unsupported_property(prop));
    }
    match parser.next() {
        Token::Word(number) if number == "0" => {
            let empty = Filter::Empty(prop);
            Ok(if is_equal { empty } else { Filter::Not(Box::new(empty)) })
        }
        _ => Err(unsupported_property(prop)),
    }
}

fn next_word(parser: &mut Parser) -> Result<String, Refusal> {
    match parser.next() {
        Token::Word(word) => Ok(word),
        token => Err(parser.unexpected(&token)),
    }
}

/// The variable, with the member that this collection's items have.
fn item(parser: &mut Parser, prop: Prop, variable: &str, word: Option<String>) -> Result<(), Refusal> {
    let word = word.map_or_else(|| next_word(parser), Ok)?;
    if word != variable {
        return Err(parser.unexpected(&Token::Word(word)));
    }
    match (member_of(prop), parser.next_opens(&Token::Slash)) {
        (None, false) => Ok(()),
        (Some(member), true) => {
            parser.next();
            let is_known = parser.take(member);
            is_known.then_some(()).ok_or_else(|| unsupported_property(prop))
        }
        _ => Err(unsupported_property(prop)),
    }
}

/// A text; an id may stand without quotes.
fn text(parser: &mut Parser, prop: Prop) -> Result<Box<str>, Refusal> {
    match parser.next() {
        Token::Text(text) if !text.is_empty() => Ok(fold(&text)),
        Token::Word(word) if member_of(prop).is_some() => Ok(fold(&word)),
        _ => Err(unsupported_property(prop)),
    }
}
