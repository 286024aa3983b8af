//! A child's record in which her mother stands as her kin, through the whole gateway: it is shared with whoever cares for
//! the child, unless the mother refuses; what is the mother's own is asked of her as ever.

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, Held, NHS_NUMBER, condition, held, holding, patient};
use crate::support::sharing::{BOB, agreement, answer, references, says, site_after};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

mod told;
mod written;

/// The mother's number is that of `BOB`; this one is of a third person.
const CY: &str = "9990000034";

const TABLES: &str = r#"[share.person.Patient]
name = "to address the person"
[share.person.RelatedPerson]
patient = "whose kin it is"
name = "whom to ask"
telecom = "how to reach them"
[share.person.Appointment]
description = "what it is for"
"participant.actor" = "who comes"
[share.person.ServiceRequest]
code = "what is asked for"
contained = "who asks"
requester = "who asks"
[share.person.QuestionnaireResponse]
status = "whether it is whole"
source = "who answers"
[share.person.Observation]
valueString = "what was found"
focus = "what it is about"
[share.person.Task]
description = "what is to be done"
[share.person.Encounter]
status = "whether it goes on"
"participant.individual" = "who comes along"
[share.person.Provenance]
reason = "why it was done"
[share.person.Group]
name = "which group it is"
"member.entity" = "who is in it"
[share.person.Bundle]
type = "to read it"
entry = "what it holds"
"#;

/// The agreement asks for a team that cares for the person.
fn tied(existence: &str, tables: &str) -> String {
    agreement(existence, tables).replace("relationship = []", "relationship = [\"care-team\"]")
}

