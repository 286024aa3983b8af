//! What others really send. Reads `data/social-care-ssda903` in the folder named by `PORTCULLIS_CORPUS`.

use adapters::mapping::social::Ready;

use super::{council, origin};

#[test]
fn every_return_of_the_corpora_is_translated_or_refused_with_a_reason() {
    let Some(root) = crate::corpus::corpus() else { return };
    let folder = root.join("social-care-ssda903");
    for (file, name, most_refused) in [
        ("header.csv", "ssda903-header", 0),
        ("episodes.csv", "ssda903-episodes", 0),
        ("fake_903.xml", "ssda903-xml", 0),
    ] {
        let mapping = Ready::named(name).unwrap().load().unwrap();
        let context = council();
        let bytes = std::fs::read(folder.join(file)).unwrap();
        let (mut translated, mut losses, mut refused) = (0, 0, Vec::new());
        for record in mapping.records(bytes.as_slice(), &context, &origin()).unwrap() {
            match record {
                Ok(record) => {
                    let parsed = fhir::json::parse(record.bundle.into(), &fhir::json::Limits::default());
                    assert!(parsed.is_ok(), "{file}");
                    translated += 1;
                    losses += record.losses.len();
                }
                Err(reason) => refused.push(reason.to_string()),
            }
        }
        eprintln!("{file}: {translated} records translated, {losses} losses, {} refused", refused.len());
        assert!(translated > 100 && refused.len() <= most_refused, "{file}: {refused:?}");
    }
}
