//! The backtracking machine: one step an instruction, each paid from the fuel.

use icu_casemap::CaseMapper;

use super::class::joins_words;
use super::compile::{Begin, Op, Program, What};
use super::tree::Assertion;
use crate::expr::fuel::{Exhausted, Fuel};

/// Most alternatives that are kept open: bounds the memory.
const MAX_OPEN: usize = 200_000;

/// The groups of a match, the whole first: where each lies in the text, in bytes.
pub(super) type Groups = Vec<Option<(usize, usize)>>;

pub(super) fn fold(character: char) -> char {
    match character.is_ascii() {
        true => character.to_ascii_lowercase(),
        false => CaseMapper::new().simple_fold(character),
    }
}

/// The first match that begins at `from` or later.
pub(super) fn search(program: &Program, text: &str, from: usize, fuel: &Fuel) -> Result<Option<Groups>, Exhausted> {
    let mut machine = Machine {
        program,
        text,
        origin: from,
        groups: vec![None; program.groups],
        marks: vec![0; program.marks],
        open: Vec::new(),
        fuel,
    };
    let mut start = from;
    loop {
        match program.begin {
            Begin::Anywhere => {}
            Begin::Start if start > 0 => return Ok(None),
            Begin::Start => {}
            Begin::Character(character) => match text[start..].find(character) {
                Some(by) => {
                    fuel.burn(by / 8)?;
                    start += by;
                }
                None => return Ok(None),
            },
        }
        if let Some(end) = machine.run(0, start)? {
            machine.groups[0] = Some((start, end));
            return Ok(Some(machine.groups));
        }
        match text[start..].chars().next() {
            Some(character) => start += character.len_utf8(),
            None => return Ok(None),
        }
    }
}

struct Machine<'a> {
    program: &'a Program,
    text: &'a str,
    /// Where the search began.
    origin: usize,
    groups: Groups,
    marks: Vec<usize>,
    open: Vec<Open>,
    fuel: &'a Fuel,
}

/// What to do when a way leads nowhere: take another, or first undo what this one did.
enum Open {
    Way { at: usize, position: usize },
    Group { group: usize, before: Option<(usize, usize)> },
    Mark { mark: usize, before: usize },
}

