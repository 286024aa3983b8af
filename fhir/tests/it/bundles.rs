use bytes::Bytes;
use fhir::bundle::{Bundle, BundleType, InvalidBundle, SearchMode};
use fhir::json::{self, Limits};
use serde_json::{Value, json};

fn read<T>(bundle: &Value, told: impl Fn(Result<Bundle<'_>, InvalidBundle>) -> T) -> T {
    let document = json::parse(Bytes::from(bundle.to_string()), &Limits::default()).expect("JSON");
    told(Bundle::read(document.root(), 3))
}

#[test]
fn a_searchset_is_read_with_its_claims() {
    let bundle = json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 7,
        "link": [{"relation": "self", "url": "u:1"}, {"relation": "next", "url": "u:2"}],
        "entry": [
            {"fullUrl": "urn:a", "resource": {"resourceType": "Patient", "id": "1"}, "search": {"mode": "match"}},
            {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
            {"response": {"status": "201"}}
        ]
    });
    read(&bundle, |bundle| {
        let bundle = bundle.expect("a bundle");
        assert_eq!(
            (bundle.bundle_type(), bundle.total(), bundle.next()),
            (BundleType::Searchset, Some(7), Some("u:2"))
        );
        let entries = bundle.entries();
        assert_eq!(entries[0].full_url().as_deref(), Some("urn:a"));
        assert_eq!(entries[0].resource_type().as_deref(), Some("Patient"));
        let modes: Vec<_> = entries.iter().map(|entry| entry.mode).collect();
        assert_eq!(modes, [Some(SearchMode::Match), Some(SearchMode::Outcome), None]);
        assert!(entries[2].resource.is_none());
    });
}

#[test]
fn an_empty_bundle_is_one() {
    for bundle in [
        json!({"resourceType": "Bundle", "type": "searchset"}),
        json!({"resourceType": "Bundle", "type": "batch", "entry": []}),
    ] {
        assert_eq!(read(&bundle, |bundle| bundle.map(|bundle| bundle.entries().len())), Ok(0));
    }
}

#[test]
fn what_is_no_bundle_is_refused_as_a_whole() {
    let with = |key: &str, value: Value| {
        let mut bundle = json!({"resourceType": "Bundle", "type": "searchset"});
        bundle[key] = value;
        bundle
    };
    let patient = json!({"resource": {"resourceType": "Patient"}});
    for (bundle, reason) in [
        (json!({"resourceType": "Patient"}), InvalidBundle::NotABundle),
        (json!([]), InvalidBundle::NotABundle),
        (with("type", json!("heap")), InvalidBundle::Type),
        (json!({"resourceType": "Bundle"}), InvalidBundle::Type),
        (with("entry", json!([patient, patient, patient, patient])), InvalidBundle::TooManyEntries),
        (with("entry", json!({})), InvalidBundle::Entry { at: 0 }),
        (with("entry", json!([patient, 1])), InvalidBundle::Entry { at: 1 }),
        (with("entry", json!([{"resource": {"id": "1"}}])), InvalidBundle::Entry { at: 0 }),
        (with("entry", json!([{"resource": "Patient"}])), InvalidBundle::Entry { at: 0 }),
        (with("entry", json!([{"fullUrl": 1}])), InvalidBundle::Entry { at: 0 }),
        (with("entry", json!([{"search": {"mode": "maybe"}}])), InvalidBundle::Entry { at: 0 }),
        (with("total", json!("7")), InvalidBundle::Link),
        (with("total", json!(-1)), InvalidBundle::Link),
        (with("link", json!({})), InvalidBundle::Link),
        (with("link", json!([{"relation": "next"}])), InvalidBundle::Link),
        (
            with("link", json!([{"relation": "next", "url": "a"}, {"relation": "next", "url": "b"}])),
            InvalidBundle::Link,
        ),
    ] {
        assert_eq!(read(&bundle, |bundle| bundle.map(|_| ())), Err(reason), "{bundle}");
    }
}
