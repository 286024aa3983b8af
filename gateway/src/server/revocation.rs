//! Until when the revocation lists of the listeners hold: after that no client certificate is let in there.

use jiff::Timestamp;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::pem;
use crate::settings::{MllpTransport, ServerTls, Settings, Transport};

/// The end of the first list to end, for each listener that has lists.
#[derive(Debug, Default)]
pub struct Revocations(Vec<(String, Timestamp)>);

impl Revocations {
    /// Reads the lists that the settings name. One that cannot be read is told by what uses it in handshakes.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let mut ends = Vec::new();
        if let Transport::Tls(files) = &settings.listen.transport {
            ends.extend(end(files).map(|end| ("listen".to_owned(), end)));
        }
        for mllp in &settings.mllp {
            if let MllpTransport::Tls { files, .. } = &mllp.transport {
                ends.extend(end(files).map(|end| (format!("mllp {}", mllp.address), end)));
            }
        }
        Self(ends)
    }

    /// Whether any list is out of date.
    #[must_use]
    pub fn are_out_of_date(&self, now: Timestamp) -> bool {
        self.0.iter().any(|(_, end)| *end <= now)
    }

    /// Whether the list of `[listen]` is out of date.
    #[must_use]
    pub fn of_requests_are_out_of_date(&self, now: Timestamp) -> bool {
        self.0.iter().any(|(listener, end)| listener == "listen" && *end <= now)
    }

    /// When lists end, for operators, in the text format of metrics.
    pub fn write_metrics(&self, text: &mut String) {
        if self.0.is_empty() {
            return;
        }
        text.push_str(
            "# HELP portcullis_revocation_list_ends_timestamp_seconds When the revocation list of a listener is out of date.\n\
             # TYPE portcullis_revocation_list_ends_timestamp_seconds gauge\n",
        );
        for (listener, end) in &self.0 {
            let end = end.as_second();
            text.push_str(&format!(
                "portcullis_revocation_list_ends_timestamp_seconds{{listener=\"{listener}\"}} {end}\n"
            ));
        }
    }
}

/// The end of the first list to end.
fn end(files: &ServerTls) -> Option<Timestamp> {
    let lists = pem::revocation_lists(files.crl.as_ref()?).ok()?;
    let ends = lists.iter().filter_map(|list| {
        let (_, list) = CertificateRevocationList::from_der(list.as_ref()).ok()?;
        Timestamp::from_second(list.next_update()?.timestamp()).ok()
    });
    ends.min()
}
