use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Lists as a database has them, and what each account has in each.
struct World {
    lists: HashMap<(Block, u8), Vec<Row>>,
    sums: BTreeMap<Uuid, i64>,
    reads: usize,
}

impl World {
    /// `amounts` by account and list; `stale` rows stand beside the right ones.
    fn of(amounts: &[Vec<i64>], stale: &[(usize, usize, i64)]) -> (Self, Vec<Block>) {
        let blocks: Vec<Block> =
            (0..amounts.first().map_or(1, Vec::len)).map(|at| Block::day(i32::try_from(at).unwrap())).collect();
        let id = |at: usize| Uuid::from_u128(u128::try_from(at).unwrap() + 1);
        let mut lists: HashMap<(Block, u8), Vec<Row>> = HashMap::new();
        let mut put = |at: usize, list: usize, amount: i64| {
            if let Some(place) = Place::of(id(at), amount) {
                let rows = lists.entry((blocks[list], shard_of(id(at)))).or_default();
                // One row a place: the last one written.
                rows.retain(|row| row.place != place);
                rows.push(Row { block: blocks[list], place, amount });
            }
        };
        for (at, list, amount) in stale {
            if *at < amounts.len() && *list < blocks.len() {
                put(*at, *list, *amount);
            }
        }
        for (at, of_account) in amounts.iter().enumerate() {
            for (list, amount) in of_account.iter().enumerate() {
                put(at, list, *amount);
            }
        }
        for rows in lists.values_mut() {
            rows.sort_by_key(|row| row.place);
        }
        let sums = amounts.iter().enumerate().map(|(at, of_account)| (id(at), of_account.iter().sum())).collect();
        (Self { lists, sums, reads: 0 }, blocks)
    }

    fn read(&mut self, ask: &Ask) -> Vec<Row> {
        self.reads += 1;
        let mut found = Vec::new();
        for block in &ask.blocks {
            for shard in &ask.shards {
                let rows = self.lists.get(&(*block, *shard)).into_iter().flatten();
                found.extend(rows.filter(|row| row.place > ask.after).take(ask.limit).copied());
            }
        }
        found
    }

    fn answer(&mut self, mut merge: Merge) -> Vec<(Uuid, i64)> {
        loop {
            match merge.step() {
                Step::Read(asks) => {
                    assert!(!asks.is_empty());
                    for ask in asks {
                        let rows = self.read(&ask);
                        merge.read(&ask, &rows);
                    }
                }
                Step::Sum(ids) => {
                    assert!(!ids.is_empty() && ids.len() <= SUMS_AT_ONCE);
                    for id in ids {
                        merge.sum(id, self.sums[&id]);
                    }
                }
                Step::Done => return merge.into_rows(),
                Step::TooMany => panic!("too many"),
            }
        }
    }

    fn truth(&self, limit: usize) -> Vec<(Uuid, i64)> {
        let mut all: Vec<(Uuid, i64)> =
            self.sums.iter().filter(|(_, sum)| **sum > 0).map(|(id, sum)| (*id, *sum)).collect();
        all.sort_by_key(|(id, sum)| (Reverse(*sum), *id));
        all.truncate(limit);
        all
    }
}

/// Small amounts, so that many are equal, and some large ones.
fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![3 => Just(0_i64), 4 => 1_i64..6, 2 => 30_i64..40, 1 => 1_000_i64..100_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn what_is_read_of_the_lists_is_enough_to_say_what_everything_would(
        amounts in (1_usize..6).prop_flat_map(|lists| {
            prop::collection::vec(prop::collection::vec(amount(), lists), 0..70)
        }),
        stale in prop::collection::vec((0_usize..70, 0_usize..6, amount()), 0..12),
        limit in 1_usize..9,
        pages in (1_usize..4, 1_usize..5, 1_usize..6),
    ) {
        let (mut world, blocks) = World::of(&amounts, &stale);
        let merge = Merge { pages: [pages.0, pages.1, pages.2], ..Merge::new(limit, blocks) };
        prop_assert_eq!(world.answer(merge), world.truth(limit));
    }

    /// What is known beforehand is not taken from the lists.
    #[test]
    fn accounts_that_have_changed_count_for_what_they_are_now(
        amounts in prop::collection::vec(prop::collection::vec(amount(), 3), 1..40),
        now in prop::collection::vec((0_usize..40, amount()), 0..20),
        limit in 1_usize..9,
    ) {
        let (mut world, blocks) = World::of(&amounts, &[]);
        let mut merge = Merge { pages: [1, 2, 3], ..Merge::new(limit, blocks) };
        for (at, sum) in now {
            let id = Uuid::from_u128(u128::try_from(at).unwrap() + 1);
            world.sums.insert(id, sum);
        }
        let (before, _) = World::of(&amounts, &[]);
        for (id, sum) in &world.sums {
            if before.sums.get(id) != Some(sum) {
                merge.sum(*id, *sum);
            }
        }
        prop_assert_eq!(world.answer(merge), world.truth(limit));
    }
}

#[test]
fn of_many_equal_accounts_the_first_by_id_are_found_without_reading_all_of_them() {
    let (mut world, blocks) = World::of(&vec![vec![7]; 5_000], &[]);
    let rows = world.answer(Merge::new(100, blocks));
    assert_eq!(rows, world.truth(100));
    assert_eq!(world.reads, 1);
}

#[test]
fn nothing_is_read_on_where_no_list_has_anything() {
    let (mut world, _) = World::of(&[], &[]);
    assert_eq!(world.answer(Merge::new(5, vec![Block::ALL])), []);
    assert_eq!(world.answer(Merge::new(5, Vec::new())), []);
    assert_eq!(world.reads, 1);
}
