//! Digests: short texts that tell whether something is still the same.

use std::fmt;

use hmac_sha256::Hash;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

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

    /// A short one.
    pub(crate) fn short(self) -> Digest {
        Digest(self.0.finalize()[..8].try_into().expect("it has 32 bytes"))
    }
}

/// A digest that tells a few things apart: of 64 bits, in JSON 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 8]);

impl Digest {
    /// In place of one: of nothing that there is.
    pub(crate) const NONE: Self = Self([0; 8]);
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| digits);
        number
            .map(|number| Self(number.to_be_bytes()))
            .ok_or_else(|| de::Error::custom("a digest has 16 hexadecimal digits"))
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

    #[test]
    fn a_short_digest_is_read_as_it_was_written() {
        let mut digest = Digester::new();
        digest.part("a");
        let digest = digest.short();
        let json = serde_json::to_string(&digest).expect("JSON");
        assert_eq!(serde_json::from_str::<Digest>(&json).expect("a digest"), digest);
        for wrong in ["\"\"", "\"+123456789abcdef\"", "\"0123456789abcde\"", "\"0123456789abcdeg\"", "7", "null"] {
            assert!(serde_json::from_str::<Digest>(wrong).is_err(), "{wrong}");
        }
    }
}
