//! The text of a value.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

/// Text that is cheap to make and to clone: a short one, as nearly all in a directory are, lies in the value itself, and
/// a longer one is shared.
///
/// Compared exactly, by Unicode code point. It dereferences to `str`.
///
/// # Examples
///
/// ```
/// use entrant::model::Text;
///
/// let name = Text::from("Ada");
/// assert_eq!(name, "Ada");
/// assert_eq!(name.to_uppercase(), "ADA");
/// ```
#[derive(Clone, Default)]
pub struct Text(SmolStr);

// As large as what it is nearly always: values are kept by the million.
const _: () = assert!(size_of::<Text>() == 24);

impl Text {
    /// The text.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The text as one that is shared, as ids are. A long one is not copied.
    #[must_use]
    pub fn to_shared(&self) -> Arc<str> {
        self.0.clone().into()
    }
}

impl From<&str> for Text {
    #[inline]
    fn from(text: &str) -> Self {
        Self(SmolStr::new(text))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        Self(text.into())
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for Text {
    /// A long one is not copied.
    fn from(text: Arc<str>) -> Self {
        Self(text.into())
    }
}

impl From<&Arc<str>> for Text {
    /// A long one is not copied.
    fn from(text: &Arc<str>) -> Self {
        Self(Arc::clone(text).into())
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Self {
        text.clone()
    }
}

impl From<Text> for Arc<str> {
    /// A long one is not copied.
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_text_is_the_same_however_it_is_made_and_kept() {
        for length in [0, 1, 22, 23, 24, 25, 200] {
            for unit in ["a", "\n", " ", "é"] {
                let text = unit.repeat(length);
                let shared: Arc<str> = text.as_str().into();
                let made = [
                    Text::from(text.as_str()),
                    Text::from(&text),
                    Text::from(text.clone()),
                    Text::from(Box::<str>::from(text.as_str())),
                    Text::from(Cow::Borrowed(text.as_str())),
                    Text::from(&shared),
                    Text::from(shared),
                ];
                for one in &made {
                    assert_eq!((one.as_str(), one), (text.as_str(), &made[0]));
                    assert_eq!((*one.to_shared()).to_owned(), text);
                    assert_eq!((String::from(one.clone()), one.to_string()), (text.clone(), text.clone()));
                    assert_eq!(HashSet::from([one.clone()]).get(text.as_str()), Some(one), "hashed as text");
                    assert_ne!(*one, Text::from(format!("{text}b")));
                    assert!(*one < Text::from(format!("{text}b")));
                }
            }
        }
    }

    #[test]
    fn a_long_text_is_shared_and_never_copied() {
        let shared: Arc<str> = "a text that is longer than what a value has room for".into();
        let text = Text::from(&shared);
        assert!(Arc::ptr_eq(&text.to_shared(), &shared));
        assert!(Arc::ptr_eq(&Arc::from(text.clone()), &shared));
    }
}
