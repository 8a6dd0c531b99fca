//! A tree into a program for the machine.

use std::collections::HashMap;

use super::class::Class;
use super::parse::Parsed;
use super::pattern::PatternError;
use super::tree::{Assertion, GroupRef, Tree};

/// Longest program, in instructions.
const MAX_PROGRAM: usize = 10_000;

#[derive(Debug)]
pub(super) struct Program {
    pub(super) code: Vec<Op>,
    pub(super) classes: Vec<Class>,
    /// How many groups there are, the whole match included.
    pub(super) groups: usize,
    /// How many positions the program remembers on its way.
    pub(super) marks: usize,
    pub(super) begin: Begin,
}

/// Where a match can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Anywhere,
    /// At the beginning of the text only.
    Start,
    /// At this character only.
    Character(char),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// Takes a character, to the left if `back`.
    Take {
        what: What,
        back: bool,
    },
    Assert(Assertion),
    /// Goes on at the first, and at the second if that fails.
    Split {
        first: usize,
        second: usize,
    },
    Jump(usize),
    /// Remembers the position.
    Mark(usize),
    /// Ends a group that began at a mark.
    Close {
        group: usize,
        mark: usize,
    },
    /// Goes back to repeat, unless nothing was taken since the mark.
    Again {
        mark: usize,
        to: usize,
    },
    Back {
        group: usize,
        fold: bool,
        back: bool,
    },
    /// The code between here and `next` must match from here, or must not; nothing is taken.
    Look {
        negative: bool,
        next: usize,
    },
    /// The code between here and `next` matches once and for all.
    Atomic {
        next: usize,
    },
    Accept,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Character(char),
    /// By simple case folding; the character is folded.
    Folded(char),
    Any,
    AnyAtAll,
    Class(usize),
}

pub(super) fn compile(parsed: &Parsed) -> Result<Program, PatternError> {
    let mut compiler = Compiler {
        unnamed: parsed.unnamed,
        known: HashMap::new(),
        program: Program {
            code: Vec::new(),
            classes: Vec::new(),
            groups: 1 + parsed.unnamed + parsed.names.len(),
            marks: 0,
            begin: begin(&parsed.tree),
        },
    };
    compiler.add(&parsed.tree, false)?;
    compiler.push(Op::Accept)?;
    Ok(compiler.program)
}

fn begin(tree: &Tree) -> Begin {
    match tree {
        Tree::Literal { character, fold: false } => Begin::Character(*character),
        Tree::Assert(Assertion::Start) => Begin::Start,
        Tree::Capture { tree, .. } | Tree::Atomic(tree) => begin(tree),
        Tree::Repeat { tree, least: 1.., .. } => begin(tree),
        Tree::Concat(parts) => parts.first().map_or(Begin::Anywhere, begin),
        _ => Begin::Anywhere,
    }
}

struct Compiler {
    unnamed: usize,
    known: HashMap<*const Class, usize>,
    program: Program,
}

impl Compiler {
    fn here(&self) -> usize {
        self.program.code.len()
    }

    fn push(&mut self, op: Op) -> Result<usize, PatternError> {
        let here = self.here();
        if here >= MAX_PROGRAM {
            return Err(PatternError { message: "the pattern repeats too much".to_owned(), character: 1 });
        }
        self.program.code.push(op);
        Ok(here)
    }

    fn mark(&mut self) -> usize {
        self.program.marks += 1;
        self.program.marks - 1
    }

    /// The place of a class in the program: one, however often its tree is repeated.
    fn class(&mut self, class: &Class) -> usize {
        let classes = &mut self.program.classes;
        *self.known.entry(std::ptr::from_ref(class)).or_insert_with(|| {
            classes.push(class.clone());
            classes.len() - 1
        })
    }

    fn number(&self, group: GroupRef) -> usize {
        match group {
            GroupRef::Unnamed(number) | GroupRef::Number(number) => number,
            GroupRef::Named(index) => self.unnamed + 1 + index,
        }
    }

