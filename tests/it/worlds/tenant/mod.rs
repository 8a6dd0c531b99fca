//! Random worlds twice over, between an HR store and a simulated tenant: what a job that reads only what changed comes
//! to is what a job that reads everything comes to.
//!
//! Rule 19 lets the one differ from the other in one thing: who is absent, and of whom nobody says that he is gone, only
//! a full run misses.

mod drawn;
mod feed;
mod runs;
mod side;
mod state;
