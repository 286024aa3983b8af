//! What holds of any EDIFACT: bytes that are none, and segments in any order.

use adapters::edifact;
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::proptest;

use super::{case, check_that_nothing_disappears};
use crate::goldens::{hospital, unknown_to_r4};
use crate::shape::check_shape;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_the_adapter_panic(input in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(edifact::interchange(&input, &hospital()));
        let framed = [b"UNA:+.? 'UNB+UNOC:3+a+b+260304:1615+1'UNH+1+MEDRPT:0:1:RT:NHS003'PNA'S02'", &input[..], b"'UNT+1+1'UNZ+1+1'"].concat();
        drop(edifact::interchange(&framed, &hospital()));
    }
}

#[test]
fn an_amount_that_has_no_place_is_lost_with_its_unit() {
    let report = case("blood-count");
    let twice = report.replace("QTY+SVO:4.5+:::mL'", "QTY+SVO:4.5+:::mL'\nQTY+SVO:4.5+:::mL'");
    check_that_nothing_disappears(&twice, "an amount said twice");
}

proptest! {
    // Each case is translated twice for every component it holds.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn segments_in_any_order_make_a_bundle_that_r4_knows_and_lose_nothing_in_silence(order in prop::collection::vec(0..60_usize, 1..60)) {
        let report = case("blood-count");
        let segments: Vec<&str> = report.lines().collect();
        let body: String = order.iter().filter_map(|at| segments.get(at + 4)).filter(|segment| !segment.starts_with("PNA") && !segment.starts_with("S02") && !segment.starts_with("S07")).copied().collect();
        let input = format!("{}S02+02'{body}S07+07'PNA+PAT+9990000018:OPI'UNT+9+1'UNZ+1+2044'", segments[..3].concat());
        let translated = edifact::translate(input.as_bytes(), &hospital()).unwrap();
        assert_eq!(unknown_to_r4(&translated.bundle), None);
        check_shape(&translated.bundle, "any order");
        check_that_nothing_disappears(&input, &input);
    }
}
