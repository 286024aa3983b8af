//! Which labels a denial and a permit reach.

use super::*;

fn label(code: &str) -> SecurityLabel {
    SecurityLabel::parse(code).expect("a label")
}

fn labelled(code: &str) -> ResourceFacts {
    ResourceFacts { labels: vec![label(code)], ..ResourceFacts::default() }
}

fn rule(code: &str) -> DataRule {
    DataRule { labels: BTreeSet::from([label(code)]), ..DataRule::default() }
}

#[test]
fn a_denial_reaches_a_broader_label_that_may_be_the_one_denied_and_a_permit_does_not() {
    for (ruled, held, is_denied, is_permitted) in [
        ("PSY", "PSY", true, true),
        ("PSY", "BH", true, false),
        ("PSY", "MH", true, false),
        ("PSY", "SPI", true, false),
        ("PSY", "SUD", false, false),
        ("PSY", "HIV", false, false),
        ("SUD", "ETHUD", true, true),
        ("ETHUD", "SUD", true, false),
        ("SPI", "PSY", true, true),
    ] {
        let (facts, rule) = (labelled(held), rule(ruled));
        assert_eq!(rule.may_speak_of(&facts), is_denied, "{held} under a denial of {ruled}");
        assert_eq!(facts.is_labelled(&label(ruled)), is_denied, "{held} where {ruled} is kept out");
        assert_eq!(rule.covers(&facts), is_permitted, "{held} under a permit of {ruled}");
    }
}

#[test]
fn what_is_labelled_in_a_way_that_cannot_be_read_is_reached_by_every_denial_and_by_no_permit() {
    let facts = ResourceFacts { known: Labels::NotKnown, ..labelled("N") };
    for code in ["PSY", "HIV", "R"] {
        assert!(rule(code).may_speak_of(&facts), "{code}");
        assert!(!rule(code).covers(&facts), "{code}");
    }
    assert!(rule("PSY").may_speak_of(&facts) && DataRule::default().covers(&facts));
}
