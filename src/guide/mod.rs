//! Guides: longer than an item's documentation, shorter than a book.

#[doc = include_str!("security.md")]
pub mod security {}
