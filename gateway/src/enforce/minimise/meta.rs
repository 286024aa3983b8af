//! `meta`: what is named of it, the marks, and a version of our own.

use fhir::json::{Kind, Node};

use super::plan::{MetaPlan, PlanId};
use super::walk::{Came, Inside, Stop, Walker};
use super::{Marks, Unsafe};

const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// A mark: its code, and how it is written.
struct Mark {
    code: &'static str,
    coding: &'static [u8],
}

const SUBSETTED: Mark = Mark {
    code: "SUBSETTED",
    coding: br#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#,
};
const REDACTED: Mark = Mark {
    code: "REDACTED",
    coding: br#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}"#,
};

/// The marks when nothing of `meta` is named.
const ONLY_SUBSETTED: &[u8] =
    br#""tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]"#;
const ONLY_MARKS: &[u8] = concat!(
    r#""security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}],"#,
    r#""tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]"#,
)
.as_bytes();

/// Room for a version of sixteen bytes in hex.
const NO_VERSION: &[u8; 32] = b"00000000000000000000000000000000";

impl<'w, 'd> Walker<'_, 'w, 'd> {
    /// Writes `meta` with its marks; yields where the version goes.
    pub(super) fn meta(&mut self, meta: Option<Node<'d>>) -> Result<Option<usize>, Stop> {
        if meta.is_some_and(|meta| meta.kind() != Kind::Object) {
            return Err(Unsafe::WrongKind("Resource.meta".into()).into());
        }
        self.out.text(b",\"meta\":{");
        let version = self.view.version.map(|_| {
            self.out.text(b"\"versionId\":\"");
            let at = self.out.buffer().len();
            self.out.text(NO_VERSION);
            self.out.text(b"\"");
            at
        });
        match &self.plans.meta {
            Some(plan) => self.named_meta(plan, meta)?,
            None => {
                if let (Some(meta), Some(element)) = (meta, self.plans.meta_element) {
                    self.withheld.element(element);
                    self.refuse_unknown_modifier(meta)?;
                }
                self.out.separate_text();
                self.out.text(match self.view.marks {
                    Marks::Subsetted => ONLY_SUBSETTED,
                    Marks::SubsettedAndRedacted => ONLY_MARKS,
                });
            }
        }
        self.out.text(b"}");
        Ok(version)
    }

    /// Writes what is named of `meta`, and the marks.
    fn named_meta(&mut self, plan: &'w MetaPlan, meta: Option<Node<'d>>) -> Result<(), Stop> {
        if let Some(meta) = meta
            && let Inside::Strip(element) = self.members(self.plans.plan(plan.members), meta)?
        {
            return Err(Unsafe::Stranger(element.path().into()).into());
        }
        let redacted = match self.view.marks {
            Marks::Subsetted => None,
            Marks::SubsettedAndRedacted => Some(REDACTED),
        };
        self.labels("security", plan.security, meta, redacted)?;
        self.labels("tag", plan.tag, meta, Some(SUBSETTED))
    }

    /// Writes the Codings called `name` of `meta` if they are named, and `mark`, once.
    fn labels(
        &mut self,
        name: &str,
        plan: Option<PlanId>,
        meta: Option<Node<'d>>,
        mark: Option<Mark>,
    ) -> Result<(), Stop> {
        let labels = meta.and_then(|meta| meta.member(name));
        let start = self.out.mark();
        self.out.separate_text();
        self.out.text(b"\"");
        self.out.text(name.as_bytes());
        self.out.text(b"\":[");
        let first = self.out.mark();
        if labels.is_some_and(|labels| labels.kind() != Kind::Array) {
            return Err(Unsafe::WrongKind(format!("Meta.{name}").into()).into());
        }
        for label in labels.into_iter().flat_map(Node::items) {
            let is_ours = mark.as_ref().is_some_and(|mark| {
                let system = label.member("system").is_some_and(|system| system.is_string(OBSERVATION_VALUE));
                system && label.member("code").is_some_and(|code| code.is_string(mark.code))
            });
            match plan {
                Some(plan) if !is_ours => {
                    let before = self.out.mark();
                    self.out.separate_text();
                    if self.object(plan, label)? != Came::Written {
                        self.out.back(before);
                    }
                }
                Some(_) | None => self.refuse_unknown_modifier(label)?,
            }
        }
        if let Some(mark) = mark {
            self.out.separate_text();
            self.out.text(mark.coding);
        }
        if self.out.is_at(first) {
            self.out.back(start);
        } else {
            self.out.text(b"]");
        }
        Ok(())
    }

    /// Puts `digest` where [`Walker::meta`] left room for it.
    pub(super) fn write_version(&mut self, at: usize, digest: [u8; 16]) {
        stamp(self.out.buffer(), at, digest);
    }
}

/// Puts `digest` into the room that is left for it at `at`.
pub(super) fn stamp(view: &mut [u8], at: usize, digest: [u8; 16]) {
    let place = view.get_mut(at..at + NO_VERSION.len()).unwrap_or_default();
    for (digits, byte) in place.chunks_exact_mut(2).zip(digest) {
        digits.copy_from_slice(&hex(byte));
    }
}

fn hex(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}
