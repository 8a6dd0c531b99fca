//! `$search`: clauses in double quotes, joined with AND, OR and NOT.

use serde_json::Value;

use crate::sim::objects::object::{Context, Object};
use crate::sim::objects::stored::{Reading, fold, is_text};
use crate::sim::users::property::{Class, Kind, Prop, property};
use crate::sim::wire::answer::Refusal;

/// Brackets and `NOT` nest this deep at most.
const MAX_DEPTH: usize = 32;

/// What is looked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Search {
    All(Vec<Search>),
    Any(Vec<Search>),
    Not(Box<Search>),
    Clause(Prop, Box<str>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Quoted(String),
}

impl Search {
    pub(crate) fn parse(text: &str, class: Class) -> Result<Self, Refusal> {
        let mut parser = Parser { tokens: lex(text)?, at: 0, class };
        let search = parser.any(0)?;
        match parser.tokens.get(parser.at) {
            None => Ok(search),
            Some(token) => Err(syntax(&format!("unexpected {token:?}"))),
        }
    }

    pub(crate) fn matches(&self, object: Object<'_>, context: Context<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(object, context)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(object, context)),
            Self::Not(part) => !part.matches(object, context),
            Self::Clause(prop, wanted) => match object.read(*prop, context) {
                Reading::Text(is) if is_split(*prop) => {
                    let words = words(&is);
                    self::words(wanted).iter().all(|wanted| words.iter().any(|word| word.starts_with(&**wanted)))
                }
                Reading::Text(is) => fold(&is).starts_with(&*fold(wanted)),
                Reading::Json(json) => {
                    let mut items = json.as_array().into_iter().flatten().filter_map(Value::as_str);
                    items.any(|item| fold(item).starts_with(&*fold(wanted)))
                }
                Reading::Null | Reading::Bool(_) => false,
            },
        }
    }
}

/// Whether each word of it is looked at; others are compared from their beginning.
fn is_split(prop: Prop) -> bool {
    matches!(property(prop).name, "displayName" | "description")
}

/// Splits text where letters, digits, cases and other characters meet: `OneVideo 12` is `one`, `video`, `12`.
fn words(text: &str) -> Vec<Box<str>> {
    let mut words: Vec<String> = Vec::new();
    let mut before: Option<char> = None;
    for character in text.chars() {
        if !character.is_alphanumeric() {
            before = None;
            continue;
        }
        let goes_on = before.is_some_and(|before| {
            before.is_numeric() == character.is_numeric() && !(before.is_lowercase() && character.is_uppercase())
        });
        match words.last_mut().filter(|_| goes_on) {
            Some(word) => word.push(character),
            None => words.push(character.to_string()),
        }
        before = Some(character);
    }
    words.iter().map(|word| fold(word)).collect()
}

fn lex(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            ' ' | '\t' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '"' => {
                let mut clause = String::new();
                loop {
                    match characters.next() {
                        Some((_, '"')) => break,
                        Some((_, '\\')) => clause.extend(characters.next().map(|(_, escaped)| escaped)),
                        Some((_, other)) => clause.push(other),
                        None => return Err(syntax("there is an unterminated string literal")),
                    }
                }
                tokens.push(Token::Quoted(clause));
            }
            character if character.is_alphanumeric() => {
                let mut word = character.to_string();
                while let Some((_, next)) = characters.next_if(|(_, next)| next.is_alphanumeric()) {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
            other => return Err(syntax(&format!("character '{other}' is not valid at position {at} in '{text}'"))),
        }
    }
    Ok(tokens)
}

fn syntax(problem: &str) -> Refusal {
    Refusal::protocol(format!("Syntax error: {problem}."))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    class: Class,
}

