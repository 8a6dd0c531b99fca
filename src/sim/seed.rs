//! Everything that looks random, derived from a seed.

use uuid::{Builder, Uuid};

/// A small generator (SplitMix64): the same seed gives the same sequence on every machine.
#[derive(Debug, Clone)]
pub(super) struct Seeded(u64);

impl Seeded {
    /// A sequence of its own for each purpose, so that using one does not shift another.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let mut start = Self(seed ^ purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        start.0 = start.next();
        start
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        bytes
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// What only whoever knows the key can tell of some bytes: tokens carry it, so that what was changed is recognised. It
/// stops mistakes and curiosity; against an attacker it would be no use.
pub(super) fn seal(key: u64, bytes: &[u8]) -> u64 {
    let mut hash = Seeded(key);
    for byte in bytes {
        hash.0 ^= u64::from(*byte);
        hash.0 = hash.next();
    }
    hash.next()
}

/// Base64 in the alphabet for addresses, without padding.
pub(super) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| (group << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = usize::from((group >> (18 - 6 * place)) as u8 & 63);
            text.push(char::from(ALPHABET[index]));
        }
    }
    text
}

/// A generated person: the parts of a name and of a job.
pub(super) struct Person {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) title: &'static str,
    pub(super) department: &'static str,
    pub(super) city: &'static str,
    pub(super) country: &'static str,
}

impl Person {
    pub(super) fn draw(seeded: &mut Seeded) -> Self {
        fn pick<T: Copy>(seeded: &mut Seeded, from: &[T]) -> T {
            from[seeded.below(from.len())]
        }
        let (department, title) = pick(seeded, JOBS);
        let (city, country) = pick(seeded, PLACES);
        Self { given: pick(seeded, GIVEN), family: pick(seeded, FAMILY), title, department, city, country }
    }
}

const GIVEN: &[&str] = &[
    "Ada", "Amir", "Anna", "Bo", "Carla", "Chen", "Dana", "David", "Elif", "Emma", "Farid", "Fiona", "George", "Grace",
    "Hana", "Hugo", "Ines", "Ivan", "Jana", "John", "Kai", "Lena", "Liam", "Maria", "Mateo", "Nadia", "Noah", "Olga",
    "Omar", "Paul", "Priya", "Quinn", "Rosa", "Samuel", "Sofia", "Tariq", "Uma", "Victor", "Wanda", "Yusuf", "Zoe",
];
const FAMILY: &[&str] = &[
    "Adams",
    "Baker",
    "Costa",
    "Diaz",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kaya",
    "Lindqvist",
    "Marsh",
    "Novak",
    "Okafor",
    "Patel",
    "Quist",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weber",
    "Xu",
    "Young",
    "Zhang",
];
const JOBS: &[(&str, &str)] = &[
    ("Engineering", "Engineer"),
    ("Engineering", "Team Lead"),
    ("Finance", "Accountant"),
    ("Finance", "Controller"),
    ("Human Resources", "Recruiter"),
    ("Operations", "Coordinator"),
    ("Operations", "Technician"),
    ("Sales", "Account Manager"),
    ("Sales", "Sales Engineer"),
    ("Support", "Consultant"),
];
const PLACES: &[(&str, &str)] = &[
    ("Amsterdam", "NL"),
    ("Berlin", "DE"),
    ("Leeds", "GB"),
    ("Lisbon", "PT"),
    ("Lyon", "FR"),
    ("Madrid", "ES"),
    ("Oslo", "NO"),
    ("Seattle", "US"),
    ("Vienna", "AT"),
    ("Zurich", "CH"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_the_rfc() {
        let cases = [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in cases {
            assert_eq!(base64url(plain.as_bytes()), encoded);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn a_seed_gives_the_same_sequence_and_purposes_differ() {
        assert_eq!(Seeded::new(7, 1).uuid(), Seeded::new(7, 1).uuid());
        assert_ne!(Seeded::new(7, 1).uuid(), Seeded::new(7, 2).uuid());
        assert_ne!(Seeded::new(7, 1).uuid(), Seeded::new(8, 1).uuid());
    }
}
