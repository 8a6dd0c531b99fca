//! A plan as one page that loads nothing: the questions of who reads it first, then all entries to search through.

mod csp;
mod out;
mod page;
mod rows;
