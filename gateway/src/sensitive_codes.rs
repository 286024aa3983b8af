//! Codes that tell something sensitive, whether or not anybody has labelled what bears them.
//!
//! A list says for each of its entries which codes it knows and which security labels they earn. One list ships with the
//! gateway and is always loaded; a site adds its own and may take single codes out, with a reason. `enforce` asks
//! here what a code earns; nothing here sees a resource.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use fhir::security_label::{Confidentiality, SecurityLabel};

pub(crate) mod check;
mod file;
mod glance;
mod system;

use glance::Glance;
use system::canonical;

/// Code systems as which a code is read that names none.
const READ_AS: [&str; 3] = [system::SNOMED_CT, system::LOINC, system::ICD_10];
/// A code without a system is also read as one of any list when it is at least so long.
const TELLING_ALONE: usize = 5;

/// Every list that is loaded, ready to be asked.
#[derive(Debug, Default)]
pub struct SensitiveCodes {
    lists: Vec<SensitiveList>,
    switched_off: Vec<SwitchedOff>,
    exact: HashMap<Box<str>, Vec<Known>>,
    /// The beginnings of codes, the shortest first.
    beginnings: BTreeMap<usize, HashMap<Box<str>, Vec<Known>>>,
    /// First bytes of any beginning: most codes have none of them.
    first_bytes: Vec<u8>,
    /// Tells of most codes at once that they are on no list; nothing while lists are added.
    glance: Option<Glance>,
}

/// One list, as it is told to people.
#[derive(Debug, Clone)]
pub struct SensitiveList {
    /// Its name: the first half of what stands in records.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The file; none for the list that ships with the gateway.
    pub file: Option<PathBuf>,
    /// What it knows.
    pub entries: Vec<Arc<SensitiveEntry>>,
    /// How many codes and beginnings of codes.
    pub codes: usize,
}

/// One entry of a list: codes that tell the same kind of thing.
#[derive(Debug, PartialEq, Eq)]
pub struct SensitiveEntry {
    /// `list/entry`: what stands in records instead of the code.
    pub name: String,
    /// What its codes tell.
    pub why: String,
    /// The labels that its codes earn; with a category comes the degree `R`, unless the list states a degree.
    pub labels: Vec<SecurityLabel>,
}

/// A code that a site has taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchedOff {
    /// The code system, as the settings write it.
    pub system: String,
    /// The code, as the settings write it.
    pub code: String,
    /// Why.
    pub reason: String,
}

/// A code, or the beginning of one, in one code system.
#[derive(Debug)]
struct Known {
    system: Box<str>,
    entry: Arc<SensitiveEntry>,
}

impl SensitiveEntry {
    /// An entry whose labels are complete: content of a sensitive category is restricted.
    fn new(name: String, why: String, mut labels: Vec<SecurityLabel>) -> Self {
        if labels.iter().all(|label| label.confidentiality().is_none()) {
            labels.push(SecurityLabel::from(Confidentiality::Restricted));
        }
        Self { name, why, labels }
    }
}

impl SensitiveCodes {
    /// The list that ships with the gateway, and nothing else.
    #[must_use]
    pub fn shipped() -> Self {
        check::shipped().0
    }

    /// The lists, the shipped one first.
    #[must_use]
    pub fn lists(&self) -> &[SensitiveList] {
        &self.lists
    }

    /// The codes that the site has taken out.
    #[must_use]
    pub fn switched_off(&self) -> &[SwitchedOff] {
        &self.switched_off
    }

    /// Calls `found` with each entry that knows `code` of `system`, as content bears them.
    ///
    /// A code without a system is read as one of SNOMED CT, LOINC and ICD-10, and as one of any list when it is long
    /// enough to tell by itself. Of an expression (`a:b=c`) every code counts.
    pub fn earned<'a>(
        &'a self,
        system: Option<&str>,
        code: &str,
        found: &mut dyn FnMut(&'a Arc<SensitiveEntry>),
    ) {
        let code = code.trim();
        if code.bytes().any(|byte| b"|:=+,{}() ".contains(&byte)) {
            for part in code.split(['|', ':', '=', '+', ',', '{', '}', '(', ')', ' ']) {
                self.one(system, part, found);
            }
        } else {
            self.one(system, code, found);
        }
    }

    /// Whether `code`, as content bears it, may earn anything, whatever its system. Of most codes this says no, and then
    /// [`SensitiveCodes::earned`] finds nothing.
    #[inline]
    pub(crate) fn may_know(&self, code: &[u8]) -> bool {
        self.glance.as_ref().is_none_or(|glance| glance.may_know(code))
    }

    /// Makes ready to be asked, when every list is added.
    fn settle(&mut self) {
        let exact = self.exact.keys().map(|code| &**code);
        let beginnings = self.beginnings.values().flat_map(HashMap::keys).map(|code| &**code);
        self.glance = Glance::over(exact, beginnings);
    }

    fn one<'a>(&'a self, system: Option<&str>, code: &str, found: &mut dyn FnMut(&'a Arc<SensitiveEntry>)) {
        let code = plain(code);
        if let Some(known) = self.exact.get(&*code) {
            self.those_of(system, &code, known, found);
        }
        if !code.as_bytes().first().is_some_and(|first| self.first_bytes.contains(first)) {
            return;
        }
        for (length, beginnings) in &self.beginnings {
            let Some(beginning) = code.get(..*length) else { return };
            if let Some(known) = beginnings.get(beginning) {
                self.those_of(system, &code, known, found);
            }
        }
    }

    fn those_of<'a>(
        &'a self,
        system: Option<&str>,
        code: &str,
        known: &'a [Known],
        found: &mut dyn FnMut(&'a Arc<SensitiveEntry>),
    ) {
        let system = system.map(canonical).filter(|system| !system.is_empty());
        for known in known {
            let meant = match &system {
                Some(system) => *system == *known.system,
                None => READ_AS.contains(&&*known.system) || code.len() >= TELLING_ALONE,
            };
            if meant && !self.is_off(&known.system, code) {
                found(&known.entry);
            }
        }
    }

    /// Few codes are ever switched off, and this is asked of a code that is on a list only.
    fn is_off(&self, system: &str, code: &str) -> bool {
        self.switched_off.iter().any(|off| plain(&off.code) == code && canonical(&off.system) == system)
    }

    fn knows(&self, system: &str, code: &str) -> bool {
        let mut known = false;
        self.one(Some(system), code, &mut |_| known = true);
        known
    }

    fn add(&mut self, system: &str, written: &str, entry: &Arc<SensitiveEntry>) {
        self.glance = None;
        let known = Known { system: canonical(system).into(), entry: Arc::clone(entry) };
        match written.strip_suffix('*') {
            None => self.exact.entry(plain(written).into()).or_default().push(known),
            Some(beginning) => {
                let beginning = plain(beginning);
                if let Some(first) =
                    beginning.bytes().next().filter(|first| !self.first_bytes.contains(first))
                {
                    self.first_bytes.push(first);
                }
                let of_length = self.beginnings.entry(beginning.len()).or_default();
                of_length.entry(beginning.into()).or_default().push(known);
            }
        }
    }
}

/// A code as lists are asked for it: without spaces around it and dots in it, in capital letters.
fn plain(code: &str) -> Cow<'_, str> {
    let code = code.trim();
    if code.bytes().any(|byte| byte == b'.' || byte.is_ascii_lowercase()) {
        Cow::Owned(code.replace('.', "").to_ascii_uppercase())
    } else {
        Cow::Borrowed(code)
    }
}

#[cfg(test)]
mod tests;
