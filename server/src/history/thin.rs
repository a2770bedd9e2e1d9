//! Many points to few, as a chart needs them.

use super::sample::{Summary, fold};

/// Where points are wanted, in ms since the epoch, and how many at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) limit: usize,
}

/// Sums up points, which lie in the frame in the order of time, until there are few enough. Answers the length of the span
/// that each stands for: a whole number of `unit`s. Spans begin at multiples of their length, so that the same question,
/// asked a little later, gives the same points.
pub(super) fn thin(points: Vec<Summary>, frame: Frame, unit: i64) -> (i64, Vec<Summary>) {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return (unit, points) };
    if points.len() <= frame.limit {
        return (unit, points);
    }
    // What lies between the ends of the frame and the first and last point shall not cost points.
    let slack = (frame.to - frame.from) / super::int(frame.limit.max(1) as u64);
    let start = if first.time - frame.from > slack { first.time } else { frame.from };
    let end = if frame.to - last.time > slack { last.time } else { frame.to };
    let length = (end - start + 1).max(1);
    if frame.limit <= 1 {
        let mut whole = points.clone();
        whole.truncate(frame.limit);
        whole.iter_mut().for_each(|one| points[1..].iter().for_each(|point| one.add(point)));
        return (length, whole);
    }
    // A span of this length touches at most one more step than fits into it.
    let step = length.unsigned_abs().div_ceil(frame.limit as u64 - 1).div_ceil(unit.unsigned_abs()) * unit.unsigned_abs();
    let step = super::int(step);
    (step, fold(points, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::sample::Sample;
    use proptest::prelude::*;

    fn points(times: impl IntoIterator<Item = i64>) -> Vec<Summary> {
        times
            .into_iter()
            .map(|time| Summary::from(Sample { time, first: (time % 97) as u32, second: (time % 89) as u32 }))
            .collect()
    }

    #[test]
    fn few_points_stay_as_they_are() {
        let all = points([5_000_100, 5_002_100, 5_004_100]);
        assert_eq!(thin(all.clone(), Frame { from: 0, to: 5_004_200, limit: 3 }, 1000).1, all);
    }

    #[test]
    fn a_young_app_still_fills_its_points() {
        for count in 3..400 {
            let all = points((0..count).map(|n| 5_000_700 + n * 2000));
            let to = 5_000_700 + count * 2000;
            let (_, few) = thin(all, Frame { from: to - 900_000, to, limit: 3 }, 1000);
            assert!((2..=3).contains(&few.len()), "{} points of {count}", few.len());
        }
    }

    #[test]
    fn an_hour_later_by_a_step_the_points_are_the_same() {
        let all = points((0..2000).map(|n| n * 2000));
        let part = |from: i64| {
            let inside: Vec<_> = all.iter().copied().filter(|p| (from..=from + 900_000).contains(&p.time)).collect();
            thin(inside, Frame { from, to: from + 900_000, limit: 100 }, 1000)
        };
        let ((step, one), (later, two)) = (part(1_000_000), part(1_040_000));
        assert_eq!(step, later);
        assert_eq!(one[10..60], two[10 - (40_000 / step) as usize..60 - (40_000 / step) as usize]);
    }

    proptest! {
        #[test]
        fn never_more_than_asked_for_and_nothing_lost(
            times in prop::collection::btree_set(0..2_000_000_i64, 1..300), limit in 1..50_usize, unit in prop::sample::select(vec![1_i64, 1000, 60_000]),
        ) {
            let all = points(times.iter().copied());
            let (step, few) = thin(all.clone(), Frame { from: 0, to: 2_000_000, limit }, unit);
            prop_assert!(few.len() <= limit, "{} > {}", few.len(), limit);
            prop_assert!(step > 0);
            prop_assert_eq!(few.iter().map(|p| p.count).sum::<u32>() as usize, all.len());
            prop_assert_eq!(few.iter().map(|p| p.first.sum).sum::<u64>(), all.iter().map(|p| p.first.sum).sum::<u64>());
            prop_assert_eq!(few.iter().map(|p| p.second.max).max(), all.iter().map(|p| p.second.max).max());
            prop_assert!(few.is_sorted_by_key(|p| p.time));
            for point in few {
                prop_assert!(f64::from(point.first.min) <= point.means().0 && point.means().0 <= f64::from(point.first.max));
            }
        }
    }
}
