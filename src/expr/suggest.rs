//! The name that was probably meant.

/// The candidate nearest to a word, if one is near enough to be meant. Case does not count.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let word = word.to_lowercase();
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let allowed = (length / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters must be put in, taken out, changed, or swapped with the next.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<_>>()];
    for (index, from) in left.iter().enumerate() {
        let before = &rows[index];
        let mut row = vec![index + 1];
        for (column, to) in right.iter().enumerate() {
            let changed = before[column] + usize::from(from != to);
            let mut least = changed.min(before[column + 1] + 1).min(row[column] + 1);
            if index > 0 && column > 0 && *from == right[column - 1] && left[index - 1] == *to {
                least = least.min(rows[index - 1][column - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["displayName", "department", "city"];
        for (word, expected) in [
            ("displayname", Some("displayName")),
            ("dipslayName", Some("displayName")),
            ("citty", Some("city")),
            ("ctiy", Some("city")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(closest(word, names), expected, "{word}");
        }
    }
}
