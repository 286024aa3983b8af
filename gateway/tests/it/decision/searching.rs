//! A search is a read of what it compares.

use gateway::decision::ruling::Admitted;
use gateway::interaction::{FhirAction, Interaction};

use super::world::{Asking, DISCHARGE, EXAMPLE, check_admit, settings, social_worker};

fn support_worker(what: &'static str) -> Asking {
    Asking { role: "R1460", supervised_until: Some("2026-06-30"), what, ..social_worker() }
}

#[track_caller]
fn check(what: &'static str, expected: Result<&[&str], &str>) {
    let found = social_worker().asks(what).admitted(&EXAMPLE);
    let found = found.map(|admitted| admitted.rematch().iter().copied().collect::<Vec<_>>());
    let found = found.as_deref().map_err(|refusal| refusal.reason());
    assert_eq!(found, expected, "{what}");
}

#[test]
fn a_search_names_its_person_or_what_identifies_one() {
    let nobody = Err("search-names-no-person");
    check("search hospital Condition?patient=ann", Ok(&[]));
    check("search hospital Condition?subject=Patient/ann,Patient/bob", Ok(&[]));
    check("search hospital Patient?_id=ann", Ok(&[]));
    check("search hospital Condition?_id=c1", Ok(&[]));
    check(
        "search hospital Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018",
        Ok(&["identifier"]),
    );
    check("search hospital Patient?family=Example&birthdate=1940-02-03", Ok(&["family"]));
    check("search hospital Patient?family:exact=Example&birthdate=1940-02-03&gender=female", Ok(&["family"]));
    check("search hospital Condition?code=44054006", nobody);
    check("search hospital Patient?birthdate=1940-02-03", nobody);
    check("search hospital Patient?family=Example", nobody);
    check("search hospital Patient?family=E&birthdate=1940-02-03", nobody);
    check("search hospital Patient?family:contains=xa&birthdate=1940-02-03", nobody);
    check("search hospital Patient?family=Aa,Ab,Ac&birthdate=1940-02-03", nobody);
    check("search hospital Patient?family=Example&birthdate=1940", nobody);
    check("search hospital Patient?family=Example&birthdate=ge1940-02-03", nobody);
    check("search hospital Patient?gender=female", nobody);
    check("search hospital Patient?_id:not=ann", nobody);
    check("search hospital Condition?patient:missing=false", nobody);
    // What is no id names nothing; a system that passes over it answers with everybody.
    for not_an_id in ["http://x%7C", "%7Cx1", "s%7Cx1", "x1,s%7Cx2", "a+b", "x1/x2"] {
        check(format!("search hospital Condition?_id={not_an_id}").leak(), nobody);
        check(format!("search hospital Patient?_id={not_an_id}").leak(), nobody);
    }
    check("search hospital Condition?_id=c1,c2", Ok(&[]));
    check("search hospital Condition?patient=ann&_id=s%7Cx1", Ok(&[]));
}

#[test]
fn a_search_names_one_person_where_only_one_can_be() {
    let apart = Err("search-names-apart");
    check("search hospital Condition?patient=ann&patient=bob", apart);
    check("search hospital Condition?patient=ann&subject=Patient/bob", apart);
    // Of Patients it is a question whose answer is nothing.
    check("search hospital Patient?_id=ann&_id=bob", Ok(&[]));
    check("search hospital Condition?patient=ann&patient=ann", Ok(&[]));
    check("search hospital Condition?patient=ann,bob&patient=bob", Ok(&[]));
}

#[test]
fn an_element_that_nobody_is_shown_cannot_be_searched() {
    let hidden = Err("search-reads-hidden-element");
    check("search hospital Patient?_id=ann&general-practitioner=Practitioner/p", hidden);
    check("search hospital Patient?_id=ann&link=Patient/b", hidden);
    check("search hospital Condition?patient=ann&recorded-date=2026", hidden);
    check("search hospital Condition?patient=ann&_lastUpdated=ge2026-01-01", hidden);
    check("search hospital Condition?patient=ann&_security=PSY", hidden);
    check("search hospital Condition?patient=ann&recorded-date:missing=true", hidden);
}

#[test]
fn a_subject_that_is_no_patient_is_asked_for_like_any_other_reference() {
    let hidden = Err("search-reads-hidden-element");
    check("search hospital Condition?_id=c1&subject=Group/g", hidden);
    check("search hospital Condition?patient=ann&subject=Group/g", hidden);
    check("search hospital Condition?patient=ann&subject=Patient/ann,Group/g", hidden);
    check("search hospital Condition?patient=ann&patient:missing=false", Ok(&[]));
}

