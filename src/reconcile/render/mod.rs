//! A plan in a form for people; each a function of the plan alone. What the forms of a report share with it is here too.

pub(crate) mod html;
pub(crate) mod markdown;
mod text;
pub(crate) mod words;
