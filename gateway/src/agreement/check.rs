//! Turns the files of the agreements folder into [`Agreements`], or tells every problem at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::role::SdsRole;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::file::AgreementFile;
use super::{Agreements, Existence, RecipientRole, RecipientSystem, Share, SharedType, SharingAgreement};
use crate::enforce::masks::Masks;
use crate::person::SystemName;
use crate::settings::Households;
use crate::settings::check::{each_once, read_text, roles};
use crate::settings::problem::{Gravity, Notebook, Place, Problem, did_you_mean};
use crate::settings::written::{Written, parse};

mod attachments;
mod criteria;
mod overlap;
mod shares;
mod terms;
mod writes;

/// A system that agreements may name.
#[derive(Debug, Clone)]
pub struct KnownSystem {
    /// Its name.
    pub name: SystemName,
    /// Who runs it; none when that is not known.
    pub organisation: Option<OdsCode>,
    /// Whether it keeps back where protected people live, told by the records of others.
    pub households: Households,
}

/// All of them.
pub type KnownSystems = [KnownSystem];

const FILES_MAX: usize = 10_000;

/// A file that was read, and what was noted about it.
#[derive(Debug)]
struct Sheet {
    notes: Notebook,
    agreement: Option<Arc<SharingAgreement>>,
    written: Vec<writes::Written>,
}

/// Reads every `.toml` file of `folder`, each by itself and then against the others.
///
/// Agreements come back only when no file has an error; problems come back always, warnings too.
#[must_use]
pub fn load(folder: &Path, systems: &KnownSystems, today: Date) -> (Option<Agreements>, Vec<Problem>) {
    let files = match files(folder) {
        Ok(files) => files,
        Err(text) => {
            let notes = Notebook::new(folder, "");
            notes.error(&Place::whole(), text);
            return (None, notes.into_problems());
        }
    };
    let sheets: Vec<Sheet> = files.iter().map(|file| sheet(file, systems, today)).collect();
    let read: Vec<_> =
        sheets.iter().filter_map(|sheet| Some((&sheet.notes, sheet.agreement.as_ref()?))).collect();
    overlap::refuse(&read);
    for sheet in &sheets {
        if let Some(agreement) = &sheet.agreement {
            let all = read.iter().map(|(_, agreement)| &***agreement);
            writes::refuse_deciding(&sheet.notes, &sheet.written, agreement, all, today);
        }
    }
    let all = sheets.iter().filter_map(|sheet| sheet.agreement.clone()).collect();
    let mut problems: Vec<Problem> =
        sheets.into_iter().flat_map(|sheet| sheet.notes.into_problems()).collect();
    if files.is_empty() {
        let notes = Notebook::new(folder, "");
        notes.warn(&Place::whole(), "there is no agreement here: nothing is shared until one is in force");
        problems.extend(notes.into_problems());
    }
    let holds = problems.iter().all(|problem| problem.gravity == Gravity::Warning);
    (holds.then(|| Agreements::new(all)), problems)
}

/// Reads one agreement by itself.
///
/// # Errors
/// Every problem of the file, warnings too, when one of them is an error.
pub fn read_one(
    file: &Path,
    text: &str,
    systems: &KnownSystems,
    today: Date,
) -> Result<SharingAgreement, Vec<Problem>> {
    let notes = Notebook::new(file, text);
    let read = agreement(&notes, text, systems, today);
    if let Some((agreement, written)) = &read {
        writes::refuse_deciding(&notes, written, agreement, std::iter::once(agreement), today);
    }
    let problems = notes.into_problems();
    match read {
        Some((agreement, _)) if problems.iter().all(|problem| problem.gravity == Gravity::Warning) => {
            Ok(agreement)
        }
        Some(_) | None => Err(problems),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let missing = "is no folder that can be read: make it, or name another with `agreements` in [gateway]";
    let entries = fs::read_dir(folder).map_err(|_| missing.to_owned())?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| format!("cannot be listed: {}", error.kind()))?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    if files.len() > FILES_MAX {
        return Err(format!("holds more than {FILES_MAX} agreements"));
    }
    files.sort();
    Ok(files)
}

