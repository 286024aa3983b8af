//! The order in which evidence is gathered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::identifier::NHS_NUMBER;
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Id, Local};

use super::anyone::{nobody, nothing};
use super::apart::{Parameters, Reading, Search, Spare, Told, with_ids};
use super::asked::{Asked, proving};
use super::claims::{Borne, stated};
use super::merged::{Hers, Holder};
use super::{Evidence, EvidenceFault, Unusable, Wells};
use crate::agreement::RelationshipKind;
use crate::decision::facts::{Identity, Met, PersonEvidence, Proven, TieParty};
use crate::decision::relationship;
use crate::decision::ruling::{Admitted, Direction};
use crate::enforce::facts::directory::Named;
use crate::enforce::facts::{self, PatientFacts, Validity, Verification};
use crate::enforce::subjects::{StatedTie, Subjects};
use crate::person::{PersonKey, SystemName};
use crate::settings::{Speaks, System};

/// The most persons asked about in one search: what it finds stays within its bounds.
const AT_ONCE: usize = 200;

/// The exchange whose evidence is gathered, and what is known so far.
pub(super) struct Gathering<'a> {
    pub(super) admitted: &'a Admitted,
    pub(super) wells: Wells<'a>,
    pub(super) people: Vec<Known>,
    /// Where in `people` each person is.
    places: BTreeMap<PersonKey, usize>,
    stated: &'a [StatedTie],
    /// Numbers that more than one Patient of the system at hand holds.
    shared: BTreeSet<NhsNumber>,
    /// Systems that were asked for the Patients of numbers.
    located: BTreeSet<SystemName>,
    /// Who bears which numbers on each system.
    pub(super) borne: BTreeMap<SystemName, Borne>,
    /// Who and what is nowhere.
    nobody: Option<NhsNumber>,
    nothing: Option<Id>,
    /// What could not be used about some.
    unusable: Vec<Unusable>,
    spare: Spare,
}

/// A person and what is known about her so far.
pub(super) struct Known {
    pub(super) key: PersonKey,
    /// Whom her record claims to be without proof, or was merged with: their denials count, their permits do not.
    pub(super) claimed: BTreeSet<PersonKey>,
    /// Other Patients that she is too: their denials count, their permits do not.
    pub(super) merged: BTreeSet<(SystemName, Id)>,
    /// Her Patient on each system.
    pub(super) ids: BTreeMap<SystemName, Id>,
    /// Systems whose Patient merely claims to be her.
    pub(super) doubted: BTreeSet<SystemName>,
    pub(super) evidence: PersonEvidence,
}

pub(super) async fn gather(
    admitted: &Admitted,
    subjects: &Subjects,
    wells: Wells<'_>,
) -> Result<Evidence, EvidenceFault> {
    let mut gathering = Gathering {
        admitted,
        wells,
        people: Vec::new(),
        places: BTreeMap::new(),
        stated: &subjects.stated_ties,
        shared: BTreeSet::new(),
        located: BTreeSet::new(),
        borne: BTreeMap::new(),
        nobody: nobody(),
        nothing: nothing(),
        unusable: Vec::new(),
        spare: Spare::default(),
    };
    let holder = match &subjects.system {
        Some(name) => Some(gathering.asked(name)?),
        None => None,
    };
    let mut patients = BTreeMap::new();
    if let Some(holder) = &holder {
        patients = gathering.identify(holder, subjects).await?;
    } else {
        // Patients of no system: nobody holds them, so nobody knows who they are.
        for id in &subjects.patients {
            let key = PersonKey::Local { system: SystemName::new(""), id: id.clone() };
            patients.insert(id.clone(), key.clone());
            gathering.add(Known::unknown(key));
        }
    }
    for number in &subjects.nhs_numbers {
        gathering.name(*number, Met::InPerson);
    }
    for number in &subjects.kin {
        gathering.name(*number, Met::AsKin);
    }
    // Who is named by number alone may have a Patient, and with it a shield, where the content is.
    if let (Some(holder), Direction::Read) = (&holder, admitted.parties().direction) {
        gathering.locate(holder).await?;
    }
    if let Some(holder) = &holder {
        gathering.heed_claims(holder).await?;
    }
    let discloser = &admitted.parties().discloser;
    let at_hand = holder.as_ref().map(|holder| &holder.system.name);
    for source in proving(wells.settings, discloser, at_hand)? {
        gathering.locate(&source).await?;
        gathering.tie(&source).await?;
    }
    gathering.consents_of_systems(holder.as_ref()).await?;
    let epochs = gathering.consents().await?;
    let Gathering { people, unusable, .. } = gathering;
    let persons = people.into_iter().map(|known| (known.key, known.evidence)).collect();
    let mut evidence = Evidence::stated(persons, patients, subjects.stated_ties.clone());
    evidence.epochs = epochs;
    evidence.doubt(unusable);
    Ok(evidence)
}

