//! Two jobs in opposite directions on one link set.
