//! Evidence about whole pages at once: what is asked, what is remembered, and what is no evidence.

use fhir::identifier::NHS_NUMBER;
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id};
use gateway::consent::provision::Effect;
use gateway::decision::evidence::EvidenceFault;
use gateway::decision::facts::{Identity, Shield};
use gateway::enforce::facts::NotEvidence;
use gateway::enforce::held::Held;
use gateway::enforce::subjects::{Subjects, subjects};
use gateway::enforce::unfiltered::Unfiltered;
use gateway::enforce::whom::Whom;
use gateway::person::{PersonKey, SystemName};
use gateway::upstream::UpstreamFault;
use serde_json::{Value, json};

use super::holder::{BOB, Manner, World, council, dissents, nhs, on, page, patient, team};
use super::world::{ANN, push, social_worker};

#[tokio::test]
async fn a_page_is_gathered_at_once_and_a_warm_one_asks_for_the_patients_alone() {
    let world = World::new(&[
        patient("ann", ANN),
        patient("bob", BOB),
        team("t1", "ann", council()),
        team("t2", "bob", council()),
    ]);
    assert_eq!(world.permitted(&["ann", "bob"]).await, ["ann", "bob"]);
    assert_eq!(
        world.asked(),
        [
            "hospital/Patient?_id=ann,bob",
            "hospital/Patient?identifier=nhs|9990000018,nhs|9990000026",
            "hospital/CareTeam?patient=ann,bob"
        ]
    );
    assert_eq!(world.permitted(&["ann", "bob"]).await, ["ann", "bob"]);
    assert_eq!(world.asked(), ["hospital/Patient?_id=ann,bob"]);
}

#[tokio::test]
async fn a_system_without_one_kind_of_tie_may_prove_another() {
    let stay = on(
        "hospital",
        json!({"resourceType": "Encounter", "id": "e1", "status": "in-progress",
            "subject": {"reference": "Patient/ann"}, "serviceProvider": council()}),
    );
    let world = World::new(&[patient("ann", ANN), stay]);
    world.behaves(Manner::LacksCareTeams);
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
}

#[tokio::test]
async fn what_is_about_nobody_asks_for_nothing() {
    let world = World::new(&[]);
    let evidence = world.gather(&social_worker(), &page(&[])).await.unwrap();
    assert_eq!((evidence.persons().count(), world.asked().len()), (0, 0));
}