impl<'a> Gathering<'a> {
    pub(super) fn asked(&self, name: &SystemName) -> Result<Asked<'a>, EvidenceFault> {
        Asked::of(name, self.wells.settings)
    }

    /// Whether nothing more is needed to say that the person has a tie of care to the recipient.
    pub(super) fn is_tied(&self, known: &Known) -> bool {
        let whose = self.people.iter().filter(|known| known.evidence.met.is_in_person()).count();
        let stated = if whose == 1 && known.evidence.met.is_in_person() { self.stated } else { &[] };
        relationship::established(self.admitted, stated, &known.evidence.ties).is_ok()
    }

    pub(super) fn kinds(&self) -> &'a [RelationshipKind] {
        &self.admitted.agreement().relationship
    }

    /// Asks a system about these ids; those about whom alone it does not answer stand by themselves.
    pub(super) async fn by_ids<T>(
        &mut self,
        (asked, resource_type): (&Asked<'_>, &'static str),
        ids: &BTreeSet<Id>,
        about: &(dyn Fn(&BTreeSet<Id>) -> Parameters + Sync),
        read: Reading<'_, Id, T>,
    ) -> Result<Told<Id, T>, EvidenceFault> {
        let system = &asked.system.name;
        let nobody = self.nothing.as_ref();
        let search = Search { system, resource_type, about, nobody, at_once: AT_ONCE };
        let told = search.ask(ids, self.wells.upstream, &mut self.spare, read).await?;
        self.unusable.extend(told.why.clone());
        Ok(told)
    }

    /// The Patients that hold these numbers, and the numbers about which alone the system does not answer.
    pub(super) async fn by_numbers(
        &mut self,
        asked: &Asked<'_>,
        numbers: &BTreeSet<NhsNumber>,
    ) -> Result<(Vec<PatientFacts>, BTreeSet<NhsNumber>), EvidenceFault> {
        let system = &asked.system.name;
        let about = |some: &BTreeSet<NhsNumber>| vec![("identifier", nhs_numbers(some))];
        let nobody = self.nobody.as_ref();
        let search = Search { system, resource_type: "Patient", about: &about, nobody, at_once: AT_ONCE };
        let read =
            &|held, some: &BTreeSet<NhsNumber>| facts::patients_by_nhs_number(&held, some, &asked.bases);
        let told = search.ask(numbers, self.wells.upstream, &mut self.spare, read).await?;
        self.unusable.extend(told.why);
        let found: Vec<PatientFacts> = told.parts.into_iter().flatten().collect();
        self.borne.entry(system.clone()).or_default().take(numbers, &found, &told.failed);
        Ok((found, told.failed))
    }

    /// The Patients with these ids, and the ids about which alone the system does not answer.
    pub(super) async fn patients(
        &mut self,
        asked: &Asked<'_>,
        ids: &BTreeSet<Id>,
    ) -> Result<(Vec<PatientFacts>, BTreeSet<Id>), EvidenceFault> {
        let read = &|held, some: &BTreeSet<Id>| facts::patients_by_id(&held, some, &asked.bases);
        let told = self.by_ids((asked, "Patient"), ids, &with_ids, read).await?;
        Ok((told.parts.into_iter().flatten().collect(), told.failed))
    }

    /// Finds out who the Patients of `holder` are. What was read a moment ago is not asked for again.
    async fn identify(
        &mut self,
        holder: &Asked<'_>,
        subjects: &Subjects,
    ) -> Result<BTreeMap<Id, PersonKey>, EvidenceFault> {
        let ids = &subjects.patients;
        // A system without FHIR tells of records beside it that cannot be translated only where it is searched.
        let read = subjects.read.as_ref().filter(|_| matches!(holder.system.speaks, Speaks::Fhir));
        let mut found: Vec<PatientFacts> = read.cloned().into_iter().collect();
        let is_unread = |id: &&Id| read.is_none_or(|facts| facts.id != **id);
        let unread: BTreeSet<Id> = ids.iter().filter(is_unread).cloned().collect();
        let (others, unread) = self.patients(holder, &unread).await?;
        found.extend(others);
        let numbers: BTreeSet<NhsNumber> =
            found.iter().filter_map(|facts| verified(facts, holder.system)).collect();
        let (doubtful, replaced) = self.share_numbers(holder, &numbers, &found).await?;
        // Records that were found by number alone are followed like those that were asked for.
        let by_number = replaced.values().flat_map(|hers| hers.all()).cloned();
        let merged = self.merged(holder, found.iter().cloned().chain(by_number).collect()).await?;
        // One that is there twice is as cautious as either.
        let mut of_id: BTreeMap<&Id, PatientFacts> = BTreeMap::new();
        for facts in &found {
            let joined = match of_id.remove(&facts.id) {
                Some(other) => other.joined(facts.clone()),
                None => facts.clone(),
            };
            of_id.insert(&facts.id, joined);
        }
        let mut patients = BTreeMap::new();
        for id in ids {
            let mut known = Known::of(of_id.get(id), id, holder.system, &self.shared);
            let hers = replaced.get(id).map(|hers| &**hers);
            known.merge(id, hers, &merged, holder);
            known.stand_as(hers, holder.system);
            if unread.contains(id) || known.number().is_some_and(|number| doubtful.contains(&number)) {
                known.evidence.proof = Proven::None;
            }
            patients.insert(id.clone(), known.key.clone());
            self.add(known);
        }
        Ok(patients)
    }

    /// Finds those of `numbers` that more than one person of the system holds. What comes back are those of which that
    /// cannot be told, and the records of whom the system holds under several that were merged, by the id of each.
    async fn share_numbers(
        &mut self,
        holder: &Asked<'_>,
        numbers: &BTreeSet<NhsNumber>,
        found: &[PatientFacts],
    ) -> Result<(BTreeSet<NhsNumber>, BTreeMap<Id, Arc<Hers>>), EvidenceFault> {
        let name = &holder.system.name;
        let holders = &self.wells.cache.holders;
        let is_known = |number: &NhsNumber| {
            let id = holders.get(&(name.clone(), *number));
            let mut of_number = found.iter().filter(|facts| facts.nhs_numbers.contains(number));
            id.is_some_and(|id| of_number.all(|facts| facts.id == id))
        };
        let unknown: BTreeSet<NhsNumber> =
            numbers.iter().filter(|number| !is_known(number)).copied().collect();
        // What they state besides is asked with it.
        let stated = found.iter().flat_map(|facts| stated(facts, holder.system));
        let asked: BTreeSet<NhsNumber> = unknown.iter().copied().chain(stated).collect();
        if asked.is_empty() {
            return Ok((BTreeSet::new(), BTreeMap::new()));
        }
        let (all, doubtful) = self.by_numbers(holder, &asked).await?;
        let mut replaced = BTreeMap::new();
        for number in unknown.difference(&doubtful).copied() {
            match Holder::of(all.iter().chain(found), number) {
                Holder::Nobody => {}
                Holder::One(hers) => {
                    let hers = Arc::new(hers);
                    if hers.former.is_empty() {
                        holders.insert((name.clone(), number), hers.current.id.clone());
                    } else {
                        // How she is protected under a former record is read anew each time.
                        holders.invalidate(&(name.clone(), number));
                        replaced.extend(hers.all().map(|facts| (facts.id.clone(), Arc::clone(&hers))));
                    }
                }
                Holder::Several => {
                    tracing::error!(system = name.as_str(), "two patients of one system hold one nhs number");
                    self.shared.insert(number);
                }
            }
        }
        Ok((doubtful, replaced))
    }

    /// A person named by a valid number is known by it, wherever her records are.
    fn name(&mut self, number: NhsNumber, met: Met) {
        let mut known = Known::unknown(PersonKey::Nhs(number));
        known.evidence.met = met;
        known.evidence.identity =
            if self.shared.contains(&number) { Identity::Duplicated } else { Identity::Certain };
        self.add(known);
    }

    /// Adds a person; one who is there already keeps the most cautious of what is said about her.
    fn add(&mut self, known: Known) {
        match self.places.get(&known.key).and_then(|at| self.people.get_mut(*at)) {
            Some(other) => {
                other.ids.extend(known.ids);
                other.doubted.extend(known.doubted);
                other.evidence.identity = other.evidence.identity.max(known.evidence.identity);
                other.evidence.shield = other.evidence.shield.max(known.evidence.shield);
                other.evidence.proof = other.evidence.proof.max(known.evidence.proof);
                other.claimed.extend(known.claimed);
                other.merged.extend(known.merged);
                other.evidence.met = other.evidence.met.and(known.evidence.met);
            }
            None => {
                self.places.insert(known.key.clone(), self.people.len());
                self.people.push(known);
            }
        }
    }

    /// Finds the Patients of persons who are not known on the system by their numbers, and with them the shield. Only for
    /// those who have no tie yet, or of whom no record was seen.
    async fn locate(&mut self, asked: &Asked<'_>) -> Result<(), EvidenceFault> {
        let name = &asked.system.name;
        if self.located.contains(name) {
            return Ok(());
        }
        let wanted = |known: &&Known| {
            known.evidence.identity == Identity::Certain
                && !known.ids.contains_key(name)
                && (known.ids.is_empty() || !self.is_tied(known))
        };
        let numbers: BTreeSet<NhsNumber> =
            self.people.iter().filter(wanted).filter_map(|known| known.number()).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        self.located.insert(name.clone());
        let (found, doubtful) = self.by_numbers(asked, &numbers).await?;
        for known in &mut self.people {
            let Some(number) = known.number().filter(|number| numbers.contains(number)) else { continue };
            if doubtful.contains(&number) {
                known.evidence.proof = Proven::None;
            }
            match Holder::of(found.iter(), number) {
                Holder::Several => known.evidence.identity = Identity::Duplicated,
                Holder::One(hers) => {
                    known.take(&hers, name);
                    let one = hers.current;
                    if one.validity == Validity::Valid && verified(&one, asked.system).is_some() {
                        known.ids.insert(name.clone(), one.id);
                    } else {
                        known.beware(std::iter::once(&one), name);
                    }
                }
                Holder::Nobody => {}
            }
            known.beware_of_former(found.iter(), number, name);
        }
        Ok(())
    }
}

