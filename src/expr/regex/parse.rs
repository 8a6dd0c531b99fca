//! A pattern's text into its tree. What .NET would refuse, and what is not here, is refused with its place.

use super::class::{Class, Item, Set};
use super::pattern::PatternError;
use super::tree::{Assertion, GroupRef, Tree};

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 50;

/// Most that a quantifier may ask for.
const MAX_COUNT: u32 = 10_000;

#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) tree: Tree,
    /// How many unnamed groups there are.
    pub(super) unnamed: usize,
    /// The names of groups, each once, in order.
    pub(super) names: Vec<String>,
}

pub(super) fn parse(pattern: &str) -> Result<Parsed, PatternError> {
    let characters = pattern.char_indices().collect::<Vec<_>>();
    let mut parser =
        Parser { pattern, characters, at: 0, unnamed: 0, names: Vec::new(), depth: 0, references: Vec::new() };
    let tree = parser.alternatives(Flags::default())?;
    if parser.peek().is_some() {
        return Err(parser.error("there is a ) too many"));
    }
    let count = parser.unnamed + parser.names.len();
    for (reference, at) in std::mem::take(&mut parser.references) {
        let known = match &reference {
            Reference::Number(number) => *number <= count,
            Reference::Name(name) => parser.names.contains(name),
        };
        if !known {
            parser.at = at;
            return Err(parser.error("there is no such group"));
        }
    }
    Ok(Parsed { tree, unnamed: parser.unnamed, names: parser.names })
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    fold: bool,
    multiline: bool,
    dot_all: bool,
    extended: bool,
    explicit: bool,
}

enum Reference {
    Number(usize),
    Name(String),
}

struct Parser<'a> {
    pattern: &'a str,
    characters: Vec<(usize, char)>,
    at: usize,
    unnamed: usize,
    names: Vec<String>,
    depth: usize,
    /// What is referred to, and where: a group may come later.
    references: Vec<(Reference, usize)>,
}

