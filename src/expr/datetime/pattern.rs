//! .NET format strings into tokens.

/// How often a letter may stand.
const LONGEST_RUN: usize = 100;

/// A format for dates and times, such as `yyyy-MM-dd`.
///
/// See [custom format strings](https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings).
#[derive(Debug, Clone, PartialEq)]
pub(in crate::expr) struct Format(pub(super) Vec<Token>);

/// A part of a format. The number says how often the letter stood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Day(usize),
    Month(usize),
    Year(usize),
    Hour12(usize),
    Hour24(usize),
    Minute(usize),
    Second(usize),
    /// All digits of a fraction.
    Fraction(usize),
    /// Without noughts at its end.
    ShortFraction(usize),
    Half(usize),
    Offset(usize),
    Kind,
    Text(String),
}

impl Format {
    /// Reads a format; says what is wrong with it.
    pub(in crate::expr) fn new(format: &str) -> Result<Self, String> {
        let mut characters = format.chars();
        let standard = match (characters.next(), characters.next()) {
            (None, _) => return Err("the format is empty".to_owned()),
            (Some(letter), None) => Some(letter),
            _ => None,
        };
        match standard {
            Some(letter) => {
                let pattern = match letter {
                    'd' => "MM/dd/yyyy",
                    'D' => "dddd, dd MMMM yyyy",
                    's' => "yyyy-MM-ddTHH:mm:ss",
                    'o' | 'O' => "yyyy-MM-ddTHH:mm:ss.fffffffK",
                    'u' => "yyyy-MM-dd HH:mm:ss'Z'",
                    'r' | 'R' => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
                    _ => return Err(format!("there is no format {letter:?}; alone stand d, D, s, o, u and r")),
                };
                tokens(pattern)
            }
            None => tokens(format),
        }
        .map(Self)
    }

    /// Whether a text of this format leaves something of the date to today.
    pub(in crate::expr) fn lacks_year(&self) -> bool {
        !self.0.iter().any(|token| matches!(token, Token::Year(_)))
    }
}

fn tokens(format: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let run = rest.chars().take_while(|character| *character == first).count();
        if run > LONGEST_RUN && first.is_ascii_alphabetic() {
            return Err(format!("{first} stands more than {LONGEST_RUN} times"));
        }
        let (token, length) = match first {
            'd' => (Token::Day(run), run),
            'M' => (Token::Month(run), run),
            'y' => (Token::Year(run), run),
            'h' => (Token::Hour12(run), run),
            'H' => (Token::Hour24(run), run),
            'm' => (Token::Minute(run), run),
            's' => (Token::Second(run), run),
            't' => (Token::Half(run), run),
            'z' => (Token::Offset(run), run),
            'f' if run <= 7 => (Token::Fraction(run), run),
            'F' if run <= 7 => (Token::ShortFraction(run), run),
            'f' | 'F' => return Err(format!("a fraction has at most 7 digits, and here are {run}")),
            'K' => (Token::Kind, 1),
            'g' => return Err("eras (g) are not supported".to_owned()),
            '\'' | '"' => quoted(rest, first)?,
            '\\' => {
                let Some(literal) = rest.chars().nth(1) else {
                    return Err("the format ends with a backslash".to_owned());
                };
                (Token::Text(literal.to_string()), 1 + literal.len_utf8())
            }
            '%' => match rest.chars().nth(1) {
                // It only says that the next letter is none of the formats of one letter.
                Some(next) if next != '%' => {
                    rest = &rest[1..];
                    continue;
                }
                _ => return Err("a % stands before a letter".to_owned()),
            },
            literal => (Token::Text(literal.to_string()), literal.len_utf8()),
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// The text between quotes, and its length with them.
fn quoted(text: &str, quote: char) -> Result<(Token, usize), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, literal)) => value.push(literal),
                None => break,
            },
            _ if character == quote => return Ok((Token::Text(value), index + 1)),
            _ => value.push(character),
        }
    }
    Err(format!("the text after {quote} is not closed"))
}

/// .NET's `DateTimeStyles`, as far as they matter when everything is UTC.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::expr) struct Styles {
    pub(super) leading_white: bool,
    pub(super) trailing_white: bool,
    pub(super) inner_white: bool,
}

impl Styles {
    /// What Entra takes when none are given.
    pub(in crate::expr) const DEFAULT: Self = Self { leading_white: true, trailing_white: true, inner_white: false };

    /// Reads names separated by commas.
    pub(in crate::expr) fn new(names: &str) -> Result<Self, String> {
        let mut styles = Self { leading_white: false, trailing_white: false, inner_white: false };
        for name in names.split(',').map(str::trim) {
            match name {
                "AllowLeadingWhite" => styles.leading_white = true,
                "AllowTrailingWhite" => styles.trailing_white = true,
                "AllowInnerWhite" => styles.inner_white = true,
                "AllowWhiteSpaces" => {
                    styles = Self { leading_white: true, trailing_white: true, inner_white: true };
                }
                "AssumeUniversal" | "AdjustToUniversal" | "RoundtripKind" | "None" => {}
                _ => return Err(format!("{} is no style such as AllowWhiteSpaces", crate::expr::quote(name))),
            }
        }
        Ok(styles)
    }
}
