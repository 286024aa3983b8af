//! What is hidden in strange ways ends no change.

use serde_json::{Value, json};

use super::seen::at_version_1;
use super::{AGREEMENT, CONDITION, ann, keeping, read, send, site};
use crate::hidden::BOB;
use crate::support::holding::{Held, condition, held, patient};
use crate::support::whole::Whole;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_under_a_name_that_fhir_does_not_know_stays_whatever_it_says() {
    let held: Held = held(&[]);
    let (site, running) = site("withheld", keeping(&held)).await;
    for hidden in [
        json!({}),
        json!({"reference": "Patient/p2"}),
        json!({"code": "86406008"}),
        json!({"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": BOB}}),
        json!({"unheard": {"deep": [{"reference": "Patient/p2"}]}, "of": "secret"}),
    ] {
        let mut stored = at_version_1(condition("c1", "p1", "1", &[]));
        stored["severity"] = json!({"text": "mild"});
        stored["severity"].as_object_mut().unwrap().extend(hidden.as_object().unwrap().clone());
        stored["bodySite"] = json!([{"text": "arm"}, {"text": "leg"}]);
        stored["bodySite"][0].as_object_mut().unwrap().extend(hidden.as_object().unwrap().clone());
        *held.lock().unwrap() = vec![ann(), patient("p2", BOB), stored];
        let (mut view, version) = read(&site, CONDITION).await;
        view["severity"] = json!({"text": "severe"});
        view["bodySite"] = json!([{"text": "both arms"}, {"text": "both legs"}]);
        let answer = send(&site, "PUT", CONDITION, &version, &view.to_string()).await;
        assert_eq!(answer.status, 200, "{hidden}: {}", answer.body);
        let now = held.lock().unwrap()[2].clone();
        for (name, value) in hidden.as_object().unwrap() {
            assert_eq!(&now["severity"][name], value, "{now}");
            assert!(now["bodySite"].to_string().contains(&value.to_string()), "{now}");
        }
        assert_eq!(now["severity"]["text"], "severe");
    }
    // Two of one name both stay.
    let mut stored = at_version_1(condition("c1", "p1", "1", &[]));
    stored["bodySite"] = json!([{"text": "arm", "unheard": {"reference": "Patient/p2"}}, {"text": "leg", "unheard": {"reference": "Patient/p1"}}]);
    *held.lock().unwrap() = vec![ann(), patient("p2", BOB), stored];
    let (mut view, version) = read(&site, CONDITION).await;
    view["bodySite"] = json!([{"text": "both"}]);
    let answer = send(&site, "PUT", CONDITION, &version, &view.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let now = held.lock().unwrap()[2]["bodySite"].to_string();
    assert!(now.contains("Patient/p1") && now.contains("Patient/p2"), "{now}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_changed_however_much_of_it_is_hidden() {
    let small = |text: usize| -> Value {
        let mut stored = at_version_1(condition("c1", "p1", "1", &[]));
        stored["note"] = json!([{"text": "x".repeat(text)}]);
        stored
    };
    // More than a body may weigh that is sent to the gateway.
    for hidden in [1, 21 << 20] {
        let held: Held = held(&[ann(), small(hidden)]);
        let site = Whole::with(keeping(&held)).await;
        site.agrees(&AGREEMENT.replace("EXISTENCE", "withheld"));
        site.also_set(
            "body_bytes_max = 40000000\ntimeout_ms = 300000\n[limits]\nexchange_timeout_ms = 600000\n",
        );
        let running = site.start().await.unwrap();
        let (mut view, version) = read(&site, CONDITION).await;
        view["severity"] = json!({"text": "severe"});
        let answer = send(&site, "PUT", CONDITION, &version, &view.to_string()).await;
        assert_eq!(answer.status, 200, "{hidden}: {}", answer.body);
        let now = held.lock().unwrap()[1].clone();
        assert_eq!(now["note"][0]["text"].as_str().map(str::len), Some(hidden));
        assert_eq!(now["severity"]["text"], "severe");
        running.stop().await;
    }
}
