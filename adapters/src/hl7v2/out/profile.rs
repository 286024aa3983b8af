//! How a receiver takes messages: a file of its site.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use toml::{Table, Value};

use super::version::Version;
use crate::hl7v2::envelope::{AckWhen, Party};

/// How a receiver takes messages.
///
/// ```
/// use adapters::hl7v2::out::Profile;
///
/// let profile = Profile::parse(
///     r#"
///     version = "2.4"
///     charset = "8859/1"
///     segments = ["PID", "PV1", "OBX"]
///     [receiver]
///     application = "CARE"
///     facility = "E10000099"
///     "#,
/// );
/// assert!(profile.is_ok());
/// ```
#[derive(Debug, Clone)]
pub struct Profile {
    pub(super) version: Version,
    pub(super) charset: Letters,
    pub(super) sender: Party,
    pub(super) receiver: Party,
    pub(super) processing: String,
    pub(super) accept: Option<AckWhen>,
    pub(super) application: Option<AckWhen>,
    pub(super) segments: Option<BTreeSet<String>>,
    pub(super) omit: BTreeSet<(String, u16)>,
    pub(super) zone: TimeZone,
    pub(super) times: Times,
    pub(super) lengths: BTreeMap<(String, u16, u16), usize>,
    pub(super) too_long: TooLong,
    pub(super) unencodable: Unencodable,
    pub(super) dimensionless: BTreeSet<String>,
    /// By identifier system: assigning authority and type.
    pub(super) authorities: BTreeMap<String, (String, String)>,
    /// By code system.
    pub(super) code_systems: BTreeMap<String, String>,
    /// By code map and code of the standard.
    pub(super) codes: BTreeMap<(String, String), String>,
}

/// Character sets that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Ascii,
    Latin1,
    Latin9,
    Utf8,
}

/// How times of day are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// With the offset they have in the Bundle.
    Offset,
    /// As the clocks of the receiver show them; the hour that happens twice keeps its offset.
    Local,
}

/// What is done with text that is too long for the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLong {
    Refuse,
    /// Cut, and told as a loss; marked from version 2.7.
    Cut,
}

/// What is done with letters that the receiver has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unencodable {
    Refuse,
    /// A question mark, told as a loss.
    QuestionMark,
}

/// What is wrong with the file of a receiver. The key is one of ours, or not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub struct InvalidProfile {
    /// The key.
    pub key: String,
    /// What is wrong with it.
    pub what: &'static str,
}

const KEYS: [&str; 16] = [
    "version",
    "charset",
    "sender",
    "receiver",
    "processing",
    "accept",
    "application",
    "segments",
    "omit",
    "time_zone",
    "times",
    "lengths",
    "too_long",
    "unencodable",
    "dimensionless",
    "authorities",
];
const MORE_KEYS: [&str; 2] = ["code_systems", "codes"];

impl Profile {
    /// Reads the file of a receiver (TOML).
    ///
    /// # Errors
    /// [`InvalidProfile`]: the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidProfile> {
        let table: Table =
            text.parse().map_err(|_| InvalidProfile { key: "file".to_owned(), what: "not TOML" })?;
        if table.keys().any(|key| !KEYS.contains(&key.as_str()) && !MORE_KEYS.contains(&key.as_str())) {
            return Err(InvalidProfile { key: "file".to_owned(), what: "a key that is not known" });
        }
        let read = Read { table: &table };
        let zone = read.text("time_zone")?.unwrap_or("Europe/London");
        let version = read.text("version")?.ok_or_else(|| fault("version", "is missing"))?;
        let when = |key: &'static str| match read.text(key)? {
            None => Ok(None),
            Some(code) => AckWhen::of(code).map(Some).ok_or_else(|| fault(key, "not AL, NE, ER or SU")),
        };
        Ok(Self {
            version: Version::parse(version).ok_or_else(|| fault("version", "not from 2.3 to 2.8.2"))?,
            charset: read.one_of("charset", CHARSETS)?.unwrap_or(Letters::Utf8),
            sender: read.party("sender")?,
            receiver: read.party("receiver")?,
            processing: read
                .one_of("processing", [("P", "P"), ("T", "T"), ("D", "D")])?
                .unwrap_or("P")
                .to_owned(),
            accept: when("accept")?,
            application: when("application")?,
            segments: read.list("segments")?.map(|names| names.into_iter().collect()),
            omit: read
                .list("omit")?
                .unwrap_or_default()
                .iter()
                .map(|place| field(place).map(|(segment, field, _)| (segment, field)))
                .collect::<Option<_>>()
                .ok_or_else(|| fault("omit", "not a list of fields such as PID-6"))?,
            zone: TimeZone::get(zone).map_err(|_| fault("time_zone", "not in the IANA database"))?,
            times: read
                .one_of("times", [("offset", Times::Offset), ("local", Times::Local)])?
                .unwrap_or(Times::Offset),
            lengths: read.lengths()?,
            too_long: read
                .one_of("too_long", [("refuse", TooLong::Refuse), ("cut", TooLong::Cut)])?
                .unwrap_or(TooLong::Refuse),
            unencodable: read
                .one_of(
                    "unencodable",
                    [("refuse", Unencodable::Refuse), ("question-mark", Unencodable::QuestionMark)],
                )?
                .unwrap_or(Unencodable::Refuse),
            dimensionless: read.list("dimensionless")?.unwrap_or_default().into_iter().collect(),
            authorities: read.authorities()?,
            code_systems: read.names("code_systems")?,
            codes: read.codes()?,
        })
    }
}

