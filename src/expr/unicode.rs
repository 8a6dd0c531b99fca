//! What kind of character a character is.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

pub(super) fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}
