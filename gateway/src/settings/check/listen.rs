//! Where requests and messages come in, and how that is protected.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use adapters::Context;
use fhir::purpose_of_use::PurposeOfUse;

use super::super::file::{ListenTable, SettingsFile, TlsTable};
use super::super::inbound_file::MllpTable;
use super::super::material::Site;
use super::super::problem::{Notebook, Place, did_you_mean};
use super::super::written::Written;
use super::super::{Listen, Mllp, MllpTransport, Network, ServerTls, Transport};
use super::parties::san;
use super::{each_once, ods, queries, read_text};
use crate::person::SystemName;

const OPS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
const TIME_ZONE: &str = "Europe/London";

/// `[listen]`.
pub(super) fn listen(site: &Site<'_>, table: &ListenTable) -> Option<Listen> {
    let notes = site.notes;
    let address = table.address.as_ref().and_then(|written| socket(notes, written));
    let ops = table.ops.as_ref().map_or(Some(OPS), |written| socket(notes, written));
    let transport = match &table.tls {
        Some(table) => tls(site, table).map(Transport::Tls),
        None => {
            let plain = address.is_none_or(|address| address.ip().is_loopback());
            if let (false, Some(written)) = (plain, &table.address) {
                notes.error(
                    &written.place,
                    "without `tls` only a loopback address such as 127.0.0.1:8080 may listen",
                );
            }
            plain.then_some(Transport::LoopbackPlain)
        }
    };
    Some(Listen { address: address?, transport: transport?, ops: ops? })
}

/// Whether a client can prove itself by certificate.
pub(super) fn takes_certificates(listen: &Listen) -> bool {
    match &listen.transport {
        Transport::LoopbackPlain => false,
        Transport::Tls(tls) => tls.client_ca.is_some(),
    }
}

/// `[[mllp]]`.
pub(super) fn mllp(site: &Site<'_>, tables: &[MllpTable], systems: &BTreeSet<&str>) -> Vec<Mllp> {
    tables.iter().filter_map(|table| listener(site, table, systems)).collect()
}

/// Two listeners cannot share an address.
pub(super) fn refuse_shared_addresses(notes: &Notebook, read: &SettingsFile) {
    let listen = read.listen.iter().flat_map(|listen| [listen.address.as_ref(), listen.ops.as_ref()]);
    let mllp = read.mllp.iter().map(|mllp| mllp.address.as_ref());
    let mut taken: BTreeMap<SocketAddr, String> = BTreeMap::new();
    if read.listen.as_ref().is_some_and(|listen| listen.ops.is_none()) {
        taken.insert(OPS, "listen.ops".to_owned());
    }
    for written in listen.chain(mllp).flatten() {
        let Ok(address) = written.value.parse::<SocketAddr>() else { continue };
        if address.port() == 0 {
            continue;
        }
        if let Some(other) = taken.get(&address) {
            notes.error(&written.place, format!("this is the address of {other} too: choose another port"));
            continue;
        }
        taken.insert(address, written.place.path.clone());
    }
}

fn listener(site: &Site<'_>, table: &MllpTable, systems: &BTreeSet<&str>) -> Option<Mllp> {
    let notes = site.notes;
    let address = table.address.as_ref().and_then(|written| socket(notes, written));
    let from = table.from.as_ref().and_then(|written| ods(notes, written));
    let queries = match &table.queries {
        None => Some(None),
        Some(table) => queries::queries(site, table, systems).map(Some),
    };
    let to = match (table.to.as_slice(), &table.queries) {
        ([], Some(_)) => Vec::new(),
        (to, _) => receivers(notes, (to, &table.place), systems),
    };
    let purpose = table.purpose.as_ref().and_then(|written| purpose(notes, written));
    let transport = mllp_transport(site, table);
    if let (Some(table), Some(MllpTransport::AcceptedRisk(networks))) = (&table.queries, &transport) {
        queries::refuse_on_plain(notes, table, networks);
    }
    let time_zone = time_zone(notes, table.time_zone.as_ref());
    let site_map = match &table.site_map {
        None => Some(None),
        Some(written) => site_map(site, written).map(Some),
    };
    Some(Mllp {
        address: address?,
        from: from?,
        to,
        purpose: purpose?,
        transport: transport?,
        time_zone: time_zone?,
        site_map: site_map?,
        queries: queries?,
    })
}

/// The systems that receive what comes in at a place.
pub(super) fn receivers(
    notes: &Notebook,
    (written, place): (&[Written<String>], &Place),
    systems: &BTreeSet<&str>,
) -> Vec<SystemName> {
    if written.is_empty() {
        notes.error(&place.key("to", None), "name at least one [[system]] that receives");
    }
    each_once(notes, written, |name| {
        if systems.contains(name) {
            return Ok(SystemName::new(name));
        }
        Err(format!("there is no [[system]] of this name{}", did_you_mean(name, systems.iter().copied())))
    })
}

