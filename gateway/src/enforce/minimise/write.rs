//! Names, commas, addresses, masked elements, and arrays of scalars beside their siblings.

use fhir::json::{Key, Kind, Node, quote};

use super::Written;
use super::plan::{Entry, Plan, PlanId};
use super::walk::{Came, Stop, Walker, wrong_kind};

impl<'d> Walker<'_, '_, 'd> {
    /// Writes the name of a member, and the comma before it.
    #[inline]
    pub(super) fn name(&mut self, entry: &Entry, key: Key<'d>, value: Node<'d>) {
        if key.is_tight(value) {
            self.out.member(key.offset(), value.offset());
        } else {
            self.out.separate_text();
            self.out.text(entry.quoted());
            self.out.text(b":");
        }
    }

    /// Writes a value as it stands.
    #[inline]
    pub(super) fn as_it_stands(&mut self, value: Node<'d>) {
        self.out.run(value.offset(), value.end());
    }

    pub(super) fn write_address(&mut self, written: &Written, node: Node<'d>) {
        match written {
            Written::AsItStands => self.as_it_stands(node),
            Written::Anew(text) => quote(text, self.out.buffer()),
        }
    }

    /// Writes the required elements of `plan` whose bits are not in `seen`.
    #[inline]
    pub(super) fn mask(&mut self, plan: &Plan, seen: u64) {
        for required in plan.required.iter().filter(|required| required.bit & seen == 0) {
            self.out.separate_text();
            self.out.text(&required.masked);
        }
    }

    /// Writes an array of scalars and the array of its siblings, item beside item.
    pub(super) fn aligned(
        &mut self,
        (entry, key): (&Entry, Key<'d>),
        (kind, values): (Kind, Node<'d>),
        (plan, siblings): (PlanId, Option<Node<'d>>),
        sibling_name: &str,
    ) -> Result<Came, Stop> {
        if values.kind() != Kind::Array {
            return Err(wrong_kind(entry));
        }
        let siblings = siblings.map_or(Ok(Vec::new()), |siblings| self.reduced(entry, plan, siblings))?;
        let has_siblings = siblings.iter().any(Option::is_some);
        let start = self.out.mark();
        self.name(entry, key, values);
        self.out.text(b"[");
        let first = self.out.mark();
        for value in values.items() {
            let is_null = value.is_null();
            if !is_null && value.kind() != kind {
                return Err(wrong_kind(entry));
            }
            if !is_null || has_siblings {
                self.out.separate_text();
                self.as_it_stands(value);
            }
        }
        for _ in values.len()..if has_siblings { siblings.len() } else { 0 } {
            self.out.separate_text();
            self.out.text(b"null");
        }
        if self.out.is_at(first) {
            self.out.back(start);
            return Ok(Came::Nothing);
        }
        self.out.text(b"]");
        if has_siblings {
            self.out.separate_text();
            quote(sibling_name, self.out.buffer());
            self.out.text(b":[");
            for sibling in siblings {
                self.out.separate_text();
                self.out.text(sibling.as_deref().unwrap_or(b"null"));
            }
            self.out.text(b"]");
        }
        Ok(Came::Written)
    }

    /// Writes the siblings of an array of scalars that is itself not written.
    pub(super) fn siblings_alone(
        &mut self,
        entry: &Entry,
        plan: PlanId,
        siblings: Node<'d>,
    ) -> Result<Came, Stop> {
        let siblings = self.reduced(entry, plan, siblings)?;
        if siblings.iter().all(Option::is_none) {
            return Ok(Came::Nothing);
        }
        self.out.separate_text();
        self.out.text(entry.quoted());
        self.out.text(b":[");
        for sibling in siblings.into_iter().flatten() {
            self.out.separate_text();
            self.out.text(&sibling);
        }
        self.out.text(b"]");
        Ok(Came::Written)
    }

    /// What comes out of each item of an array of siblings.
    fn reduced(
        &mut self,
        entry: &Entry,
        plan: PlanId,
        siblings: Node<'d>,
    ) -> Result<Vec<Option<Vec<u8>>>, Stop> {
        if siblings.kind() != Kind::Array {
            return Err(wrong_kind(entry));
        }
        let mut reduced = Vec::with_capacity(siblings.len());
        for sibling in siblings.items() {
            let start = self.out.buffer().len();
            let before = self.out.mark();
            let came = if sibling.is_null() { Came::Nothing } else { self.object(plan, sibling)? };
            let written = self.out.buffer().get(start..).unwrap_or_default().to_vec();
            self.out.back(before);
            reduced.push((came == Came::Written).then_some(written));
        }
        Ok(reduced)
    }
}
