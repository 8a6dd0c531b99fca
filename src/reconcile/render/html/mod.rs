//! A plan as one page that loads nothing: the questions of who reads it first, then all entries to search through.

mod csp;
pub(crate) mod out;
mod page;
pub(crate) mod parts;
pub(crate) mod rows;