#[test]
fn what_some_are_shown_can_be_asked_for_and_not_asked_against() {
    check("search hospital Patient?_id=ann&address-postalcode=ZZ99", Ok(&["address-postalcode"]));
    check("search hospital Patient?_id=ann&telecom:missing=true", Err("search-negates-hidden-element"));
    check("search hospital Patient?_id=ann&gender:not=male", Ok(&[]));
    check("search hospital Condition?patient=ann&code:not=1", Ok(&[]));
}

#[test]
fn words_are_not_asked_against_where_those_of_protected_people_are_hidden() {
    check("search hospital Condition?patient=ann&onset-info=fall", Ok(&["onset-info"]));
    check(
        "search hospital Condition?patient=ann&onset-info:missing=true",
        Err("search-negates-hidden-element"),
    );
    check("search hospital Condition?patient=ann&onset-date=ne2025", Ok(&[]));
}

#[test]
fn only_what_everyone_is_shown_may_be_sorted_by() {
    let (hidden, partly) = (Err("search-reads-hidden-element"), Err("search-orders-by-hidden-element"));
    check("search hospital Condition?patient=ann&_sort=code,-onset-date,_id", Ok(&[]));
    check("search hospital Patient?_id=ann&_sort=family,-birthdate", Ok(&[]));
    check("search hospital Condition?patient=ann&_sort=recorded-date", hidden);
    check("search hospital Condition?patient=ann&_sort=code,-recorded-date", hidden);
    check("search hospital Condition?patient=ann&_sort=_lastUpdated", hidden);
    check("search hospital Patient?_id=ann&_sort=address-postalcode", partly);
    check("search hospital Patient?_id=ann&_sort=-telecom", partly);
    check("search hospital Patient?_id=ann&_sort=identifier", partly);
}

#[test]
fn how_many_there_are_is_told_of_one_person_only() {
    let not_told = Err("search-total-not-told");
    for asks in ["_summary=count", "_count=0", "_total=accurate"] {
        let ask = |of: &str| -> &'static str { format!("search hospital {of}&{asks}").leak() };
        check(ask("Condition?patient=ann"), Ok(&[]));
        check(ask("Patient?_id=ann"), Ok(&[]));
        check(ask("Condition?patient=ann,bob"), not_told);
        check(ask("Condition?_id=c1"), not_told);
        check(ask("Patient?family=Example&birthdate=1940-02-03"), not_told);
    }
    check("search hospital Condition?patient=ann,bob&_total=estimate", Ok(&[]));
    check("search hospital Condition?patient=ann,bob&_total=none", Ok(&[]));
}

fn includes_of(admitted: &Admitted) -> usize {
    let Interaction::Fhir { action: FhirAction::Search(search), .. } = &admitted.question().interaction
    else {
        panic!("a search")
    };
    search.query.includes().len()
}

#[test]
fn an_include_follows_what_is_shown_to_what_is_shared_and_is_left_out_else() {
    let check = |what: &'static str, includes: usize, left_out: usize| {
        let admitted = social_worker().asks(what).admitted(&EXAMPLE).unwrap();
        assert_eq!((includes_of(&admitted), admitted.includes_left_out()), (includes, left_out), "{what}");
    };
    check("search hospital Condition?patient=ann&_include=Condition:subject", 1, 0);
    check("search hospital Encounter?patient=ann&_include=Encounter:service-provider", 1, 0);
    check("search hospital Patient?_id=ann&_revinclude=Condition:subject", 1, 0);
    // The type is shared, the reference is not.
    check("search hospital Condition?patient=ann&_include=Condition:encounter", 0, 1);
    check("search hospital Encounter?patient=ann&_include=Encounter:part-of", 0, 1);
    check("search hospital CareTeam?patient=ann&_include=CareTeam:participant", 0, 1);
    check("search hospital Patient?_id=ann&_revinclude=Observation:focus", 0, 1);
    check("search hospital Patient?_id=ann&_revinclude=Observation:performer", 0, 1);
    // The reference may be, the type is not.
    check("search hospital Encounter?patient=ann&_include=Encounter:location", 0, 1);
    check("search hospital CareTeam?patient=ann&_include=CareTeam:participant:RelatedPerson", 0, 1);
    check("search hospital Patient?_id=ann&_revinclude=Provenance:target", 0, 1);
    check("search hospital Patient?_id=ann&_revinclude=RelatedPerson:patient", 0, 1);
    check(
        "search hospital Condition?patient=ann&_include=Condition:subject&_include=Condition:asserter",
        1,
        1,
    );
}

