//! Evidence about one person that cannot be used refuses her, and nobody else: through the whole gateway, wherever she
//! stands in an answer.

use std::sync::{Arc, Mutex};

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, Held, condition, held, holding, patient};
use crate::support::sharing::{BOB, answer, references, says, site_after, timeless};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

/// How the hospital answers what names somebody: to which requests, about whom, and what.
type Fault = Option<(&'static str, &'static [&'static str], fn() -> Play)>;

const SHARES: &str = r#"
encounter = "which stay"
recorder = "who wrote it down"
where = { not_labelled = ["PSY"] }
[share.person.Encounter]
status = "whether it goes on"
[share.person.Group]
name = "which list it is"
"member.entity" = "who is on it"
[share.person.Organization]
name = "whom to ask"
[share.person.Observation]
valueString = "what was found"
"#;

fn fails() -> Play {
    Play::Bytes(fhir("500 Internal Server Error", "{}"))
}

fn refuses() -> Play {
    Play::Bytes(fhir("403 Forbidden", "{}"))
}

fn is_garbled() -> Play {
    Play::Bytes(fhir("200 OK", "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[{]}"))
}

fn tells_of_another() -> Play {
    let page =
        json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": team("t", "zoe")}]});
    Play::Bytes(fhir("200 OK", &page.to_string()))
}

fn is_not_there() -> Play {
    Play::Bytes(fhir("404 Not Found", "{}"))
}

fn cannot_be_processed() -> Play {
    Play::Bytes(fhir("422 Unprocessable Entity", "{}"))
}

/// What is wrong with what the hospital holds of Bob.
const FAULTS: [fn() -> Play; 4] = [fails, refuses, is_garbled, tells_of_another];

fn team(id: &str, of: &str) -> Value {
    let ods = "https://fhir.nhs.uk/Id/ods-organization-code";
    json!({"resourceType": "CareTeam", "id": id, "status": "active",
           "subject": {"reference": format!("Patient/{of}")},
           "participant": [{"member": {"identifier": {"system": ods, "value": "RX1"}}}]})
}

fn to(place: &str) -> Value {
    json!({"reference": place})
}

/// A problem that names something beside its person.
fn problem(id: &str, of: &str, name: &str, place: &str) -> Value {
    let mut problem = condition(id, of, "1", &[]);
    problem[name] = to(place);
    problem
}

fn list(id: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|place| json!({"entity": to(place)})).collect();
    json!({"resourceType": "Group", "id": id, "type": "person", "actual": true, "name": "caseload", "member": members})
}

/// A hospital where Ann and Bob are both in care, and what it holds of Bob may be broken.
struct Broken {
    site: Whole,
    running: Running,
    fault: Arc<Mutex<Fault>>,
    held: Held,
}

impl Broken {
    async fn start(existence: &'static str) -> Self {
        let resources = held(&[
            patient("ann", ANN),
            patient("bob", BOB),
            team("t-ann", "ann"),
            team("t-bob", "bob"),
            condition("c-ann", "ann", "1", &[]),
            condition("c-bob", "bob", "1", &[]),
            problem("by-ann", "bob", "recorder", "Patient/ann"),
            problem("in-stay", "ann", "encounter", "Encounter/of-bob"),
            problem("in-other", "ann", "encounter", "Encounter/gone"),
            json!({"resourceType": "Encounter", "id": "of-bob", "status": "in-progress", "subject": to("Patient/bob")}),
            list("caseload", &["Patient/ann", "Patient/bob"]),
            list("of-bob", &["Patient/bob"]),
            json!({"resourceType": "Observation", "id": "o", "subject": to("Group/of-bob"), "valueString": "x"}),
        ]);
        let fault: Arc<Mutex<Fault>> = Arc::default();
        let (honest, current) = (holding(&resources), Arc::clone(&fault));
        let script = move |seen: &Seen| match *current.lock().unwrap() {
            Some((line, whom, does))
                if seen.line.contains(line) && whom.iter().any(|one| seen.body.contains(one)) =>
            {
                does()
            }
            Some(_) | None => honest(seen),
        };
        let agreement = crate::hidden::agreement(existence);
        let tied = agreement.replace("relationship = []", "relationship = [\"care-team\", \"encounter\"]");
        let shares = tied.replacen("where = { not_labelled = [\"PSY\"] }\n", SHARES, 1);
        let (site, running) = site_after(&shares, script, |site| {
            site.also_set("relationship_source = true\nconsent_source = true\n");
        })
        .await;
        Self { site, running, fault, held: resources }
    }

    fn breaks(&self, line: &'static str, does: fn() -> Play) {
        self.breaks_for(&["bob", BOB], line, does);
    }

    fn breaks_for(&self, whom: &'static [&'static str], line: &'static str, does: fn() -> Play) {
        *self.fault.lock().unwrap() = Some((line, whom, does));
    }

    fn heals(&self) {
        *self.fault.lock().unwrap() = None;
    }

    async fn told(&self, place: &str) -> (u16, String) {
        let (status, _, body) = answer(&self.site, &format!("/hospital/fhir/{place}")).await;
        (status, body)
    }

    /// The same, and what is told of one who is not there.
    async fn both(&self, place: &str) -> ((u16, String), (u16, String)) {
        let absent = place.replace("c-bob", "xxxxx").replace("bob", "zoe");
        let blind = |(status, body): (u16, String)| {
            (status, timeless(&body.replace("c-bob", "xxxxx").replace("bob", "zoe")))
        };
        (blind(self.told(place).await), blind(self.told(&absent).await))
    }
}