/// What comes in at a place is for this.
pub(super) fn purpose(notes: &Notebook, written: &Written<String>) -> Option<PurposeOfUse> {
    let codes = PurposeOfUse::all().map(PurposeOfUse::code);
    written.parsed(notes, |text| {
        PurposeOfUse::parse(text).map_err(|error| format!("{error}{}", did_you_mean(text, codes)))
    })
}

/// Whose clock the local times of a sender are.
pub(super) fn time_zone(notes: &Notebook, written: Option<&Written<String>>) -> Option<String> {
    let Some(written) = written else { return Some(TIME_ZONE.to_owned()) };
    written.parsed(notes, |name| {
        let known = jiff::tz::TimeZone::get(name).map(|_| name.clone());
        known.map_err(|_| "the name of a time zone such as Europe/London is wanted here")
    })
}

/// The text of a map of a sender's own segments, read as it will be used.
fn site_map(site: &Site<'_>, written: &Written<String>) -> Option<String> {
    let path = site.path(written);
    let read = read_text(&path).and_then(|text| {
        let context = Context::new("site", None, TIME_ZONE).map_err(|fault| fault.to_string())?;
        context.with_site_map(&text).map(|_| text).map_err(|fault| fault.to_string())
    });
    match read {
        Ok(text) => Some(text),
        Err(fault) => {
            site.notes.error(&written.place, format!("{}: {fault}", path.display()));
            None
        }
    }
}

fn mllp_transport(site: &Site<'_>, table: &MllpTable) -> Option<MllpTransport> {
    let notes = site.notes;
    let accepted = match &table.plaintext {
        Some(written) if written.value == "accepted-risk" => true,
        Some(written) => {
            notes.error(&written.place, "only \"accepted-risk\" may stand here");
            return None;
        }
        None => false,
    };
    match (&table.tls, table.peers.is_empty(), accepted) {
        (Some(tls_table), true, false) => {
            let files = tls(site, tls_table);
            if tls_table.client_ca.is_none() {
                let place = tls_table.place.key("client_ca", None);
                notes.error(
                    &place,
                    "messages come from known senders only: name the authorities of their certificates",
                );
                return None;
            }
            let clients = clients(notes, table)?;
            files.map(|files| MllpTransport::Tls { files, clients })
        }
        (None, false, true) => {
            if let Some(written) = table.clients.first() {
                notes.error(&written.place, "nobody shows a certificate without `tls`: leave `clients` out");
            }
            Some(MllpTransport::AcceptedRisk(each_once(notes, &table.peers, network)))
        }
        (Some(_), _, _) => {
            notes.error(&table.place, "give either `tls`, or `peers` with `plaintext`, not both");
            None
        }
        (None, _, _) => {
            let text = "give `tls`, or `peers` together with plaintext = \"accepted-risk\"";
            notes.error(&table.place, text);
            None
        }
    }
}

/// Whose certificates speak for the sender. An authority has many clients, and not all of them are the sender.
fn clients(notes: &Notebook, table: &MllpTable) -> Option<Vec<String>> {
    if table.clients.is_empty() {
        let text = "name the certificates of the sender, such as [\"dns:engine.hospital.example\"]: others have one of the same authority";
        notes.error(&table.place.key("clients", None), text);
        return None;
    }
    Some(each_once(notes, &table.clients, san))
}

fn tls(site: &Site<'_>, table: &TlsTable) -> Option<ServerTls> {
    let certificate = table.certificate.as_ref().and_then(|written| site.certificates(written));
    let key = table.key.as_ref().and_then(|written| site.private_key(written));
    let client_ca = table.client_ca.as_ref().and_then(|written| site.certificates(written));
    let crl = table.crl.as_ref().and_then(|written| site.revocations(written));
    if let (Some(written), None) = (&table.crl, &table.client_ca) {
        site.notes.error(&written.place, "a revocation list is of use only with `client_ca`");
    }
    Some(ServerTls { certificate: certificate?, key: key?, client_ca, crl })
}

fn socket(notes: &Notebook, written: &Written<String>) -> Option<SocketAddr> {
    written.parsed(notes, |text| {
        text.parse::<SocketAddr>()
            .map_err(|_| "an address and port such as 127.0.0.1:8443 or [::1]:8443 is wanted here")
    })
}

fn network(text: &str) -> Result<Network, &'static str> {
    const WANTED: &str = "a network such as 10.1.2.0/24 or a single address is wanted here";
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| WANTED)?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(digits) => digits.parse::<u8>().ok().filter(|prefix| *prefix <= bits).ok_or(WANTED)?,
    };
    if prefix == 0 {
        return Err("this network is the whole world: name the machines that may send");
    }
    Ok(Network { address, prefix })
}