#[test]
fn an_include_back_from_what_is_about_nobody_asks_for_nobody_who_is_not_named() {
    // In which the council is shown who saw a person and where, and which ward belongs to which hospital.
    let edits = [
        (
            DISCHARGE,
            "[share.core.Encounter]",
            "[share.core.PractitionerRole]\npractitioner = \"whom to ask\"\n\
             [share.core.Encounter]\n\"participant.individual\" = \"whom to ask\"",
        ),
        (DISCHARGE, "[share.core.Organization]", "[share.core.Organization]\npartOf = \"whose ward it is\""),
        (
            DISCHARGE,
            "[share.core.Patient]",
            "[share.core.Patient]\ngeneralPractitioner = \"whom to ask about treatment\"",
        ),
    ];
    let settings = settings(&edits);
    let check = |what: &'static str, includes: usize, left_out: usize| {
        let admitted = social_worker().asks(what).admitted(&settings).unwrap();
        assert_eq!((includes_of(&admitted), admitted.includes_left_out()), (includes, left_out), "{what}");
    };
    // The very search that is refused where it is asked for by itself.
    check("search hospital Organization?_id=org-hosp&_revinclude=Encounter:service-provider", 0, 1);
    check("search hospital Practitioner?_id=prac-1&_revinclude=Patient:general-practitioner", 0, 1);
    check("search hospital Organization?_id=org-hosp&_revinclude=Patient:general-practitioner", 0, 1);
    check("search hospital Practitioner?_id=prac-1&_revinclude=Encounter:participant", 0, 1);
    check(
        "search hospital PractitionerRole?_id=role-1&_revinclude=Encounter:participant:PractitionerRole",
        0,
        1,
    );
    // What refers is about nobody either, or the matches are about people.
    check("search hospital Practitioner?_id=prac-1&_revinclude=PractitionerRole:practitioner", 1, 0);
    check("search hospital Organization?_id=org-hosp&_revinclude=Organization:partof", 1, 0);
    check("search hospital Patient?_id=ann&_revinclude=Encounter:subject", 1, 0);
    check("search hospital Encounter?_id=e1&_include=Encounter:participant", 1, 0);
    check("search hospital Encounter?_id=e1&_include=Encounter:service-provider", 1, 0);
    let refused = social_worker()
        .asks("search hospital Encounter?service-provider=Organization/org-hosp")
        .admitted(&settings)
        .map_err(|refusal| refusal.reason());
    assert_eq!(refused.err(), Some("search-names-no-person"));
}

#[test]
fn one_who_sees_less_may_ask_less() {
    check_admit(&support_worker("search hospital Patient?_id=ann&address-postalcode=ZZ99"), &[], Ok(()));
    check_admit(
        &support_worker("search hospital Patient?_id=ann&address-city=Leeds"),
        &[],
        Err("search-reads-hidden-element"),
    );
    check_admit(
        &support_worker("search hospital Patient?_id=ann&phone=1"),
        &[],
        Err("search-reads-hidden-element"),
    );
}

#[test]
fn an_element_of_a_table_with_conditions_is_in_some_resources_only() {
    let second = "[share.clinical.Condition]\nbodySite = \"where help is needed\"\n";
    let split = (
        DISCHARGE,
        "share = [\"core\", \"visit\", \"clinical\"]",
        "share = [\"core\", \"visit\", \"clinical\", \"more\"]",
    );
    let more = format!("{}\n[share.more.AllergyIntolerance]", second.replace("clinical", "more"));
    let more = (DISCHARGE, "# --- letter: the discharge", more.as_str());
    let more = (
        more.0,
        more.1,
        &*format!("{}\ncode = \"what to keep away\"\n\n# --- letter: the discharge", more.2),
    );
    let asks = |what| social_worker().asks(what);
    // Severity is in the table with conditions alone; a resource that only the other table shares does not show it.
    check_admit(
        &asks("search hospital Condition?patient=ann&severity:not=1"),
        &[split, more],
        Err("search-negates-hidden-element"),
    );
    check_admit(&asks("search hospital Condition?patient=ann&severity=1"), &[split, more], Ok(()));
    check_admit(&asks("search hospital Condition?patient=ann&body-site:not=1"), &[split, more], Ok(()));
}
