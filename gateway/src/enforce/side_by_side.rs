//! Work on the many resources of one answer, by more hands where processors are idle.
//!
//! Each part is worked on as if it stood alone, and what comes of the parts comes in their order: what is found does not
//! depend on how many hands there were. All searches together have one spare hand less than there are processors, so a busy
//! gateway works as it would without.

use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, available_parallelism};

use fhir::json::Node;

/// Fewer bytes than these, as they were sent, are not worth another hand: it would take longer to come than to do it.
const BYTES_MIN: usize = 128 << 10;

/// How many hands may help now, of all exchanges.
static SPARE: LazyLock<AtomicUsize> =
    LazyLock::new(|| AtomicUsize::new(available_parallelism().map_or(0, |all| all.get() - 1)));

/// Hands that help, until this is dropped.
struct Helping(usize);

impl Helping {
    /// As many as are spare, up to `most`.
    fn up_to(most: usize) -> Self {
        let take = |spare: usize| Some(spare.saturating_sub(most));
        match SPARE.fetch_update(Ordering::AcqRel, Ordering::Acquire, take) {
            Ok(spare) => Self(spare.min(most)),
            Err(_) => Self(0),
        }
    }
}

impl Drop for Helping {
    fn drop(&mut self) {
        SPARE.fetch_add(self.0, Ordering::AcqRel);
    }
}

/// What `work` makes of `resources`: of all of them at once, or of parts of them side by side, in their order.
pub(in crate::enforce) fn side_by_side<'d, T: Send>(
    resources: &[Node<'d>],
    work: impl Fn(&[Node<'d>]) -> T + Sync,
) -> Vec<T> {
    let bytes: usize = resources.iter().map(|resource| resource.raw().len()).sum();
    let helping = Helping::up_to((bytes / BYTES_MIN).saturating_sub(1));
    in_parts(resources, helping.0 + 1, &work)
}

/// The same in so many parts, of which the first is worked on here.
fn in_parts<'d, T: Send>(
    resources: &[Node<'d>],
    parts: usize,
    work: &(impl Fn(&[Node<'d>]) -> T + Sync),
) -> Vec<T> {
    let mut parts = resources.chunks(resources.len().div_ceil(parts).max(1));
    let first = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let others: Vec<_> = parts
            .map(|part| {
                let hand = thread::Builder::new().name("enforce".to_owned());
                (part, hand.spawn_scoped(scope, move || work(part)))
            })
            .collect();
        let mut made = vec![work(first)];
        made.extend(others.into_iter().map(
            |(part, other)| match other.map(thread::ScopedJoinHandle::join) {
                Ok(Ok(made)) => made,
                Ok(Err(panic)) => resume_unwind(panic),
                // There is no thread to be had.
                Err(_) => work(part),
            },
        ));
        made
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread::ThreadId;

    use fhir::json::{Document, Limits, parse};

    use super::*;

    fn many(count: usize) -> Document {
        let all: Vec<String> = (0..count).map(|number| format!(r#"{{"number":"{number}"}}"#)).collect();
        parse(format!(r#"{{"all":[{}]}}"#, all.join(",")).into(), &Limits::default()).expect("test input")
    }

    fn numbers(part: &[Node<'_>]) -> (ThreadId, Vec<String>) {
        let number = |node: &Node<'_>| node.str_at(&["number"]).expect("a number").into_owned();
        (thread::current().id(), part.iter().map(number).collect())
    }

    #[test]
    fn what_is_made_of_parts_comes_whole_and_in_order_however_many_there_are() {
        for (count, parts, hands) in
            [(0, 1, 1), (0, 4, 1), (1, 4, 1), (3, 4, 3), (100, 1, 1), (101, 4, 4), (4, 4, 4)]
        {
            let document = many(count);
            let nodes: Vec<Node<'_>> = document.root().walk(&["all"]).collect();
            let made = in_parts(&nodes, parts, &|part: &[Node<'_>]| numbers(part));
            let threads: BTreeSet<String> = made.iter().map(|(id, _)| format!("{id:?}")).collect();
            let together: Vec<String> = made.into_iter().flat_map(|(_, numbers)| numbers).collect();
            assert_eq!(together, (0..count).map(|number| number.to_string()).collect::<Vec<_>>());
            assert_eq!(threads.len(), hands, "{count} in {parts}");
        }
    }

    #[test]
    fn hands_that_helped_are_spare_again_also_after_a_panic() {
        let document = many(50_000);
        let nodes: Vec<Node<'_>> = document.root().walk(&["all"]).collect();
        let spare = available_parallelism().map_or(0, |all| all.get() - 1);
        for _ in 0..3 {
            let fails = || side_by_side(&nodes, |part| assert!(part.is_empty(), "it fails"));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(fails)).is_err());
        }
        // Other tests may be helped at this moment.
        let begun = std::time::Instant::now();
        while SPARE.load(Ordering::Acquire) != spare {
            assert!(begun.elapsed().as_secs() < 60, "hands were lost");
            thread::yield_now();
        }
    }
}
