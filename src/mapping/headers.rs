//! What becomes of the headers of a table.

use super::builder::Mapping;
use crate::model::{Name, Record, Value};

/// A mapping made from headers, and what became of each of them. Made by [`Mapping::from_headers`] and
/// [`Mapping::from_group_headers`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HeaderMapping {
    /// The mapping, named `people` or `groups`.
    pub mapping: Mapping,
    /// Headers that are mapped, each with the target attribute that it is for.
    pub recognised: Vec<(String, Name)>,
    /// Headers that are understood and not mapped, each with the reason.
    pub not_mapped: Vec<(String, String)>,
    /// Headers that say nothing to us. They are not guessed at.
    pub unrecognised: Vec<String>,
}

/// What is recognised for each target attribute, the better name first.
pub(super) type Recognised = &'static [(&'static str, &'static [&'static str])];

/// What is recognised and not mapped, and why.
pub(super) type NotMapped = &'static [(&'static [&'static str], &'static str)];

/// Headers by what becomes of them.
pub(super) struct Sorted {
    /// By target attribute, in the order of the table.
    pub(super) recognised: Vec<(Name, String)>,
    not_mapped: Vec<(String, String)>,
    unrecognised: Vec<String>,
}

impl Sorted {
    /// The header that is for a target attribute.
    pub(super) fn header(&self, target: &str) -> Option<&str> {
        self.recognised.iter().find(|(own, _)| own == target).map(|(_, header)| header.as_str())
    }

    pub(super) fn into_mapping(self, mapping: Mapping) -> HeaderMapping {
        HeaderMapping {
            mapping,
            recognised: self.recognised.into_iter().map(|(target, header)| (header, target)).collect(),
            not_mapped: self.not_mapped,
            unrecognised: self.unrecognised,
        }
    }
}

pub(super) fn sort<H: AsRef<str>>(headers: &[H], attributes: Recognised, not_mapped: NotMapped) -> Sorted {
    let plain: Vec<String> = headers.iter().map(|header| plain(header.as_ref())).collect();
    let mut chosen: Vec<(Name, usize)> = Vec::new();
    for (target, names) in attributes {
        let find = |name: &&str| plain.iter().position(|own| *own == self::plain(name));
        if let Some(index) = names.iter().find_map(find) {
            chosen.push((Name::from_static(target), index));
        }
    }
    let mut sorted = Sorted {
        recognised: chosen
            .iter()
            .map(|(target, index)| (target.clone(), headers[*index].as_ref().to_owned()))
            .collect(),
        not_mapped: Vec::new(),
        unrecognised: Vec::new(),
    };
    for (index, name) in plain.iter().enumerate() {
        if chosen.iter().any(|(_, own)| *own == index) {
            continue;
        }
        let header = headers[index].as_ref().to_owned();
        let is = |other: &&'static str| self::plain(other) == *name;
        let reason = not_mapped.iter().find(|(names, _)| names.iter().any(is));
        let taken = attributes.iter().find(|(_, names)| names.iter().any(is));
        if let Some((_, reason)) = reason {
            sorted.not_mapped.push((header, (*reason).to_owned()));
        } else if let Some((target, _)) = taken {
            let winner = sorted.recognised.iter().find(|(own, _)| own == target);
            let winner = winner.map_or("another header", |(_, header)| header);
            sorted.not_mapped.push((header, format!("{target} comes from {winner}")));
        } else {
            sorted.unrecognised.push(header);
        }
    }
    sorted
}

/// A header as it is compared; empty for one that cannot be recognised.
pub(super) fn plain(header: &str) -> String {
    const LONGEST: usize = 100;
    if header.len() > LONGEST || header.trim() != header {
        return String::new();
    }
    let kept = header.chars().filter(|character| !matches!(character, ' ' | '_' | '-' | '.'));
    kept.map(|character| character.to_ascii_lowercase()).collect()
}

/// Several values from one cell, separated by `;` or `,`; a list stays as it is.
pub(super) fn list(mapping: Mapping, target: &Name, header: &str) -> Mapping {
    let attribute = Name::from(header);
    let reads = attribute.clone();
    let values = |text: &str| {
        let parts = text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty());
        Value::list(parts.map(Value::from))
    };
    let function = move |record: &Record| {
        Ok(record.get(&attribute).map(|value| value.as_text().map_or_else(|| value.clone(), values)))
    };
    mapping.closure(target, "list", 1, function).reads(target, [reads])
}
