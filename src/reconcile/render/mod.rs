//! A plan in a form for people; each a function of the plan alone.

mod html;
mod markdown;
mod text;
mod words;
