//! `any(…)` in a `$filter`: something in a collection.

use serde_json::Value;

use super::filter::{Filter, Lookup, Mode};
use super::filter_lex::Token;
use super::filter_parse::{Parser, has_ending, unsupported_property};
use crate::sim::groups::group_property;
use crate::sim::objects::extension::ExtensionType;
use crate::sim::objects::shelf::Field;
use crate::sim::objects::stored::{Reading, fold, lower};
use crate::sim::users::property::{self, Kind, Prop, Support, property};
use crate::sim::wire::answer::Refusal;

/// A collection has an item for which all of one of these hold.
#[derive(Debug, PartialEq)]
pub(crate) struct Has {
    pub(crate) prop: Prop,
    alternatives: Vec<Vec<Test>>,
}

/// On an item, or on a member of it.
#[derive(Debug, PartialEq)]
struct Test {
    member: Option<&'static str>,
    what: What,
}

/// Text is folded already.
#[derive(Debug, PartialEq)]
enum What {
    IsIn(Vec<Box<str>>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
}

impl Has {
    pub(crate) fn matches(&self, reading: &Reading<'_>) -> bool {
        let Reading::Json(json) = reading else { return false };
        let mut items = json.as_array().into_iter().flatten();
        items.any(|item| self.alternatives.iter().any(|tests| tests.iter().all(|test| test.holds(item))))
    }

