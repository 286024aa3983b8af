//! Validation in process: does this resource hold to R4, to the profiles it claims, and to those it is asked for.
//!
//! In goes a [`Tree`], read leniently; out come [`Finding`]s. `walk` goes through the tree beside the [`Shape`]s of its
//! types and profiles, and each kind of rule has a module of its own. What cannot be told here (a code system that is in no
//! pack, a profile that nobody defines) is a finding of severity [`Severity::NotChecked`]: it is never passed in silence.
//!
//! A finding names places, rules and what definitions say. It holds no value of the resource.
//! Work is bounded: elements looked at, findings, nesting; where a bound is met a finding says so.

pub(crate) mod artifacts;
pub(crate) mod bundle;
pub(crate) mod codes;
pub(crate) mod compare;
pub(crate) mod extensions;
pub(crate) mod finding;
pub(crate) mod invariants;
pub(crate) mod native;
pub(crate) mod primitive;
pub(crate) mod references;
pub mod report;
pub(crate) mod slices;
pub(crate) mod walk;

use std::collections::HashSet;
use std::sync::Arc;

pub use finding::{Finding, Rule, Severity};

use crate::definitions::Definitions;
use crate::definitions::shape::Shape;
use crate::tree::{Node, Place, Tree};
use bundle::Entries;

/// Most findings of one severity.
const FINDINGS_MAX: usize = 5_000;

/// Elements that are looked at, for each of the tree and at least.
const STEPS_PER_NODE: usize = 400;
const STEPS_MIN: usize = 200_000;

/// Where a finding is before its line is counted.
const NOWHERE: Place = Place { line: 1, column: 1 };

/// Resources and profiles inside one another.
const DEPTH_MAX: usize = 400;

/// Holds `tree` to its type, to the profiles that it claims (`meta.profile`, at every resource in it) and its outermost
/// resource to `profiles` as well. Findings come in the order of their places; an empty list means that everything was
/// checked and holds.
#[must_use]
pub fn validate(tree: &Tree, definitions: &Definitions, profiles: &[&str]) -> Vec<Finding> {
    let mut run = Run::new(tree, definitions);
    run.oddities();
    run.resource(tree.root(), profiles);
    run.finish()
}

/// Whether `findings` hold an error.
#[must_use]
pub fn is_invalid(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// One validation under way.
pub(crate) struct Run<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) definitions: &'a Definitions,
    pub(crate) findings: Vec<Finding>,
    /// Findings are only wanted as a yes or no while this is not 0.
    pub(crate) trials: usize,
    pub(crate) entries: Entries<'a>,
    /// The resource that is looked at.
    pub(crate) resource: Node<'a>,
    steps_left: usize,
    depth: usize,
    /// Evaluations that did not end.
    endless: usize,
    /// Findings by severity.
    told: [usize; 3],
    /// Counters that are used again.
    pub(crate) counters: Vec<Vec<u32>>,
}

impl<'a> Run<'a> {
    fn new(tree: &'a Tree, definitions: &'a Definitions) -> Self {
        Self {
            tree,
            definitions,
            findings: Vec::new(),
            trials: 0,
            entries: Entries::default(),
            resource: tree.root(),
            steps_left: tree.nodes_len().saturating_mul(STEPS_PER_NODE).max(STEPS_MIN),
            depth: 0,
            endless: 0,
            told: [0; 3],
            counters: Vec::new(),
        }
    }

    fn oddities(&mut self) {
        for oddity in self.tree.oddities() {
            let finding = Finding {
                severity: Severity::Error,
                rule: Rule::Format,
                key: None,
                path: String::new(),
                at: oddity.at,
                place: NOWHERE,
                text: oddity.odd.to_string(),
            };
            self.findings.push(finding);
        }
    }

    /// Adds a finding about `node`.
    pub(crate) fn find(&mut self, severity: Severity, rule: Rule, node: Node<'_>, text: impl Into<String>) {
        self.found(severity, rule, None, node, text.into());
    }

    /// Adds an error about `node`.
    pub(crate) fn error(&mut self, rule: Rule, node: Node<'_>, text: impl Into<String>) {
        self.found(Severity::Error, rule, None, node, text.into());
    }

    /// Says that something about `node` was not checked.
    pub(crate) fn unchecked(&mut self, rule: Rule, node: Node<'_>, text: impl Into<String>) {
        self.found(Severity::NotChecked, rule, None, node, text.into());
    }

    pub(crate) fn found(
        &mut self,
        severity: Severity,
        rule: Rule,
        key: Option<&str>,
        node: Node<'_>,
        text: String,
    ) {
        if self.trials > 0 && severity != Severity::Error {
            return;
        }
        // Each severity has a bound of its own: what is not checked must not crowd out an error.
        if self.trials == 0
            && let Some(told) = self.told.get_mut(severity as usize)
        {
            *told = told.saturating_add(1);
            if *told > FINDINGS_MAX {
                return;
            }
        }
        // While it is only asked whether, nobody reads where.
        let path = if self.trials == 0 { node.path() } else { String::new() };
        let (key, at) = (key.map(Into::into), node.at());
        self.findings.push(Finding { severity, rule, key, path, at, place: NOWHERE, text });
    }

