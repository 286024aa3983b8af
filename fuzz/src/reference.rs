//! References: one that is read is written as the same, and what leads to a system is never taken for a place elsewhere.

use fhir::reference::{Bases, Id, Local, Reference};

const BASE: &str = "https://ehr.example/fhir";

/// Whether the reference is what it says.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(bases) = Bases::new([BASE, "http://ehr.internal:8080/r4/"]) else { panic!("these are bases") };
    let Ok(read) = Reference::parse(text, &bases) else { return };
    match &read {
        Reference::Local(local) => {
            let relative = local.to_relative();
            let current = Local { version: None, ..local.clone() };
            assert_eq!(Reference::parse(&relative, &bases), Ok(Reference::Local(current.clone())));
            assert!(
                Local::parse(&relative)
                    .is_some_and(|again| again == current && again.is_same_resource(local))
            );
            let absolute = format!("{BASE}/{relative}");
            assert_eq!(
                Reference::parse(&absolute, &bases),
                Ok(Reference::Local(current)),
                "absolute it is another"
            );
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./".contains(&byte);
            assert!(relative.bytes().all(plain), "a reference holds what others read as a mark");
        }
        Reference::Elsewhere(_) => {
            assert!(bases.relative(text).is_none(), "a place of the system is taken for one elsewhere");
            // A path is of its case; scheme and host are not.
            let (host, path) = BASE.split_at("https://ehr.example".len());
            let (start, rest) = text.split_at_checked(host.len()).unwrap_or_default();
            let is_ours = start.eq_ignore_ascii_case(host) && rest.starts_with(&format!("{path}/"));
            assert!(!is_ours, "a place of the system is taken for one elsewhere");
            assert!(text.bytes().all(|byte| byte > b' ' && byte != 0x7f), "an address with white space");
        }
        Reference::Contained(id) => {
            assert!(Id::parse(id.as_str()).is_ok());
            assert_eq!(format!("#{}", id.as_str()), text);
        }
        Reference::Urn(urn) => {
            assert!(urn.eq_ignore_ascii_case(text));
            assert_eq!(Reference::parse(urn, &bases).as_ref(), Ok(&read), "written anew it is another");
        }
        Reference::Container => assert_eq!(text, "#"),
    }
}
