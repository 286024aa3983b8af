//! The suites: named lists of checks.

mod balp;
mod consent;
mod error_bodies;
mod fhir_core;
mod gateway;
mod judge;
mod metadata;
mod read;
mod search;
mod smart;
mod uk_core;

use crate::check::Check;

/// A suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// The CapabilityStatement.
    Metadata,
    /// Reading one resource.
    Read,
    /// What is said when something is wrong.
    ErrorBodies,
    /// The RESTful interface: create to delete, versions, conditions, batches, patches, formats, errors.
    FhirCore,
    /// Searches: every type of parameter, modifiers and prefixes, paging, and sets compared with what was put in.
    Search,
    /// A proxy between two endpoints: headers, links, Location, errors, large bodies.
    Gateway,
    /// IHE BALP: one AuditEvent for each share and patient, also for refusals.
    Balp,
    /// IHE PCF: consents decide what is shared, from the next request on.
    Consent,
    /// UK Core: what is served and taken conforms to its profiles.
    UkCore,
    /// SMART App Launch: discovery, scopes and backend services.
    Smart,
}

impl Suite {
    /// Every suite, in the order they run.
    pub const ALL: [Self; 10] = [
        Self::Metadata,
        Self::Read,
        Self::ErrorBodies,
        Self::FhirCore,
        Self::Search,
        Self::Gateway,
        Self::Balp,
        Self::Consent,
        Self::UkCore,
        Self::Smart,
    ];

    /// Those that change nothing on the endpoint.
    pub const HARMLESS: [Self; 3] = [Self::Metadata, Self::Read, Self::ErrorBodies];

    /// `chosen`, with the harmless ones before `fhir-core`, which builds on what they look at; each once, in the order they run.
    #[must_use]
    pub fn with_their_ground(chosen: &[Self]) -> Vec<Self> {
        let core = chosen.contains(&Self::FhirCore);
        let wanted = |suite: &Self| chosen.contains(suite) || (core && Self::HARMLESS.contains(suite));
        Self::ALL.into_iter().filter(wanted).collect()
    }

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Read => "read",
            Self::ErrorBodies => "error-bodies",
            Self::FhirCore => "fhir-core",
            Self::Search => "search",
            Self::Gateway => "gateway",
            Self::Balp => "balp",
            Self::Consent => "consent",
            Self::UkCore => "uk-core",
            Self::Smart => "smart",
        }
    }

    /// What it is about, in one line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Metadata => "the CapabilityStatement: is it there, valid, and served as R4 says",
            Self::Read => "reading one resource: identity, format, versions, HEAD and conditional reads",
            Self::ErrorBodies => "errors: the right status, and an OperationOutcome that is one",
            Self::FhirCore => {
                "the RESTful interface: create to delete, versions, conditions, batches, patches, formats, errors"
            }
            Self::Search => {
                "searches: every type of parameter, modifiers and prefixes, paging, and sets compared with what was put in"
            }
            Self::Gateway => "a proxy between two endpoints: headers, links, Location, errors, large bodies",
            Self::Balp => "IHE BALP: one AuditEvent for each share and patient, also for refusals",
            Self::Consent => "IHE PCF: consents decide what is shared, from the next request on",
            Self::UkCore => "UK Core: what is served and taken conforms to its profiles",
            Self::Smart => "SMART App Launch: discovery, scopes and backend services",
        }
    }

    /// The suite of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Its checks.
    #[must_use]
    pub const fn checks(self) -> &'static [Check] {
        match self {
            Self::Metadata => metadata::CHECKS,
            Self::Read => read::CHECKS,
            Self::ErrorBodies => error_bodies::CHECKS,
            Self::FhirCore => fhir_core::CHECKS,
            Self::Search => search::CHECKS,
            Self::Gateway => gateway::CHECKS,
            Self::Balp => balp::CHECKS,
            Self::Consent => consent::CHECKS,
            Self::UkCore => uk_core::CHECKS,
            Self::Smart => smart::CHECKS,
        }
    }
}

/// The check of that name and its suite.
#[must_use]
pub fn find(id: &str) -> Option<(Suite, &'static Check)> {
    Suite::ALL
        .into_iter()
        .flat_map(|suite| suite.checks().iter().map(move |check| (suite, check)))
        .find(|(_, check)| check.id == id)
}

/// The set of requirements that a check is traced to, and their numbers in it; none where it is traced to none.
#[must_use]
pub fn requirements(check: &str) -> Option<(&'static str, &'static [u16])> {
    TRACED.iter().find(|(id, ..)| *id == check).map(|(_, set, numbers)| (*set, *numbers))
}

/// Checks, the public set of requirements that each is about, and their numbers in it.
const TRACED: &[(&str, &str, &[u16])] = &[];
