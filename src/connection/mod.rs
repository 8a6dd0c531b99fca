//! A tenant to work with: where it is, who we are there, whether it answers.
