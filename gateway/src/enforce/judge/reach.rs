//! What a reference may show: that of what is known to be visible, or of what is about nobody.

use std::collections::{BTreeMap, BTreeSet};

use fhir::identifier;
use fhir::json::Node;
use fhir::reference::{Local, LocalText, Reference};
use fhir::tables::TypeId;

use super::super::criteria::Nesting;
use super::super::masks::Whereabouts;
use super::super::minimise::{Reach, View, Withheld, Written, resource};
use super::super::persons::{Came, is_nhs_number, nhs_number};
use super::super::resource_facts::reference_of;
use super::concerned::Concerned;
use super::weighing::Around;
use super::{Judge, Permitted};
use crate::agreement::SharedType;
use crate::decision::following::{NO_PERSON, PLACES};
use crate::person::PersonKey;

/// Registers of organisations and their staff: who is named by one of their identifiers is no patient.
pub(in crate::enforce) const REGISTERS: [&str; 11] = [
    identifier::ODS_ORGANIZATION_CODE,
    identifier::ODS_SITE_CODE,
    identifier::SDS_USER_ID,
    identifier::SDS_ROLE_PROFILE_ID,
    identifier::DOS_SERVICE_ID,
    identifier::GMC_NUMBER,
    identifier::NMC_NUMBER,
    identifier::GMP_NUMBER,
    identifier::GDC_NUMBER,
    identifier::GPHC_NUMBER,
    identifier::HCPC_NUMBER,
];

/// Which of the references that are shared may be shown, when they lead to what may be about a person.
#[derive(Debug, Clone, Copy)]
pub(in crate::enforce) enum Targets<'a> {
    /// Those to resources that are known to be visible, by `Type/id`.
    Known(&'a BTreeSet<String>),
    /// Those to types of which everything is shared: ids that a sender wrote, for a receiver who holds what they name
    /// and of whom the sender hears nothing.
    OfOpenTypes,
    /// Those to all types that are shared: to find what they lead to. Not for showing.
    OfSharedTypes,
}

impl Targets<'_> {
    /// Nothing is known to be visible.
    pub(in crate::enforce) const NONE: Targets<'static> = Targets::Known(&BTreeSet::new());
}

/// What becomes of the entries of a Bundle, by the names by which they can refer to each other.
pub(super) type Inside = BTreeMap<String, Becomes>;

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    Shown,
    KeptBack,
}

impl Becomes {
    /// Whether it comes out.
    pub(super) const fn is_shown(self) -> bool {
        matches!(self, Self::Shown)
    }
}

/// A resource of this system to which a reference leads.
struct Place<'r> {
    resource_type: &'r str,
    id: &'r str,
    /// `Type/id`.
    relative: &'r str,
    versions: Versions,
}

/// Whether one version of it is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    All,
    One,
}

impl<'r> From<LocalText<'r>> for Place<'r> {
    fn from(local: LocalText<'r>) -> Self {
        let versions = if local.version().is_some() { Versions::One } else { Versions::All };
        Self { resource_type: local.resource_type(), id: local.id(), relative: local.relative(), versions }
    }
}

