//! The surface, in one table: every interaction and operation that is served or refused, where it stands and how.
//!
//! The parser asks this table and nothing else whether there is something at a path. What the table does not name is
//! refused before any system hears of it: an operation that FHIR adds tomorrow is refused until somebody gives it a row
//! and so decides how it is asked for, whose data it reads, how its answer is minimised and what is recorded of it.
//! `metadata` is made from the same rows. Rules about persons are not here: a row says what can be asked at all.

use fhir::tables;

use self::Answer::{Refused, Served as Serves};
use self::Level::{Compartment, Instance, System, Type as OfType};
use self::Segment::{Id, Rest, Type, Word};
use super::malformed::Malformed;
use crate::server::arrived::Method::{self, Delete, Get, Patch, Post, Put};

/// One interaction or operation at one kind of place.
#[derive(Debug)]
pub struct Row<S: 'static> {
    /// The code of the interaction as FHIR spells it, or the operation with its `$`.
    pub name: &'static str,
    /// On what it works.
    pub level: Level,
    /// The methods by which it is asked for.
    pub methods: &'static [Method],
    /// Where, below the base of the face.
    pub path: &'static [Segment],
    /// What becomes of it.
    pub answer: Answer<S>,
}

/// On what an interaction works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The whole face.
    System,
    /// One type.
    Type,
    /// One resource.
    Instance,
    /// What belongs to one person.
    Compartment,
}

/// One segment of a path, as a row names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// This word.
    Word(&'static str),
    /// The name of a resource type of R4.
    Type,
    /// An id or a version.
    Id,
    /// Whatever follows, if anything does.
    Rest,
}

/// What becomes of an interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<S> {
    /// It is parsed, decided, minimised and recorded.
    Served(S),
    /// It is refused, and why.
    Refused(NotServed),
}

/// How an interaction on the face of a system is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// What can be asked.
    Capabilities,
    /// Several interactions, each by itself or all or none.
    Batch,
    /// Everything about one person.
    Everything,
    /// A document put together from a Composition.
    Document,
    /// A message that is processed at once.
    ProcessMessage,
    /// One resource.
    Read,
    /// One version of it.
    Vread,
    /// Its versions.
    HistoryInstance,
    /// A search in a URL.
    Search,
    /// A search in a form.
    SearchForm,
    /// A search of what belongs to one person.
    SearchCompartment,
    /// A new resource.
    Create,
    /// A resource as it is to be seen.
    Update,
    /// A JSON Patch of what is seen.
    Patch,
    /// Taking away what is seen whole.
    Delete,
}

/// How an interaction on the gateway's own resources is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnServed {
    /// What can be asked.
    Capabilities,
    /// One Consent.
    ReadConsent,
    /// One version of it.
    VreadConsent,
    /// Its versions.
    HistoryConsent,
    /// A person's Consents, by URL.
    SearchConsent,
    /// The same, by form.
    SearchConsentForm,
    /// A new Consent.
    CreateConsent,
    /// Another version of one.
    UpdateConsent,
    /// A trail, by URL.
    SearchAuditEvent,
    /// The same, by form.
    SearchAuditEventForm,
    /// One entry of a trail.
    ReadAuditEvent,
    /// The Provenance of one share.
    ReadProvenance,
}

/// Why an interaction that FHIR knows is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotServed {
    /// `$export`.
    Export,
    /// `$graphql`.
    Graph,
    /// `$match`.
    Match,
    /// `$meta` and what changes it.
    Labels,
    /// `$validate`.
    Validation,
    /// Everything of Subscription.
    Subscription,
    /// The history of a type or of everything.
    HistoryOfMany,
    /// A search across types.
    AcrossTypes,
    /// A compartment of something else than a Patient.
    OtherCompartment,
    /// In the compartment of a Patient, a type that does not belong there by one parameter.
    OutsideCompartment,
    /// `$everything` about something else than one Patient.
    EverythingOfOthers,
    /// Several interactions in one.
    Batch,
    /// A change of whatever a search finds.
    ConditionalChange,
    /// Searches for Binaries, and their versions.
    BinaryByOther,
}

const BY_GET: &[Method] = &[Get];
const BY_POST: &[Method] = &[Post];
const BY_BOTH: &[Method] = &[Get, Post];
const CHANGES: &[Method] = &[Put, Patch, Delete];
const ALL: &[Method] = &[Get, Post, Put, Patch, Delete];

/// Writes a row in one line of the table.
const fn row<S>(
    name: &'static str,
    level: Level,
    methods: &'static [Method],
    path: &'static [Segment],
    answer: Answer<S>,
) -> Row<S> {
    Row { name, level, methods, path, answer }
}

