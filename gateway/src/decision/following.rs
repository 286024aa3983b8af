//! What may go with the matches of a search (`_include`, `_revinclude`), by rules alone. One of which nothing can come is
//! left out, with a fixed word about it; `metadata` names the others by the same rules.
//!
//! An include that goes back from what is about nobody (a doctor, a ward's organisation) to records of people would be a
//! search that names no person: whoever knows the doctor would be told of everybody. It counts only where either the
//! matches are about people, each of whom is decided about, or what refers to them is about nobody too.

use fhir::reference::Bases;
use fhir::search::SearchQuery;
use fhir::search::controls::{Include, Towards};
use fhir::search::grammar::{Escaped, Name, Parameter};
use fhir::tables::{self, SearchParameter, TypeId};

use super::search_guard::{Visibility, shown};
use crate::agreement::Share;
use crate::settings::mapped::Mapped;

/// Types that are about no person and may be shared when named and referred to, or read by id (DESIGN 3). Of any other
/// type nothing is shown that is about nobody.
pub(crate) const NO_PERSON: [&str; 5] =
    ["Practitioner", "PractitionerRole", "Organization", "HealthcareService", "Medication"];

/// Types that are as the person who refers to them: named by rule alone, because nothing of theirs says whose they are.
pub(crate) const PLACES: [&str; 1] = ["Location"];

/// Which one does not matter to what can be asked.
const ANY_ID: &str = "1";

/// One way from the matches to what goes with them.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// Whether a match refers, or is referred to.
    pub towards: Towards,
    /// The type of the matches.
    pub searched: TypeId,
    /// The type that refers.
    pub source: TypeId,
    /// By what it does.
    pub parameter: &'static SearchParameter,
    /// The types it may lead to; any, if none is named.
    pub targets: &'a [TypeId],
}

impl<'a> Way<'a> {
    /// The way that an include of a search for `searched` goes.
    #[must_use]
    pub fn of(include: &'a Include, searched: TypeId) -> Option<Self> {
        let (towards, source, targets) = (include.towards(), include.source(), include.targets());
        let parameter = tables::search_parameter(source, include.code())?;
        Some(Self { towards, searched, source, parameter, targets })
    }

    /// Whether anything can come of it, as far as the rules go: it follows a reference that is shown in some, of the types
    /// at its ends some are shared, it asks for nobody who is not named, and a system that mappings read, if it is one, can
    /// be asked so.
    #[must_use]
    pub fn leads(&self, share: &Share, mapped: Option<&Mapped>) -> bool {
        let Self { searched, source, parameter, targets, .. } = *self;
        let is_shared = |found: &TypeId| !share.tables(*found).is_empty();
        let reads = parameter.reads().unwrap_or_default();
        [searched, source].iter().all(is_shared)
            && shown(parameter.code(), reads, source, share.tables(source)) != Visibility::Hidden
            && (targets.is_empty() || targets.iter().any(is_shared))
            && !self.asks_for_anybody()
            && mapped.is_none_or(|mapped| self.is_answered(share, mapped))
    }

    /// Whether mappings write what it follows, and answer the searches for what it leads to: what a search may not ask, an
    /// include does not ask either.
    fn is_answered(&self, share: &Share, mapped: &Mapped) -> bool {
        let answers = |kind: TypeId, code: &str, value: &str| {
            let asked = [Parameter {
                name: Name::Plain { code: code.to_owned(), modifier: None },
                values: vec![Escaped::of(value)],
            }];
            SearchQuery::compile(kind, &asked, &Bases::none()).is_ok_and(|query| mapped.answers(&query))
        };
        match self.towards {
            Towards::Referring => {
                answers(self.source, self.parameter.code(), &format!("{}/{ANY_ID}", self.searched.name()))
            }
            Towards::Referred => {
                let may_be = |to: &TypeId| self.targets.is_empty() || self.targets.contains(to);
                mapped.answers_parameter(self.source, self.parameter)
                    && share.types.keys().filter(|to| may_be(to)).any(|to| answers(*to, "_id", ANY_ID))
            }
        }
    }

    /// Whether it goes from what is about nobody to whoever may be anybody's.
    fn asks_for_anybody(&self) -> bool {
        let is_about_nobody = |found: TypeId| NO_PERSON.contains(&found.name());
        match self.towards {
            Towards::Referred => false,
            Towards::Referring => is_about_nobody(self.searched) && !is_about_nobody(self.source),
        }
    }
}
