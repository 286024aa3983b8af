//! Turns `portcullis.toml` and the agreements into [`Settings`], or tells every problem at once.
//!
//! Reads files and nothing else: no clock (the day is handed in), no network, no environment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use jiff::civil::Date;

use super::file::SettingsFile;
use super::material::{Site, read_bounded};
use super::problem::{Gravity, Notebook, Place, Problem};
use super::written::{Written, parse};
use super::{Gateway, Post, Settings};
use crate::agreement;
use crate::agreement::check::KnownSystem;
use crate::person::SystemName;
use crate::sensitive_codes::check::Off;
use crate::sensitive_codes::{self, SensitiveCodes};

mod api;
mod bounds;
mod inbound;
mod keys;
mod listen;
mod mapped;
mod messages;
mod parties;
mod postgres;
mod queries;
mod receives;
mod systems;
mod urls;

pub use bounds::{BOUNDS, Bound};

const SETTINGS_BYTES_MAX: u64 = 1 << 20;

/// Settings that hold, and what somebody should look at all the same.
#[derive(Debug)]
pub struct Checked {
    /// The settings.
    pub settings: Settings,
    /// What does not stop the gateway.
    pub warnings: Vec<Problem>,
}

/// Settings that do not hold. `Display` is one line for each problem, ready to be printed.
#[derive(Debug)]
pub struct Unusable {
    /// Every problem, warnings too, by file and line.
    pub problems: Vec<Problem>,
    /// The settings as far as they can be read: to be shown, not to be served with.
    pub as_far_as_read: Option<Box<Settings>>,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Unusable {}

/// Reads the settings file, the files it names and the agreements, as they stand on the day `today`.
///
/// # Errors
/// [`Unusable`] with every problem of every file; a faulty file hides no other's problems.
pub fn load(file: &Path, today: Date) -> Result<Checked, Unusable> {
    let mut problems = Vec::new();
    let settings = read_site(file, today, &mut problems);
    problems.sort_by(|a, b| (&a.file, a.line.unwrap_or(0)).cmp(&(&b.file, b.line.unwrap_or(0))));
    match settings {
        Some(settings) if problems.iter().all(|problem| problem.gravity == Gravity::Warning) => {
            Ok(Checked { settings, warnings: problems })
        }
        settings => Err(Unusable { problems, as_far_as_read: settings.map(Box::new) }),
    }
}

fn read_site(file: &Path, today: Date, problems: &mut Vec<Problem>) -> Option<Settings> {
    let text = match read_text(file) {
        Ok(text) => text,
        Err(text) => {
            let notes = Notebook::new(file, "");
            notes.error(&Place::whole(), text);
            problems.extend(notes.into_problems());
            return None;
        }
    };
    let notes = Notebook::new(file, &text);
    let folder = file.parent().unwrap_or(Path::new(""));
    let site = Site { notes: &notes, folder, today, named: std::cell::RefCell::default() };
    let read = parse(&text, &notes, SettingsFile::read);
    let settings = read.and_then(|read| {
        let agreements = agreements_folder(&site, &read);
        let (agreements, found) = agreement::check::load(&agreements, &known_systems(&read), today);
        problems.extend(found);
        let (sensitive_codes, found) = lists(&site, &read);
        problems.extend(found);
        let settings = settings(&site, read)?;
        Some(Settings { agreements: agreements?, sensitive_codes, ..settings })
    });
    if let Some(settings) = &settings {
        warn_of_gaps(&site, settings);
    }
    problems.extend(notes.into_problems());
    settings
}

/// The text of a file of ours, or what is wrong with it.
pub(crate) fn read_text(file: &Path) -> Result<String, String> {
    let bytes = read_bounded(file, SETTINGS_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

fn agreements_folder(site: &Site<'_>, read: &SettingsFile) -> PathBuf {
    let written = read.gateway.as_ref().and_then(|gateway| gateway.agreements.as_ref());
    written.map_or_else(|| site.folder.join("agreements"), |written| site.path(written))
}

/// The systems that agreements may name; a system with other faults is still one.
fn known_systems(read: &SettingsFile) -> Vec<KnownSystem> {
    let named = read.system.iter().filter_map(|system| {
        let organisation = system.organisation.as_ref();
        let organisation = organisation.and_then(|written| OdsCode::parse_setting(&written.value).ok());
        let name = SystemName::new(&system.name.as_ref()?.value);
        Some(KnownSystem { name, organisation, households: systems::households(system) })
    });
    named.collect()
}

/// The lists of sensitive codes: the shipped one, those of the site, and what the site takes out.
fn lists(site: &Site<'_>, read: &SettingsFile) -> (SensitiveCodes, Vec<Problem>) {
    let files: Vec<_> = read.sensitive_codes.iter().filter_map(|table| table.file.as_ref()).collect();
    let off = read.not_sensitive.iter().filter_map(|table| {
        let (system, code, reason) = (table.system.as_ref()?, table.code.as_ref()?, table.reason.as_ref()?);
        Some(Off { system, code, reason })
    });
    sensitive_codes::check::load(site, &files, &off.collect::<Vec<_>>())
}

fn settings(site: &Site<'_>, read: SettingsFile) -> Option<Settings> {
    let notes = site.notes;
    let organisations = parties::organisations(notes, &read.organisations);
    let mut gateway = read.gateway.as_ref().and_then(|table| gateway(site, table));
    if let Some(gateway) = gateway.as_mut().filter(|gateway| gateway.contact.is_empty()) {
        let code = gateway.organisation.as_str();
        let name = organisations.get(&gateway.organisation).map_or(code, String::as_str);
        gateway.contact = format!("the Caldicott Guardian of {name}");
    }
    let listen = read.listen.as_ref().and_then(|table| listen::listen(site, table));
    let audience = gateway.as_ref().map(|gateway| gateway.audience.clone());
    let issuers = parties::issuers(site, &read.issuer, audience.as_deref());
    let clients = parties::clients(notes, &read.client);
    let systems = systems::systems(site, &read.system);
    let names: BTreeSet<&str> = read
        .system
        .iter()
        .filter_map(|system| system.name.as_ref())
        .map(|name| name.value.as_str())
        .collect();
    let mllp = listen::mllp(site, &read.mllp, &names);
    let inbound = inbound::inbound(site, &read.inbound, &names);
    mapped::refuse_deliveries(notes, ("mllp", mllp.iter().map(|place| &place.to)), &systems);
    mapped::refuse_deliveries(notes, ("inbound", inbound.iter().map(|place| &place.to)), &systems);
    let agreements = agreements_folder(site, &read);
    let state = gateway.as_ref().map(|gateway| gateway.state.as_path());
    inbound::refuse_shared_folders(site, &read.inbound, (&systems, &agreements, state));
    messages::refuse_queries(notes, &read.mllp, &systems);
    listen::refuse_shared_addresses(notes, &read);
    let limits = bounds::limits(notes, read.limits.as_ref());
    let telemetry = urls::telemetry(notes, read.telemetry.as_ref());
    Some(Settings {
        gateway: gateway?,
        organisations,
        listen: listen?,
        issuers,
        clients,
        systems,
        mllp,
        inbound,
        limits,
        telemetry,
        sensitive_codes: SensitiveCodes::default(),
        agreements: agreement::Agreements::default(),
    })
}

fn gateway(site: &Site<'_>, table: &super::file::GatewayTable) -> Option<Gateway> {
    let notes = site.notes;
    let base = table.base.as_ref().and_then(|base| urls::gateway_base(notes, base));
    let state = table.state.as_ref().and_then(|state| state_folder(site, state));
    let organisation = table.organisation.as_ref().and_then(|written| ods(notes, written));
    let here = organisation.as_ref();
    let consent_recorders = posts(notes, &table.consent_recorders, here);
    let oversight = posts(notes, &table.oversight, here);
    if table.oversight.is_empty() {
        notes.warn(
            &Place::whole().key("gateway", None).key("oversight", None),
            "nobody may look after the trail: name the role of the Caldicott Guardian, R5105",
        );
    }
    let contact = table.contact.as_ref().and_then(|written| parties::not_empty(notes, written));
    let base = base?;
    let audience = table.audience.as_ref().map_or_else(|| base.clone(), |written| written.value.clone());
    if audience.is_empty() {
        notes.error(
            &Place::whole().key("gateway", None).key("audience", None),
            "an empty audience matches no token",
        );
    }
    Some(Gateway {
        organisation: organisation?,
        base,
        audience,
        contact: contact.unwrap_or_default(),
        state: state?,
        consent_recorders,
        oversight,
    })
}

fn state_folder(site: &Site<'_>, written: &Written<String>) -> Option<PathBuf> {
    if written.value.contains("://") {
        site.notes.error(
            &written.place,
            "a folder is wanted here: keeping state in a database is not part of this version",
        );
        return None;
    }
    let path = site.path(written);
    if written.value.is_empty() || (path.exists() && !path.is_dir()) {
        site.notes.error(&written.place, "this is not a folder: name one that exists or can be made");
        return None;
    }
    Some(path)
}

/// A role without an organisation is one at whoever runs the gateway. Where that is nobody who shares, those who are meant
/// may well be elsewhere.
fn warn_of_posts_elsewhere(notes: &Notebook, settings: &Settings) {
    let Gateway { organisation, oversight, consent_recorders, .. } = &settings.gateway;
    let agreements = settings.agreements.all();
    let is_party = agreements.iter().any(|agreement| {
        agreement.discloser.contains(organisation) || agreement.recipient.contains(organisation)
    });
    if is_party || agreements.is_empty() {
        return;
    }
    for (key, posts) in [("oversight", oversight), ("consent_recorders", consent_recorders)] {
        if posts.iter().any(|post| post.organisation == *organisation) {
            let text = format!(
                "a role alone is one at {}, which is party to no agreement: name others with their organisation, such as \"R5105@ods:RX1\"",
                organisation.to_setting()
            );
            notes.warn(&Place::whole().key("gateway", None).key(key, None), text);
        }
    }
}

fn warn_of_gaps(site: &Site<'_>, settings: &Settings) {
    let notes = site.notes;
    let missing = |key: &str, text: &str| notes.warn(&Place::whole().key(key, None), text);
    warn_of_posts_elsewhere(notes, settings);
    if settings.systems.is_empty() {
        missing("system", "no [[system]] is named: there is nothing to share and nobody to receive");
    }
    if settings.issuers.is_empty() && settings.clients.is_empty() {
        missing("issuer", "no [[issuer]] and no [[client]] is named: nobody can prove who they are");
    }
    if !settings.clients.is_empty() && !listen::takes_certificates(&settings.listen) {
        missing("client", "without `client_ca` in [listen] tls no client certificate can be checked");
    }
    warn_of_messages_nobody_may_send(site, settings);
    queries::warn_of_those_nobody_may_ask(site, settings);
    for (number, client) in
        settings.clients.iter().enumerate().filter(|(_, client)| client.purposes.is_empty())
    {
        let place = Place::whole().key("client", None).item(number, None).key("purposes", None);
        notes
            .warn(&place, format!("{} may act for no purpose, so everything it asks is refused", client.san));
    }
    let mut codes: BTreeSet<&OdsCode> = settings.systems.iter().map(|system| &system.organisation).collect();
    codes.insert(&settings.gateway.organisation);
    for agreement in settings.agreements.all() {
        codes.extend(agreement.discloser.iter().chain(&agreement.recipient));
    }
    for code in codes {
        if !settings.organisations.contains_key(code) {
            let place = Place::whole().key("organisations", None).key(&code.to_setting(), None);
            notes.warn(&place, "people will read the bare code: give the organisation its name here");
        }
    }
}

/// A listener whose every message would be refused is a mistake, and a failure of the duty to share.
fn warn_of_messages_nobody_may_send(site: &Site<'_>, settings: &Settings) {
    let mllp = settings.mllp.iter().enumerate();
    let mllp = mllp.map(|(number, mllp)| ("mllp", number, &mllp.from, &mllp.to, mllp.purpose));
    let inbound = settings.inbound.iter().enumerate();
    let inbound =
        inbound.map(|(number, inbound)| ("inbound", number, &inbound.from, &inbound.to, inbound.purpose));
    for (key, number, from, receivers, purpose) in mllp.chain(inbound) {
        for name in receivers {
            let Some(system) = settings.system(name.as_str()) else { continue };
            let to = &system.organisation;
            let covered = settings.agreements.matching_system(from, to, purpose, name, site.today);
            if let Err(refusal) = covered {
                let place = Place::whole().key(key, None).item(number, None).key("to", None);
                let text = format!(
                    "every message from {} to `{name}` for {purpose} would be refused: {}",
                    from.to_setting(),
                    refusal.told()
                );
                site.notes.warn(&place, text);
            }
        }
    }
}

/// An organisation as settings and agreements write it.
pub(crate) fn ods(notes: &Notebook, written: &Written<String>) -> Option<OdsCode> {
    written.parsed(notes, |text| OdsCode::parse_setting(text))
}

/// Purposes of use, each once.
pub(crate) fn purposes(notes: &Notebook, written: &[Written<String>]) -> Vec<PurposeOfUse> {
    each_once(notes, written, |text| {
        PurposeOfUse::parse(text).map_err(|error| {
            let near = super::problem::did_you_mean(text, PurposeOfUse::all().map(PurposeOfUse::code));
            format!("{error}{near}")
        })
    })
}

/// Job roles, each once.
pub(crate) fn roles(notes: &Notebook, written: &[Written<String>]) -> Vec<SdsRole> {
    each_once(notes, written, SdsRole::parse)
}

/// Job roles, each once: `R5105` at the organisation that runs the gateway, `R5105@ods:E10000099` at another.
fn posts(notes: &Notebook, written: &[Written<String>], here: Option<&OdsCode>) -> Vec<Post> {
    let posts = each_once(notes, written, |text| {
        let (role, organisation) = match text.split_once('@') {
            Some((role, elsewhere)) => {
                (role, Some(OdsCode::parse_setting(elsewhere).map_err(|why| why.to_string())?))
            }
            None => (text, here.cloned()),
        };
        SdsRole::parse(role).map(|role| (role, organisation)).map_err(|why| why.to_string())
    });
    // Where it is not known who runs the gateway, that is told already.
    let post =
        |(role, organisation): (SdsRole, Option<OdsCode>)| Some(Post { role, organisation: organisation? });
    posts.into_iter().filter_map(post).collect()
}

/// Values of a list, each once; what does not parse and what stands there twice is noted.
pub(crate) fn each_once<T: PartialEq, E: std::fmt::Display>(
    notes: &Notebook,
    written: &[Written<String>],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<T> {
    let mut values = Vec::new();
    for text in written {
        let Some(value) = text.parsed(notes, |text| parse(text)) else { continue };
        if values.contains(&value) {
            notes.error(&text.place, "this stands in the list twice: remove one");
            continue;
        }
        values.push(value);
    }
    values
}
