//! The parsed form of a pattern.

use super::class::Class;

#[derive(Debug, Clone)]
pub(super) enum Tree {
    Empty,
    Literal {
        character: char,
        fold: bool,
    },
    /// Any character but a line feed.
    Any,
    /// Any character.
    AnyAtAll,
    Class(Box<Class>),
    Assert(Assertion),
    Concat(Vec<Tree>),
    /// The first branch that leads to a match wins.
    Alternate(Vec<Tree>),
    Repeat {
        tree: Box<Tree>,
        least: u32,
        most: Option<u32>,
        greedy: bool,
    },
    Capture {
        group: GroupRef,
        tree: Box<Tree>,
    },
    Look {
        behind: bool,
        negative: bool,
        tree: Box<Tree>,
    },
    Atomic(Box<Tree>),
    /// The text that a group holds.
    Back {
        group: GroupRef,
        fold: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    /// `\A`, and `^` by default.
    Start,
    /// `^` with `(?m)`.
    LineStart,
    /// `\z`.
    End,
    /// `\Z`, and `$` by default: the end, or before a last line feed.
    EndOrLastLine,
    /// `$` with `(?m)`.
    LineEnd,
    /// `\G`: where the search began.
    SearchStart,
    WordEdge,
    NoWordEdge,
}

/// A group by its place in the pattern. Unnamed groups are numbered first, whatever stands before them, so that its
/// number is known at the end of the pattern only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupRef {
    /// The n-th unnamed group, from 1.
    Unnamed(usize),
    /// The n-th name, from 0.
    Named(usize),
    /// By number, as in `\1`.
    Number(usize),
}
