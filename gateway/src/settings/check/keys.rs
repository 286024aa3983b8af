//! Where the keys of an issuer are: in a file, or at an address.

use super::super::file::IssuerTable;
use super::super::material::Site;
use super::super::written::Written;
use super::super::{JwksUrl, KeySource};
use super::bounds::{KEYS_KEEP, KEYS_REFRESH, KEYS_TIMEOUT};
use super::urls;

/// `keys` or `jwks_url` of an `[[issuer]]`: exactly one of both.
pub(super) fn source(site: &Site<'_>, table: &IssuerTable) -> Option<KeySource> {
    let notes = site.notes;
    match (&table.keys, &table.jwks_url) {
        (Some(_), Some(written)) => {
            notes.error(&written.place, "the issuer has `keys` already: name a file or an address, not both");
            None
        }
        (None, None) => {
            let place = table.place.key("keys", None);
            notes.error(&place, "this key is missing: name a file with `keys` or an address with `jwks_url`");
            None
        }
        (Some(written), None) => file(site, table, written),
        (None, Some(written)) => address(site, table, written),
    }
}

fn file(site: &Site<'_>, table: &IssuerTable, written: &Written<String>) -> Option<KeySource> {
    let numbers = [&table.timeout_ms, &table.refresh_ms, &table.keep_ms];
    let places = numbers.into_iter().flatten().map(|number| &number.place);
    for place in places.chain(table.ca.as_ref().map(|ca| &ca.place)) {
        site.notes.error(place, "this is about keys that are fetched: it goes with `jwks_url` only");
    }
    if written.value.starts_with("http://") || written.value.starts_with("https://") {
        site.notes.error(&written.place, "name a file here; an address goes into `jwks_url`");
        return None;
    }
    site.key_set(written).map(KeySource::File)
}

fn address(site: &Site<'_>, table: &IssuerTable, written: &Written<String>) -> Option<KeySource> {
    let notes = site.notes;
    let url = urls::jwks(notes, written);
    let ca = table.ca.as_ref().and_then(|ca| site.certificates(ca));
    match (&table.ca, url.as_ref().and_then(|url| url.scheme_str())) {
        (None, Some("https")) => {
            let text = "over https the key `ca` must name the authorities its certificate is checked against";
            notes.error(&written.place, text);
        }
        (Some(ca), Some("http")) => {
            notes.error(&ca.place, "over plain http there is no certificate to check: remove this");
        }
        (Some(_) | None, _) => {}
    }
    let timeout = KEYS_TIMEOUT.duration(notes, table.timeout_ms.as_ref());
    let refresh = KEYS_REFRESH.duration(notes, table.refresh_ms.as_ref());
    let keep = KEYS_KEEP.duration(notes, table.keep_ms.as_ref());
    if keep < refresh {
        let place =
            table.keep_ms.as_ref().or(table.refresh_ms.as_ref()).map_or(&table.place, |one| &one.place);
        notes.error(place, "keys must be kept for at least as long as it takes until they are fetched again");
    }
    Some(KeySource::Url(JwksUrl { url: url?, ca, timeout, refresh, keep }))
}
