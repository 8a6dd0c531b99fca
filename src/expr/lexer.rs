//! Text into tokens, on demand: what `&` means depends on where it stands.

use std::ops::Range;

use super::ast::Comparison;
use super::coerce::integer_of_text;
use super::error::ExpressionError;

/// What stands where a value is expected.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand<'a> {
    /// The text between the brackets, trimmed.
    Attribute(&'a str),
    /// The text between the quotes, without escapes.
    Text(String),
    Integer(i64),
    /// A number that is no whole number of 64 bits: kept as its text.
    Number(&'a str),
    Parameter(&'a str),
    Name(&'a str),
    Comma,
    Close,
    End,
}

/// What stands where a value has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operator {
    Ampersand,
    Compare(Comparison),
    Comma,
    Close,
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    pub(super) fn error(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        accepted: impl Into<String>,
    ) -> Box<ExpressionError> {
        Box::new(ExpressionError::new(self.text, span, message, accepted))
    }

    /// Takes an opening parenthesis, if one is next.
    pub(super) fn open(&mut self) -> Option<Range<usize>> {
        self.skip_space();
        let start = self.position;
        self.take("(").then_some(start..self.position)
    }

    pub(super) fn operand(&mut self) -> Result<(Operand<'a>, Range<usize>), Box<ExpressionError>> {
        self.skip_space();
        let start = self.position;
        let Some(first) = self.rest().chars().next() else {
            return Ok((Operand::End, start..start));
        };
        let operand = match first {
            ',' => self.one(Operand::Comma),
            ')' => self.one(Operand::Close),
            '[' => self.attribute()?,
            '"' => self.quoted()?,
            '%' => self.parameter()?,
            '&' => self.hexadecimal()?,
            '-' | '0'..='9' => self.number()?,
            'A'..='Z' | 'a'..='z' | '_' => {
                Operand::Name(self.take_while(|character| character.is_ascii_alphanumeric() || character == '_'))
            }
            _ => return Err(self.unexpected(first)),
        };
        Ok((operand, start..self.position))
    }

    pub(super) fn operator(&mut self) -> Result<(Operator, Range<usize>), Box<ExpressionError>> {
        self.skip_space();
        let start = self.position;
        let Some(first) = self.rest().chars().next() else {
            return Ok((Operator::End, start..start));
        };
        let operator = match first {
            ',' => self.one(Operator::Comma),
            ')' => self.one(Operator::Close),
            '&' => self.one(Operator::Ampersand),
            _ => {
                let found = Comparison::ALL.into_iter().find(|(symbol, _)| self.rest().starts_with(symbol));
                let Some((symbol, comparison)) = found else {
                    return Err(self.left_over(first));
                };
                self.position += symbol.len();
                Operator::Compare(comparison)
            }
        };
        Ok((operator, start..self.position))
    }

    fn attribute(&mut self) -> Result<Operand<'a>, Box<ExpressionError>> {
        let start = self.position;
        let mut depth = 0_usize;
        let mut quoted = false;
        let mut escaped = false;
        for (index, byte) in self.rest().bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'[' => depth += 1,
                b']' if depth > 1 => depth -= 1,
                b']' => {
                    let end = start + index;
                    self.position = end + 1;
                    let inner = self.text[start + 1..end].trim();
                    if inner.is_empty() {
                        return Err(self.error(
                            start..end + 1,
                            "the attribute has no name",
                            "write its name between the brackets, such as [mail]",
                        ));
                    }
                    return Ok(Operand::Attribute(inner));
                }
                _ => {}
            }
        }
        Err(self.error(start..start + 1, "the bracket is not closed", "end the attribute with ]"))
    }

    fn quoted(&mut self) -> Result<Operand<'a>, Box<ExpressionError>> {
        let start = self.position;
        let mut value = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.position = start + index + 1;
                    return Ok(Operand::Text(value));
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                    // Published patterns hold `\+` and the like: the backslash stays.
                    Some((_, other)) => value.extend(['\\', other]),
                    None => break,
                },
                _ => value.push(character),
            }
        }
        Err(self.error(
            start..start + 1,
            "the text is not closed",
            "end it with \", and write a quote inside it as \\\"",
        ))
    }

    fn parameter(&mut self) -> Result<Operand<'a>, Box<ExpressionError>> {
        let start = self.position;
        self.position += 1;
        let name = self.take_while(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '.'));
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if begins && self.take("%") {
            return Ok(Operand::Parameter(name));
        }
        Err(self.error(start..self.position, "this is no parameter", "write %Name%, such as %Domain%"))
    }

    fn hexadecimal(&mut self) -> Result<Operand<'a>, Box<ExpressionError>> {
        let start = self.position;
        if !self.take("&H") {
            return Err(self.error(
                start..start + 1,
                "a value is expected here",
                "& joins two texts; for a condition of several parts nest IIF",
            ));
        }
        self.take_while(|character| character.is_ascii_hexdigit());
        match integer_of_text(&self.text[start..self.position]) {
            Some(number) => Ok(Operand::Integer(number)),
            None => Err(self.error(
                start..self.position,
                "this is no hexadecimal number",
                "write &H and one to 16 hexadecimal digits",
            )),
        }
    }

    fn number(&mut self) -> Result<Operand<'a>, Box<ExpressionError>> {
        let start = self.position;
        self.take("-");
        let digits = self.take_while(|character| character.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.error(
                start..self.position,
                "a minus stands before digits only",
                "there is no subtraction",
            ));
        }
        let fraction = self.rest().strip_prefix('.');
        if fraction.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit())) {
            self.position += 1;
            self.take_while(|character| character.is_ascii_digit());
        }
        let text = &self.text[start..self.position];
        Ok(integer_of_text(text).map_or(Operand::Number(text), Operand::Integer))
    }

    fn unexpected(&self, character: char) -> Box<ExpressionError> {
        let span = self.position..self.position + character.len_utf8();
        let accepted = match character {
            '\'' | '“' | '”' | '„' | '‘' | '’' => "write text in straight double quotes",
            '(' => "there are no parentheses for grouping",
            '+' => "& joins two texts",
            '=' | '<' | '>' => "a comparison needs a value on each side",
            _ => "a function, [attribute], \"text\", number or %Parameter%",
        };
        self.error(span, format!("{character:?} cannot begin a value"), accepted)
    }

    fn left_over(&self, character: char) -> Box<ExpressionError> {
        let span = self.position..self.position + character.len_utf8();
        let accepted = match character {
            '+' => "& joins two texts",
            '|' => "there is no ||; nest IIF",
            _ => "a comma, a closing parenthesis, &, a comparison or the end",
        };
        self.error(span, format!("{character:?} does not belong here"), accepted)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn skip_space(&mut self) {
        self.take_while(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
    }

    /// For a token of one byte.
    fn one<T>(&mut self, token: T) -> T {
        self.position += 1;
        token
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.position += text.len();
        }
        found
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }
}