#[tokio::test]
async fn the_shield_and_consents_are_read_anew_each_time() {
    let world = World::new(&[patient("ann", ANN), team("t1", "ann", council())]);
    let before = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    assert_eq!(before.persons().next().unwrap().1.shield, Shield::None);
    world.holder.resources.lock().unwrap()[0]["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    dissents(&world, ANN).await;
    assert!(!before.is_current(&world.registry), "what was gathered before a dissent is out of date");
    let after = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    let (_, ann) = after.persons().next().unwrap();
    assert_eq!((ann.shield, ann.consents.len()), (Shield::Shielded, 1));
    assert!(after.is_current(&world.registry));
}

#[tokio::test]
async fn what_was_let_go_on_evidence_that_is_out_of_date_is_out_of_date_too() {
    let world = World::new(&[patient("ann", ANN), team("t1", "ann", council())]);
    let before = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    let again = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    assert!(again.resting_on(&before).is_current(&world.registry));
    dissents(&world, ANN).await;
    let after = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    assert!(after.is_current(&world.registry));
    assert!(!after.resting_on(&before).is_current(&world.registry));
}

#[tokio::test]
async fn many_persons_are_asked_about_two_hundred_at_a_time_and_nobody_is_left_out() {
    let ids: Vec<String> = (0..450).map(|at| format!("p{at}")).collect();
    // Nobody has a number: the Patient alone is the key.
    let nobody = |id: &String| on("hospital", json!({"resourceType": "Patient", "id": id}));
    let teams = ids.iter().map(|id| team(&format!("t-{id}"), id, council()));
    let world = World::new(&ids.iter().map(nobody).chain(teams).collect::<Vec<_>>());
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(world.permitted(&ids).await, ids);
    let asked = world.asked();
    let of = |place: &str| asked.iter().filter(|asked| asked.starts_with(place)).count();
    assert_eq!((of("hospital/Patient?_id="), of("hospital/CareTeam?patient="), asked.len()), (3, 3, 6));
}

#[tokio::test]
async fn two_patients_with_one_number_are_both_uncertain() {
    let world = World::new(&[patient("ann", ANN), patient("twin", ANN), team("t1", "ann", council())]);
    assert!(world.permitted(&["ann"]).await.is_empty());
    let evidence = world.gather(&social_worker(), &page(&["ann", "twin"])).await.unwrap();
    assert_eq!(evidence.duplicated().count(), 2);
    let system = SystemName::new("hospital");
    let keys: Vec<_> = evidence.persons().map(|(key, _)| key.clone()).collect();
    let local = |id: &str| PersonKey::Local { system: system.clone(), id: Id::parse(id).unwrap() };
    assert_eq!(keys, [local("ann"), local("twin")]);
}

#[tokio::test]
async fn a_twin_that_appears_is_seen_although_the_first_is_remembered() {
    let world = World::new(&[patient("ann", ANN), team("t1", "ann", council())]);
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    world.holds(patient("twin", ANN));
    assert!(world.permitted(&["ann", "twin"]).await.is_empty());
}

#[tokio::test]
async fn a_number_is_a_key_only_when_it_is_verified() {
    let status = |code: &str| {
        json!([{"system": NHS_NUMBER, "value": ANN, "extension": [{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "valueCodeableConcept": {"coding": [{"system": "x", "code": code}]}}]}])
    };
    let with = |identifier: Value| {
        on("hospital", json!({"resourceType": "Patient", "id": "ann", "identifier": identifier}))
    };
    let distrusted = ("portcullis.toml", "trusted_identity = true", "trusted_identity = false");
    let local = PersonKey::Local { system: SystemName::new("hospital"), id: Id::parse("ann").unwrap() };
    for (case, identifier, edits, expected) in [
        ("verified", status("01"), vec![distrusted], nhs(ANN)),
        ("not verified", status("02"), vec![], local.clone()),
        ("not stated, trusted", json!([{"system": NHS_NUMBER, "value": ANN}]), vec![], nhs(ANN)),
        (
            "not stated, not trusted",
            json!([{"system": NHS_NUMBER, "value": ANN}]),
            vec![distrusted],
            local.clone(),
        ),
        ("not valid", json!([{"system": NHS_NUMBER, "value": "9990000019"}]), vec![], local.clone()),
        ("old", json!([{"use": "old", "system": NHS_NUMBER, "value": ANN}]), vec![], local.clone()),
        ("none", json!([]), vec![], local.clone()),
    ] {
        let world = World::with(&[with(identifier)], &edits);
        let evidence = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
        let (key, person) = evidence.persons().next().unwrap();
        assert_eq!((key, person.identity), (&expected, Identity::Certain), "{case}");
    }
    let both = json!([{"system": NHS_NUMBER, "value": ANN}, {"system": NHS_NUMBER, "value": BOB}]);
    let world = World::new(&[with(both)]);
    let evidence = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    assert_eq!(evidence.persons().next().unwrap().1.identity, Identity::Unknown);
}

#[tokio::test]
async fn a_number_that_is_only_claimed_still_carries_its_denials() {
    let distrusted = ("portcullis.toml", "trusted_identity = true", "trusted_identity = false");
    let world = World::with(&[patient("ann", ANN), team("t1", "ann", council())], &[distrusted]);
    assert_eq!(world.permitted(&["ann"]).await, ["ann"]);
    dissents(&world, ANN).await;
    assert!(world.permitted(&["ann"]).await.is_empty());
}

#[tokio::test]
async fn a_patient_who_is_not_there_or_was_taken_back_is_unknown() {
    let mut taken_back = patient("ann", ANN);
    taken_back["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "REDACTED"}]});
    let world = World::new(&[taken_back]);
    let evidence = world.gather(&social_worker(), &page(&["ann", "nobody"])).await.unwrap();
    assert!(evidence.persons().all(|(_, person)| person.identity == Identity::Unknown));
    assert_eq!(evidence.persons().count(), 2);
}

#[tokio::test]
async fn an_answer_about_persons_nobody_asked_for_is_a_fault() {
    let world = World::new(&[patient("ann", ANN), patient("bob", BOB)]);
    world.behaves(Manner::IgnoresParameters);
    let fault = world.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::NotEvidence { source: NotEvidence::Strangers, .. }), "{fault:?}");
    let teams = World::new(&[patient("ann", ANN), team("t", "bob", council())]);
    teams.behaves(Manner::IgnoresPatient);
    let fault = teams.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::NotEvidence { source: NotEvidence::Strangers, .. }), "{fault:?}");
}

#[tokio::test]
async fn evidence_that_is_cut_off_or_not_to_be_had_is_a_fault() {
    let world = World::new(&[patient("ann", ANN)]);
    world.behaves(Manner::CutsOff);
    let fault = world.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::NotEvidence { source: NotEvidence::Incomplete, .. }), "{fault:?}");
    world.behaves(Manner::Fails);
    let fault = world.gather(&social_worker(), &page(&["ann"])).await.unwrap_err();
    assert!(matches!(fault, EvidenceFault::Upstream(UpstreamFault::Unreachable)), "{fault:?}");
}