async fn site(
    existence: &str,
    tables: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> (Whole, Running) {
    let sources = |site: &Whole| site.also_set("relationship_source = true\nconsent_source = true\n");
    site_after(&tied(existence, tables), script, sources).await
}

fn to(place: &str) -> Value {
    json!({"reference": place})
}

fn of(kind: &str, id: &str, with: Value) -> Value {
    let mut made = json!({"resourceType": kind, "id": id, "status": "booked"});
    made.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    made
}

fn team(of: &str) -> Value {
    let ods = "https://fhir.nhs.uk/Id/ods-organization-code";
    json!({"resourceType": "CareTeam", "id": format!("t-{of}"), "status": "active", "subject": to(&format!("Patient/{of}")),
           "participant": [{"member": {"identifier": {"system": ods, "value": "RX1"}}}]})
}

fn number(value: &str) -> Value {
    json!({"system": NHS_NUMBER, "value": value})
}

/// The mother, as the kin of the child.
fn mum() -> Value {
    of(
        "RelatedPerson",
        "mum",
        json!({"patient": to("Patient/p1"), "identifier": [number(BOB)], "name": [{"family": "kept-name"}],
               "telecom": [{"system": "phone", "value": "kept-phone"}]}),
    )
}

/// The child, who is in care, and her mother.
fn child() -> Vec<Value> {
    vec![patient("p1", ANN), team("p1"), mum()]
}

fn attended_by(actors: &[Value]) -> Value {
    let actors: Vec<Value> = actors.iter().map(|actor| json!({"actor": actor})).collect();
    of("Appointment", "x", json!({"description": "kept-reason", "participant": actors}))
}

/// The mother inside another resource.
fn inside(id: &str) -> Value {
    let mut made = mum();
    made["id"] = json!(id);
    made
}

/// What of the child's names her mother, and what is shown of it.
fn with_her_mother() -> Vec<(&'static str, Value, &'static str)> {
    let (child, mother) = (|| to("Patient/p1"), || to("RelatedPerson/mum"));
    let asked = json!({"subject": child(), "code": {"text": "kept-code"}, "requester": to("#m"), "contained": [inside("m")]});
    let entries = json!([{"resource": patient("p1", ANN)}, {"resource": inside("m")}, {"resource": condition("c", "p1", "1", &[])}]);
    vec![
        ("herself", inside("x"), "kept-name"),
        ("an appointment", attended_by(&[child(), mother()]), "RelatedPerson/mum"),
        ("an appointment of her alone", attended_by(&[mother()]), "kept-reason"),
        ("a request with her inside", of("ServiceRequest", "x", asked), "kept-name"),
        (
            "an answer of hers",
            of("QuestionnaireResponse", "x", json!({"subject": child(), "source": mother()})),
            "RelatedPerson/mum",
        ),
        (
            "a stay",
            of("Encounter", "x", json!({"subject": child(), "participant": [{"individual": mother()}]})),
            "RelatedPerson/mum",
        ),
        (
            "where her entry came from",
            of("Provenance", "x", json!({"target": [mother()], "reason": [{"text": "kept-why"}]})),
            "kept-why",
        ),
        ("a collection", of("Bundle", "x", json!({"type": "collection", "entry": entries})), "kept-name"),
    ]
}

async fn read(site: &Whole, place: &str) -> (u16, String) {
    let (status, _, body) = answer(site, &format!("/hospital/fhir/{place}")).await;
    (status, body)
}

/// What the consultant is told of each case, by reading it and by searching for it: whether it is shown as it should be.
async fn shown(
    site: &Whole,
    store: &Held,
    world: &[Value],
    (case, resource, kept): &(&str, Value, &str),
) -> bool {
    let kind = resource["resourceType"].as_str().unwrap().to_owned();
    *store.lock().unwrap() = world.iter().chain([resource]).cloned().collect();
    let absent = answer(site, &format!("/hospital/fhir/{kind}/none")).await;
    let told = answer(site, &format!("/hospital/fhir/{kind}/x")).await;
    let (status, _, found) = answer(site, &format!("/hospital/fhir/{kind}?_id=x")).await;
    let is_shown = told.2.contains(kept);
    assert_eq!((status, references(&found).len()), (200, usize::from(told.0 == 200)), "{case}: {found}");
    assert_eq!(found.contains(kept), is_shown, "{case}: {found}");
    if told.0 != 200 {
        assert_eq!(told, absent, "{case}");
    }
    assert!(is_shown || !told.2.contains("RelatedPerson") && !told.2.contains("kept"), "{case}: {}", told.2);
    is_shown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_the_childs_is_shared_whoever_cares_for_her_mother() {
    let store: Held = held(&[]);
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    for (world, more) in [
        ("she is not known here", vec![]),
        ("she is known here", vec![patient("p2", BOB)]),
        ("she is in care herself", vec![patient("p2", BOB), team("p2")]),
        ("others deny", vec![patient("p2", BOB), patient("p3", CY), denial("p3", json!({"type": "deny"}))]),
    ] {
        let world_ = [child(), more].concat();
        for case in with_her_mother() {
            assert!(shown(&site, &store, &world_, &case).await, "{world}: {}", case.0);
        }
    }
    running.stop().await;
    let asked = |seen: &&Seen| seen.line.starts_with("POST /fhir/CareTeam/") && seen.body.contains("p2");
    assert_eq!(site.hospital.seen().iter().filter(asked).count(), 0, "nobody asks who cares for her");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_a_childs_is_shared_with_nobody_for_her_mothers_sake() {
    let store: Held = held(&[]);
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    let uncared = [patient("p1", ANN), mum(), patient("p2", BOB), team("p2")];
    for case in with_her_mother() {
        assert!(!shown(&site, &store, &uncared, &case).await, "{}", case.0);
    }
    running.stop().await;
}

/// What a Patient has said where she is known.
fn denial(of: &str, provision: Value) -> Value {
    json!({"resourceType": "Consent", "id": format!("no-{of}"), "status": "active", "patient": to(&format!("Patient/{of}")),
           "provision": provision})
}

fn labelled(mut patient: Value, label: &str) -> Value {
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    patient["meta"] = json!({"security": [{"system": confidentiality, "code": label}]});
    patient
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_mother_has_said_counts_for_what_names_her() {
    let store: Held = held(&[]);
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    let mut numbered = patient("p2", CY);
    let old = json!({"system": NHS_NUMBER, "value": BOB, "use": "old"});
    numbered["identifier"].as_array_mut().unwrap().push(old);
    let mut unproved = patient("p2", BOB);
    unproved["identifier"][0]["extension"] = json!([{
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        "valueCodeableConcept": {"coding": [{"code": "02"}]}
    }]);
    let no = || denial("p2", json!({"type": "deny"}));
    let another = json!({"type": "deny", "actor": [{"role": {"coding": [{"code": "IRCP"}]},
        "reference": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RX9"}}}]});
    let said = |provision: Value| vec![patient("p2", BOB), denial("p2", provision)];
    for (world, more, is_shown) in [
        ("she dissents", said(json!({"type": "deny"})), false),
        ("she dissents and is in care", vec![patient("p2", BOB), team("p2"), no()], false),
        ("she dissents elsewhere", said(another), true),
        ("she dissents where her number is not proved", vec![unproved, no()], false),
        ("she dissents since her number was superseded", vec![numbered.clone(), no()], false),
        ("her number was superseded", vec![numbered, denial("p3", json!({"type": "deny"}))], true),
        ("two bear her number", vec![patient("p2", BOB), patient("p3", BOB)], false),
    ] {
        let world_ = [child(), more].concat();
        for case in with_her_mother() {
            assert_eq!(shown(&site, &store, &world_, &case).await, is_shown, "{world}: {}", case.0);
        }
        let (_, body) = read(&site, "RelatedPerson/mum").await;
        assert_eq!(body.contains("kept-phone"), is_shown, "{world}: {body}");
    }
    // Where she is stays hidden.
    let attended = attended_by(&[to("Patient/p1"), to("RelatedPerson/mum")]);
    *store.lock().unwrap() = [child(), vec![labelled(patient("p2", BOB), "R"), attended.clone()]].concat();
    let (status, body) = read(&site, "RelatedPerson/mum").await;
    assert_eq!(
        (status, body.contains("kept-name"), body.contains("kept-phone")),
        (200, true, false),
        "{body}"
    );
    let (status, body) = read(&site, "Appointment/x").await;
    assert_eq!((status, body.contains("kept-reason")), (200, false), "{body}");
    // Of some kinds only.
    let class = json!([{"system": "http://hl7.org/fhir/resource-types", "code": "Appointment"}]);
    *store.lock().unwrap() = [
        child(),
        said(json!({"type": "permit", "provision": [{"type": "deny", "class": class}]})),
        vec![attended],
    ]
    .concat();
    assert_eq!((read(&site, "Appointment/x").await.0, read(&site, "RelatedPerson/mum").await.0), (404, 200));
    // In the gateway's own registry.
    *store.lock().unwrap() = child();
    assert_eq!(read(&site, "RelatedPerson/mum").await.0, 200);
    says(&site, BOB, &json!({"type": "deny"})).await;
    for case in with_her_mother() {
        assert!(!shown(&site, &store, &child(), &case).await, "{}", case.0);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_the_mothers_own_or_of_nobody_knows_whom_is_asked_of_her_as_ever() {
    let store: Held = held(&[]);
    let (site, running) = site("withheld", TABLES, holding(&store)).await;
    let (child_, mother) = (|| to("Patient/p1"), || to("RelatedPerson/mum"));
    let with = |name: &str, value: Value| {
        let mut made = inside("x");
        made[name] = value;
        made
    };
    let mut unowned = inside("x");
    unowned.as_object_mut().unwrap().remove("patient");
    let asked = json!({"subject": to("#m"), "contained": [inside("m")]});
    let entries = json!([{"resource": patient("p1", ANN)}, {"resource": inside("m")},
        {"resource": of("Observation", "o", json!({"subject": child_(), "focus": [to("RelatedPerson/m")]}))}]);
    let by_number = json!({"type": "RelatedPerson", "identifier": number(BOB)});
    let cases = [
        ("her own appointment too", attended_by(&[child_(), mother(), to("Patient/p2")]), "kept-reason"),
        ("her number too", attended_by(&[child_(), mother(), by_number]), "kept-reason"),
        (
            "a finding about her",
            of(
                "Observation",
                "x",
                json!({"subject": child_(), "focus": [mother()], "valueString": "kept-value"}),
            ),
            "kept-value",
        ),
        (
            "a questionnaire about her",
            of("QuestionnaireResponse", "x", json!({"subject": mother()})),
            "booked",
        ),
        ("a questionnaire about one inside", of("QuestionnaireResponse", "x", asked), "booked"),
        (
            "a task for her",
            of("Task", "x", json!({"for": mother(), "description": "kept-task"})),
            "kept-task",
        ),
        (
            "a finding about her in a collection",
            of("Bundle", "x", json!({"type": "collection", "entry": entries})),
            "kept-name",
        ),
        ("two numbers", with("identifier", json!([number(BOB), number(CY)])), "kept-name"),
        ("nobody's kin", unowned, "kept-name"),
        ("her own kin", with("patient", to("Patient/p2")), "kept-name"),
    ];
    for is_in_care in [false, true] {
        let teams = if is_in_care { vec![team("p3"), team("p2")] } else { vec![team("p3")] };
        let world = [child(), vec![patient("p2", BOB), patient("p3", CY)], teams].concat();
        for case in &cases {
            assert_eq!(shown(&site, &store, &world, case).await, is_in_care, "{}", case.0);
        }
    }
    // Whose kin she is who is not told, or may not be seen.
    for whose in [
        json!({"display": "Ann"}),
        to("Patient/p4"),
        to("Patient/gone"),
        to("https://other.example/Patient/p1"),
    ] {
        let case = ("another's kin", with("patient", whose), "kept-name");
        let world = [child(), vec![patient("p2", BOB), team("p2"), patient("p4", "9990000042")]].concat();
        assert!(!shown(&site, &store, &world, &case).await, "{}", case.1);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_about_the_mother_that_cannot_be_used_hides_what_names_her_but_for_who_cares_for_her() {
    let store: Held = held(&[child(), vec![patient("p2", BOB)]].concat());
    for (line, is_shown) in [("/fhir/CareTeam/", true), ("/fhir/Consent/", false), ("/fhir/Patient/", false)]
    {
        let honest = holding(&store);
        let script = move |seen: &Seen| {
            let names_her = seen.body.contains("p2") || seen.body.contains(BOB);
            match seen.line.contains(line) && names_her {
                true => Play::Bytes(fhir("500 Internal Server Error", "{}")),
                false => honest(seen),
            }
        };
        let (site, running) = site("withheld", TABLES, script).await;
        let (status, body) = read(&site, "RelatedPerson/mum").await;
        assert_eq!(status, if is_shown { 200 } else { 404 }, "{line}: {body}");
        running.stop().await;
    }
}
