use super::{Condition, Domain, Effect, Expected, Period, Row, expected, rows};
use crate::scene::{Baseline, Outside};
use crate::suite::consent::stage::Seen;

const PLAIN: Row = Row {
    effect: Effect::Deny,
    recipient: Condition::Absent,
    purpose: Condition::Absent,
    period: None,
    label: Condition::Absent,
    exception: Condition::Absent,
};

const OPEN: Domain = Domain { default: Baseline::Permit, outside_permit: None };

#[test]
fn every_two_choices_meet_in_few_rows() {
    let rows = rows();
    assert!(rows.len() <= 45, "{} rows", rows.len());
    let met = |fits: &dyn Fn(&Row) -> bool| rows.iter().any(fits);
    for condition in [Condition::Absent, Condition::Met, Condition::Unmet] {
        for other in [Condition::Absent, Condition::Met, Condition::Unmet] {
            assert!(met(&|row| row.recipient == condition && row.purpose == other));
            assert!(met(&|row| row.label == condition && row.exception == other));
            assert!(met(&|row| row.purpose == condition && row.label == other));
        }
        for period in [None, Some(Period::Now), Some(Period::Past), Some(Period::Future)] {
            assert!(met(&|row| row.recipient == condition && row.period == period));
            assert!(met(&|row| row.exception == condition && row.period == period));
        }
        for effect in [Effect::Deny, Effect::Permit] {
            assert!(met(&|row| row.exception == condition && row.effect == effect));
            assert!(met(&|row| row.label == condition && row.effect == effect));
        }
    }
}

#[test]
fn a_row_means_what_r4_and_pcf_say() {
    let shown = Expected::Seen(Seen::Shown);
    let withheld = Expected::Seen(Seen::Withheld);
    let permit = Row { effect: Effect::Permit, ..PLAIN };
    for (row, domain, wanted) in [
        (PLAIN, OPEN, withheld),
        (permit, OPEN, shown),
        (Row { recipient: Condition::Unmet, ..PLAIN }, OPEN, shown),
        (Row { recipient: Condition::Met, purpose: Condition::Unmet, ..PLAIN }, OPEN, shown),
        (Row { period: Some(Period::Past), ..PLAIN }, OPEN, shown),
        (Row { period: Some(Period::Future), ..permit }, OPEN, shown),
        (Row { period: Some(Period::Now), ..PLAIN }, OPEN, withheld),
        (Row { exception: Condition::Met, ..PLAIN }, OPEN, shown),
        (Row { exception: Condition::Met, ..permit }, OPEN, withheld),
        (Row { exception: Condition::Unmet, ..permit }, OPEN, shown),
        // An exception inside what is not met says nothing.
        (Row { label: Condition::Unmet, exception: Condition::Met, ..PLAIN }, OPEN, shown),
        // To whom a permit names, what it does not name is not permitted.
        (Row { label: Condition::Unmet, ..permit }, OPEN, withheld),
        (Row { label: Condition::Unmet, recipient: Condition::Met, ..permit }, OPEN, withheld),
        (Row { purpose: Condition::Unmet, ..permit }, OPEN, Expected::Open),
    ] {
        assert_eq!(expected(&row, domain), wanted, "{row:?}");
    }
    let outside = Row { purpose: Condition::Unmet, ..permit };
    let claimed = |default, outside_permit| Domain { default, outside_permit: Some(outside_permit) };
    assert_eq!(expected(&outside, claimed(Baseline::Permit, Outside::Default)), shown);
    assert_eq!(expected(&outside, claimed(Baseline::Permit, Outside::Denied)), withheld);
    let strict = Domain { default: Baseline::Deny, outside_permit: None };
    assert_eq!(expected(&outside, strict), withheld);
    assert_eq!(expected(&Row { period: Some(Period::Past), ..permit }, strict), withheld);
}
