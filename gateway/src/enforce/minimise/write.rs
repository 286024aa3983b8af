//! Names, commas, addresses, masked elements, and arrays of scalars beside their siblings.

use fhir::json::{Kind, Node, quote};

use super::plan::{Entry, Plan, PlanId};
use super::walk::{Came, Walker, wrong_kind};
use super::{Unsafe, Written};

impl<'d> Walker<'_, '_, 'd> {
    /// Writes a comma unless the object or array has just been opened.
    #[inline]
    pub(super) fn separate(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    #[inline]
    pub(super) fn name(&mut self, entry: &Entry) {
        self.out.extend_from_slice(entry.quoted());
        self.out.push(b':');
    }

    pub(super) fn write_address(&mut self, written: &Written, node: Node<'d>) {
        match written {
            Written::AsItStands => self.out.extend_from_slice(node.raw()),
            Written::Anew(text) => quote(text, self.out),
        }
    }

    /// Writes the required elements of `plan` whose bits are not in `seen`.
    pub(super) fn mask(&mut self, plan: &Plan, seen: u64) {
        for required in plan.required.iter().filter(|required| required.bit & seen == 0) {
            self.separate();
            self.out.extend_from_slice(&required.masked);
        }
    }

    /// Writes an array of scalars and the array of its siblings, item beside item.
    pub(super) fn aligned(
        &mut self,
        entry: &Entry,
        (kind, values): (Kind, Node<'d>),
        (plan, siblings): (PlanId, Option<Node<'d>>),
        sibling_name: &str,
    ) -> Result<Came, Unsafe> {
        if values.kind() != Kind::Array {
            return Err(wrong_kind(entry));
        }
        let siblings = siblings.map_or(Ok(Vec::new()), |siblings| self.reduced(entry, plan, siblings))?;
        let has_siblings = siblings.iter().any(Option::is_some);
        let start = self.out.len();
        self.separate();
        self.name(entry);
        self.out.push(b'[');
        let first = self.out.len();
        for value in values.items() {
            let is_null = value.is_null();
            if !is_null && value.kind() != kind {
                return Err(wrong_kind(entry));
            }
            if !is_null || has_siblings {
                self.separate();
                self.out.extend_from_slice(value.raw());
            }
        }
        for _ in values.len()..if has_siblings { siblings.len() } else { 0 } {
            self.separate();
            self.out.extend_from_slice(b"null");
        }
        if self.out.len() == first {
            self.out.truncate(start);
            return Ok(Came::Nothing);
        }
        self.out.push(b']');
        if has_siblings {
            self.separate();
            quote(sibling_name, self.out);
            self.out.extend_from_slice(b":[");
            for sibling in siblings {
                self.separate();
                self.out.extend_from_slice(sibling.as_deref().unwrap_or(b"null"));
            }
            self.out.push(b']');
        }
        Ok(Came::Written)
    }

    /// Writes the siblings of an array of scalars that is itself not written.
    pub(super) fn siblings_alone(
        &mut self,
        entry: &Entry,
        plan: PlanId,
        siblings: Node<'d>,
    ) -> Result<Came, Unsafe> {
        let siblings = self.reduced(entry, plan, siblings)?;
        if siblings.iter().all(Option::is_none) {
            return Ok(Came::Nothing);
        }
        self.separate();
        self.name(entry);
        self.out.push(b'[');
        for sibling in siblings.into_iter().flatten() {
            self.separate();
            self.out.extend_from_slice(&sibling);
        }
        self.out.push(b']');
        Ok(Came::Written)
    }

    /// What comes out of each item of an array of siblings.
    fn reduced(
        &mut self,
        entry: &Entry,
        plan: PlanId,
        siblings: Node<'d>,
    ) -> Result<Vec<Option<Vec<u8>>>, Unsafe> {
        if siblings.kind() != Kind::Array {
            return Err(wrong_kind(entry));
        }
        let mut reduced = Vec::with_capacity(siblings.len());
        for sibling in siblings.items() {
            let start = self.out.len();
            let came = if sibling.is_null() { Came::Nothing } else { self.object(plan, sibling)? };
            let written = self.out.get(start..).unwrap_or_default().to_vec();
            self.out.truncate(start);
            reduced.push((came == Came::Written).then_some(written));
        }
        Ok(reduced)
    }
}
