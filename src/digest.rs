//! Digests: short texts that tell whether something is still the same.

use hmac_sha256::Hash;

/// A digest of several parts in their order. The length of each is taken in too, so that none runs into the next.
pub(crate) struct Digester(Hash);

impl Digester {
    pub(crate) fn new() -> Self {
        Self(Hash::new())
    }

    pub(crate) fn part(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    pub(crate) fn bytes(self) -> [u8; 32] {
        self.0.finalize()
    }

    pub(crate) fn hex(self) -> String {
        hex(&self.bytes())
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("four bits are a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_runs_into_the_next() {
        let digest = |parts: &[&str]| {
            let mut digest = Digester::new();
            parts.iter().for_each(|part| digest.part(part));
            digest.hex()
        };
        let all = [&["ab", "c"][..], &["a", "bc"], &["abc"], &["abc", ""], &["c", "ab"], &[]];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| digest(one) != digest(other)), "{one:?}");
            assert_eq!((digest(one), digest(one).len()), (digest(one), 64));
        }
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
