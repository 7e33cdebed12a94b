//! Lists: copies in bounded partitions, newest first.
//!
//! Every list is cut into buckets of some thousand rows ([`buckets`]), which [`newest`] reads. Those
//! of products have more lists than that of everything ([`copies`], [`pages`]). A copy is a whole row of
//! one version, written with a timestamp that follows from that version, so copies converge to the
//! newest version in whatever order they arrive, and writing them again is harmless. Lists by name
//! hold ids alone; their rows are read from the truth and checked.

pub mod buckets;
pub mod copies;
pub mod newest;
pub mod pages;

/// Lengths of the name prefixes that have a partition of their own. A longer prefix is looked for
/// in the partition of the longest of these that it contains.
const PREFIX_LENGTHS: [usize; 8] = [1, 2, 3, 5, 8, 13, 21, 34];

/// The prefixes under which a folded name is listed.
fn prefixes_of(folded: &str) -> Vec<&str> {
    if folded.is_empty() {
        return Vec::new();
    }
    let ends: Vec<usize> = folded
        .char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .chain(std::iter::once(folded.len()))
        .take(PREFIX_LENGTHS[PREFIX_LENGTHS.len() - 1])
        .collect();
    PREFIX_LENGTHS.iter().filter_map(|length| ends.get(length - 1)).map(|end| &folded[..*end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_listed_under_each_length_that_it_has() {
        assert_eq!(prefixes_of("tea"), ["t", "te", "tea"]);
        assert_eq!(prefixes_of("téa 🦀x"), ["t", "té", "téa", "téa 🦀"]);
        assert_eq!(prefixes_of(""), [""; 0]);
        assert_eq!(prefixes_of(&"a".repeat(150)).len(), 8);
    }

    #[test]
    fn the_longest_listed_prefix_of_a_query_is_a_listed_prefix_of_every_name_it_begins() {
        let name = "green tea, first flush, 100 g";
        for end in 1..=name.len() {
            let query = &name[..end];
            let key = *prefixes_of(query).last().unwrap();
            assert!(prefixes_of(name).contains(&key), "{query}");
        }
    }
}