impl Parser {
    fn take(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.get(self.at), Some(Token::Word(next)) if next == word);
        self.at += usize::from(is);
        is
    }

    fn any(&mut self, depth: usize) -> Result<Search, Refusal> {
        let mut parts = vec![self.all(depth)?];
        while self.take("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(Search::Any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Search, Refusal> {
        let mut parts = vec![self.term(depth)?];
        while self.take("AND") {
            parts.push(self.term(depth)?);
        }
        Ok(Search::All(parts))
    }

    fn term(&mut self, depth: usize) -> Result<Search, Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal::unsupported("The search is nested too deeply."));
        }
        if self.take("NOT") {
            return Ok(Search::Not(Box::new(self.term(depth + 1)?)));
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Open) => {
                let inner = self.any(depth + 1)?;
                let is_closed = self.tokens.get(self.at) == Some(&Token::Close);
                self.at += 1;
                is_closed.then_some(inner).ok_or_else(|| syntax("a bracket is not closed"))
            }
            Some(Token::Quoted(clause)) => self.clause(&clause),
            Some(token) => Err(syntax(&format!("unexpected {token:?}; clauses stand in double quotes"))),
            None => Err(syntax("the expression ends too early")),
        }
    }

    /// `displayName:wa`.
    fn clause(&self, clause: &str) -> Result<Search, Refusal> {
        let (name, wanted) = clause
            .split_once(':')
            .filter(|(_, wanted)| !wanted.trim().is_empty())
            .ok_or_else(|| syntax(&format!("a clause names a property, such as \"displayName:{clause}\"")))?;
        let kind = self.class.name();
        let prop = self.class.find(name.trim()).next().ok_or_else(|| {
            Refusal::protocol(format!("Could not find a property named '{name}' on type 'microsoft.graph.{kind}'."))
        })?;
        let known = property(prop);
        let is_searchable = known.answers.is_any() && (is_text(known.kind) || known.kind == Kind::Texts);
        if !is_searchable || known.name == "id" {
            return Err(Refusal::unsupported(format!("The property '{}' cannot be searched.", known.name)));
        }
        Ok(Search::Clause(prop, wanted.trim().into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;
    use crate::sim::objects::stored::Stored;
    use crate::sim::users::property;
    use crate::sim::users::user::User;

    #[test]
    fn clauses_find_words_and_beginnings() {
        let mut user = User::new(Uuid::from_u128(1), 0);
        user.set_text(property::DISPLAY_NAME, "Ada O'Brien-OneVideo 12");
        user.set_text(property::MAIL, "ada.obrien@contoso.com");
        user.set(property::OTHER_MAILS, Some(Stored::Json(Box::new(json!(["x@y.z"])))));
        for (text, expected) in [
            (r#""displayName:ad""#, true),
            (r#""displayName:VIDEO""#, true),
            (r#""displayName:ideo""#, false),
            (r#""displayName:one vid""#, true),
            (r#""displayName:12""#, true),
            (r#""mail:ada.""#, true),
            (r#""mail:obrien""#, false),
            (r#""otherMails:X@""#, true),
            (r#""displayName:x" OR "mail:ada""#, true),
            (r#""displayName:x" AND "mail:ada""#, false),
            (r#""displayName:x" AND "mail:ada" OR "displayName:ada""#, true),
            (r#"("displayName:x" OR "mail:ada") AND NOT "displayName:bo""#, true),
            (r#""displayName:o\"brien""#, true),
        ] {
            let search = Search::parse(text, Class::User).expect(text);
            assert_eq!(
                search.matches(
                    Object::User(&user),
                    Context { issuer: "", skus: &[], members: None, now: OffsetDateTime::UNIX_EPOCH }
                ),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_clause_is_refused() {
        let deep = "(".repeat(10_000);
        for text in [
            "",
            "displayName:x",
            "\"displayName\"",
            "\"displayName:\"",
            "\"displayName:x",
            "\"displayName:x\" and \"displayName:y\"",
            "\"displayName:x\" \"displayName:y\"",
            "\"displayName:x\" AND",
            "(\"displayName:x\"",
            "\"nothing:x\"",
            "\"accountEnabled:true\"",
            &deep,
        ] {
            assert_eq!(Search::parse(text, Class::User).expect_err("refused").status, 400, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_brings_the_parsers_down(text in "[a-z\"():;=$, \\\\]{0,40}|(\"displayName:a\"|AND|OR|NOT|\\(|\\)| |manager|\\$select=|id|;|,){0,30}") {
            let user = User::new(Uuid::from_u128(1), 0);
            if let Ok(search) = Search::parse(&text, Class::User) {
                search.matches(Object::User(&user), Context { issuer: "", skus: &[], members: None, now: OffsetDateTime::UNIX_EPOCH });
            }
            for class in [Class::User, Class::Group, Class::Any, Class::Assignment] {
                let _ = crate::sim::lists::expand::parse(&text, class, &crate::sim::objects::extension::Extensions::default()).map(|expand| expand.shown());
                let _ = crate::sim::lists::order::Order::parse(&text, class, crate::sim::lists::filter::Mode::Advanced);
            }
        }
    }
}
