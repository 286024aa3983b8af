//! Ties of care of the persons of an exchange, from one system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::reference::{Id, Local};

use super::EvidenceFault;
use super::asked::Asked;
use super::gather::{Gathering, at_once, known_parties, list, referred};
use crate::agreement::RelationshipKind;
use crate::decision::facts::{Identity, Tie, TieParty};
use crate::enforce::facts::directory::{self, Named};
use crate::enforce::facts::ties::{self, StatedByRecord};
use crate::upstream::UpstreamFault;

/// The types a tie may name by id, those that refer to others first.
pub(super) const DIRECTORY: [&str; 3] = ["PractitionerRole", "Organization", "Practitioner"];

impl Gathering<'_> {
    /// Adds the ties that the system records, kind by kind, until everyone has one that counts.
    pub(super) async fn tie(&mut self, asked: &Asked<'_>) -> Result<(), EvidenceFault> {
        self.remembered(asked);
        for kind in self.kinds() {
            let ids = self.untied(asked);
            if ids.is_empty() {
                return Ok(());
            }
            let mut stated = Vec::new();
            for some in at_once(&ids) {
                let parameters = vec![("patient", list(some.iter().map(Id::as_str)))];
                let held = match self.search(asked, ties::type_of(*kind), parameters).await {
                    Ok(held) => held,
                    // A system that does not hold such resources proves no such tie; another kind may still count.
                    Err(EvidenceFault::Upstream(UpstreamFault::Rejected)) => break,
                    Err(fault) => return Err(fault),
                };
                let found = ties::ties(&held, *kind, &asked.system.name, &asked.bases, &some);
                stated.extend(found.map_err(|source| asked.fault(source))?);
            }
            let unnamed =
                stated.iter().map(|tie| std::slice::from_ref(&tie.party)).flat_map(referred).cloned();
            let directory = self.directory(asked, unnamed.collect()).await?;
            self.add_ties(asked, *kind, stated, &directory);
        }
        Ok(())
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
        directory: &BTreeMap<Local, Vec<TieParty>>,
    ) {
        let mut found: BTreeMap<Id, Vec<Tie>> = BTreeMap::new();
        for tie in stated {
            let parties = match &tie.party {
                Named::Known(party) => vec![party.clone()],
                Named::ById(local) => directory.get(local).cloned().unwrap_or_default(),
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
        &self,
        asked: &Asked<'_>,
        wanted: BTreeSet<Local>,
    ) -> Result<BTreeMap<Local, Vec<TieParty>>, EvidenceFault> {
        let mut entries: BTreeMap<Local, Arc<[Named]>> = BTreeMap::new();
        let mut open = wanted.clone();
        for resource_type in DIRECTORY {
            let of_type: Vec<Local> =
                open.iter().filter(|local| local.resource_type.as_str() == resource_type).cloned().collect();
            let found = self.directory_of(asked, resource_type, of_type).await?;
            open.extend(found.values().flat_map(|named| referred(named)).cloned());
            entries.extend(found);
        }
        let resolved = wanted.into_iter().map(|local| {
            let named = entries.get(&local).map(|named| named.to_vec()).unwrap_or_default();
            let further =
                referred(&named).filter_map(|next| entries.get(next)).flat_map(|next| known_parties(next));
            let parties: BTreeSet<TieParty> = known_parties(&named).chain(further).cloned().collect();
            (local, parties.into_iter().collect())
        });
        Ok(resolved.collect())
    }

    async fn directory_of(
        &self,
        asked: &Asked<'_>,
        resource_type: &'static str,
        wanted: Vec<Local>,
    ) -> Result<BTreeMap<Local, Arc<[Named]>>, EvidenceFault> {
        let name = &asked.system.name;
        let cache = &self.wells.cache.directory;
        let mut found = BTreeMap::new();
        let mut missing = BTreeSet::new();
        for local in wanted {
            match cache.get(&(name.clone(), local.clone())) {
                Some(named) => {
                    found.insert(local, named);
                }
                None => {
                    missing.insert(local);
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let ids = list(missing.iter().map(|local| local.id.as_str()));
        let held = match self.search(asked, resource_type, vec![("_id", ids)]).await {
            Ok(held) => held,
            // Who they are cannot be known: what names them names nobody.
            Err(EvidenceFault::Upstream(UpstreamFault::Rejected)) => return Ok(found),
            Err(fault) => return Err(fault),
        };
        let entries =
            directory::entries(&held, resource_type, &asked.bases).map_err(|source| asked.fault(source))?;
        for (local, named) in entries {
            if missing.contains(&local) {
                let named: Arc<[Named]> = Arc::from(named);
                cache.insert((name.clone(), local.clone()), Arc::clone(&named));
                found.insert(local, named);
            }
        }
        Ok(found)
    }
}
