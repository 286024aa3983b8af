//! What the persons of an exchange have chosen: the Consents of systems that are a source of them, and the gateway's own.

use std::collections::{BTreeMap, BTreeSet};

use fhir::nhs_number::NhsNumber;
use fhir::reference::{Id, Local};

use super::EvidenceFault;
use super::asked::{Asked, consenting};
use super::gather::{Gathering, Known, list, verified};
use super::merged::{Holder, without_permits};
use crate::consent::provision::{Provisioned, Who};
use crate::decision::facts::{Identity, Proven, TieParty};
use crate::enforce::facts::{self, NotEvidence, Validity};
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::person::PersonKey;

/// The Consents about some, and to whom the actors of those of each refer.
struct Stated {
    of: BTreeSet<Id>,
    held: Unfiltered<Held>,
    actors: BTreeMap<Id, BTreeSet<Local>>,
}

impl Gathering<'_> {
    /// The Consents of systems that are a source of them: the one at hand and those of the discloser.
    pub(super) async fn consents_of_systems(
        &mut self,
        holder: Option<&Asked<'_>>,
    ) -> Result<(), EvidenceFault> {
        let discloser = &self.admitted.parties().discloser;
        let at_hand = holder.map(|holder| &holder.system.name);
        for asked in consenting(self.wells.settings, discloser, at_hand)? {
            let system = asked.system;
            self.locate_for_consent(&asked).await?;
            let hers = self.people.iter().filter_map(|known| known.ids.get(&system.name));
            let merged = self.people.iter().flat_map(|known| &known.merged);
            let others = merged.filter(|(name, _)| *name == system.name).map(|(_, id)| id);
            let ids: BTreeSet<Id> = hers.chain(others).cloned().collect();
            if ids.is_empty() {
                continue;
            }
            let (stated, mut unread) = self.stated(&asked, &ids).await?;
            let actors = || stated.iter().flat_map(|part| &part.actors);
            let all = actors().flat_map(|(_, theirs)| theirs).cloned().collect();
            let directory = self.directory(&asked, all).await?;
            // Those are in doubt whose own Consents name somebody unknown.
            unread.extend(
                actors().filter(|(_, theirs)| !directory.knows(theirs)).map(|(person, _)| person.clone()),
            );
            self.doubt_choices(&asked, &unread);
            for Stated { of, held, .. } in stated {
                let who = |local: &Local| directory.named.get(local).and_then(|named| who_of(named));
                let found = facts::consents(&held, &system.name, &asked.bases, &of, &who);
                let mut found = found.map_err(|source| asked.fault(source))?;
                found.retain(|(person, _)| !unread.contains(person));
                self.add_choices(&asked, found);
            }
        }
        Ok(())
    }

    /// The active Consents about these Patients, and those about whom alone they cannot be read.
    async fn stated(
        &mut self,
        asked: &Asked<'_>,
        ids: &BTreeSet<Id>,
    ) -> Result<(Vec<Stated>, BTreeSet<Id>), EvidenceFault> {
        let about = |some: &BTreeSet<Id>| {
            vec![("patient", list(some.iter().map(Id::as_str))), ("status", "active".to_owned())]
        };
        let name = &asked.system.name;
        let read = &|held: Unfiltered<Held>, some: &BTreeSet<Id>| {
            let actors = facts::actors_of_consents(&held, &asked.bases)?;
            facts::consents(&held, name, &asked.bases, some, &|_| None)?;
            Ok::<_, NotEvidence>(Stated { of: some.clone(), held, actors })
        };
        let told = self.by_ids((asked, "Consent"), ids, &about, read).await?;
        Ok((told.parts, told.failed))
    }

    /// Nobody can tell what these have chosen, nor those who were merged with them.
    fn doubt_choices(&mut self, asked: &Asked<'_>, unread: &BTreeSet<Id>) {
        let name = &asked.system.name;
        for known in &mut self.people {
            let is_she = known.ids.get(name).is_some_and(|id| unread.contains(id));
            let mut merged = known.merged.iter();
            if is_she || merged.any(|(system, id)| system == name && unread.contains(id)) {
                known.evidence.proof = Proven::None;
            }
        }
    }

    fn add_choices(&mut self, asked: &Asked<'_>, found: Vec<(Id, Provisioned)>) {
        let name = &asked.system.name;
        for (id, provisioned) in found {
            let other = (name.clone(), id.clone());
            let is_hers =
                |known: &&mut Known| known.ids.get(name) == Some(&id) || known.merged.contains(&other);
            self.people.iter_mut().filter(is_hers).for_each(|known| {
                // Someone who merely claims her number denies for her, and permits nothing.
                let is_she = known.ids.get(name) == Some(&id);
                let counts = match known.doubted.contains(name) || !is_she {
                    true => without_permits(provisioned.clone()),
                    false => provisioned.clone(),
                };
                known.evidence.consents.push(counts);
            });
        }
    }

    /// As [`Self::locate`], for everybody: a choice counts whether or not there is a tie.
    async fn locate_for_consent(&mut self, asked: &Asked<'_>) -> Result<(), EvidenceFault> {
        let name = &asked.system.name;
        let is_missing =
            |known: &&Known| known.evidence.identity == Identity::Certain && !known.ids.contains_key(name);
        let numbers: BTreeSet<NhsNumber> =
            self.people.iter().filter(is_missing).filter_map(Known::number).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let (found, doubtful) = self.by_numbers(asked, &numbers).await?;
        for known in &mut self.people {
            let Some(number) = known.number().filter(|number| numbers.contains(number)) else { continue };
            if doubtful.contains(&number) {
                known.evidence.proof = Proven::None;
            }
            match Holder::of(found.iter(), number) {
                // Whose choices these are cannot be told: she is as uncertain as on the holder itself.
                Holder::Several => known.evidence.identity = Identity::Duplicated,
                Holder::One(hers) => {
                    known.take(&hers, name);
                    let one = hers.current;
                    if one.validity != Validity::Valid || verified(&one, asked.system).is_none() {
                        known.doubted.insert(name.clone());
                    }
                    known.ids.insert(name.clone(), one.id);
                }
                Holder::Nobody => {}
            }
            known.beware_of_former(found.iter(), number, name);
        }
        Ok(())
    }

    /// The Consents of the gateway's own registry, and the epochs before they were read.
    pub(super) async fn consents(&mut self) -> Result<BTreeMap<PersonKey, u64>, EvidenceFault> {
        let claimed = self.people.iter().flat_map(|known| known.claimed.iter().cloned());
        let keys: BTreeSet<PersonKey> =
            self.people.iter().map(|known| known.key.clone()).chain(claimed).collect();
        let registry = self.wells.consents;
        let epochs = keys.iter().map(|key| (key.clone(), registry.epoch(key))).collect();
        let active = registry.active_for_all(keys, self.admitted.question().at).await?;
        for known in &mut self.people {
            known.evidence.consents.extend(active.get(&known.key).cloned().unwrap_or_default());
            for claimed in &known.claimed {
                let theirs = active.get(claimed).cloned().unwrap_or_default();
                known.evidence.consents.extend(theirs.into_iter().map(without_permits));
            }
        }
        Ok(epochs)
    }
}

/// The one party that an actor is: an organisation before the members of its staff.
fn who_of(named: &[TieParty]) -> Option<Who> {
    let mut parties: Vec<&TieParty> = named.iter().collect();
    parties.sort_unstable();
    match parties.as_slice() {
        [TieParty::Organisation(code)] => Some(Who::Organisation(code.clone())),
        [TieParty::Staff(id)] => Some(Who::Staff(id.clone())),
        _ => None,
    }
}
