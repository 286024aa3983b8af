//! The form of a pack: lines of text, compressed by gzip.
//!
//! Fields are parted by tabs; `\\`, `\t`, `\n` stand for what would part them. The first letter of a line says what it is:
//!
//! ```text
//! #                     a remark; the first line is `# portcullis definitions 1`
//! S url version name type base kind derivation    a structure definition; kind p(rimitive) c(omplex) r(esource) l(ogical),
//!                       with `a` behind it when abstract; derivation s(pecialization) or c(onstraint)
//! X type expression     a place where this extension may stand
//! Y expression          an invariant of that place
//! E id field...         an element of the differential, `.` the root. Fields by first letter: c min..max, t a type with
//!                       `<` profiles, `>` targets and `+` aggregation behind it, r content reference, f fixed, p pattern (see `exact`),
//!                       b strength and value set, i an invariant (key, severity, expression, words), s slicing (rules,
//!                       `!` behind them when ordered, then type:path of each discriminator), l longest, v least, w most, m modifier, u must support
//! V url version         a value set
//! I system version      includes of it (J: excludes), with the lines that follow:
//! C code...             codes; F property op value: a filter; U url: another value set
//! W system code...      codes of an expansion, when nothing composes it
//! K url version content case   a code system; content c(omplete) e(xample) f(ragment) n(ot present) s(upplement);
//!                       case i when letters' case does not tell codes apart
//! k depth code display property=value...    a concept below the last one of the depth before
//! ```

use std::borrow::Cow;
use std::io::Read;

use super::Unusable;

/// The first line of every pack.
pub const HEAD: &str = "# portcullis definitions 1\n";

/// Bytes of a pack when unpacked.
const BYTES_MAX: usize = 128 << 20;

/// What a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A type, a profile or an extension.
    Structure,
    /// A value set.
    ValueSet,
    /// A code system.
    CodeSystem,
}

/// Where a definition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub(crate) kind: Kind,
    pub(crate) pack: usize,
    start: usize,
    end: usize,
}

/// One pack, unpacked.
#[derive(Debug)]
pub struct Pack {
    text: String,
}

impl Pack {
    /// Unpacks `bytes`, compressed or not.
    ///
    /// # Errors
    /// [`Unusable`] when they are no pack, or one too large.
    pub fn read(bytes: &[u8]) -> Result<Self, Unusable> {
        let mut plain = Vec::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let bound = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
            let mut reader = flate2::read::GzDecoder::new(bytes).take(bound);
            reader.read_to_end(&mut plain).map_err(|_| Unusable::NotAPack)?;
        } else {
            plain.extend_from_slice(bytes);
        }
        if plain.len() > BYTES_MAX {
            return Err(Unusable::TooLarge { bytes_max: BYTES_MAX });
        }
        let text = String::from_utf8(plain).map_err(|_| Unusable::NotAPack)?;
        if !text.starts_with(HEAD) {
            return Err(Unusable::NotAPack);
        }
        Ok(Self { text })
    }

    /// Every definition of it, in the order it stands.
    pub(crate) fn sections(&self, pack: usize) -> Vec<Section> {
        let mut all: Vec<Section> = Vec::new();
        let mut at = 0_usize;
        for line in self.text.split_inclusive('\n') {
            let kind = match line.as_bytes().first() {
                Some(b'S') => Some(Kind::Structure),
                Some(b'V') => Some(Kind::ValueSet),
                Some(b'K') => Some(Kind::CodeSystem),
                _ => None,
            };
            let end = at.saturating_add(line.len());
            match (kind, all.last_mut()) {
                (Some(kind), _) => all.push(Section { kind, pack, start: at, end }),
                (None, Some(open)) => open.end = end,
                (None, None) => {}
            }
            at = end;
        }
        all
    }

    /// The lines of a definition.
    pub(crate) fn text_of(&self, section: &Section) -> &str {
        self.text.get(section.start..section.end).unwrap_or_default()
    }

    /// Its canonical, and the type that it defines if it does.
    pub(crate) fn name_of(&self, section: &Section) -> (&str, Option<&str>) {
        let head = self.text_of(section).lines().next().unwrap_or_default();
        let mut fields = head.split('\t').skip(1);
        let url = fields.next().unwrap_or_default();
        let defines = fields.nth(2).filter(|_| section.kind == Kind::Structure);
        let derivation = fields.nth(2);
        (url, defines.filter(|_| derivation == Some("s")))
    }

    /// Its version, if one is told.
    pub(crate) fn version_of(&self, section: &Section) -> Option<&str> {
        let head = self.text_of(section).lines().next()?;
        head.split('\t').nth(2).filter(|version| !version.is_empty())
    }
}

/// `text` as a field.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\\', '\t', '\n', '\r']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// The text that a field stands for.
#[must_use]
pub fn plain(field: &str) -> Cow<'_, str> {
    if !field.contains('\\') {
        return Cow::Borrowed(field);
    }
    let mut out = String::with_capacity(field.len());
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}