fn sheet(file: &Path, systems: &KnownSystems, today: Date) -> Sheet {
    match read_text(file) {
        Ok(text) => {
            let notes = Notebook::new(file, &text);
            let (agreement, written) = agreement(&notes, &text, systems, today).unzip();
            Sheet { notes, agreement: agreement.map(Arc::new), written: written.unwrap_or_default() }
        }
        Err(fault) => {
            let notes = Notebook::new(file, "");
            notes.error(&Place::whole(), fault);
            Sheet { notes, agreement: None, written: Vec::new() }
        }
    }
}

/// The agreement, and what it lets be written, with the places where that stands.
fn agreement(
    notes: &Notebook,
    text: &str,
    systems: &KnownSystems,
    today: Date,
) -> Option<(SharingAgreement, Vec<writes::Written>)> {
    let read = parse(text, notes, AgreementFile::read)?;
    let terms = terms::terms(notes, &read, today);
    let shares = shares::shares(notes, &read.share);
    // What cannot be read is a problem of its own.
    let existence = terms.as_ref().map_or(Existence::Open, |terms| terms.existence);
    let discloser = terms.as_ref().map(|terms| terms.discloser.as_slice()).unwrap_or_default();
    let households = households(systems, discloser);
    let (roles, written) = role_blocks(notes, &read, &shares, (existence, households));
    let recipient = terms.as_ref().map(|terms| terms.recipient.as_slice()).unwrap_or_default();
    let systems = system_blocks(notes, &read, &shares, systems, recipient);
    if read.recipient_role.is_empty() && read.recipient_system.is_empty() {
        notes.warn(&Place::whole(), "shares with nobody: add a [[recipient_role]] or a [[recipient_system]]");
    }
    warn_of_unused(notes, &read);
    let terms = terms?;
    let agreement = SharingAgreement {
        id: terms.id,
        version: hex(&Sha256::digest(text.as_bytes())),
        title: terms.title,
        status: terms.status,
        from: terms.from,
        until: terms.until,
        review_by: terms.review_by,
        approved_by: terms.approved_by,
        discloser: terms.discloser,
        recipient: terms.recipient,
        purposes: terms.purposes,
        legal_basis: terms.legal_basis,
        identifiability: terms.identifiability,
        relationship: terms.relationship,
        lapses_after_days: terms.lapses_after_days,
        overrides: terms.overrides,
        existence: terms.existence,
        roles,
        systems,
        shares,
    };
    Some((agreement, written))
}

/// Whether a system of the discloser keeps back where protected people live.
fn households(systems: &KnownSystems, discloser: &[OdsCode]) -> Households {
    let is_of_it =
        |system: &&KnownSystem| system.organisation.as_ref().is_none_or(|code| discloser.contains(code));
    match systems.iter().filter(is_of_it).any(|system| system.households == Households::Shielded) {
        true => Households::Shielded,
        false => Households::Told,
    }
}

type Shares = BTreeMap<String, BTreeMap<fhir::tables::TypeId, SharedType>>;

fn role_blocks(
    notes: &Notebook,
    read: &AgreementFile,
    shares: &Shares,
    (existence, households): (Existence, Households),
) -> (Vec<RecipientRole>, Vec<writes::Written>) {
    let mut taken = BTreeMap::new();
    let (mut blocks, mut written) = (Vec::new(), Vec::new());
    for table in &read.recipient_role {
        let roles = roles(notes, &table.roles);
        if table.roles.is_empty() {
            notes.error(&table.place.key("roles", None), "name at least one job role such as R1330");
        }
        for written in &table.roles {
            let Ok(role) = SdsRole::parse(&written.value) else { continue };
            if let Some(line) = taken.insert(role, table.place.line)
                && line != table.place.line
            {
                refuse_second_block(notes, written, line);
            }
        }
        let standing = table.standing.as_ref().and_then(|written| terms::standing(notes, written));
        let mut share = share(notes, &table.share, &table.place, read, shares);
        writes::writable(notes, table.write.as_ref(), &mut share, households, &mut written);
        share.deletable = writes::deletable(notes, table.write.as_ref(), &share, existence);
        let Some(standing) = standing else { continue };
        blocks.push(RecipientRole { roles, standing, share: Arc::new(share) });
    }
    (blocks, written)
}