const CHARSETS: [(&str, Letters); 4] = [
    ("ASCII", Letters::Ascii),
    ("8859/1", Letters::Latin1),
    ("8859/15", Letters::Latin9),
    ("UNICODE UTF-8", Letters::Utf8),
];

impl Profile {
    /// The version that the receiver takes.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }
}

impl Letters {
    /// As MSH-18 has it.
    pub(super) fn as_str(self) -> &'static str {
        CHARSETS.iter().find(|(_, letters)| *letters == self).map_or("", |(name, _)| name)
    }

    /// The byte of `letter`, when each letter has one.
    pub(super) fn byte(self, letter: char) -> Option<u8> {
        let code = u32::from(letter);
        match self {
            Self::Ascii => u8::try_from(code).ok().filter(u8::is_ascii),
            Self::Latin1 => u8::try_from(code).ok(),
            Self::Latin9 => (0..=255).find(|byte| crate::hl7v2::charset::latin9(*byte) == letter),
            Self::Utf8 => None,
        }
    }

    pub(super) fn has(self, letter: char) -> bool {
        self == Self::Utf8 || self.byte(letter).is_some()
    }
}

fn fault(key: &str, what: &'static str) -> InvalidProfile {
    InvalidProfile { key: key.to_owned(), what }
}

/// `PID-5.1` as its parts.
fn field(place: &str) -> Option<(String, u16, u16)> {
    let (segment, rest) = place.split_once('-')?;
    let (field, component) = rest.split_once('.').unwrap_or((rest, "0"));
    let named =
        segment.len() == 3 && segment.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    named.then_some((segment.to_owned(), field.parse().ok()?, component.parse().ok()?))
}

struct Read<'t> {
    table: &'t Table,
}

impl<'t> Read<'t> {
    fn text(&self, key: &str) -> Result<Option<&'t str>, InvalidProfile> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(fault(key, "not a text")),
        }
    }

    fn one_of<T: Copy, const N: usize>(
        &self,
        key: &str,
        known: [(&str, T); N],
    ) -> Result<Option<T>, InvalidProfile> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| fault(key, "not one of the words that are known"))
    }

    fn list(&self, key: &str) -> Result<Option<Vec<String>>, InvalidProfile> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let items = items.iter().map(|item| item.as_str().map(str::to_owned));
                items.collect::<Option<_>>().map(Some).ok_or_else(|| fault(key, "not a list of texts"))
            }
            Some(_) => Err(fault(key, "not a list of texts")),
        }
    }

    fn inner(&self, key: &str) -> Result<Option<&'t Table>, InvalidProfile> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(_) => Err(fault(key, "not a table")),
        }
    }

    fn party(&self, key: &str) -> Result<Party, InvalidProfile> {
        let Some(table) = self.inner(key)? else { return Ok(Party::default()) };
        if table.keys().any(|key| key != "application" && key != "facility") {
            return Err(fault(key, "a party has an application and a facility"));
        }
        let inner = Read { table };
        let said = |name| Ok(inner.text(name)?.unwrap_or_default().to_owned());
        Ok(Party { application: said("application")?, facility: said("facility")? })
    }

    fn names(&self, key: &str) -> Result<BTreeMap<String, String>, InvalidProfile> {
        let names = self.inner(key)?.into_iter().flatten();
        names
            .map(|(name, value)| value.as_str().map(|value| (name.clone(), value.to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(|| fault(key, "not a table of texts"))
    }

    fn lengths(&self) -> Result<BTreeMap<(String, u16, u16), usize>, InvalidProfile> {
        let lengths = self.inner("lengths")?.into_iter().flatten();
        lengths
            .map(|(place, value)| {
                let most =
                    value.as_integer().and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
                field(place).zip(most)
            })
            .collect::<Option<_>>()
            .ok_or_else(|| fault("lengths", "not a table of lengths by fields such as PID-5.1"))
    }

    fn authorities(&self) -> Result<BTreeMap<String, (String, String)>, InvalidProfile> {
        let mut found = BTreeMap::new();
        for (system, value) in self.inner("authorities")?.into_iter().flatten() {
            let parts = value.as_str().map(|text| text.split_once('^').unwrap_or((text, "")));
            let (authority, kind) =
                parts.ok_or_else(|| fault("authorities", "not a table of texts such as NHS^NH"))?;
            found.insert(system.clone(), (authority.to_owned(), kind.to_owned()));
        }
        Ok(found)
    }

    fn codes(&self) -> Result<BTreeMap<(String, String), String>, InvalidProfile> {
        let mut found = BTreeMap::new();
        for (map, codes) in self.inner("codes")?.into_iter().flatten() {
            let table = codes.as_table().ok_or_else(|| fault("codes", "not a table of code maps"))?;
            for (code, local) in table {
                let local = local.as_str().ok_or_else(|| fault("codes", "not a table of code maps"))?;
                found.insert((map.clone(), code.to_ascii_uppercase()), local.to_owned());
            }
        }
        Ok(found)
    }
}
