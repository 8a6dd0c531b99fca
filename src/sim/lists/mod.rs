//! Lists of whatever objects: the words of their addresses, pages, and what changed since.

pub(super) mod delta;
pub(super) mod delta_token;
pub(super) mod expand;
pub(super) mod filter;
pub(super) mod filter_any;
pub(super) mod filter_lex;
pub(super) mod filter_parse;
pub(super) mod list;
pub(super) mod order;
pub(super) mod query;
pub(super) mod search;
