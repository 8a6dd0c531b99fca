//! A report in a form for people; each a function of the report alone.

mod html;
mod markdown;
pub(super) mod words;
