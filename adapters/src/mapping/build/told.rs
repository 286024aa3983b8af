//! What is told of values that were not carried as they stood.

use super::{Build, Mark, Remark};
use crate::{Loss, Severity, Why};

impl Build<'_> {
    /// What was written last is not carried after all.
    pub(super) fn take_back(&mut self, why: Why) {
        let Some(leaf) = self.used.pop() else { return };
        self.remark(leaf, why, Severity::Major);
        if let Some(traced) = &mut self.traced
            && traced.last().is_some_and(|went| went.leaf == leaf)
        {
            traced.pop();
        }
    }

    /// What was carried last is a code of which the mapping says that there is nothing to say: nothing was written.
    pub(super) fn means_nothing(&mut self, leaf: usize) {
        if let Some(went) = self.traced.as_mut().and_then(|traced| traced.last_mut())
            && went.leaf == leaf
        {
            went.path.push_str(", where its code map says nothing of it");
        }
    }

    pub(super) fn remark(&mut self, leaf: usize, why: Why, severity: Severity) {
        if !self.remarks.iter().rev().take(64).any(|held| held.leaf == leaf && held.why == why) {
            self.remarks.push(Remark { leaf, why, severity });
        }
    }

    /// Everything that was not carried as it stood, in the order of the source.
    pub(in crate::mapping) fn losses(&mut self) -> Vec<(usize, Loss)> {
        let mut remarks = std::mem::take(&mut self.remarks);
        remarks.sort_by_key(|remark| (remark.leaf, remark.why));
        remarks.dedup_by_key(|remark| (remark.leaf, remark.why));
        let mut remarks = remarks.into_iter().peekable();
        let mut losses = Vec::new();
        for (leaf, mark) in self.marks.iter().enumerate() {
            let mut told = false;
            while let Some(remark) = remarks.next_if(|remark| remark.leaf == leaf) {
                if remark.why == Why::PlaceTaken && *mark == Mark::Carried {
                    continue;
                }
                losses.push((leaf, self.loss(leaf, remark.why, remark.severity)));
                told = true;
            }
            if told || *mark == Mark::Carried || self.input.text(leaf).is_empty() {
                continue;
            }
            let named = self.input.named(leaf, &self.plan.selectors);
            let (why, severity) = match (self.plan.severity_of(named), named) {
                (Some(severity), _) => (Why::LeftOut, severity),
                (None, Some(_)) => (Why::ConditionUnmet, Severity::Minor),
                (None, None) => (Why::NotMapped, Severity::Minor),
            };
            losses.push((leaf, self.loss(leaf, why, severity)));
        }
        losses
    }

    fn loss(&self, leaf: usize, why: Why, severity: Severity) -> Loss {
        Loss { place: self.input.place(leaf, &self.plan.selectors), why, severity }
    }
}