/// The face of a system.
#[rustfmt::skip]
pub const OF_SYSTEM: &[Row<Served>] = &[
    row("capabilities", System, BY_GET, &[Word("metadata")], Serves(Served::Capabilities)),
    row("read", Instance, BY_GET, &[Type, Id], Serves(Served::Read)),
    row("vread", Instance, BY_GET, &[Type, Id, Word("_history"), Id], Serves(Served::Vread)),
    row("history-instance", Instance, BY_GET, &[Type, Id, Word("_history")], Serves(Served::HistoryInstance)),
    row("search-type", OfType, BY_GET, &[Type], Serves(Served::Search)),
    row("search-type", OfType, BY_POST, &[Type, Word("_search")], Serves(Served::SearchForm)),
    row("search-compartment", Compartment, BY_GET, &[Word("Patient"), Id, Type], Serves(Served::SearchCompartment)),
    row("create", OfType, BY_POST, &[Type], Serves(Served::Create)),
    row("update", Instance, &[Put], &[Type, Id], Serves(Served::Update)),
    row("patch", Instance, &[Patch], &[Type, Id], Serves(Served::Patch)),
    row("delete", Instance, &[Delete], &[Type, Id], Serves(Served::Delete)),
    row("conditional-update", OfType, CHANGES, &[Type], Refused(NotServed::ConditionalChange)),
    row("create", OfType, BY_POST, &[Word("Binary")], Serves(Served::Create)),
    row("conditional-update", OfType, CHANGES, &[Word("Binary")], Refused(NotServed::ConditionalChange)),
    row("search-type", OfType, BY_GET, &[Word("Binary")], Refused(NotServed::BinaryByOther)),
    row("search-type", OfType, BY_POST, &[Word("Binary"), Word("_search")], Refused(NotServed::BinaryByOther)),
    row("history-instance", Instance, BY_GET, &[Word("Binary"), Id, Word("_history")], Refused(NotServed::BinaryByOther)),
    row("vread", Instance, BY_GET, &[Word("Binary"), Id, Word("_history"), Id], Refused(NotServed::BinaryByOther)),
    row("history-type", OfType, BY_GET, &[Type, Word("_history")], Refused(NotServed::HistoryOfMany)),
    row("history-system", System, BY_GET, &[Word("_history")], Refused(NotServed::HistoryOfMany)),
    row("search-system", System, BY_GET, &[], Refused(NotServed::AcrossTypes)),
    row("search-system", System, BY_BOTH, &[Word("_search")], Refused(NotServed::AcrossTypes)),
    row("search-compartment", Compartment, BY_GET, &[Type, Id, Type], Refused(NotServed::OtherCompartment)),
    row("batch", System, BY_POST, &[], Serves(Served::Batch)),
    row("subscription", OfType, ALL, &[Word("Subscription"), Rest], Refused(NotServed::Subscription)),
    row("$export", System, BY_BOTH, &[Word("$export")], Refused(NotServed::Export)),
    row("$export", OfType, BY_BOTH, &[Word("Patient"), Word("$export")], Refused(NotServed::Export)),
    row("$export", Instance, BY_BOTH, &[Word("Group"), Id, Word("$export")], Refused(NotServed::Export)),
    row("$graphql", System, BY_BOTH, &[Word("$graphql")], Refused(NotServed::Graph)),
    row("$graphql", Instance, BY_BOTH, &[Type, Id, Word("$graphql")], Refused(NotServed::Graph)),
    row("$match", OfType, BY_BOTH, &[Word("Patient"), Word("$match")], Refused(NotServed::Match)),
    row("$meta", System, BY_BOTH, &[Word("$meta")], Refused(NotServed::Labels)),
    row("$meta", OfType, BY_BOTH, &[Type, Word("$meta")], Refused(NotServed::Labels)),
    row("$meta", Instance, BY_BOTH, &[Type, Id, Word("$meta")], Refused(NotServed::Labels)),
    row("$meta-add", Instance, BY_POST, &[Type, Id, Word("$meta-add")], Refused(NotServed::Labels)),
    row("$meta-delete", Instance, BY_POST, &[Type, Id, Word("$meta-delete")], Refused(NotServed::Labels)),
    row("$validate", OfType, BY_BOTH, &[Type, Word("$validate")], Refused(NotServed::Validation)),
    row("$validate", Instance, BY_BOTH, &[Type, Id, Word("$validate")], Refused(NotServed::Validation)),
    row("$everything", Instance, BY_BOTH, &[Word("Patient"), Id, Word("$everything")], Serves(Served::Everything)),
    row("$everything", OfType, BY_BOTH, &[Type, Word("$everything")], Refused(NotServed::EverythingOfOthers)),
    row("$everything", Instance, BY_BOTH, &[Type, Id, Word("$everything")], Refused(NotServed::EverythingOfOthers)),
    row("$document", Instance, BY_BOTH, &[Word("Composition"), Id, Word("$document")], Serves(Served::Document)),
    row("$process-message", System, BY_POST, &[Word("$process-message")], Serves(Served::ProcessMessage)),
];