/// What stands in the ledger.
fn recorded(site: &Whole) -> Vec<Value> {
    let record = |entry: Value| {
        let payload = entry["payload"].as_str()?.to_owned();
        fhir::json::parse_value(payload.into(), &fhir::json::Limits::default()).ok()
    };
    site.entries().into_iter().filter_map(record).collect()
}

/// Where the hospital is asked about Bob before it is decided about him.
// Ties first: what is found of them while another source is broken is remembered.
const SOURCES: [&str; 3] = ["/CareTeam/_search", "/Patient/_search", "/Consent/_search"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_cannot_be_proved_ends_and_empties_nothing_of_others() {
    let broken = Broken::start("withheld").await;
    for source in SOURCES {
        for does in FAULTS {
            broken.breaks(source, does);
            let (status, body) = broken.told("Group/caseload").await;
            assert!(status == 200 && body.contains("Patient/ann"), "{source}: {status} {body}");
            assert!(!body.contains("bob"), "{source}: {body}");
            let (status, body) = broken.told("Condition/in-stay").await;
            assert!(status == 200 && !body.contains("of-bob"), "{source}: {status} {body}");
            let (status, body) = broken.told("Condition?patient=ann,bob").await;
            assert_eq!(
                (status, references(&body)),
                (200, names(&["c-ann", "in-stay", "in-other"])),
                "{source}"
            );
            let (status, body) = broken.told("Condition?patient=ann&_include=Condition:encounter").await;
            assert_eq!((status, references(&body).len()), (200, 3), "{source}");
            assert!(!body.contains("of-bob"), "{source}: {body}");
        }
    }
    broken.heals();
    let (_, body) = broken.told("Condition?patient=ann,bob").await;
    assert!(references(&body).contains(&"c-bob".to_owned()), "what passes is shared again: {body}");
    let (status, body) = broken.told("Group/caseload").await;
    assert!(status == 200 && body.contains("Patient/bob"), "he is on the list: {status} {body}");
    broken.running.stop().await;
}

fn names(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_cannot_be_proved_is_told_as_absent_wherever_she_is_asked_for() {
    for source in SOURCES {
        // A gateway of its own: what the other sources told is remembered for a while.
        let broken = Broken::start("withheld").await;
        for does in FAULTS {
            broken.breaks(source, does);
            for place in [
                "Patient/bob",
                "Condition/c-bob",
                "Condition?patient=bob",
                "Condition?patient=bob&_include=Condition:subject",
                "Patient/bob/$everything",
                "Condition?patient=ann,bob",
            ] {
                // What is asked for itself is a fault of the holder.
                if (source, place) == ("/Patient/_search", "Patient/bob/$everything") {
                    continue;
                }
                let (there, absent) = broken.both(place).await;
                assert!(there.0 == 200 || there.0 == 404, "{source} {place}: {there:?}");
                assert_eq!(there, absent, "{source} {place}");
            }
        }
        broken.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_alone_a_holder_does_not_tell_of_what_is_behind_a_reference_hides_nothing_else() {
    let broken = Broken::start("withheld").await;
    for does in [fails as fn() -> Play, refuses, is_garbled] {
        broken.breaks("/Encounter/_search", does);
        let with = broken.told("Condition/in-stay").await;
        assert!(with.0 == 200 && !with.1.contains("of-bob"), "{with:?}");
        // A stay of Ann's beside it is shown.
        broken.held.lock().unwrap().push(
            json!({"resourceType": "Encounter", "id": "gone", "status": "finished", "subject": to("Patient/ann")}),
        );
        let (status, body) = broken.told("Condition?patient=ann").await;
        assert!(status == 200 && body.contains("Encounter/gone"), "{status} {body}");
        assert!(!body.contains("of-bob"), "{body}");
        let (status, body) = broken.told("Condition?patient=ann&_include=Condition:encounter").await;
        assert!(status == 200 && body.contains("Encounter/gone"), "{status} {body}");
        broken.held.lock().unwrap().pop();
        // A Group that alone is not told of hides what is about it.
        broken.breaks("/Group/_search", does);
        assert_eq!(broken.told("Observation/o").await.0, 404);
        assert_eq!(broken.told("Condition/c-ann").await.0, 200);
    }
    broken.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_proved_stands_in_the_record_with_the_reason() {
    let broken = Broken::start("withheld").await;
    broken.breaks("/CareTeam/_search", tells_of_another);
    for place in ["Condition?patient=bob", "Condition/c-bob", "Condition?patient=ann,bob"] {
        broken.told(place).await;
    }
    broken.running.stop().await;
    let told = recorded(&broken.site);
    let exchanges: Vec<&Value> = told
        .iter()
        .filter(|entry| {
            entry["about"]["kind"] == "exchange" && entry["exchange"]["reason"] == "evidence-unusable"
        })
        .collect();
    let events: Vec<&str> =
        exchanges.iter().map(|entry| entry["exchange"]["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["failed", "failed", "disclosed"], "{told:?}");
    let his: Vec<&Value> = told.iter().filter(|entry| entry["about"]["nhs_number"] == BOB).collect();
    assert_eq!(his.len(), 3, "{told:?}");
    for entry in his {
        assert_eq!(entry["about"]["refusal"], "person-uncertain", "{entry}");
        assert_eq!(entry["about"]["visibility"], "trail", "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_existence_is_open_who_cannot_be_proved_may_be_asked_for_again() {
    let broken = Broken::start("open").await;
    broken.breaks("/CareTeam/_search", fails);
    for place in ["Condition/c-bob", "Condition?patient=bob"] {
        let (status, body) = broken.told(place).await;
        assert!(status == 502 && body.contains("try again"), "{place}: {status} {body}");
    }
    assert_eq!(broken.told("Group/caseload").await.0, 200, "others are decided about all the same");
    broken.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_a_holder_refuses_tells_nothing_of_whom_it_may_not_tell() {
    let broken = Broken::start("withheld").await;
    let search = "/Condition/_search";
    // Of whom may be told a refusal is a fault, and never nothing.
    for does in [refuses as fn() -> Play, is_not_there, cannot_be_processed] {
        broken.breaks(search, does);
        assert_eq!(broken.told("Condition?patient=bob").await.0, 502);
        assert_eq!(broken.told("Condition?patient=ann").await.0, 200);
    }
    says(&broken.site, BOB, &json!({"type": "deny"})).await;
    for does in [refuses as fn() -> Play, is_not_there, cannot_be_processed] {
        // What it holds of him it keeps to itself; or it knows nobody of another name.
        for whom in [&["bob", BOB] as &[&str], &["zoe"]] {
            broken.breaks_for(whom, search, does);
            let (there, absent) = broken.both("Condition?patient=bob").await;
            assert_eq!((there.0, &there), (200, &absent), "{whom:?}");
        }
        broken.breaks_for(&[""], search, does);
        let (there, absent) = broken.both("Condition?patient=bob").await;
        assert_eq!(there, absent, "a holder that refuses everything");
        assert_eq!(broken.told("Condition?patient=ann").await.0, 502, "it is not told as nothing");
    }
    broken.running.stop().await;
    let told: String = broken.site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("upstream-not-there") && told.contains("upstream-not-authorised"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_holder_refuses_of_one_is_as_absent_beside_another_who_is_shown() {
    let broken = Broken::start("withheld").await;
    let search = "/Condition/_search";
    let shown = (200, names(&["c-ann", "in-stay", "in-other"]));
    let told = async |place: &str| {
        let (status, body) = broken.told(place).await;
        (status, references(&body))
    };
    // It takes no search about several, and refuses nobody.
    broken.breaks_for(&["%2C"], search, refuses);
    let (status, found) = told("Condition?patient=ann,bob").await;
    assert!(status == 200 && found.contains(&"c-bob".to_owned()), "{status} {found:?}");
    // Of whom may be told it is a fault, and never nothing.
    broken.breaks(search, refuses);
    assert_eq!(told("Condition?patient=ann,bob").await.0, 502);
    says(&broken.site, BOB, &json!({"type": "deny"})).await;
    for does in [refuses as fn() -> Play, is_not_there, cannot_be_processed] {
        for whom in [&["bob", BOB] as &[&str], &["zoe"]] {
            broken.breaks_for(whom, search, does);
            for place in ["Condition?patient=ann,bob", "Condition?patient=bob,ann"] {
                let (there, absent) = broken.both(place).await;
                assert_eq!(there, absent, "{whom:?}");
                assert_eq!(told(place).await, shown, "{whom:?}: {place}");
            }
        }
        broken.breaks_for(&[""], search, does);
        let (there, absent) = broken.both("Condition?patient=ann,bob").await;
        assert_eq!((there.0, &there), (502, &absent), "a holder that refuses everything");
    }
    broken.running.stop().await;
    let told: String = broken.site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("upstream-not-authorised") && told.contains("upstream-not-there"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_holder_does_not_serve_beside_the_matches_is_said_by_rule() {
    let broken = Broken::start("withheld").await;
    broken.held.lock().unwrap().retain(|found| found["id"] != "in-other");
    broken.breaks("/Encounter/_search", refuses);
    let search = "Condition?patient=ann&_include=Condition:encounter";
    let (status, refused) = broken.told(search).await;
    broken.heals();
    broken
        .held
        .lock()
        .unwrap()
        .retain(|found| found["id"] != "of-bob" || found["resourceType"] != "Encounter");
    let (_, absent) = broken.told(search).await;
    assert_eq!((status, timeless(&refused)), (200, timeless(&absent)));
    assert!(refused.contains("is not here"), "{refused}");
    broken.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_about_nobody_and_what_is_not_found_stand_in_the_record_by_name() {
    let broken = Broken::start("withheld").await;
    broken.held.lock().unwrap().push(json!({"resourceType": "Organization", "id": "ward", "name": "Ward 3"}));
    let (status, body) = broken.told("Organization/ward").await;
    assert!(status == 200 && body.contains("Ward 3"), "{status} {body}");
    for place in ["Condition/guessed", "Condition/c-ann", "Condition?patient=ann"] {
        broken.told(place).await;
    }
    broken.running.stop().await;
    let told = recorded(&broken.site);
    let named = |entry: &&Value| entry["exchange"].get("resources").is_some();
    let named: Vec<(&str, u64, &Value)> = told
        .iter()
        .filter(named)
        .map(|entry| {
            assert_eq!(
                entry["about"]["kind"], "exchange",
                "in the trail of a person nothing else is named: {entry}"
            );
            let exchange = &entry["exchange"];
            let status = exchange["status"].as_u64().unwrap();
            (exchange["event"].as_str().unwrap(), status, &exchange["resources"])
        })
        .collect();
    let expected = [
        ("disclosed", 200, &json!(["Organization/ward"])),
        ("refused", 404, &json!(["Condition/guessed"])),
        ("disclosed", 200, &json!(["Condition/c-ann"])),
    ];
    assert_eq!(named, expected, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provenance_of_what_is_about_nobody_names_it() {
    let broken = Broken::start("withheld").await;
    broken.held.lock().unwrap().push(json!({"resourceType": "Organization", "id": "ward", "name": "Ward 3"}));
    let staff = broken.site.consultant();
    let (_, head, _) = broken.site.get("/hospital/fhir/Organization/ward", Some(&staff)).await;
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().trim();
    let (status, _, body) = broken.site.get(&format!("/fhir/Provenance/{id}"), Some(&staff)).await;
    assert!(status == 200 && body.contains("Organization/ward"), "{status} {body}");
    broken.running.stop().await;
}