    /// Look-behind is matched from right to left, as .NET does it: `back`.
    fn add(&mut self, tree: &Tree, back: bool) -> Result<(), PatternError> {
        match tree {
            Tree::Empty => {}
            Tree::Literal { character, fold } => {
                let what = match fold {
                    true => What::Folded(super::machine::fold(*character)),
                    false => What::Character(*character),
                };
                self.push(Op::Take { what, back })?;
            }
            Tree::Any => {
                self.push(Op::Take { what: What::Any, back })?;
            }
            Tree::AnyAtAll => {
                self.push(Op::Take { what: What::AnyAtAll, back })?;
            }
            Tree::Class(class) => {
                let index = self.class(class);
                self.push(Op::Take { what: What::Class(index), back })?;
            }
            Tree::Assert(assertion) => {
                self.push(Op::Assert(*assertion))?;
            }
            Tree::Concat(parts) => {
                let mut add = |part| self.add(part, back);
                match back {
                    false => parts.iter().try_for_each(&mut add)?,
                    true => parts.iter().rev().try_for_each(&mut add)?,
                }
            }
            Tree::Alternate(branches) => self.alternate(branches, back)?,
            Tree::Repeat { tree, least, most, greedy } => self.repeat(tree, *least, *most, *greedy, back)?,
            Tree::Capture { group, tree } => {
                let (group, mark) = (self.number(*group), self.mark());
                self.push(Op::Mark(mark))?;
                self.add(tree, back)?;
                self.push(Op::Close { group, mark })?;
            }
            Tree::Look { behind, negative, tree } => {
                let start = self.push(Op::Look { negative: *negative, next: 0 })?;
                self.add(tree, *behind)?;
                self.push(Op::Accept)?;
                self.program.code[start] = Op::Look { negative: *negative, next: self.here() };
            }
            Tree::Atomic(tree) => {
                let start = self.push(Op::Atomic { next: 0 })?;
                self.add(tree, back)?;
                self.push(Op::Accept)?;
                self.program.code[start] = Op::Atomic { next: self.here() };
            }
            Tree::Back { group, fold } => {
                self.push(Op::Back { group: self.number(*group), fold: *fold, back })?;
            }
        }
        Ok(())
    }

    fn alternate(&mut self, branches: &[Tree], back: bool) -> Result<(), PatternError> {
        let mut ends = Vec::with_capacity(branches.len());
        for (index, branch) in branches.iter().enumerate() {
            if index + 1 == branches.len() {
                self.add(branch, back)?;
                break;
            }
            let split = self.push(Op::Split { first: 0, second: 0 })?;
            self.add(branch, back)?;
            ends.push(self.push(Op::Jump(0))?);
            self.program.code[split] = Op::Split { first: split + 1, second: self.here() };
        }
        for end in ends {
            self.program.code[end] = Op::Jump(self.here());
        }
        Ok(())
    }

    /// What must come is written out; what may come is a loop, or nested options.
    fn repeat(
        &mut self,
        tree: &Tree,
        least: u32,
        most: Option<u32>,
        greedy: bool,
        back: bool,
    ) -> Result<(), PatternError> {
        for _ in 0..least {
            let before = self.here();
            self.add(tree, back)?;
            if self.here() == before {
                // Nothing, however often.
                return Ok(());
            }
        }
        let split = |body: usize, exit: usize| match greedy {
            true => Op::Split { first: body, second: exit },
            false => Op::Split { first: exit, second: body },
        };
        let Some(most) = most else {
            let start = self.push(Op::Split { first: 0, second: 0 })?;
            // What takes a character each time needs no watch over empty rounds.
            let mark = (!takes(tree)).then(|| self.mark());
            if let Some(mark) = mark {
                self.push(Op::Mark(mark))?;
            }
            self.add(tree, back)?;
            match mark {
                Some(mark) => self.push(Op::Again { mark, to: start })?,
                None => self.push(Op::Jump(start))?,
            };
            self.program.code[start] = split(start + 1, self.here());
            return Ok(());
        };
        let mut splits = Vec::new();
        for _ in least..most {
            splits.push(self.push(Op::Split { first: 0, second: 0 })?);
            self.add(tree, back)?;
        }
        for start in splits {
            self.program.code[start] = split(start + 1, self.here());
        }
        Ok(())
    }
}

/// Whether every match of it takes a character at least.
pub(super) fn takes(tree: &Tree) -> bool {
    match tree {
        Tree::Literal { .. } | Tree::Any | Tree::AnyAtAll | Tree::Class(_) => true,
        Tree::Concat(parts) => parts.iter().any(takes),
        Tree::Alternate(branches) => branches.iter().all(takes),
        Tree::Repeat { tree, least, .. } => *least > 0 && takes(tree),
        Tree::Capture { tree, .. } | Tree::Atomic(tree) => takes(tree),
        Tree::Empty | Tree::Assert(_) | Tree::Look { .. } | Tree::Back { .. } => false,
    }
}