    /// Whether `check` finds no error; what it finds is forgotten.
    pub(crate) fn holds(&mut self, check: impl FnOnce(&mut Self)) -> bool {
        let kept = std::mem::take(&mut self.findings);
        self.trials = self.trials.saturating_add(1);
        check(self);
        self.trials = self.trials.saturating_sub(1);
        let found = std::mem::replace(&mut self.findings, kept);
        found.is_empty()
    }

    /// Counts one element; `false` once there were too many.
    pub(crate) fn step(&mut self) -> bool {
        self.steps_left = self.steps_left.saturating_sub(1);
        self.steps_left > 0
    }

    /// Goes one deeper for `check`, unless that is too deep.
    pub(crate) fn deeper(&mut self, node: Node<'a>, check: impl FnOnce(&mut Self)) {
        if self.depth >= DEPTH_MAX {
            self.unchecked(Rule::Bound, node, "too deep");
            return;
        }
        self.depth = self.depth.saturating_add(1);
        check(self);
        self.depth = self.depth.saturating_sub(1);
    }

    /// Holds the resource at `node` to its type, the profiles it claims, and `asked`.
    pub(crate) fn resource(&mut self, node: Node<'a>, asked: &[&str]) {
        let Some(name) = node.resource_type().filter(|name| !name.is_empty()) else {
            return self.error(Rule::ResourceType, node, "this is no resource: its type is not told");
        };
        let base = self.definitions.type_at(name).map(|at| self.definitions.shape(at));
        let base = match base {
            Some(Ok(base)) if base.sort == crate::definitions::structure::Sort::Resource => base,
            Some(Err(bad)) => return self.unchecked(Rule::Profile, node, bad.to_string()),
            Some(Ok(_)) | None => {
                return self.error(Rule::ResourceType, node, "there is no resource type of this name");
            }
        };
        if base.is_abstract {
            return self.error(Rule::ResourceType, node, "an abstract type of resource");
        }
        let outer = std::mem::replace(&mut self.resource, node);
        self.deeper(node, |run| run.resource_as(node, name, base, asked));
        self.resource = outer;
    }

    fn resource_as(&mut self, node: Node<'a>, name: &str, base: &'a Arc<Shape>, asked: &[&str]) {
        let claimed: Vec<&str> = node
            .child("meta")
            .into_iter()
            .flat_map(|meta| meta.named("profile").filter_map(Node::text))
            .collect();
        let mut shapes: Vec<&'a Arc<Shape>> = Vec::new();
        for (canonical, by_whom) in
            asked.iter().map(|one| (*one, "asked for")).chain(claimed.iter().map(|one| (*one, "claimed")))
        {
            if let Some(shape) = self.profile(node, name, canonical, by_whom)
                && !shapes.iter().any(|known| known.url == shape.url)
            {
                shapes.push(shape);
            }
        }
        if shapes.is_empty() {
            shapes.push(base);
        }
        for shape in shapes {
            self.shape(node, shape);
        }
        self.resource_rules(node, name);
    }

    /// The shape of a profile, if it can be had and is one of this type.
    fn profile(
        &mut self,
        node: Node<'a>,
        name: &str,
        canonical: &str,
        by_whom: &str,
    ) -> Option<&'a Arc<Shape>> {
        let Some(at) = self.definitions.structure_at(canonical) else {
            let (rule, text) = (Rule::Profile, format!("a profile that is {by_whom} is in no pack"));
            if by_whom == "asked for" {
                self.error(rule, node, text);
            } else if canonical.starts_with(crate::definitions::CORE) {
                self.error(rule, node, format!("{text}, and FHIR R4 has none of this name"));
            } else {
                self.unchecked(rule, node, text);
            }
            return None;
        };
        match self.definitions.shape(at) {
            Ok(shape) if fits(shape, name) => {
                if let Some(stray) = shape.stray.first() {
                    let text = format!("{} constrains {stray}, which is not there", shape.url);
                    self.unchecked(Rule::Profile, node, text);
                }
                Some(shape)
            }
            Ok(shape) => {
                let text = format!("{} is a profile of {}, not of this type", shape.url, shape.type_name);
                self.error(Rule::Profile, node, text);
                None
            }
            Err(bad) => {
                self.unchecked(Rule::Profile, node, bad.to_string());
                None
            }
        }
    }

    /// The findings: each once, in order of their places.
    fn finish(mut self) -> Vec<Finding> {
        if self.steps_left == 0 {
            let text = "the resource asks for more work than is done; the rest was not checked";
            self.unchecked(Rule::Bound, self.tree.root(), text);
        }
        if self.told.iter().any(|told| *told > FINDINGS_MAX) {
            let text = "there is more to find than is told".to_owned();
            let (severity, rule) = (Severity::NotChecked, Rule::Bound);
            let path = String::new();
            self.findings.push(Finding { severity, rule, key: None, path, at: 0, place: NOWHERE, text });
        }
        if self.findings.len() > 1 {
            let mut seen = HashSet::new();
            self.findings.retain(|one| seen.insert((one.path.clone(), one.key.clone(), one.text.clone())));
            self.findings.sort_by_key(|one| one.at);
        }
        let ats: Vec<usize> = self.findings.iter().map(|one| one.at).collect();
        for (finding, place) in self.findings.iter_mut().zip(self.tree.places(&ats)) {
            finding.place = place;
        }
        self.findings
    }
}

/// Whether a shape is one of resources of the type `name`.
fn fits(shape: &Shape, name: &str) -> bool {
    &*shape.type_name == name || matches!(&*shape.type_name, "Resource" | "DomainResource")
}