/// The face of the gateway itself.
#[rustfmt::skip]
pub const OF_GATEWAY: &[Row<OwnServed>] = &[
    row("capabilities", System, BY_GET, &[Word("metadata")], Serves(OwnServed::Capabilities)),
    row("read", Instance, BY_GET, &[Word("Consent"), Id], Serves(OwnServed::ReadConsent)),
    row("vread", Instance, BY_GET, &[Word("Consent"), Id, Word("_history"), Id], Serves(OwnServed::VreadConsent)),
    row("history-instance", Instance, BY_GET, &[Word("Consent"), Id, Word("_history")], Serves(OwnServed::HistoryConsent)),
    row("search-type", OfType, BY_GET, &[Word("Consent")], Serves(OwnServed::SearchConsent)),
    row("search-type", OfType, BY_POST, &[Word("Consent"), Word("_search")], Serves(OwnServed::SearchConsentForm)),
    row("create", OfType, BY_POST, &[Word("Consent")], Serves(OwnServed::CreateConsent)),
    row("update", Instance, &[Put], &[Word("Consent"), Id], Serves(OwnServed::UpdateConsent)),
    row("search-type", OfType, BY_GET, &[Word("AuditEvent")], Serves(OwnServed::SearchAuditEvent)),
    row("search-type", OfType, BY_POST, &[Word("AuditEvent"), Word("_search")], Serves(OwnServed::SearchAuditEventForm)),
    row("read", Instance, BY_GET, &[Word("AuditEvent"), Id], Serves(OwnServed::ReadAuditEvent)),
    row("read", Instance, BY_GET, &[Word("Provenance"), Id], Serves(OwnServed::ReadProvenance)),
    row("history-system", System, BY_GET, &[Word("_history")], Refused(NotServed::HistoryOfMany)),
    row("batch", System, BY_POST, &[], Refused(NotServed::Batch)),
];

/// What the table says about `method` at the path `segments`, below the base of the face.
///
/// # Errors
/// [`Malformed`] for everything that no row serves.
pub fn decide<S: Copy>(table: &'static [Row<S>], segments: &[&str], method: Method) -> Result<S, Malformed> {
    // Rows for one type come before those for any.
    let by_name = table.iter().filter(|row| row.path.first().is_some_and(|first| *first != Type));
    let by_type = table.iter().filter(|row| row.path.first().is_none_or(|first| *first == Type));
    let Some(place) = by_name.chain(by_type).find(|row| stands_at(row.path, segments)) else {
        return Err(unnamed(segments));
    };
    let is_type =
        |(named, segment): (&Segment, &&str)| *named != Type || tables::resource_type(segment).is_some();
    if !place.path.iter().zip(segments).all(is_type) {
        return Err(Malformed::NoSuchPlace);
    }
    let here = || table.iter().filter(|row| row.path == place.path);
    let allow = allow(here());
    match here().find(|row| row.methods.contains(&method)).map(|row| row.answer) {
        Some(Serves(served)) => Ok(served),
        Some(Refused(why)) => Err(Malformed::NotServed { why, allow }),
        None => Err(allow.map_or(Malformed::InteractionNotServed, |allow| Malformed::Method { allow })),
    }
}

fn stands_at(path: &[Segment], segments: &[&str]) -> bool {
    let (mut named, mut found) = (path.iter(), segments.iter());
    loop {
        match (named.next(), found.next()) {
            (None, None) | (Some(Rest), _) => return true,
            (Some(Word(word)), Some(segment)) if word == segment => {}
            (Some(Type | Id), Some(segment)) if !segment.starts_with(['$', '_']) => {}
            (_, _) => return false,
        }
    }
}

/// A path that no row names: of a type that there is, or of nothing.
fn unnamed(segments: &[&str]) -> Malformed {
    match segments.first() {
        Some(first) if !first.starts_with(['$', '_']) && tables::resource_type(first).is_none() => {
            Malformed::NoSuchPlace
        }
        Some(_) | None => Malformed::InteractionNotServed,
    }
}

/// The methods served at a place, for `Allow`; nothing where none is.
fn allow<S: 'static>(here: impl Iterator<Item = &'static Row<S>>) -> Option<&'static str> {
    let mut served: Vec<Method> = here
        .filter(|row| matches!(row.answer, Serves(_)))
        .flat_map(|row| row.methods.iter().copied())
        .collect();
    served.sort_unstable_by_key(|method| ALL.iter().position(|one| one == method));
    served.dedup();
    match served.as_slice() {
        [] => None,
        [Post] => Some("POST"),
        [Get, Post] => Some("GET, POST"),
        [Get, Put] => Some("GET, PUT"),
        [Get, Put, Patch] => Some("GET, PUT, PATCH"),
        [Get, Put, Delete] => Some("GET, PUT, DELETE"),
        [Get, Put, Patch, Delete] => Some("GET, PUT, PATCH, DELETE"),
        [Get, Post, Put, Patch, Delete] => Some("GET, POST, PUT, PATCH, DELETE"),
        _ => Some("GET"),
    }
}

