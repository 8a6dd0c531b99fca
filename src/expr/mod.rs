//! Entra's attribute-mapping expression language: parsed once, evaluated for each record.
//!
//! Pure: no input or output, no clock, no randomness.