impl Known {
    fn unknown(key: PersonKey) -> Self {
        Self {
            key,
            claimed: BTreeSet::new(),
            merged: BTreeSet::new(),
            ids: BTreeMap::new(),
            doubted: BTreeSet::new(),
            evidence: PersonEvidence::default(),
        }
    }

    fn of(facts: Option<&PatientFacts>, id: &Id, holder: &System, shared: &BTreeSet<NhsNumber>) -> Self {
        let mut known = Self::unknown(PersonKey::Local { system: holder.name.clone(), id: id.clone() });
        // One that was taken back may be protected all the same.
        known.evidence.shield = facts.map(|facts| facts.shield).unwrap_or_default();
        let Some(facts) = facts.filter(|facts| facts.validity == Validity::Valid) else { return known };
        known.ids.insert(holder.name.clone(), id.clone());
        known.claimed = facts.nhs_numbers.iter().map(|number| PersonKey::Nhs(*number)).collect();
        known.evidence.identity = match verified(facts, holder) {
            Some(number) if shared.contains(&number) => Identity::Duplicated,
            Some(number) => {
                known.key = PersonKey::Nhs(number);
                known.claimed.clear();
                Identity::Certain
            }
            // Two numbers in use: nobody can tell which is hers.
            None if facts.nhs_numbers.len() > 1 => {
                known.evidence.proof = Proven::None;
                Identity::Unknown
            }
            None => Identity::Certain,
        };
        known
    }

