//! One question about many, taken apart where its answer cannot be used.
//!
//! What a system holds about one person may be more than is read, or not what was asked for, or make it fail. Asked about
//! her together with others, it would fail for all of them. So the question is first asked about nobody: a system that
//! does not answer that is down as a whole, which is a fault for everyone alike. If it does, it is asked about fewer and
//! fewer, until those are left about whom alone it cannot be answered; the others are answered.
//!
//! What takes too long, cannot be reached or is busy is never hers: that may pass for anyone. What fails about her is
//! asked a second time, behind the question about nobody, before it counts as hers.

use std::collections::BTreeSet;

use fhir::reference::Id;

use super::{EvidenceFault, EvidenceSource, Unusable};
use crate::enforce::facts::NotEvidence;
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::person::SystemName;

/// How many questions more are asked in one gathering because others were not answered. Who is in doubt then stays so.
const MORE_MAX: usize = 512;

/// Name and value of each parameter of a search.
pub type Parameters = Vec<(&'static str, String)>;

/// A search about some of many.
pub struct Search<'a, K> {
    /// Where.
    pub system: &'a SystemName,
    /// What is searched.
    pub resource_type: &'static str,
    /// The parameters that ask about these.
    pub about: &'a (dyn Fn(&BTreeSet<K>) -> Parameters + Sync),
    /// Somebody or something that is nowhere.
    pub nobody: Option<&'a K>,
    /// How many are asked about at once.
    pub at_once: usize,
}

/// What reads the answer about those who were asked about.
pub type Reading<'a, K, T> = &'a (dyn Fn(Unfiltered<Held>, &BTreeSet<K>) -> Result<T, NotEvidence> + Sync);

/// How much more may be asked.
#[derive(Debug)]
pub struct Spare(usize);

/// What was answered.
#[derive(Debug)]
pub struct Told<K, T> {
    /// The answers, each about some.
    pub parts: Vec<T>,
    /// Those about whom alone there is none that can be used.
    pub failed: BTreeSet<K>,
    /// Why, for one of them.
    pub why: Option<Unusable>,
}

impl Default for Spare {
    fn default() -> Self {
        Self(MORE_MAX)
    }
}

impl Spare {
    /// Takes one question of what is left.
    const fn takes_one(&mut self) -> bool {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

impl<'a> Search<'a, Id> {
    /// A search for resources by id, on behalf of which `nothing` is asked for too.
    #[must_use]
    pub fn by_id(
        (system, resource_type): (&'a SystemName, &'static str),
        nothing: Option<&'a Id>,
        at_once: usize,
    ) -> Self {
        Self { system, resource_type, about: &with_ids, nobody: nothing, at_once }
    }
}

/// Asks for resources by id.
pub fn with_ids(ids: &BTreeSet<Id>) -> Parameters {
    let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
    vec![("_id", ids.join(","))]
}

impl<K: Clone + Ord> Search<'_, K> {
    /// Asks about `all`.
    ///
    /// # Errors
    /// [`EvidenceFault`] where the fault is not theirs: it is the one that comes up about nobody, if there is one.
    pub async fn ask<T>(
        &self,
        all: &BTreeSet<K>,
        source: &dyn EvidenceSource,
        spare: &mut Spare,
        read: Reading<'_, K, T>,
    ) -> Result<Told<K, T>, EvidenceFault> {
        let mut told = Told { parts: Vec::new(), failed: BTreeSet::new(), why: None };
        let mut open: Vec<BTreeSet<K>> = parts(all, self.at_once);
        open.reverse();
        let mut is_sound = false;
        while let Some(some) = open.pop() {
            let why = match self.once(&some, source, read).await {
                Ok(part) => {
                    told.parts.push(part);
                    continue;
                }
                Err(why) => why,
            };
            let (Some(unusable), Some(nobody)) = (Unusable::of(&why), self.nobody) else { return Err(why) };
            if !is_sound {
                // What is not answered about nobody either is no matter of whom it is asked about.
                drop(self.once(&BTreeSet::from([nobody.clone()]), source, read).await?);
                is_sound = true;
            }
            if some.len() > 1 && spare.takes_one() {
                let halves = parts(&some, some.len().div_ceil(2));
                open.extend(halves.into_iter().rev());
                continue;
            }
            if some.len() == 1 && unusable.may_pass() && spare.takes_one() {
                match self.once(&some, source, read).await {
                    Ok(part) => {
                        told.parts.push(part);
                        continue;
                    }
                    Err(why) if Unusable::of(&why).is_none() => return Err(why),
                    Err(_) => {}
                }
            }
            told.failed.extend(some);
            told.why = Some(unusable);
        }
        Ok(told)
    }

    async fn once<T>(
        &self,
        some: &BTreeSet<K>,
        source: &dyn EvidenceSource,
        read: Reading<'_, K, T>,
    ) -> Result<T, EvidenceFault> {
        let answered = source.search_all(self.system, self.resource_type, (self.about)(some)).await;
        let held = answered.map_err(EvidenceFault::Upstream)?;
        read(held, some).map_err(|source| EvidenceFault::NotEvidence { system: self.system.clone(), source })
    }
}

/// `all` in parts of so many.
fn parts<K: Clone + Ord>(all: &BTreeSet<K>, at_once: usize) -> Vec<BTreeSet<K>> {
    let all: Vec<&K> = all.iter().collect();
    all.chunks(at_once.max(1)).map(|some| some.iter().map(|key| (*key).clone()).collect()).collect()
}
