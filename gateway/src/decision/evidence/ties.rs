//! Ties of care of the persons of an exchange, from one system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::reference::{Id, Local};

use super::EvidenceFault;
use super::apart::with_ids;
use super::asked::Asked;
use super::gather::{Gathering, known_parties, list, referred};
use crate::agreement::RelationshipKind;
use crate::decision::facts::{Identity, Proven, Tie, TieParty};
use crate::enforce::facts::directory::{self, Named};
use crate::enforce::facts::ties::{self, StatedByRecord};
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;

/// The types a tie may name by id, those that refer to others first.
pub(super) const DIRECTORY: [&str; 3] = ["PractitionerRole", "Organization", "Practitioner"];

/// Who the resources of a system are that records refer to by id.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub(super) named: BTreeMap<Local, Vec<TieParty>>,
    /// Those of which alone the system does not tell.
    pub(super) unknown: BTreeSet<Local>,
}

impl Gathering<'_> {
    /// Adds the ties that the system records, kind by kind, until everyone has one that counts.
    pub(super) async fn tie(&mut self, asked: &Asked<'_>) -> Result<(), EvidenceFault> {
        self.remembered(asked);
        for kind in self.kinds() {
            let ids = self.untied(asked);
            if ids.is_empty() {
                return Ok(());
            }
            let about = |some: &BTreeSet<Id>| vec![("patient", list(some.iter().map(Id::as_str)))];
            let name = &asked.system.name;
            let read = &|held: Unfiltered<Held>, some: &BTreeSet<Id>| {
                ties::ties(&held, *kind, name, &asked.bases, some)
            };
            let told = match self.by_ids((asked, ties::type_of(*kind)), &ids, &about, read).await {
                Ok(told) => told,
                // A system that does not hold such resources proves no such tie; another kind may still count.
                Err(EvidenceFault::Upstream(why)) if why.is_not_taken() => continue,
                Err(fault) => return Err(fault),
            };
            let (stated, mut untold): (Vec<_>, _) = (told.parts.into_iter().flatten().collect(), told.failed);
            let unnamed =
                stated.iter().map(|tie| std::slice::from_ref(&tie.party)).flat_map(referred).cloned();
            let directory = self.directory(asked, unnamed.collect()).await?;
            untold.extend(
                stated.iter().filter(|tie| !directory.tells(&tie.party)).map(|tie| tie.person.clone()),
            );
            self.doubt_ties(asked, &untold);
            self.add_ties(asked, *kind, stated, &directory);
        }
        Ok(())
    }

    /// Whether these have a tie cannot be told, unless another one is found.
    fn doubt_ties(&mut self, asked: &Asked<'_>, untold: &BTreeSet<Id>) {
        for known in &mut self.people {
            if known.ids.get(&asked.system.name).is_some_and(|id| untold.contains(id)) {
                known.evidence.proof = known.evidence.proof.max(Proven::TiesUnknown);
            }
        }
    }

    /// Takes up ties that were found a moment ago.
    fn remembered(&mut self, asked: &Asked<'_>) {
        let name = &asked.system.name;
        let cache = &self.wells.cache.ties;
        let kinds = self.kinds();
        for known in &mut self.people {
            let Some(id) = known.ids.get(name) else { continue };
            for kind in kinds {
                let found = cache.get(&(name.clone(), id.clone(), *kind));
                known.evidence.ties.extend(found.iter().flat_map(|ties| ties.iter().cloned()));
            }
        }
    }

    /// The Patients of persons without a tie that counts.
    fn untied(&self, asked: &Asked<'_>) -> BTreeSet<Id> {
        self.people
            .iter()
            .filter(|known| known.evidence.met.is_in_person())
            .filter(|known| known.evidence.identity == Identity::Certain && !self.is_tied(known))
            .filter_map(|known| known.ids.get(&asked.system.name))
            .cloned()
            .collect()
    }

    fn add_ties(
        &mut self,
        asked: &Asked<'_>,
        kind: RelationshipKind,
        stated: Vec<StatedByRecord>,
        directory: &Directory,
    ) {
        let mut found: BTreeMap<Id, Vec<Tie>> = BTreeMap::new();
        for tie in stated {
            let parties = match &tie.party {
                Named::Known(party) => vec![party.clone()],
                Named::ById(local) => directory.named.get(local).cloned().unwrap_or_default(),
            };
            found.entry(tie.person).or_default().extend(parties.into_iter().map(|party| Tie {
                kind,
                party,
                from: tie.from,
                last_day: tie.last_day,
                evidence: tie.evidence.clone(),
            }));
        }
        let name = &asked.system.name;
        for known in &mut self.people {
            let Some(ties) = known.ids.get(name).and_then(|id| found.get(id)) else { continue };
            known.evidence.ties.retain(|tie| tie.kind != kind || !ties.contains(tie));
            known.evidence.ties.extend(ties.iter().cloned());
        }
        for (id, ties) in found {
            if !ties.is_empty() {
                self.wells.cache.ties.insert((name.clone(), id, kind), Arc::from(ties));
            }
        }
    }

    /// Who the resources of a system are that records refer to by id.
    pub(super) async fn directory(
        &mut self,
        asked: &Asked<'_>,
        wanted: BTreeSet<Local>,
    ) -> Result<Directory, EvidenceFault> {
        let mut unread = BTreeSet::new();
        let mut entries: BTreeMap<Local, Arc<[Named]>> = BTreeMap::new();
        let mut open = wanted.clone();
        for resource_type in DIRECTORY {
            let of_type: Vec<Local> =
                open.iter().filter(|local| local.resource_type.as_str() == resource_type).cloned().collect();
            let (found, failed) = self.directory_of(asked, resource_type, of_type).await?;
            unread.extend(failed);
            open.extend(found.values().flat_map(|named| referred(named)).cloned());
            entries.extend(found);
        }
        let mut resolved = Directory::default();
        for local in wanted {
            let named = entries.get(&local).map(|named| named.to_vec()).unwrap_or_default();
            if unread.contains(&local) || referred(&named).any(|next| unread.contains(next)) {
                resolved.unknown.insert(local.clone());
            }
            let further =
                referred(&named).filter_map(|next| entries.get(next)).flat_map(|next| known_parties(next));
            let parties: BTreeSet<TieParty> = known_parties(&named).chain(further).cloned().collect();
            resolved.named.insert(local, parties.into_iter().collect());
        }
        Ok(resolved)
    }

    /// The entries of one type, and those of which alone the system does not tell.
    async fn directory_of(
        &mut self,
        asked: &Asked<'_>,
        resource_type: &'static str,
        wanted: Vec<Local>,
    ) -> Result<(BTreeMap<Local, Arc<[Named]>>, BTreeSet<Local>), EvidenceFault> {
        let name = &asked.system.name;
        let cache = &self.wells.cache.directory;
        let mut found = BTreeMap::new();
        let mut missing: BTreeMap<Id, Local> = BTreeMap::new();
        for local in wanted {
            match cache.get(&(name.clone(), local.clone())) {
                Some(named) => {
                    found.insert(local, named);
                }
                None => {
                    missing.insert(local.id.clone(), local);
                }
            }
        }
        if missing.is_empty() {
            return Ok((found, BTreeSet::new()));
        }
        let ids = missing.keys().cloned().collect();
        let read = &|held: Unfiltered<Held>, _: &BTreeSet<Id>| {
            directory::entries(&held, resource_type, &asked.bases)
        };
        let told = match self.by_ids((asked, resource_type), &ids, &with_ids, read).await {
            Ok(told) => told,
            // Who they are cannot be known: what names them names nobody.
            Err(EvidenceFault::Upstream(why)) if why.is_not_taken() => return Ok((found, BTreeSet::new())),
            Err(fault) => return Err(fault),
        };
        for (local, named) in told.parts.into_iter().flatten() {
            if missing.get(&local.id) == Some(&local) {
                let named: Arc<[Named]> = Arc::from(named);
                cache.insert((name.clone(), local.clone()), Arc::clone(&named));
                found.insert(local, named);
            }
        }
        let failed = told.failed.iter().filter_map(|id| missing.remove(id)).collect();
        Ok((found, failed))
    }
}

impl Directory {
    /// Whether a tie to this party counts or not is known.
    fn tells(&self, party: &Named) -> bool {
        match party {
            Named::Known(_) => true,
            Named::ById(local) => !self.unknown.contains(local),
        }
    }

    /// Whether the system was asked for all of these and told what it knows of them.
    pub(super) fn knows(&self, locals: &BTreeSet<Local>) -> bool {
        self.unknown.is_disjoint(locals) && locals.iter().all(|local| self.named.contains_key(local))
    }
}