impl Machine<'_> {
    /// Runs from an instruction to the next `Accept`, and gives the position there. Without a match everything is as
    /// before; with one, the ways that are still open are given up, and what would undo them is kept.
    fn run(&mut self, mut at: usize, mut position: usize) -> Result<Option<usize>, Exhausted> {
        let base = self.open.len();
        loop {
            self.fuel.burn(1)?;
            let goes_on = match self.program.code[at] {
                Op::Accept => {
                    self.commit(base)?;
                    return Ok(Some(position));
                }
                Op::Take { what, back } => match self.take(what, back, position)? {
                    Some(next) => {
                        position = next;
                        at += 1;
                        true
                    }
                    None => false,
                },
                Op::Assert(assertion) => {
                    at += 1;
                    self.holds(assertion, position)
                }
                Op::Split { first, second } => {
                    self.push(Open::Way { at: second, position })?;
                    at = first;
                    true
                }
                Op::Jump(to) => {
                    at = to;
                    true
                }
                Op::Mark(mark) => {
                    self.push(Open::Mark { mark, before: self.marks[mark] })?;
                    self.marks[mark] = position;
                    at += 1;
                    true
                }
                Op::Close { group, mark } => {
                    self.push(Open::Group { group, before: self.groups[group] })?;
                    let start = self.marks[mark];
                    self.groups[group] = Some((start.min(position), start.max(position)));
                    at += 1;
                    true
                }
                Op::Again { mark, to } => {
                    at = if self.marks[mark] == position { at + 1 } else { to };
                    true
                }
                Op::Back { group, fold, back } => match self.repeated(group, fold, back, position)? {
                    Some(next) => {
                        position = next;
                        at += 1;
                        true
                    }
                    None => false,
                },
                Op::Look { negative, next } => {
                    let height = self.open.len();
                    let found = self.run(at + 1, position)?.is_some();
                    if negative {
                        // What it captured does not count.
                        self.undo(height)?;
                    }
                    at = next;
                    found != negative
                }
                Op::Atomic { next } => match self.run(at + 1, position)? {
                    Some(end) => {
                        position = end;
                        at = next;
                        true
                    }
                    None => false,
                },
            };
            if !goes_on {
                match self.another(base)? {
                    Some(way) => (at, position) = way,
                    None => return Ok(None),
                }
            }
        }
    }

    fn push(&mut self, open: Open) -> Result<(), Exhausted> {
        if self.open.len() >= MAX_OPEN {
            return Err(Exhausted);
        }
        self.open.push(open);
        Ok(())
    }

    /// The way that was left open last, above a height.
    fn another(&mut self, base: usize) -> Result<Option<(usize, usize)>, Exhausted> {
        while self.open.len() > base {
            self.fuel.burn(1)?;
            match self.open.pop() {
                Some(Open::Way { at, position }) => return Ok(Some((at, position))),
                Some(Open::Group { group, before }) => self.groups[group] = before,
                Some(Open::Mark { mark, before }) => self.marks[mark] = before,
                None => {}
            }
        }
        Ok(None)
    }

    fn undo(&mut self, base: usize) -> Result<(), Exhausted> {
        while self.another(base)?.is_some() {}
        Ok(())
    }

    /// Gives up the open ways above a height.
    fn commit(&mut self, base: usize) -> Result<(), Exhausted> {
        self.fuel.burn(self.open.len() - base)?;
        let kept = self.open.split_off(base).into_iter().filter(|open| !matches!(open, Open::Way { .. }));
        self.open.extend(kept);
        Ok(())
    }

    fn take(&self, what: What, back: bool, position: usize) -> Result<Option<usize>, Exhausted> {
        let Some((character, next)) = self.beside(back, position) else {
            return Ok(None);
        };
        let fits = match what {
            What::Character(wanted) => character == wanted,
            What::Folded(wanted) => fold(character) == wanted,
            What::Any => character != '\n',
            What::AnyAtAll => true,
            What::Class(index) => {
                let class = &self.program.classes[index];
                self.fuel.burn(class.cost())?;
                class.holds(character)
            }
        };
        Ok(fits.then_some(next))
    }

    /// The character beside a position, and the position beyond it.
    fn beside(&self, back: bool, position: usize) -> Option<(char, usize)> {
        let (before, after) = self.text.split_at(position);
        match back {
            false => after.chars().next().map(|character| (character, position + character.len_utf8())),
            true => before.chars().next_back().map(|character| (character, position - character.len_utf8())),
        }
    }

    fn repeated(&self, group: usize, folds: bool, back: bool, position: usize) -> Result<Option<usize>, Exhausted> {
        // A group that took no part matches nothing, as in .NET.
        let Some((start, end)) = self.groups[group] else {
            return Ok(None);
        };
        self.fuel.burn(end - start)?;
        let wanted = &self.text[start..end];
        if !folds {
            let (before, after) = self.text.split_at(position);
            return Ok(match back {
                false => after.starts_with(wanted).then(|| position + wanted.len()),
                true => before.ends_with(wanted).then(|| position - wanted.len()),
            });
        }
        let mut position = position;
        let mut characters = wanted.chars();
        while let Some(wanted) = if back { characters.next_back() } else { characters.next() } {
            match self.beside(back, position) {
                Some((character, next)) if fold(character) == fold(wanted) => position = next,
                _ => return Ok(None),
            }
        }
        Ok(Some(position))
    }

    fn holds(&self, assertion: Assertion, position: usize) -> bool {
        let (before, after) = self.text.split_at(position);
        let edge = || {
            let joins = |character: Option<char>| character.is_some_and(joins_words);
            joins(before.chars().next_back()) != joins(after.chars().next())
        };
        match assertion {
            Assertion::Start => before.is_empty(),
            Assertion::LineStart => before.is_empty() || before.ends_with('\n'),
            Assertion::End => after.is_empty(),
            Assertion::EndOrLastLine => after.is_empty() || after == "\n",
            Assertion::LineEnd => after.is_empty() || after.starts_with('\n'),
            Assertion::SearchStart => position == self.origin,
            Assertion::WordEdge => edge(),
            Assertion::NoWordEdge => !edge(),
        }
    }
}
