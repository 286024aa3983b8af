//! XPath 1.0: steps by name, `//`, `..`, attributes, and predicates with `and`, `or`, `=`, `!=` and a few functions.

use super::super::operator::Actual;
use super::{Selected, below, step};
use crate::tree::Node;

/// How deep predicates may stand within predicates.
const DEPTH_MAX: usize = 16;

pub(super) fn select<'t>(path: &str, root: Node<'t>) -> Option<Selected<'t>> {
    let mut reader = Reader { text: path, at: 0 };
    let selected = if let Some(inside) = path.strip_prefix("count(") {
        let mut reader = Reader { text: inside, at: 0 };
        let nodes = reader.path(&[root], Start::Resource, 0)?;
        reader.eat(")").then_some(())?;
        reader.done().then(|| Selected::Value(Actual::number(nodes.len().to_string())))?
    } else {
        let nodes = reader.path(&[root], Start::Resource, 0)?;
        reader.done().then_some(Selected::Nodes(nodes))?
    };
    Some(selected)
}

/// Whether the first step may be the resource itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Resource,
    Here,
}

/// How far a step reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Child,
    Below,
}

struct Reader<'p> {
    text: &'p str,
    at: usize,
}

impl<'p> Reader<'p> {
    fn rest(&self) -> &'p str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn done(&mut self) -> bool {
        self.blanks();
        self.rest().is_empty()
    }

    fn word(&mut self) -> Option<&'p str> {
        self.blanks();
        let rest = self.rest();
        let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
        let end = rest.find(|letter| !fits(letter)).unwrap_or(rest.len());
        let word = rest.get(..end).filter(|word| !word.is_empty())?;
        self.at += end;
        Some(word)
    }

    /// A name without its prefix, or `*`.
    fn name(&mut self) -> Option<&'p str> {
        if self.eat("*") {
            return Some("*");
        }
        let word = self.word()?;
        if self.rest().starts_with("::") || self.rest().starts_with('(') {
            return None;
        }
        if self.rest().starts_with(':') {
            self.at += 1;
            return if self.eat("*") { Some("*") } else { self.word() };
        }
        Some(word)
    }

    fn path<'t>(&mut self, from: &[Node<'t>], start: Start, depth: usize) -> Option<Vec<Node<'t>>> {
        let mut at = from.to_vec();
        let mut reach = Reach::Child;
        if !self.eat("//") {
            let absolute = self.eat("/");
            if absolute {
                at = from.first().map(|node| node.tree().root()).into_iter().collect();
            }
            let start = if absolute { Start::Resource } else { start };
            at = self.first(&at, start, depth)?;
        } else {
            at = from.first().map(|node| node.tree().root()).into_iter().collect();
            at = self.step(&at, Reach::Below, depth)?;
        }
        loop {
            if self.eat("//") {
                reach = Reach::Below;
            } else if !self.eat("/") {
                return Some(at);
            }
            at = self.step(&at, reach, depth)?;
            reach = Reach::Child;
        }
    }

    fn first<'t>(&mut self, at: &[Node<'t>], start: Start, depth: usize) -> Option<Vec<Node<'t>>> {
        let before = self.at;
        if start == Start::Resource
            && let Some(name) = self.name()
        {
            let itself =
                at.iter().copied().filter(|node| node.name() == name || node.resource_type() == Some(name));
            let itself: Vec<Node<'t>> = itself.collect();
            if !itself.is_empty() {
                return self.predicates(itself, depth);
            }
        }
        self.at = before;
        self.step(at, Reach::Child, depth)
    }

    fn step<'t>(&mut self, at: &[Node<'t>], reach: Reach, depth: usize) -> Option<Vec<Node<'t>>> {
        if self.eat("@") {
            let name = self.name()?;
            let from = if reach == Reach::Below { below(at, "*") } else { at.to_vec() };
            // A value is the node's own; `id` and `url` are children of it.
            return Some(if name == "value" {
                from.into_iter().filter(|node| node.text().is_some()).collect()
            } else {
                step(&from, name)
            });
        }
        if self.eat("..") {
            let mut parents: Vec<Node<'t>> = Vec::new();
            for parent in at.iter().filter_map(|node| node.parent()) {
                if parents.last() != Some(&parent) {
                    parents.push(parent);
                }
            }
            return Some(parents);
        }
        if self.eat(".") {
            return Some(at.to_vec());
        }
        let name = self.name()?;
        if reach == Reach::Below {
            let found = below(at, name);
            return self.predicates(found, depth);
        }
        // Positions count within one parent.
        let mark = self.at;
        let mut found = Vec::new();
        for node in at {
            self.at = mark;
            found.extend(self.predicates(step(std::slice::from_ref(node), name), depth)?);
        }
        if at.is_empty() {
            self.predicates(Vec::new(), depth)?;
        }
        Some(found)
    }

    fn predicates<'t>(&mut self, mut nodes: Vec<Node<'t>>, depth: usize) -> Option<Vec<Node<'t>>> {
        if depth > DEPTH_MAX {
            return None;
        }
        while self.eat("[") {
            let mark = self.at;
            let count = nodes.len();
            let mut kept = Vec::new();
            for (position, node) in nodes.iter().enumerate() {
                self.at = mark;
                if self.any(*node, position + 1, count, depth + 1)? {
                    kept.push(*node);
                }
            }
            if nodes.is_empty() {
                self.skip()?;
            }
            self.eat("]").then_some(())?;
            nodes = kept;
        }
        Some(nodes)
    }

    /// Passes over a predicate that has nothing to judge.
    fn skip(&mut self) -> Option<()> {
        let mut open = 0_usize;
        let mut quote = None;
        for (at, letter) in self.rest().char_indices() {
            match (quote, letter) {
                (Some(held), letter) if held == letter => quote = None,
                (None, '\'' | '"') => quote = Some(letter),
                (None, '[') => open += 1,
                (None, ']') if open == 0 => {
                    self.at += at;
                    return Some(());
                }
                (None, ']') => open -= 1,
                (Some(_) | None, _) => {}
            }
        }
        None
    }

    fn any(&mut self, node: Node<'_>, position: usize, count: usize, depth: usize) -> Option<bool> {
        let mut holds = self.all(node, position, count, depth)?;
        while self.keyword("or") {
            holds |= self.all(node, position, count, depth)?;
        }
        Some(holds)
    }

    fn all(&mut self, node: Node<'_>, position: usize, count: usize, depth: usize) -> Option<bool> {
        let mut holds = self.comparison(node, position, count, depth)?;
        while self.keyword("and") {
            holds &= self.comparison(node, position, count, depth)?;
        }
        Some(holds)
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let behind = self.rest().strip_prefix(word);
        let found = behind.is_some_and(|behind| behind.starts_with([' ', '(']));
        if found {
            self.at += word.len();
        }
        found
    }

    fn comparison(&mut self, node: Node<'_>, position: usize, count: usize, depth: usize) -> Option<bool> {
        if depth > DEPTH_MAX {
            return None;
        }
        let left = self.operand(node, count, depth)?;
        let equal = if self.eat("!=") {
            false
        } else if self.eat("=") {
            true
        } else {
            return Some(match left {
                Operand::Position(wanted) => wanted == position,
                Operand::Texts(texts) => !texts.is_empty(),
                Operand::Truth(truth) => truth,
            });
        };
        let (left, right) = (left.texts(), self.operand(node, count, depth)?.texts());
        Some(left.iter().any(|left| right.iter().any(|right| (left == right) == equal)))
    }

    fn operand(&mut self, node: Node<'_>, count: usize, depth: usize) -> Option<Operand> {
        self.blanks();
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|letter| matches!(letter, '\'' | '"')) {
            let (text, _) = rest.get(1..)?.split_once(quote)?;
            self.at += text.len() + 2;
            return Some(Operand::Texts(vec![text.to_owned()]));
        }
        if rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return self.word()?.parse().ok().map(Operand::Position);
        }
        if self.eat("last()") {
            return Some(Operand::Position(count));
        }
        if self.eat("not(") {
            let holds = self.any(node, 0, count, depth + 1)?;
            return self.eat(")").then_some(Operand::Truth(!holds));
        }
        for (name, test) in [("contains(", within as fn(&str, &str) -> bool), ("starts-with(", starts)] {
            if self.eat(name) {
                let left = self.operand(node, count, depth)?.texts();
                self.eat(",").then_some(())?;
                let right = self.operand(node, count, depth)?.texts();
                self.eat(")").then_some(())?;
                let holds = left.first().zip(right.first()).is_some_and(|(left, right)| test(left, right));
                return Some(Operand::Truth(holds));
            }
        }
        if self.eat("count(") {
            let nodes = self.path(&[node], Start::Here, depth + 1)?;
            return self.eat(")").then(|| Operand::Texts(vec![nodes.len().to_string()]));
        }
        let nodes = self.path(&[node], Start::Here, depth + 1)?;
        Some(Operand::Texts(nodes.iter().map(|node| node.text().unwrap_or_default().to_owned()).collect()))
    }
}

fn starts(text: &str, with: &str) -> bool {
    text.starts_with(with)
}

enum Operand {
    Position(usize),
    Texts(Vec<String>),
    Truth(bool),
}

impl Operand {
    fn texts(self) -> Vec<String> {
        match self {
            Self::Position(number) => vec![number.to_string()],
            Self::Texts(texts) => texts,
            Self::Truth(truth) => vec![truth.to_string()],
        }
    }
}

fn within(text: &str, part: &str) -> bool {
    text.contains(part)
}