impl Judge<'_> {
    /// What becomes of the entries of a Bundle, each by itself; nothing for what is no Bundle.
    pub(super) fn inside(&self, bundle: Node<'_>, around: &Around, permitted: &Permitted) -> Inside {
        let mut inside = Inside::new();
        if !bundle.member("resourceType").is_some_and(|name| name.is_string("Bundle")) {
            return inside;
        }
        let alone = Judge { targets: Targets::NONE, version: None, ..*self };
        let nesting = Nesting::of(bundle);
        let mask = |owner: TypeId, inner: Node<'_>| {
            if self.is_of_no_rule(owner) {
                return None;
            }
            let mask = alone.mask(owner, nesting.of_one(inner), around, permitted).ok();
            mask.filter(|_| !self.is_of_unknown_owner(owner))
        };
        let reach = |reference: Node<'_>| alone.reach(reference, &permitted.concerned, &Inside::new());
        let full_url = |_: &str| Written::AsItStands;
        let link = |url: &str| alone.link(url, &Inside::new());
        // Of what a holder sent nothing stands or falls with content: a Binary inside is kept back anyway.
        let content = |base64: &str| match self.came {
            Came::FromHolder => Some(Written::AsItStands),
            Came::Submitted => alone.content(base64),
        };
        let view = View {
            mask: &mask,
            reach: &reach,
            full_url: &full_url,
            link: &link,
            content: &content,
            marks: self.marks(),
            version: None,
        };
        for entry in bundle.walk(&["entry"]) {
            let Some(held) = entry.member("resource") else { continue };
            let becomes = match resource(held, &view, &mut Withheld::default(), &mut Vec::new()) {
                Ok(()) => Becomes::Shown,
                Err(_) => Becomes::KeptBack,
            };
            let urn = entry.str_at(&["fullUrl"]).map(|url| url.to_ascii_lowercase());
            for name in urn.into_iter().chain([reference_of(held)]) {
                inside.insert(name, becomes);
            }
        }
        inside
    }

    /// What may be shown of a Reference: what it leads to is known to be visible, or is about nobody.
    pub(super) fn reach(&self, reference: Node<'_>, concerned: &Concerned, inside: &Inside) -> Reach {
        let Some(text) = reference.str_at(&["reference"]) else {
            return self.logical(reference, concerned);
        };
        // One that bears two names is of both.
        if self.is_numbered_otherwise(reference, concerned) {
            return Reach::Stranger;
        }
        if let Some(local) = LocalText::parse(&text) {
            return self.reach_of(&Place::from(local), &text, (concerned, inside));
        }
        match Reference::parse(&text, self.bases) {
            Ok(Reference::Local(local)) => {
                let place = Place {
                    resource_type: local.resource_type.as_str(),
                    id: local.id.as_str(),
                    relative: &local.to_relative(),
                    versions: if local.version.is_some() { Versions::One } else { Versions::All },
                };
                self.reach_of(&place, &text, (concerned, inside))
            }
            // Within one Bundle. Persons are judged by whom they are, and everybody in it permits.
            Ok(Reference::Urn(urn)) => match (inside.get(&*urn), self.came) {
                (Some(Becomes::Shown), _) | (None, Came::Submitted) => Reach::Tie(Written::AsItStands),
                (Some(Becomes::KeptBack), _) | (None, Came::FromHolder) => Reach::Hidden,
            },
            // Within one resource; what they point at is judged there.
            Ok(Reference::Contained(_) | Reference::Container) => Reach::Tie(Written::AsItStands),
            Ok(Reference::Elsewhere(_)) | Err(_) => Reach::Hidden,
        }
    }

    /// The same of one to a resource of this system, written as `text`.
    fn reach_of(&self, place: &Place<'_>, text: &str, (concerned, inside): (&Concerned, &Inside)) -> Reach {
        let Place { resource_type, relative, .. } = *place;
        let is_version = place.versions == Versions::One && self.came == Came::FromHolder;
        let written = || match relative == text {
            true => Written::AsItStands,
            false => Written::Anew(relative.to_owned()),
        };
        if resource_type == "Patient" {
            return match (self.patient_stays(place.id, concerned), is_version) {
                (false, _) => Reach::Stranger,
                (true, true) => Reach::Version(written()),
                (true, false) => Reach::Tie(written()),
            };
        }
        // An element may refer to anything: where a protected person is stays hidden behind each of them.
        if PLACES.contains(&resource_type) && self.hides_places(concerned) {
            return Reach::Unseen;
        }
        let leads_to = self.leads_to(resource_type);
        match (self.may_be_seen((resource_type, leads_to), relative, inside), leads_to) {
            // Versions have other names in the view, and what this one shows is not known.
            (_, Some(_)) if is_version => Reach::Unseen,
            (true, _) => Reach::Visible(written()),
            (false, Some(_)) if self.came == Came::FromHolder => Reach::Unseen,
            (false, _) => Reach::Hidden,
        }
    }

    /// Whether the resource is about somebody whose whereabouts are protected, or is taken for that.
    fn hides_places(&self, concerned: &Concerned) -> bool {
        self.sheltered.is_everywhere() || concerned.whereabouts == Whereabouts::Shielded
    }

    /// Whether the requestor may see what a reference leads to, Patients aside.
    fn may_be_seen(
        &self,
        (type_name, leads_to): (&str, Option<TypeId>),
        relative: &str,
        inside: &Inside,
    ) -> bool {
        let Some(target) = fhir::tables::resource_type(type_name) else { return false };
        if (leads_to.is_none() || self.looked_up.contains(&target)) && !self.may_be_named(target) {
            return false;
        }
        if leads_to.is_none() {
            return true;
        }
        match (inside.get(relative), self.targets) {
            (Some(Becomes::Shown), _) => true,
            (Some(Becomes::KeptBack), Targets::OfOpenTypes) => false,
            (_, Targets::Known(known)) => known.contains(relative),
            (None, Targets::OfOpenTypes) => self.may_be_named(target),
            (_, Targets::OfSharedTypes) => true,
        }
    }

    /// The type called `type_name` of what a reference leads to, when some of its resources may be shown and others not: one
    /// that is shared, and may be about a person or is shared only where conditions hold. A Patient is known by the person
    /// she is.
    pub(in crate::enforce) fn leads_to(&self, type_name: &str) -> Option<TypeId> {
        let target = fhir::tables::resource_type(type_name)?;
        let tables = self.ruling.admitted().share().tables(target);
        let is_open = NO_PERSON.contains(&target.name()) && tables.iter().any(SharedType::is_unconditional);
        let is_named = (PLACES.contains(&target.name()) || is_open) && !self.looked_up.contains(&target);
        let by_rule = target.name() == "Patient" || is_named;
        (!by_rule && !tables.is_empty()).then_some(target)
    }

    /// A reference by identifier alone: by NHS number it ties to a person. What else may be about a person cannot be
    /// looked up by it, and is hidden; a sender's own names are kept.
    fn logical(&self, reference: Node<'_>, concerned: &Concerned) -> Reach {
        let Some(name) = reference.member("identifier") else { return Reach::Hidden };
        let is_of = |named: &str| name.member("system").is_some_and(|system| system.is_string(named));
        if !is_nhs_number(name) {
            let names_a_place =
                reference.member("type").is_some_and(|named| PLACES.iter().any(|name| named.is_string(name)));
            if (names_a_place || is_of(identifier::ODS_SITE_CODE)) && self.hides_places(concerned) {
                return Reach::Unseen;
            }
            let about_nobody = match reference.member("type") {
                Some(named) => NO_PERSON.iter().chain(&PLACES).any(|name| named.is_string(name)),
                None => REGISTERS.into_iter().any(is_of),
            };
            return match about_nobody || self.came == Came::Submitted {
                true => Reach::Visible(Written::AsItStands),
                false => Reach::Hidden,
            };
        }
        match nhs_number(name).map(PersonKey::Nhs) {
            Some(person) if self.stays(&person, concerned) => Reach::Tie(Written::AsItStands),
            Some(_) | None => Reach::Stranger,
        }
    }

    /// Whether a reference bears the NHS number of somebody who does not permit.
    fn is_numbered_otherwise(&self, reference: Node<'_>, concerned: &Concerned) -> bool {
        let Some(name) = reference.member("identifier") else { return false };
        if !is_nhs_number(name) {
            return false;
        }
        nhs_number(name).map(PersonKey::Nhs).is_some_and(|person| !self.stays(&person, concerned))
    }

    /// Whether every resource of this type may be named: it is about nobody and shared, or shared without conditions
    /// by everyone who is permitted. An id of what may be hidden would tell that it is there.
    fn may_be_named(&self, target: TypeId) -> bool {
        let tables = self.ruling.admitted().share().tables(target);
        if tables.is_empty() {
            return false;
        }
        let is_unconditional = tables.iter().any(SharedType::is_unconditional);
        if NO_PERSON.contains(&target.name()) {
            return is_unconditional;
        }
        is_unconditional && self.ruling.is_unconditional()
    }

    /// How the `fullUrl` of an entry is written. One that names a resource of the system names the very resource that
    /// stands there, or it could name anybody.
    pub(super) fn full_url(&self, url: &str, named: &FullUrls) -> Written {
        match Reference::parse(url, self.bases) {
            Ok(Reference::Local(local)) if named.is_of(url, &local) => {
                Written::Anew(format!("{}/{}", self.face, local.to_relative()))
            }
            Ok(Reference::Urn(_)) => Written::AsItStands,
            Ok(
                Reference::Local(_)
                | Reference::Elsewhere(_)
                | Reference::Contained(_)
                | Reference::Container,
            )
            | Err(_) => Written::Anew(String::from("urn:oid:2.25.0")),
        }
    }
}

