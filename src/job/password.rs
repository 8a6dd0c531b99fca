//! Initial passwords.

use crate::error::{Error, ErrorKind, Result};
use crate::expr::Seed;
use crate::secret::Secret;

/// How many characters a generated password has.
const LENGTH: usize = 20;
/// Without those that look alike in print.
const CLASSES: [&[u8]; 4] = [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnopqrstuvwxyz", b"23456789", b"!#%*+-=?@_"];

/// A password of 20 characters with all four classes, from the operating system's random source (about 118 bits).
pub(super) fn generate() -> Result<Secret> {
    let all: Vec<u8> = CLASSES.concat();
    // Uniform over all passwords that have the four classes: draw until one has.
    loop {
        let mut password = String::with_capacity(LENGTH);
        while password.len() < LENGTH {
            password.push(char::from(all[below(all.len())?]));
        }
        let password = Secret::new(password);
        if CLASSES.iter().all(|class| password.expose().bytes().any(|byte| class.contains(&byte))) {
            return Ok(password);
        }
    }
}

/// What random values are drawn from.
pub(super) fn seed() -> Result<Seed> {
    let mut bytes = [0; 32];
    fill(&mut bytes)?;
    Ok(Seed::new(bytes))
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::new(ErrorKind::Store, "the operating system gives no random numbers for passwords").with_source(error)
    })
}

/// A random number below `limit`, all equally likely.
fn below(limit: usize) -> Result<usize> {
    let mut byte = [0_u8];
    let fair = 256 / limit * limit;
    loop {
        fill(&mut byte)?;
        if usize::from(byte[0]) < fair {
            return Ok(usize::from(byte[0]) % limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_all_classes_and_differ() {
        let passwords: Vec<Secret> = (0..200).map(|_| generate().expect("random numbers")).collect();
        for password in &passwords {
            assert_eq!(password.expose().len(), LENGTH);
            for class in CLASSES {
                assert!(password.expose().bytes().any(|byte| class.contains(&byte)));
            }
        }
        let different: std::collections::HashSet<&str> = passwords.iter().map(Secret::expose).collect();
        assert_eq!(different.len(), passwords.len());
    }
}