/// What an escape stands for.
enum Escape {
    Character(char),
    Set { set: Set, negative: bool },
}

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> PatternError {
        let at = self.at.min(self.characters.len());
        PatternError { message: message.into(), character: at + 1 }
    }

    fn peek(&self) -> Option<char> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Option<char> {
        self.characters.get(self.at + by).map(|(_, character)| *character)
    }

    fn take(&mut self, character: char) -> bool {
        let found = self.peek() == Some(character);
        self.at += usize::from(found);
        found
    }

    fn take_text(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(by, character)| self.ahead(by) == Some(character));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn alternatives(&mut self, mut flags: Flags) -> Result<Tree, PatternError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("the groups are nested too deeply"));
        }
        let mut branches = Vec::new();
        loop {
            // `(?i)` holds to the end of the group, also beyond a `|`.
            branches.push(self.sequence(&mut flags)?);
            if !self.take('|') {
                break;
            }
        }
        self.depth -= 1;
        Ok(match branches.len() {
            1 => branches.remove(0),
            _ => Tree::Alternate(branches),
        })
    }

    fn sequence(&mut self, flags: &mut Flags) -> Result<Tree, PatternError> {
        let mut parts = Vec::new();
        loop {
            self.skip_ignored(*flags)?;
            let Some(character) = self.peek().filter(|character| !matches!(character, '|' | ')')) else {
                break;
            };
            if matches!(character, '*' | '+' | '?') || (character == '{' && self.quantifier_ahead().is_some()) {
                return Err(self.error("there is nothing to repeat"));
            }
            if let Some(part) = self.atom(flags)? {
                parts.push(self.quantified(part, *flags)?);
            }
        }
        Ok(match parts.len() {
            0 => Tree::Empty,
            1 => parts.remove(0),
            _ => Tree::Concat(parts),
        })
    }

    /// Comments, and with `(?x)` white space.
    fn skip_ignored(&mut self, flags: Flags) -> Result<(), PatternError> {
        loop {
            if self.take_text("(?#") {
                while !self.take(')') {
                    if self.peek().is_none() {
                        return Err(self.error("the comment is not closed"));
                    }
                    self.at += 1;
                }
            } else if flags.extended && self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            } else if flags.extended && self.take('#') {
                while self.peek().is_some_and(|character| character != '\n') {
                    self.at += 1;
                }
            } else {
                return Ok(());
            }
        }
    }

    /// `{2}`, `{2,}` or `{2,5}`: the counts and the length. Anything else with a brace is text.
    fn quantifier_ahead(&self) -> Option<(u64, Option<u64>, usize)> {
        let mut by = 1;
        let number = |by: &mut usize| {
            let mut value = None;
            while let Some(digit) = self.ahead(*by).filter(char::is_ascii_digit).and_then(|digit| digit.to_digit(10)) {
                value = Some(value.unwrap_or(0_u64).saturating_mul(10).saturating_add(u64::from(digit)));
                *by += 1;
            }
            value
        };
        let least = number(&mut by)?;
        let most = match self.ahead(by) {
            Some(',') => {
                by += 1;
                number(&mut by)
            }
            _ => Some(least),
        };
        (self.ahead(by) == Some('}')).then_some((least, most, by + 1))
    }

    fn quantified(&mut self, tree: Tree, flags: Flags) -> Result<Tree, PatternError> {
        self.skip_ignored(flags)?;
        let (least, most, length) = match self.peek() {
            Some('*') => (0, None, 1),
            Some('+') => (1, None, 1),
            Some('?') => (0, Some(1), 1),
            Some('{') => match self.quantifier_ahead() {
                Some(found) => found,
                None => return Ok(tree),
            },
            _ => return Ok(tree),
        };
        if most.is_some_and(|most| most < least) {
            return Err(self.error("the counts are the wrong way round"));
        }
        let count = |value: u64| u32::try_from(value).ok().filter(|value| *value <= MAX_COUNT);
        let (Some(least), Some(most)) = (count(least), most.map_or(Some(None), |most| count(most).map(Some))) else {
            return Err(self.error(format!("a repetition may ask for at most {MAX_COUNT}")));
        };
        self.at += length;
        let greedy = !self.take('?');
        self.skip_ignored(flags)?;
        if self.peek().is_some_and(|next| matches!(next, '*' | '+' | '?'))
            || (self.peek() == Some('{') && self.quantifier_ahead().is_some())
        {
            return Err(self.error("a repetition cannot be repeated; put it into a group (?:…)"));
        }
        Ok(Tree::Repeat { tree: Box::new(tree), least, most, greedy })
    }

    /// One thing that can be repeated; `None` for `(?i)`, which is nothing by itself.
    fn atom(&mut self, flags: &mut Flags) -> Result<Option<Tree>, PatternError> {
        let Some(character) = self.peek() else {
            return Ok(None);
        };
        Ok(Some(match character {
            '(' => return self.group(flags),
            '[' => {
                self.at += 1;
                Tree::Class(Box::new(self.class(*flags)?))
            }
            '.' => {
                self.at += 1;
                if flags.dot_all { Tree::AnyAtAll } else { Tree::Any }
            }
            '^' => {
                self.at += 1;
                Tree::Assert(if flags.multiline { Assertion::LineStart } else { Assertion::Start })
            }
            '$' => {
                self.at += 1;
                Tree::Assert(if flags.multiline { Assertion::LineEnd } else { Assertion::EndOrLastLine })
            }
            '\\' => self.escaped(*flags)?,
            _ => {
                self.at += 1;
                Tree::Literal { character, fold: flags.fold }
            }
        }))
    }

    fn group(&mut self, flags: &mut Flags) -> Result<Option<Tree>, PatternError> {
        let open = self.at;
        self.at += 1;
        let inner = |parser: &mut Self, flags: Flags| {
            let tree = parser.alternatives(flags)?;
            if parser.take(')') {
                return Ok(tree);
            }
            parser.at = open;
            Err(parser.error("the parenthesis is not closed"))
        };
        if !self.take('?') {
            if flags.explicit {
                return inner(self, *flags).map(Some);
            }
            self.unnamed += 1;
            let group = GroupRef::Unnamed(self.unnamed);
            return Ok(Some(Tree::Capture { group, tree: Box::new(inner(self, *flags)?) }));
        }
        for (text, behind, negative) in
            [("=", false, false), ("!", false, true), ("<=", true, false), ("<!", true, true)]
        {
            if self.take_text(text) {
                return Ok(Some(Tree::Look { behind, negative, tree: Box::new(inner(self, *flags)?) }));
            }
        }
        if self.take(':') {
            return inner(self, *flags).map(Some);
        }
        if self.take('>') {
            return Ok(Some(Tree::Atomic(Box::new(inner(self, *flags)?))));
        }
        if self.take('<') || self.take('\'') {
            let close = if self.ahead_is_quote() { '\'' } else { '>' };
            let name = self.name(close)?;
            let index = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
                self.names.push(name);
                self.names.len() - 1
            });
            return Ok(Some(Tree::Capture { group: GroupRef::Named(index), tree: Box::new(inner(self, *flags)?) }));
        }
        if self.peek() == Some('(') {
            return Err(self.error("conditions (?(…)…) are not supported"));
        }
        let mut inside = *flags;
        self.options(&mut inside)?;
        if self.take(')') {
            *flags = inside;
            return Ok(None);
        }
        if self.take(':') {
            return inner(self, inside).map(Some);
        }
        Err(self.error("this begins no group that is known"))
    }

    /// Whether the name that begins here was opened with a quote.
    fn ahead_is_quote(&self) -> bool {
        self.at.checked_sub(1).and_then(|before| self.characters.get(before)).is_some_and(|(_, found)| *found == '\'')
    }

    fn name(&mut self, close: char) -> Result<String, PatternError> {
        let mut name = String::new();
        while let Some(character) = self.peek().filter(|character| character.is_alphanumeric() || *character == '_') {
            name.push(character);
            self.at += 1;
        }
        if self.peek() == Some('-') {
            return Err(self.error("balancing groups (?<a-b>…) are not supported"));
        }
        if name.is_empty() || name.starts_with(|first: char| first.is_numeric()) {
            return Err(self.error("the name of a group begins with a letter"));
        }
        if !self.take(close) {
            return Err(self.error(format!("the name of a group is letters, digits and _, and ends with {close}")));
        }
        Ok(name)
    }

    fn options(&mut self, flags: &mut Flags) -> Result<(), PatternError> {
        let mut on = true;
        while let Some(character) = self.peek().filter(|character| !matches!(character, ')' | ':')) {
            match character {
                '-' => on = false,
                '+' => on = true,
                'i' | 'I' => flags.fold = on,
                'm' | 'M' => flags.multiline = on,
                's' | 'S' => flags.dot_all = on,
                'x' | 'X' => flags.extended = on,
                'n' | 'N' => flags.explicit = on,
                _ => return Err(self.error("the options are i, m, s, x and n")),
            }
            self.at += 1;
        }
        Ok(())
    }

    fn escaped(&mut self, flags: Flags) -> Result<Tree, PatternError> {
        let assertion = match self.ahead(1) {
            Some('b') => Some(Assertion::WordEdge),
            Some('B') => Some(Assertion::NoWordEdge),
            Some('A') => Some(Assertion::Start),
            Some('Z') => Some(Assertion::EndOrLastLine),
            Some('z') => Some(Assertion::End),
            Some('G') => Some(Assertion::SearchStart),
            _ => None,
        };
        if let Some(assertion) = assertion {
            self.at += 2;
            return Ok(Tree::Assert(assertion));
        }
        match self.ahead(1) {
            Some('k') => {
                self.at += 2;
                let close = match self.peek() {
                    Some('<') => '>',
                    Some('\'') => '\'',
                    _ => return Err(self.error("write \\k<name>")),
                };
                let place = self.at;
                self.at += 1;
                let name = self.name(close)?;
                // The group may come later: its index is that of its name at the end.
                let index = match self.names.iter().position(|known| *known == name) {
                    Some(index) => index,
                    None => {
                        self.at = place;
                        return Err(self.error("the group is named after it is referred to"));
                    }
                };
                self.references.push((Reference::Name(name), place));
                Ok(Tree::Back { group: GroupRef::Named(index), fold: flags.fold })
            }
            Some('1'..='9') => {
                let place = self.at;
                self.at += 1;
                let mut number = 0_usize;
                while let Some(digit) = self.peek().and_then(|digit| digit.to_digit(10)) {
                    number = number.saturating_mul(10).saturating_add(digit as usize);
                    self.at += 1;
                }
                self.references.push((Reference::Number(number), place));
                Ok(Tree::Back { group: GroupRef::Number(number), fold: flags.fold })
            }
            _ => Ok(match self.escape()? {
                Escape::Character(character) => Tree::Literal { character, fold: flags.fold },
                Escape::Set { set, negative } => Tree::Class(Box::new(Class::of(set, negative))),
            }),
        }
    }

    /// An escape that means the same inside a class and outside.
    fn escape(&mut self) -> Result<Escape, PatternError> {
        let Some(character) = self.ahead(1) else {
            return Err(self.error("the pattern ends with a backslash"));
        };
        let set = |set, negative| Ok(Escape::Set { set, negative });
        let place = self.at;
        self.at += 2;
        let result = match character {
            'd' => set(Set::Digit, false),
            'D' => set(Set::Digit, true),
            's' => set(Set::Space, false),
            'S' => set(Set::Space, true),
            'w' => set(Set::Word, false),
            'W' => set(Set::Word, true),
            'p' | 'P' => set(self.category(place)?, character == 'P'),
            'a' => Ok(Escape::Character('\u{7}')),
            'e' => Ok(Escape::Character('\u{1B}')),
            'f' => Ok(Escape::Character('\u{C}')),
            'n' => Ok(Escape::Character('\n')),
            'r' => Ok(Escape::Character('\r')),
            't' => Ok(Escape::Character('\t')),
            'v' => Ok(Escape::Character('\u{B}')),
            'x' => self.hexadecimal(2),
            'u' => self.hexadecimal(4),
            'c' => {
                let letter = self.peek().filter(char::is_ascii).map(|letter| letter.to_ascii_uppercase());
                match letter.and_then(|letter| u32::from(letter).checked_sub(0x40)).filter(|code| *code < 32) {
                    Some(code) => {
                        self.at += 1;
                        Ok(Escape::Character(char::from(u8::try_from(code).unwrap_or_default())))
                    }
                    None => Err("write \\c and a letter"),
                }
            }
            '0' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => Ok(Escape::Character('\0')),
            '0'..='9' => Err("octal escapes are not supported; write \\x and two hexadecimal digits"),
            other if super::class::joins_words(other) => Err("there is no such escape"),
            other => Ok(Escape::Character(other)),
        };
        result.map_err(|message: &str| {
            self.at = place;
            self.error(message)
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<Escape, &'static str> {
        let mut code = 0;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|digit| digit.to_digit(16)) else {
                return Err("write \\x with two, \\u with four hexadecimal digits");
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        char::from_u32(code).map(Escape::Character).ok_or("half a character cannot be matched")
    }

    fn category(&mut self, place: usize) -> Result<Set, PatternError> {
        let mut name = String::new();
        let closed = self.take('{')
            && loop {
                match self.peek() {
                    Some('}') => {
                        self.at += 1;
                        break true;
                    }
                    Some(character) => name.push(character),
                    None => break false,
                }
                self.at += 1;
            };
        match Set::named(&name).filter(|_| closed) {
            Some(set) => Ok(set),
            None => {
                self.at = place;
                Err(self.error("this is no category or block that is known: write \\p{L}, \\p{Lu}, \\p{IsCyrillic} …"))
            }
        }
    }

    /// What follows an opening bracket, up to the closing one.
    fn class(&mut self, flags: Flags) -> Result<Class, PatternError> {
        let open = self.at - 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("the classes are nested too deeply"));
        }
        let mut class = Class { negative: self.take('^'), fold: flags.fold, ..Class::default() };
        let mut first = true;
        loop {
            let Some(character) = self.peek() else {
                self.at = open;
                return Err(self.error("the bracket is not closed"));
            };
            if character == ']' && !first {
                self.at += 1;
                break;
            }
            if character == '-' && self.ahead(1) == Some('[') && !first {
                self.at += 2;
                class.except = Some(Box::new(self.class(flags)?));
                if !self.take(']') {
                    return Err(self.error("what is taken out of a class stands last in it"));
                }
                break;
            }
            first = false;
            if self.posix_ahead() {
                return Err(self.error("[:name:] means nothing to .NET; write \\p{L}, \\d …"));
            }
            let begin = match self.class_character()? {
                Escape::Set { set, negative } => {
                    class.items.push(Item::Set { set, negative });
                    continue;
                }
                Escape::Character(character) => character,
            };
            let is_range = self.peek() == Some('-') && !matches!(self.ahead(1), None | Some(']' | '['));
            if !is_range {
                class.items.push(Item::Range(begin, begin));
                continue;
            }
            self.at += 1;
            match self.class_character()? {
                Escape::Character(end) if begin <= end => class.items.push(Item::Range(begin, end)),
                Escape::Character(_) => return Err(self.error("the range is the wrong way round")),
                Escape::Set { .. } => return Err(self.error("a range ends with a character")),
            }
        }
        self.depth -= 1;
        Ok(class)
    }

    fn posix_ahead(&self) -> bool {
        let Some(rest) = self.characters.get(self.at).and_then(|(byte, _)| self.pattern.get(*byte..)) else {
            return false;
        };
        let Some(rest) = rest.strip_prefix("[:") else {
            return false;
        };
        rest.trim_start_matches(char::is_alphanumeric).starts_with(":]")
    }

    fn class_character(&mut self) -> Result<Escape, PatternError> {
        match self.peek() {
            Some('\\') if self.ahead(1) == Some('b') => {
                self.at += 2;
                Ok(Escape::Character('\u{8}'))
            }
            Some('\\') => self.escape(),
            Some(character) => {
                self.at += 1;
                Ok(Escape::Character(character))
            }
            None => Err(self.error("the bracket is not closed")),
        }
    }
}