/// The resources of a Bundle by the `fullUrl` with which they stand.
pub(super) struct FullUrls(BTreeMap<String, BTreeSet<String>>);

impl FullUrls {
    /// Those of a Bundle; none of anything else.
    pub(super) fn of(bundle: Node<'_>) -> Self {
        let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        if !bundle.member("resourceType").is_some_and(|name| name.is_string("Bundle")) {
            return Self(named);
        }
        for entry in bundle.walk(&["entry"]) {
            if let Some(url) = entry.str_at(&["fullUrl"]) {
                let held = entry.member("resource").map(reference_of).unwrap_or_default();
                named.entry(url.into_owned()).or_default().insert(held);
            }
        }
        Self(named)
    }

    fn is_of(&self, url: &str, local: &Local) -> bool {
        let named = format!("{}/{}", local.resource_type.as_str(), local.id.as_str());
        self.0.get(url).is_some_and(|held| held.iter().all(|held| *held == named))
    }
}

/// Each of them once, in order.
pub(super) fn in_order(persons: impl Iterator<Item = PersonKey>) -> Vec<PersonKey> {
    let mut persons: Vec<PersonKey> = persons.collect();
    if persons.len() < 2 {
        return persons;
    }
    persons.sort_unstable();
    persons.dedup();
    persons
}