    pub(crate) fn lookups(&self) -> Option<Vec<Lookup>> {
        let keys = |tests: &Vec<Test>| {
            let found = tests.iter().find_map(|test| match &test.what {
                What::IsIn(texts) if self.prop == property::ASSIGNED_LICENSES => Some(texts),
                _ => None,
            });
            found.map(|texts| texts.iter().map(|text| Lookup::Key(Field::Sku, text.clone())).collect::<Vec<_>>())
        };
        Some(self.alternatives.iter().map(keys).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
    }
}

impl Test {
    fn holds(&self, item: &Value) -> bool {
        let text = match self.member {
            Some(member) => item.get(member).and_then(Value::as_str),
            None => item.as_str(),
        };
        text.is_some_and(|text| match &self.what {
            What::IsIn(texts) => texts.iter().any(|is| lower(text).eq(is.chars())),
            What::StartsWith(prefix) => {
                let mut chars = lower(text);
                prefix.chars().all(|expected| chars.next() == Some(expected))
            }
            What::EndsWith(end) => fold(text).ends_with(&**end),
        })
    }
}

/// The members of the items that conditions are on; items of other collections are texts.
fn members_of(prop: Prop) -> &'static [&'static str] {
    match prop {
        property::ASSIGNED_LICENSES | group_property::ASSIGNED_LICENSES => &["skuId"],
        property::ASSIGNED_PLANS => &["servicePlanId", "service", "capabilityStatus"],
        property::PROVISIONED_PLANS => &["service", "capabilityStatus", "provisioningStatus"],
        property::IDENTITIES => &["issuer", "issuerAssignedId"],
        _ => &[],
    }
}

/// Reads on after the name of a collection: `/any(c:c eq 'x' or startswith(c,'y'))`, `/$count eq 0`.
pub(crate) fn parse(parser: &mut Parser<'_>, prop: Prop) -> Result<Filter, Refusal> {
    let unsupported = || unsupported_property(prop);
    let known = property(prop);
    let is_known =
        matches!(known.kind, Kind::Texts | Kind::Extensions(ExtensionType::String)) || !members_of(prop).is_empty();
    if !known.answers.is_any() || !is_known || parser.next() != Token::Slash {
        return Err(unsupported());
    }
    if parser.take("$count") {
        return count(parser, prop);
    }
    if !parser.take("any") {
        return Err(unsupported());
    }
    // Found by an index of their own, which advanced queries do not use.
    if prop == property::IDENTITIES && parser.terms.mode == Mode::Advanced {
        return Err(unsupported());
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
    let mut alternatives = vec![Vec::new()];
    let mut count = 0;
    loop {
        let test = test(parser, prop, &variable, word)?;
        count += if let What::IsIn(texts) = &test.what { texts.len() } else { 1 };
        if let Some(last) = alternatives.last_mut() {
            last.push(test);
        }
        parser.check_count(count)?;
        if parser.take("or") {
            alternatives.push(Vec::new());
        } else if !parser.take("and") {
            break;
        }
        word = next_word(parser)?;
    }
    parser.expect(&Token::Close)?;
    // An identity is found by both of its parts only.
    let names_both =
        |tests: &Vec<Test>| members_of(prop).iter().all(|part| tests.iter().any(|test| test.member == Some(part)));
    if prop == property::IDENTITIES && !alternatives.iter().all(names_both) {
        return Err(unsupported());
    }
    Ok(Filter::Has(Has { prop, alternatives }))
}

/// One condition; its first word is read already.
fn test(parser: &mut Parser<'_>, prop: Prop, variable: &str, word: String) -> Result<Test, Refusal> {
    parser.spend()?;
    let known = property(prop);
    let is_end = word.eq_ignore_ascii_case("endswith");
    if is_end || word.eq_ignore_ascii_case("startswith") {
        if is_end {
            has_ending(prop).then_some(()).ok_or_else(|| unsupported_property(prop))?;
            parser.require_advanced("endsWith")?;
        } else {
            parser.allow(prop, known.answers.starts, "startsWith")?;
        }
        parser.expect(&Token::Open)?;
        let member = item(parser, prop, variable, None)?;
        parser.expect(&Token::Comma)?;
        let text = text(parser, prop)?;
        parser.expect(&Token::Close)?;
        return Ok(Test { member, what: if is_end { What::EndsWith(text) } else { What::StartsWith(text) } });
    }
    let member = item(parser, prop, variable, Some(word))?;
    let mut texts = Vec::new();
    if parser.take("in") {
        parser.expect(&Token::Open)?;
        texts.push(text(parser, prop)?);
        while parser.next_opens(&Token::Comma) {
            parser.next();
            texts.push(text(parser, prop)?);
        }
        parser.expect(&Token::Close)?;
    } else if parser.take("eq") {
        texts.push(text(parser, prop)?);
    } else {
        return Err(unsupported_property(prop));
    }
    parser.allow(prop, known.answers.eq, "eq")?;
    Ok(Test { member, what: What::IsIn(texts) })
}

/// Whether a collection is empty, which is all that its size can be compared with.
fn count(parser: &mut Parser<'_>, prop: Prop) -> Result<Filter, Refusal> {
    const COUNTED: &[Prop] = &[
        property::ASSIGNED_LICENSES,
        property::OTHER_MAILS,
        property::PROXY_ADDRESSES,
        group_property::ASSIGNED_LICENSES,
        group_property::PROXY_ADDRESSES,
    ];
    parser.allow(prop, if COUNTED.contains(&prop) { Support::Advanced } else { Support::Never }, "$count")?;
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

fn next_word(parser: &mut Parser<'_>) -> Result<String, Refusal> {
    match parser.next() {
        Token::Word(word) => Ok(word),
        token => Err(parser.unexpected(&token)),
    }
}

/// The variable, with a member that this collection's items have.
fn item(
    parser: &mut Parser<'_>,
    prop: Prop,
    variable: &str,
    word: Option<String>,
) -> Result<Option<&'static str>, Refusal> {
    let word = word.map_or_else(|| next_word(parser), Ok)?;
    if word != variable {
        return Err(parser.unexpected(&Token::Word(word)));
    }
    let members = members_of(prop);
    if members.is_empty() {
        return if parser.next_opens(&Token::Slash) { Err(unsupported_property(prop)) } else { Ok(None) };
    }
    parser.next_opens(&Token::Slash).then(|| parser.next()).ok_or_else(|| unsupported_property(prop))?;
    let member = members.iter().find(|member| parser.take(member)).ok_or_else(|| unsupported_property(prop))?;
    Ok(Some(member))
}

/// A text; an id may stand without quotes.
fn text(parser: &mut Parser<'_>, prop: Prop) -> Result<Box<str>, Refusal> {
    match parser.next() {
        Token::Text(text) if !text.is_empty() => Ok(fold(&text)),
        Token::Word(word) if uuid::Uuid::try_parse(&word).is_ok() && !members_of(prop).is_empty() => Ok(fold(&word)),
        _ => Err(unsupported_property(prop)),
    }
}
