//! The words of a `$filter`.

use crate::sim::wire::answer::Refusal;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Open,
    Close,
    Comma,
    Slash,
    /// A name, an operator, a number, a GUID, a date.
    Word(String),
    Text(String),
    End,
}

pub(crate) fn lex(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '/' => (Token::Slash, 1),
            '\'' => quoted(rest)?,
            _ => {
                let is_word = |c: char| c.is_alphanumeric() || "_.-:+@$".contains(c);
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                if length == 0 {
                    return Err(clause(format!("Syntax error: character '{first}' is not valid")));
                }
                (Token::Word(rest[..length].to_owned()), length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// A string with its quotes doubled inside, and how many bytes it took.
fn quoted(rest: &str) -> Result<(Token, usize), Refusal> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Ok((Token::Text(value), at + 1));
        }
    }
    Err(clause("There is an unterminated string literal"))
}

pub(crate) fn clause(problem: impl std::fmt::Display) -> Refusal {
    Refusal::protocol(format!("Invalid filter clause: {problem}."))
}
