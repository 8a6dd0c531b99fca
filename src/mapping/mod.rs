//! From a source record to what its target should hold.
//!
//! Pure: no input or output, no clock, no randomness.
