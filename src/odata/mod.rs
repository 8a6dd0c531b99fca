//! What is sent in an address: query options, filters, escaping. Pure.