#[tokio::test]
async fn a_push_names_its_person_by_number_and_reads_the_shield_from_the_sender() {
    let mut shielded = patient("ann", ANN);
    shielded["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    let world = World::new(&[shielded]);
    let subjects = Subjects {
        system: Some(SystemName::new("council")),
        nhs_numbers: [NhsNumber::parse(ANN).unwrap()].into(),
        ..Subjects::default()
    };
    let evidence = world.gather(&push(), &subjects).await.unwrap();
    let (key, person) = evidence.persons().next().unwrap();
    assert_eq!((key, person.identity, person.shield), (&nhs(ANN), Identity::Certain, Shield::Shielded));
    assert_eq!(world.asked()[0], "hospital/Patient?identifier=nhs|9990000018");
}

#[tokio::test]
async fn one_who_is_named_by_number_alone_is_looked_up_where_the_content_is() {
    let edits = [("portcullis.toml", "relationship_source = true", "relationship_source = false")];
    let named = Subjects {
        system: Some(SystemName::new("hospital")),
        nhs_numbers: [NhsNumber::parse(ANN).unwrap()].into(),
        ..Subjects::default()
    };
    let mut shielded = patient("ann", ANN);
    shielded["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    let world = World::with(&[shielded], &edits);
    let evidence = world.gather(&social_worker(), &named).await.unwrap();
    assert_eq!(evidence.persons().next().unwrap().1.shield, Shield::Shielded);
    assert_eq!(world.asked(), ["hospital/Patient?identifier=nhs|9990000018"]);
    let world = World::with(&[patient("ann", ANN), patient("twin", ANN)], &edits);
    let evidence = world.gather(&social_worker(), &named).await.unwrap();
    assert_eq!(evidence.duplicated().count(), 1);
    let both = Subjects { patients: page(&["ann"]).patients, ..named };
    let evidence = world.gather(&social_worker(), &both).await.unwrap();
    assert_eq!(evidence.duplicated().count(), 2, "the Patient, and whoever is named by her number");
}

#[tokio::test]
async fn consents_of_a_source_count_and_an_opt_out_in_stu3_shape_is_one() {
    let source =
        ("portcullis.toml", "trusted_identity = true", "trusted_identity = true\nconsent_source = true");
    let consent = |extra: Value| {
        let mut consent = json!({"resourceType": "Consent", "id": "c", "status": "active", "patient": {"reference": "Patient/ann"}});
        consent.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        on("hospital", consent)
    };
    let by_id = json!({"provision": {"type": "deny", "actor": [{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": "Organization/asc"}}]}});
    let opt_out =
        json!({"meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/NDOP-Consent-1"]}});
    let organization = |code: &str| {
        on(
            "hospital",
            json!({"resourceType": "Organization", "id": "asc", "identifier": [
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code}]}),
        )
    };
    let base = [patient("ann", ANN), team("t", "ann", council())];
    for (case, consent, organization, edits, permitted) in [
        ("denied by id", consent(by_id.clone()), organization("E10000099"), vec![source], false),
        ("another denied by id", consent(by_id.clone()), organization("E10000001"), vec![source], true),
        ("not a source", consent(by_id), organization("E10000099"), vec![], true),
        ("opted out of other uses", consent(opt_out), organization("E10000099"), vec![source], true),
        (
            "about treatment",
            consent(
                json!({"scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]}, "provision": {"type": "deny"}}),
            ),
            organization("E10000099"),
            vec![source],
            true,
        ),
        (
            "plain denial",
            consent(json!({"provision": {"type": "deny"}})),
            organization("E10000099"),
            vec![source],
            false,
        ),
    ] {
        let mut resources = base.to_vec();
        resources.extend([consent, organization]);
        let world = World::with(&resources, &edits);
        assert_eq!(!world.permitted(&["ann"]).await.is_empty(), permitted, "{case}");
    }
}

#[tokio::test]
async fn a_patient_that_was_read_is_not_asked_for_again_and_is_taken_as_it_says() {
    let restricted =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]);
    let subsetted =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]);
    let (by_id, by_number) = ("hospital/Patient?_id=x1", "hospital/Patient?identifier=nhs|9990000018");
    for (case, meta, shield, asked) in [
        ("whole", json!({}), Shield::None, [by_number].as_slice()),
        ("shielded", json!({"security": restricted}), Shield::Shielded, &[by_number]),
        ("without a system", json!({"security": [{"code": "R"}]}), Shield::Shielded, &[by_number]),
        ("in parts", json!({"tag": subsetted}), Shield::None, &[by_id, by_number]),
    ] {
        let mut ann = patient("x1", ANN);
        ann["meta"] = meta;
        // The holder's search says otherwise: what was read counts.
        let world = World::new(&[patient("x1", ANN)]);
        let asking = social_worker().asks("read hospital Patient");
        let document = fhir::json::parse(ann.to_string().into(), &fhir::json::Limits::default()).unwrap();
        let held = Unfiltered::new(Held::Resource(document));
        let read = subjects(&held, &asking.admitted(&world.settings).unwrap(), &Whom::over(&Bases::none()));
        let evidence = world.gather(&asking, &read).await.unwrap();
        let (key, person) = evidence.persons().next().unwrap();
        assert_eq!((key, person.identity, person.shield), (&nhs(ANN), Identity::Certain, shield), "{case}");
        assert_eq!(&world.asked()[..asked.len()], asked, "{case}");
    }
}

/// A second system of the hospital, which keeps the choices of persons and vouches for nobody's number.
const CHOICES: (&str, &str, &str) = (
    "portcullis.toml",
    "# Who receives discharge letters, at /council/fhir.",
    r#"[[system]]
name = "choices"
organisation = "ods:RX1"
protocol = "fhir-r4"
base = "https://choices.northshire.example/fhir"
ca = "tls/northshire-ca.pem"
consent_source = true
# Who receives discharge letters, at /council/fhir."#,
);

fn on_choices(mut resource: Value) -> Value {
    resource["_system"] = json!("choices");
    resource
}

fn choice(of: &str, effect: &str) -> Value {
    on_choices(json!({"resourceType": "Consent", "id": "c", "status": "active",
        "patient": {"reference": format!("Patient/{of}")}, "provision": {"type": effect}}))
}

#[tokio::test]
async fn a_choice_of_somebody_who_may_be_her_denies_and_is_not_taken_as_absent() {
    let redacted = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "REDACTED"}]});
    let mut taken_back = on_choices(patient("a9", ANN));
    taken_back["meta"] = redacted;
    let known = on_choices(patient("a9", ANN));
    let twin = on_choices(patient("a8", ANN));
    for (case, extra, permitted) in [
        ("nobody there", vec![], true),
        ("says nothing", vec![known.clone()], true),
        ("denies", vec![known.clone(), choice("a9", "deny")], false),
        ("was taken back, and denies", vec![taken_back, choice("a9", "deny")], false),
        ("one of two", vec![known.clone(), twin], false),
    ] {
        let mut resources = vec![patient("ann", ANN), team("t1", "ann", council())];
        resources.extend(extra);
        let world = World::with(&resources, &[CHOICES]);
        assert_eq!(!world.permitted(&["ann"]).await.is_empty(), permitted, "{case}");
    }
}

