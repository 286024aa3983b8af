//! How a receiver takes documents.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::cda::codes::{is_oid, is_uuid};

/// How a receiver takes documents: which flavour, under which OIDs it knows systems.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(super) flavour: Flavour,
    /// `extension` of the NHS `messageType`, which the receiver's message specification gives.
    pub(super) message_type: Option<String>,
    pub(super) unsaid: Unsaid,
    /// OIDs or UUIDs by the URI of a system of codes or identifiers.
    pub(super) systems: BTreeMap<String, String>,
}

/// What a document is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// C-CDA 2.1: sections by LOINC, coded entries with its templates.
    Ccda,
    /// NHS ITK and PRSB, not coded: sections by SNOMED CT, their narrative, a UK header.
    Itk,
}

/// What an NHS number is that bears no verification status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsaid {
    Verified,
    Unverified,
}

/// A profile cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub struct InvalidProfile {
    key: String,
    what: &'static str,
}

impl Profile {
    /// The profile of a receiver of whom no more is known than its flavour.
    #[must_use]
    pub fn plain(flavour: Flavour) -> Self {
        let unsaid = match flavour {
            Flavour::Ccda => Unsaid::Verified,
            Flavour::Itk => Unsaid::Unverified,
        };
        Self { flavour, message_type: None, unsaid, systems: BTreeMap::new() }
    }

    /// Reads a profile, as docs/cda.md tells.
    ///
    /// # Errors
    /// [`InvalidProfile`] with the key that cannot be meant.
    pub fn parse(text: &str) -> Result<Self, InvalidProfile> {
        let fault = |key: &str, what| InvalidProfile { key: key.to_owned(), what };
        let table: Table = text.parse().map_err(|_| fault("profile", "not toml"))?;
        let mut profile = match table.get("flavour").and_then(Value::as_str) {
            Some("c-cda") => Self::plain(Flavour::Ccda),
            Some("itk") => Self::plain(Flavour::Itk),
            Some(_) | None => return Err(fault("flavour", "neither c-cda nor itk")),
        };
        for (key, value) in &table {
            match (key.as_str(), value) {
                ("flavour", _) => {}
                ("message_type", Value::String(name)) if profile.flavour == Flavour::Itk => {
                    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_#.-".contains(letter);
                    if name.is_empty() || !name.chars().all(plain) {
                        return Err(fault(key, "not the name of a message type"));
                    }
                    profile.message_type = Some(name.clone());
                }
                ("nhs_number_unsaid", Value::String(word)) => {
                    profile.unsaid = match word.as_str() {
                        "verified" => Unsaid::Verified,
                        "unverified" => Unsaid::Unverified,
                        _ => return Err(fault(key, "neither verified nor unverified")),
                    };
                }
                ("systems", Value::Table(systems)) => {
                    for (uri, oid) in systems {
                        let oid = oid.as_str().filter(|oid| is_oid(oid) || is_uuid(oid));
                        let oid = oid.ok_or_else(|| fault(key, "not a table of oids by uri"))?;
                        profile.systems.insert(uri.clone(), oid.to_owned());
                    }
                }
                _ => return Err(fault(key, "not a key of a profile, or not of the kind it should be")),
            }
        }
        Ok(profile)
    }

    /// The flavour of its documents.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }
}

#[cfg(test)]
mod tests {
    use super::{Flavour, Profile};

    #[test]
    fn a_profile_says_what_it_means_or_is_refused() {
        let profile =
            Profile::parse("flavour = \"itk\"\n[systems]\n\"https://mrn.example\" = \"1.2.3\"").unwrap();
        assert_eq!((profile.flavour(), profile.systems.len()), (Flavour::Itk, 1));
        for faulty in [
            "",
            "flavour = \"hl7\"",
            "flavour = \"itk\"\nx = 1",
            "flavour = \"itk\"\n[systems]\na = \"b\"",
            "flavour = \"c-cda\"\nmessage_type = \"a\"",
            "flavour = \"itk\"\nmessage_type = \"a b\"",
            "flavour = \"itk\"\nnhs_number_unsaid = \"perhaps\"",
            "=",
        ] {
            assert!(Profile::parse(faulty).is_err(), "{faulty}");
        }
    }
}