/// The methods served anywhere on the face of a system, for `Allow` where no place was looked at.
#[must_use]
pub fn allow_anywhere() -> &'static str {
    allow(OF_SYSTEM.iter()).unwrap_or_default()
}

/// What is served of `owner` on the face of a system, and of its resources: by name.
pub fn served_of_type(owner: &str) -> impl Iterator<Item = (&'static str, Served)> {
    OF_SYSTEM.iter().filter_map(move |row| match (row.answer, row.level) {
        (Serves(served), OfType | Instance) => {
            let segment = |segment: &Segment| match segment {
                Word(word) => *word,
                Type => owner,
                Id | Rest => "1",
            };
            let segments: Vec<&str> = row.path.iter().map(segment).collect();
            let method = *row.methods.first()?;
            // A row for one type stands before those for any, and a row for another type is not there.
            let is_here = segments.first() == Some(&owner)
                && decide(OF_SYSTEM, &segments, method).is_ok_and(|found| found == served);
            is_here.then_some((row.name, served))
        }
        (Serves(_) | Refused(_), System | OfType | Instance | Compartment) => None,
    })
}

/// What is served of a face as a whole, by name.
pub fn served_of_system() -> impl Iterator<Item = (&'static str, Served)> {
    OF_SYSTEM.iter().filter_map(move |row| match (row.answer, row.level) {
        (Serves(served), System) => Some((row.name, served)),
        (Serves(_) | Refused(_), System | OfType | Instance | Compartment) => None,
    })
}

/// What the gateway serves of one of its own types, by name.
pub fn served_of_own(owner: &str) -> impl Iterator<Item = (&'static str, OwnServed)> {
    let is_of = move |row: &&Row<OwnServed>| matches!(row.path.first(), Some(Word(word)) if *word == owner);
    OF_GATEWAY.iter().filter(is_of).filter_map(|row| match row.answer {
        Serves(served) => Some((row.name, served)),
        Refused(_) => None,
    })
}

impl NotServed {
    /// What the caller is told: the reason is one of design, and the same for everyone.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Export => "bulk export is not served: a request names the persons it is about",
            Self::Graph => {
                "GraphQL is not served: its answers are not resources, which alone can be minimised"
            }
            Self::Match => {
                "matching is not served: how likely somebody is somebody tells of people nobody named"
            }
            Self::Labels => "labels are neither told nor changed by an operation",
            Self::Validation => "validation is not served: its messages quote what is held",
            Self::Subscription => {
                "subscriptions are not served: a notification would pass by the decision about it"
            }
            Self::HistoryOfMany => "only the history of one resource is served",
            Self::AcrossTypes => "searches across types are not served: search one type and name the persons",
            Self::OtherCompartment => "only the compartment of a Patient is served",
            Self::OutsideCompartment => "resources of this type do not belong to one Patient",
            Self::EverythingOfOthers => "everything is served about one Patient who is named",
            Self::Batch => "batches and transactions are not served here: send the interactions one by one",
            Self::BinaryByOther => {
                "a Binary is read by its id: whose it is, is known only by what points at it as it is now"
            }
            Self::ConditionalChange => "conditional updates, patches and deletions are not served; see Allow",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn name(method: Method) -> &'static str {
        match method {
            Get => "GET",
            Post => "POST",
            Put => "PUT",
            Patch => "PATCH",
            Delete => "DELETE",
            Method::Head | Method::Options => "",
        }
    }

    #[track_caller]
    fn check<S>(table: &'static [Row<S>]) {
        for row in table {
            let here = || table.iter().filter(|other| other.path == row.path);
            for method in row.methods {
                let rows = here().filter(|other| other.methods.contains(method)).count();
                assert_eq!(rows, 1, "{method:?} {:?} is decided once", row.path);
            }
            let served: Vec<&str> = ALL
                .iter()
                .filter(|method| {
                    here().any(|other| matches!(other.answer, Serves(_)) && other.methods.contains(method))
                })
                .map(|method| name(*method))
                .collect();
            assert_eq!(allow(here()).unwrap_or_default(), served.join(", "), "{:?}", row.path);
        }
    }

    #[test]
    fn every_method_at_a_place_is_decided_once_and_allow_names_those_served() {
        check(OF_SYSTEM);
        check(OF_GATEWAY);
    }
}
