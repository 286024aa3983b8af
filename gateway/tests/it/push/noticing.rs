//! A council that takes the notices of the standard: a notice reaches it as a notice, with what is shared alone.

use std::path::Path;

use adapters::notices;
use gateway::trail::record::{Event, Record, Words};

use super::receiving::{came, care, has_none};
use super::whole::{Gateway, created};
use crate::support::upstream::{Play, System, answer};

const AGREEMENT: &str =
    include_str!("../../../../examples/council/agreements/notices-to-adult-social-care.toml");
const NOTICE: &str = include_str!("../../../../adapters/tests/cases/notices/discharge/in.xml");
const SENDER: &str = "dns:adt.hospital.example";

async fn start(folder: &Path, receiver: &System, (from, to): (&str, &str)) -> Gateway {
    let agreements = folder.join("agreements");
    std::fs::create_dir_all(&agreements).unwrap();
    let referral = "https://northshire.example.nhs.uk/referral";
    let text = AGREEMENT.replace("[\"council\"]", "[\"care\"]");
    let text = text.replace("https://northshire.example/referral", referral);
    assert!(text.contains(from), "{from}");
    std::fs::write(agreements.join("notices.toml"), text.replace(from, to)).unwrap();
    let place = "[[inbound]]\nname = \"notices\"\nform = \"notice\"\nfrom = \"ods:RX1\"\nto = [\"care\"]\npurpose = \"COC\"\n";
    let more = care("notice", &format!("http://{}/notices", receiver.address)) + place;
    Gateway::start_with(folder, created, ("", ""), &more).await
}

async fn posts(gateway: &Gateway) -> String {
    gateway.post("/inbound/notices", SENDER, "application/xml", NOTICE).await
}

fn ended(records: &[Record]) -> bool {
    records.iter().any(|record| record.exchange.event == Event::Outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_reaches_a_council_as_a_notice_with_what_is_shared_alone() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = System::start(None, |_, _| Play::Bytes(answer("200 OK", "", ""))).await;
    let gateway = start(folder.path(), &receiver, ("", "")).await;
    let told = posts(&gateway).await;
    assert!(told.contains("status: 200"), "{told}");
    let seen = came(&receiver, 1).await.remove(0);
    assert_eq!(seen.line, "POST /notices HTTP/1.1");
    assert_eq!(seen.header("content-type"), Some("application/xml+fhir; charset=utf-8"));
    assert!(
        seen.body.contains("<ReferralRequest>") && seen.body.contains("<code value=\"975731000000100\"/>")
    );
    for present in ["REF-2026-0311", "9990000018", "Fenwick", "2026-03-12", "Ward 7", "E10000099"] {
        assert!(seen.body.contains(present), "{present} in {}", seen.body);
    }
    has_none(&seen.body, &["S-778", "Discharge co-ordinator", "R8003", "A-1\""]);
    // It is a notice to whoever reads it.
    let context = adapters::Context::new("council", None, "Europe/London").unwrap();
    assert!(notices::translate(seen.body.as_bytes(), &context).is_ok(), "{}", seen.body);
    let records = gateway.recorded_when(ended).await;
    let intents: Vec<&Record> =
        records.iter().filter(|record| record.exchange.event == Event::Intent).collect();
    assert!(
        intents.len() == 2 && intents.iter().all(|record| record.exchange.words == Words::Notice),
        "{records:?}"
    );
    // The same notice again has no second effect.
    assert!(posts(&gateway).await.contains("status: 200"));
    gateway.stop().await;
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_would_lack_what_it_must_have_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = System::start(None, |_, _| Play::Bytes(answer("200 OK", "", ""))).await;
    let birth = "birthDate = \"eligibility differs by age; to be sure it is the right person\"\n";
    let gateway = start(folder.path(), &receiver, (birth, "")).await;
    let told = posts(&gateway).await;
    assert!(told.contains("status: 422") && told.contains("not-sayable-in-notice"), "{told}");
    let records = gateway.recorded().await;
    let reason = |record: &Record| record.exchange.reason.as_deref() == Some("not-sayable-in-notice");
    assert!(records.iter().any(reason), "{records:?}");
    assert!(records.iter().all(|record| record.exchange.event != Event::Intent), "{records:?}");
    gateway.stop().await;
    assert_eq!(receiver.seen().len(), 0);
}
