//! A plan in a form for people; a function of the plan alone.

mod text;
