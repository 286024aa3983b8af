//! What a person's Consents say to one request (IHE PCF).
//!
//! Inside one Consent a nested provision is an exception to its parent; across Consents any applicable denial wins.
//! Permits match a purpose exactly, denials cover the purposes beneath the one they name. So it is with organisations: a
//! permit is for the one that it names, and a denial that names a trust is one of its sites too, as one that names a site
//! is one of the trust that it is a part of. Who asks as which of them is a matter of how staff sign on.

use std::collections::BTreeSet;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use jiff::Timestamp;

use super::ruling::{DataRule, Exclusion};
use crate::consent::provision::{Actor, Effect, Kind, Provision, Provisioned, Who};

/// The recipient of what is asked for, as a Consent can name it.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// The organisation that receives.
    pub organisation: &'a OdsCode,
    /// The SDS user id of the member of staff, when one asks.
    pub staff: Option<&'a str>,
    /// The job role in which they ask.
    pub role: Option<SdsRole>,
    /// For what.
    pub purpose: PurposeOfUse,
    /// When.
    pub at: Timestamp,
}

/// What all Consents together say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The first Consent, by its name, that denies everything.
    pub denied_by: Option<String>,
    /// The first Consent, by its name, that permits.
    pub permitted_by: Option<String>,
    /// Denied data.
    pub exclude: BTreeSet<Exclusion>,
    /// The Consents, by their names, that deny some of the data.
    pub limited_by: BTreeSet<String>,
    /// When not empty, the only permitted data.
    pub only: BTreeSet<DataRule>,
    /// The first register entry, by its name, that opts out of purposes beyond care.
    pub opted_out_by: Option<String>,
}

/// How an organisation that a provision names is compared with the one that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// It is the one.
    AsWritten,
    /// Or a site of it, or the whole of which it is a site.
    WithSites,
}

/// What one Consent permits: all data, or only some.
enum Grant {
    Everything,
    Only(BTreeSet<DataRule>),
}

/// What `consents` say to `recipient`. Their order does not matter.
#[must_use]
pub fn weigh(consents: &[Provisioned], recipient: &Recipient<'_>) -> Said {
    let mut said = Said::default();
    let mut everything = None;
    let mut some = None;
    for consent in consents {
        match consent.kind {
            Kind::OptOut => {
                if reaches(&consent.rule, recipient) {
                    keep_first(&mut said.opted_out_by, &consent.id);
                }
            }
            Kind::Consent => match weigh_one(consent, recipient, &mut said) {
                Some(Grant::Everything) => keep_first(&mut everything, &consent.id),
                Some(Grant::Only(rules)) => {
                    keep_first(&mut some, &consent.id);
                    said.only.extend(rules);
                }
                None => {}
            },
        }
    }
    if everything.is_some() {
        said.only.clear();
    }
    said.permitted_by = everything.or(some);
    said
}

fn keep_first(slot: &mut Option<String>, id: &str) {
    if slot.as_deref().is_none_or(|kept| id < kept) {
        *slot = Some(id.to_owned());
    }
}

/// Adds the denials of one Consent to `said` and returns what it permits.
fn weigh_one(consent: &Provisioned, recipient: &Recipient<'_>, said: &mut Said) -> Option<Grant> {
    let root = &consent.rule;
    if !reaches(root, recipient) {
        return None;
    }
    for denied in
        root.exceptions.iter().filter(|nested| nested.effect == Effect::Deny && reaches(nested, recipient))
    {
        deny(&consent.id, denied.about.clone(), BTreeSet::new(), said);
    }
    let permits: Vec<&Provision> = root
        .exceptions
        .iter()
        .filter(|nested| nested.effect == Effect::Permit && excepts(nested, recipient))
        .collect();
    let named = || permits.iter().map(|nested| nested.about.clone());
    match root.effect {
        Effect::Void => None,
        Effect::Deny => {
            let lifted = permits.iter().any(|nested| nested.about.is_any());
            if !lifted {
                deny(&consent.id, root.about.clone(), named().collect(), said);
            }
            let whole =
                root.about.is_any() && permits.iter().any(|nested| permits_purpose(nested, recipient));
            match (whole, lifted) {
                (true, true) => Some(Grant::Everything),
                (true, false) => Some(Grant::Only(named().collect())),
                (false, _) => None,
            }
        }
        // What names the whole of which she is a part may deny her something, and grants her nothing.
        Effect::Permit if !names_recipient(root, recipient, Naming::AsWritten) => None,
        Effect::Permit => {
            let spoken_for = permits.iter().any(|nested| nested.purposes.contains(&recipient.purpose));
            if !permits_purpose(root, recipient) && !spoken_for {
                return None;
            }
            let rules: BTreeSet<DataRule> = named().chain([root.about.clone()]).collect();
            Some(if rules.iter().any(DataRule::is_any) { Grant::Everything } else { Grant::Only(rules) })
        }
    }
}

fn deny(id: &str, rule: DataRule, except: BTreeSet<DataRule>, said: &mut Said) {
    if rule.is_any() && except.is_empty() {
        keep_first(&mut said.denied_by, id);
    } else {
        said.exclude.insert(Exclusion { rule, except });
        said.limited_by.insert(id.to_owned());
    }
}

/// Whether the recipient and the purpose lie within what the provision is about, read as widely as a denial is.
fn reaches(provision: &Provision, recipient: &Recipient<'_>) -> bool {
    let for_purpose = provision.purposes.is_empty()
        || provision.purposes.iter().any(|purpose| recipient.purpose.is_or_is_child_of(*purpose));
    for_purpose && names_recipient(provision, recipient, Naming::WithSites)
}

/// Whether a nested permit is an exception for the recipient: it names the purpose exactly, or leaves it to its parent.
fn excepts(nested: &Provision, recipient: &Recipient<'_>) -> bool {
    let for_purpose = nested.purposes.is_empty() || nested.purposes.contains(&recipient.purpose);
    for_purpose && names_recipient(nested, recipient, Naming::AsWritten)
}

/// Whether a permit is for this purpose: it names it exactly, or names none and the purpose is her own care.
fn permits_purpose(permit: &Provision, recipient: &Recipient<'_>) -> bool {
    if permit.purposes.is_empty() {
        recipient.purpose.is_direct_care()
    } else {
        permit.purposes.contains(&recipient.purpose)
    }
}

fn names_recipient(provision: &Provision, recipient: &Recipient<'_>, naming: Naming) -> bool {
    let is_named = |actor: &Actor| is_actor(actor, recipient, naming);
    provision.period.holds(recipient.at)
        && (provision.actors.is_empty() || provision.actors.iter().any(is_named))
}

fn is_actor(actor: &Actor, recipient: &Recipient<'_>, naming: Naming) -> bool {
    let is_them = match (&actor.who, naming) {
        (Who::Organisation(code), Naming::AsWritten) => code == recipient.organisation,
        (Who::Organisation(code), Naming::WithSites) => code.is_or_has_site(recipient.organisation),
        (Who::Staff(id), _) => recipient.staff == Some(id.as_str()),
        (Who::RoleHolders, _) => actor.role.is_some(),
    };
    is_them && actor.role.is_none_or(|role| recipient.role == Some(role))
}
