//! A composite is a search by each of its components: what one of them may not be asked for, the composite may not.

use super::world::{DISCHARGE, settings, social_worker};

/// What of Observations the council is shown besides their code, category and time.
fn check(shown: &str, what: &str, expected: Result<&[&str], &str>) {
    let settings = settings(&[(DISCHARGE, "\"value[x]\" = \"how much the person can do alone\"\n", shown)]);
    let what: &'static str = format!("search hospital Observation?{what}").leak();
    let found = social_worker().asks(what).admitted(&settings);
    let found = found.map(|admitted| admitted.rematch().iter().copied().collect::<Vec<_>>());
    let found = found.as_deref().map_err(|refusal| refusal.reason());
    assert_eq!(found, expected, "{what} where {shown}");
}

const HIDDEN: Result<&[&str], &str> = Err("search-reads-hidden-element");
const NEGATES: Result<&[&str], &str> = Err("search-negates-hidden-element");
const VALUE: &str = "\"value[x]\" = \"how much\"\n";

#[test]
fn a_composite_is_asked_for_where_each_component_is_shown() {
    check(VALUE, "patient=ann&code-value-quantity=a$gt5", Ok(&[]));
    check(VALUE, "patient=ann&code-value-quantity=a$ne5,b$6", Ok(&[]));
    check(VALUE, "patient=ann&code-value-concept=a$b", Ok(&[]));
    check(VALUE, "patient=ann&code-value-date=a$2026", Ok(&[]));
    let all = &format!("{VALUE}component = \"the parts\"\n");
    check(all, "patient=ann&component-code-value-quantity=a$gt5", Ok(&[]));
    check(all, "patient=ann&combo-code-value-quantity=a$ne5", Ok(&[]));
}

#[test]
fn a_composite_is_refused_where_a_component_is_hidden() {
    for asked in [
        "code-value-quantity=a$5",
        "code-value-concept=a$b",
        "code-value-date=a$2026",
        "code-value-string=a$b",
    ] {
        check("", &format!("patient=ann&{asked}"), HIDDEN);
    }
    // The parts of a finding are not shown: neither is found by them, nor by them or the whole.
    for asked in [
        "component-code-value-quantity=a$5",
        "combo-code-value-quantity=a$5",
        "component-code-value-concept=a$b",
    ] {
        check(VALUE, &format!("patient=ann&{asked}"), HIDDEN);
    }
    let codes = &format!("{VALUE}\"component.code\" = \"which parts\"\n");
    check(codes, "patient=ann&component-code-value-quantity=a$5", HIDDEN);
    check(codes, "patient=ann&combo-code-value-quantity=a$5", HIDDEN);
    let values = &format!("{VALUE}\"component.value[x]\" = \"how much\"\n");
    check(values, "patient=ann&component-code-value-quantity=a$5", HIDDEN);
}

#[test]
fn a_composite_of_which_a_component_is_shown_in_part_must_match_again() {
    let of_component = "component-code-value-quantity";
    let some =
        &format!("{VALUE}\"component.code\" = \"which\"\n\"component.valueQuantity\" = \"how much\"\n");
    check(some, "patient=ann&component-code-value-quantity=a$5", Ok(&[of_component]));
    check(some, "patient=ann&combo-code-value-quantity=a$5", Ok(&["combo-code-value-quantity"]));
    check(some, "patient=ann&component-code-value-quantity=a$ne5", NEGATES);
    check(some, "patient=ann&component-code-value-quantity=a$5,b$ne5", NEGATES);
    check(some, "patient=ann&code=1&component-code-value-quantity=a$5", Ok(&[of_component]));
    // A number without its comparator would be exact.
    let number = &some.replace("valueQuantity", "valueQuantity.value");
    check(number, "patient=ann&component-code-value-quantity=a$5", NEGATES);
    // A code without its system would have none.
    let code = &format!(
        "\"component.code.coding.code\" = \"which\"\n{VALUE}\"component.value[x]\" = \"how much\"\n"
    );
    check(code, "patient=ann&component-code-value-quantity=a$5", Ok(&[of_component]));
    check(code, "patient=ann&component-code-value-quantity=%7Ca$5", NEGATES);
    check(code, "patient=ann&component-code-value-quantity=b$5,%7Ca$5", NEGATES);
}

#[test]
fn words_that_are_joined_are_weighed_as_words() {
    let words = Ok::<&[&str], &str>(&["code-value-string"]);
    check(VALUE, "patient=ann&code-value-string=a$fall", words);
}

#[test]
fn a_composite_names_nobody() {
    let nobody = Err("search-names-no-person");
    check(VALUE, "code-value-quantity=a$5", nobody);
    check(VALUE, "code-value-concept=https://fhir.nhs.uk/Id/nhs-number%7C9990000018$b", nobody);
    check(VALUE, "_id=o1&code-value-quantity=a$5", Ok(&[]));
}