#[tokio::test]
async fn what_somebody_who_may_be_her_permits_is_not_hers_and_her_shield_is() {
    let mut shielded = on_choices(patient("a9", ANN));
    shielded["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    let resources = [patient("ann", ANN), team("t1", "ann", council()), shielded, choice("a9", "permit")];
    let world = World::with(&resources, &[CHOICES]);
    let evidence = world.gather(&social_worker(), &page(&["ann"])).await.unwrap();
    let (_, ann) = evidence.persons().next().unwrap();
    assert_eq!((ann.identity, ann.shield), (Identity::Certain, Shield::Shielded));
    let effects: Vec<Effect> = ann.consents.iter().map(|consent| consent.rule.effect).collect();
    assert_eq!(effects, [Effect::Void]);
}

#[tokio::test]
async fn whose_choices_name_somebody_unknown_is_in_doubt_and_nobody_is_asked_about_again() {
    let source =
        ("portcullis.toml", "trusted_identity = true", "trusted_identity = true\nconsent_source = true");
    let names = |of: &str, effect: &str, staff: &str| {
        let actor = json!({"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": format!("Practitioner/{staff}")}});
        on(
            "hospital",
            json!({"resourceType": "Consent", "id": of, "status": "active",
            "patient": {"reference": format!("Patient/{of}")}, "provision": {"type": effect, "actor": [actor]}}),
        )
    };
    let cy = "9990000034";
    let mut resources = vec![patient("ann", ANN), patient("bob", BOB), patient("cy", cy)];
    resources.extend(["ann", "bob", "cy"].map(|id| team(&format!("t-{id}"), id, council())));
    let sds = json!([{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "555000000001"}]);
    let known = json!({"resourceType": "Practitioner", "id": "known", "identifier": sds});
    resources.extend([
        names("ann", "deny", "known"),
        names("bob", "permit", "tripping"),
        on("hospital", known),
    ]);
    let world = World::with(&resources, &[source]);
    world.behaves(Manner::TripsOver("tripping"));
    assert_eq!(world.permitted(&["ann", "bob", "cy"]).await, ["ann", "cy"]);
    let asked = world.asked();
    let of_consents = asked.iter().filter(|asked| asked.starts_with("hospital/Consent?")).count();
    assert_eq!(of_consents, 1, "{asked:?}");
}