fn system_blocks(
    notes: &Notebook,
    read: &AgreementFile,
    shares: &Shares,
    known: &KnownSystems,
    recipient: &[OdsCode],
) -> Vec<RecipientSystem> {
    let mut taken = BTreeMap::new();
    let mut blocks = Vec::new();
    for table in &read.recipient_system {
        if table.systems.is_empty() {
            notes.error(&table.place.key("systems", None), "name at least one [[system]] of the settings");
        }
        let systems = each_once(notes, &table.systems, |name| {
            let Some(system) = known.iter().find(|known| known.name.as_str() == name) else {
                let near = did_you_mean(name, known.iter().map(|known| known.name.as_str()));
                return Err(format!("the settings have no [[system]] of this name{near}"));
            };
            match &system.organisation {
                Some(code) if !recipient.is_empty() && !recipient.contains(code) => {
                    Err(format!("this system belongs to {}, which is not in `recipient`", code.to_setting()))
                }
                Some(_) | None => Ok(system.name.clone()),
            }
        });
        for written in &table.systems {
            if let Some(line) = taken.insert(written.value.clone(), table.place.line)
                && line != table.place.line
            {
                refuse_second_block(notes, written, line);
            }
        }
        let share = share(notes, &table.share, &table.place, read, shares);
        blocks.push(RecipientSystem { systems, share: Arc::new(share) });
    }
    blocks
}

fn refuse_second_block(notes: &Notebook, written: &Written<String>, line: Option<usize>) {
    let line = line.map(|line| format!(" of line {line}")).unwrap_or_default();
    notes.error(&written.place, format!("`{}` stands in the block{line} too: keep it in one", written.value));
}

/// The union of the named shares.
fn share(
    notes: &Notebook,
    written: &[Written<String>],
    place: &Place,
    read: &AgreementFile,
    shares: &Shares,
) -> Share {
    if written.is_empty() {
        notes.error(&place.key("share", None), "name at least one [share.NAME] of this file");
    }
    let names = each_once(notes, written, |name| {
        let known = read.share.iter().map(|share| share.name.value.as_str());
        if known.clone().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        Err(format!("there is no [share.{name}] in this file{}", did_you_mean(name, known)))
    });
    let mut types: BTreeMap<_, Vec<SharedType>> = BTreeMap::new();
    for (resource_type, shared) in names.iter().filter_map(|name| shares.get(name)).flatten() {
        types.entry(*resource_type).or_default().push(shared.clone());
    }
    let masks = Masks::compile(&types).unwrap_or_else(|fault| {
        // What is wrong with a path was told where it stands.
        if !notes.has_errors() {
            notes.error(&place.key("share", None), fault.to_string());
        }
        Masks::default()
    });
    Share {
        names,
        types,
        masks,
        writable: BTreeMap::new(),
        forms: BTreeMap::new(),
        deletable: BTreeSet::new(),
    }
}

fn warn_of_unused(notes: &Notebook, read: &AgreementFile) {
    let roles = read.recipient_role.iter().flat_map(|block| &block.share);
    let systems = read.recipient_system.iter().flat_map(|block| &block.share);
    let used: Vec<&str> = roles.chain(systems).map(|written| written.value.as_str()).collect();
    for share in &read.share {
        if !used.contains(&share.name.value.as_str()) {
            notes.warn(&share.name.place, "no block names this share: nobody sees it");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
        text
    })
}
