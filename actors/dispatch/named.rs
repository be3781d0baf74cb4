//! Which partitions a request has named already.

use std::collections::{BTreeMap, BTreeSet};

/// Partitions that were named, by topic. A topic is looked for once, not at each of its partitions:
/// a request may hold a name of megabytes and a million partitions, and comparing the one for each
/// of the others would take the thread for hours.
pub(super) struct Named<K>(BTreeMap<K, BTreeSet<i32>>);

impl<K: Ord> Named<K> {
    pub(super) const fn nothing() -> Self {
        Self(BTreeMap::new())
    }

    /// Those of a topic; inserting one there says whether it is named for the first time.
    pub(super) fn of(&mut self, topic: K) -> &mut BTreeSet<i32> {
        self.0.entry(topic).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::cmp::Ordering;

    /// A name that counts how often it is compared.
    #[derive(Clone, Copy)]
    struct Counted<'a>(&'a str, &'a Cell<usize>);

    impl Ord for Counted<'_> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(other.0)
        }
    }

    impl PartialOrd for Counted<'_> {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other).is_eq()
        }
    }

    impl Eq for Counted<'_> {}

    #[test]
    fn a_name_is_not_compared_for_each_of_its_partitions() {
        let compared = Cell::new(0);
        let mut named = Named::nothing();

        for (name, expected) in [("a", 1000), ("b", 1000), ("a", 0)] {
            let of_topic = named.of(Counted(name, &compared));
            let fresh = (0..1000).filter(|index| of_topic.insert(*index)).count();
            assert_eq!(fresh, expected, "{name}");
        }

        assert!(compared.get() < 10, "{} comparisons", compared.get());
    }
}
