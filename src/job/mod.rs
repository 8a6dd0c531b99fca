//! The front door: plan, review, apply, again.
