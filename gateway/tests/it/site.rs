//! A site on disk: the example configuration with keys and certificates made for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gateway::settings::check::{Checked, Unusable, load};
use jiff::civil::{Date, date};

/// The day on which sites are checked.
pub(crate) const TODAY: Date = date(2026, 6, 1);

/// Public part of the key pair of RFC 8037, appendix A.
const KEY_SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// A copy of `examples/config` in a folder of its own.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// The example as it is.
    pub(crate) fn example() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = Self { folder };
        let example =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("examples/config");
        copy(&example, site.folder.path());
        for folder in ["tls", "keys"] {
            fs::create_dir_all(site.path(folder)).expect("a folder");
        }
        let made = rcgen::generate_simple_self_signed(["share.northshire.example".to_owned()])
            .expect("a certificate");
        for name in
            ["gateway.pem", "gateway-client.pem", "clients-ca.pem", "northshire-ca.pem", "eastshire-ca.pem"]
        {
            site.write(&format!("tls/{name}"), &made.cert.pem());
        }
        for name in ["gateway.key", "gateway-client.key"] {
            site.write(&format!("tls/{name}"), &made.signing_key.serialize_pem());
        }
        for name in ["staff.jwks.json", "people.jwks.json"] {
            site.write(&format!("keys/{name}"), KEY_SET);
        }
        site
    }

    /// The settings file.
    pub(crate) fn settings(&self) -> PathBuf {
        self.path("portcullis.toml")
    }

    /// A path inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    /// Replaces text in a file; the text must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).expect("a file of the site");
        assert!(text.contains(from), "{name} holds no {from:?}");
        self.write(name, &text.replacen(from, to, 1));
    }

    /// Adds text at the end of a file.
    pub(crate) fn append(&self, name: &str, text: &str) {
        let old = fs::read_to_string(self.path(name)).expect("a file of the site");
        self.write(name, &format!("{old}\n{text}\n"));
    }

    /// Reads and checks everything.
    pub(crate) fn load(&self) -> Result<Checked, Unusable> {
        load(&self.settings(), TODAY)
    }

    /// Every problem as the operator reads it, with paths inside the site.
    pub(crate) fn problems(&self) -> Vec<String> {
        let problems = match self.load() {
            Ok(checked) => checked.warnings,
            Err(unusable) => unusable.problems,
        };
        let root = format!("{}/", self.folder.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&root, "")).collect()
    }

    /// A revocation list that is in date for so long from now; it may have run out.
    pub(crate) fn write_revocations(&self, name: &str, next_update: SystemTime) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut ca = rcgen::CertificateParams::new(Vec::<String>::new()).expect("parameters");
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
        let issuer = rcgen::Issuer::new(ca, key);
        let list = rcgen::CertificateRevocationListParams {
            this_update: (next_update - Duration::from_secs(86_400)).into(),
            next_update: next_update.into(),
            crl_number: rcgen::SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&issuer).expect("a list");
        self.write(name, &list.pem().expect("pem"));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
