use proptest::prelude::*;

use super::*;
use crate::domain::ChunkIndex;

/// A chunk list from (size, whether it is a part).
fn chunks(list: &[(i64, bool)]) -> Vec<StoredChunk> {
    let chunk = |(index, &(size, part)): (usize, &(i64, bool))| StoredChunk {
        index: ChunkIndex::try_from(i64::try_from(index).unwrap()).unwrap(),
        size,
        crc: None,
        found: None,
        receipt: if part { part_receipt(&format!("e{index}")) } else { object_receipt(&format!("k{index}")) },
    };
    list.iter().enumerate().map(chunk).collect()
}

#[test]
fn each_kind_of_list_gets_its_cheapest_plan() {
    assert_eq!(plan(&[]).unwrap(), Plan::Empty);
    assert!(matches!(plan(&chunks(&[(3, false)])).unwrap(), Plan::Move { segment } if segment.size == 3));
    let all_big = plan(&chunks(&[(9, true), (9, true)])).unwrap();
    assert!(matches!(all_big, Plan::Complete { parts } if parts.len() == 2));
    let large = MIN_PART_SIZE.cast_signed();
    let mixed = [
        &[(large, false)][..],
        &[(9, true), (1, false)],
        &[(1, false), (9, true)],
        &[(1, false), (1, false)],
        &[(9, true), (1, false), (9, true)],
    ];
    for list in mixed {
        assert!(matches!(plan(&chunks(list)).unwrap(), Plan::Mixed { .. }), "{list:?}");
    }
}

#[test]
fn a_receipt_of_another_store_is_damage() {
    let mut list = chunks(&[(1, true)]);
    list[0].receipt = "at its offset".into();
    assert!(matches!(plan(&list), Err(StorageError::Damaged(_))));
}

proptest! {
    #[test]
    fn no_plan_loses_repeats_or_reorders_a_byte(list in proptest::collection::vec((1_i64..50, any::<bool>()), 0..40)) {
        let chunks = chunks(&list);
        let sizes: Vec<u64> = list.iter().map(|(size, _)| size.cast_unsigned()).collect();
        match plan(&chunks).unwrap() {
            Plan::Empty => prop_assert!(list.is_empty()),
            Plan::Move { segment } => {
                prop_assert_eq!(list.len(), 1);
                prop_assert_eq!(segment.source, Source::Object { key: "k0".into() });
            }
            Plan::Complete { parts } => {
                prop_assert_eq!(parts.len(), list.len());
                prop_assert!(parts.iter().zip(1..).all(|(part, number)| part.number == number));
            }
            Plan::Mixed { parts, segments } => {
                prop_assert_eq!(segments.iter().map(|segment| segment.size).collect::<Vec<_>>(), sizes);
                let mut expected = 0;
                for (segment, chunk) in segments.iter().zip(&chunks) {
                    match (&segment.source, Stored::of(chunk).unwrap()) {
                        (Source::Completed { offset }, Stored::Part(_)) => {
                            prop_assert_eq!(*offset, expected);
                            expected += segment.size;
                        }
                        (Source::Object { key }, Stored::Object(given)) => prop_assert_eq!(key, given),
                        _ => prop_assert!(false, "a segment is not its chunk"),
                    }
                }
                prop_assert!(parts.windows(2).all(|pair| pair[0].number < pair[1].number));
            }
        }
    }

    #[test]
    fn ranges_and_pieces_cover_every_byte_once(sizes in proptest::collection::vec(1_u64..100, 1..50), wanted in 1_u64..300) {
        let segments: Vec<Segment> = sizes.iter().enumerate()
            .map(|(i, size)| Segment { source: Source::Object { key: i.to_string() }, size: *size, crc: None }).collect();
        let total: u64 = sizes.iter().sum();
        let mut read = vec![0_u64; sizes.len()];
        let mut end = 0;
        for range in part_ranges(total, wanted) {
            prop_assert_eq!(range.start, end);
            end = range.end;
            let mut length = 0;
            for (source, start, size) in pieces(&segments, &range) {
                let Source::Object { key } = source else { panic!("all are objects") };
                let i: usize = key.parse().unwrap();
                prop_assert_eq!(start, read[i]);
                read[i] += size;
                length += size;
            }
            prop_assert_eq!(length, range.end - range.start);
        }
        prop_assert_eq!(end, total);
        prop_assert_eq!(read, sizes);
    }

    #[test]
    fn there_are_never_more_parts_than_a_store_takes(size in 0_u64..1 << 50, wanted in (5_u64 << 20)..(1 << 30)) {
        prop_assert!(part_ranges(size, wanted).len() <= 10_000);
    }
}