    /// A Patient that was replaced is asked about under the one that stands for it; its own Consents deny, as those of any
    /// other record of hers.
    fn stand_as(&mut self, hers: Option<&Hers>, holder: &System) {
        let Some(hers) = hers else { return };
        let current = &hers.current.id;
        if let Some(former) = self.ids.insert(holder.name.clone(), current.clone())
            && former != *current
        {
            self.merged.insert((holder.name.clone(), former));
        }
    }

    pub(super) fn number(&self) -> Option<NhsNumber> {
        match &self.key {
            PersonKey::Nhs(number) => Some(*number),
            PersonKey::Local { .. } => None,
        }
    }
}

/// The number that is the key of the Patient, if there is one and it is verified.
pub(super) fn verified(facts: &PatientFacts, holder: &System) -> Option<NhsNumber> {
    let mut numbers = facts.nhs_numbers.iter();
    let (Some(number), None) = (numbers.next(), numbers.next()) else { return None };
    let trusted = match facts.verification {
        Verification::Verified => true,
        Verification::NotStated => holder.trusted_identity,
        Verification::NotVerified => false,
    };
    trusted.then_some(*number)
}

pub(super) fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(",")
}

pub(super) fn nhs_numbers(numbers: &BTreeSet<NhsNumber>) -> String {
    let tokens: Vec<String> =
        numbers.iter().map(|number| format!("{NHS_NUMBER}|{}", number.as_str())).collect();
    tokens.join(",")
}

/// The parties that an entry of a directory is known to be by itself.
pub(super) fn known_parties(named: &[Named]) -> impl Iterator<Item = &TieParty> {
    named.iter().filter_map(|named| match named {
        Named::Known(party) => Some(party),
        Named::ById(_) => None,
    })
}

pub(super) fn referred(named: &[Named]) -> impl Iterator<Item = &Local> {
    named.iter().filter_map(|named| match named {
        Named::ById(local) => Some(local),
        Named::Known(_) => None,
    })
}
