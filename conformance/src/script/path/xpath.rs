//! XPath 1.0: steps by name, `//`, `..`, attributes, predicates; `or`, `and`, comparisons, `|`, `+`, `-` and the functions of the
//! core library on values.

mod value;

use self::value::Value;
use super::{Selected, below, step};
use crate::tree::Node;

/// How deep predicates may stand within predicates.
const DEPTH_MAX: usize = 16;

pub(super) fn select<'t>(path: &str, root: Node<'t>) -> Option<Selected<'t>> {
    let mut reader = Reader { text: path, at: 0 };
    let value = reader.any(Place { node: root, position: 1, count: 1, start: Start::Resource }, 0)?;
    reader.done().then_some(())?;
    Some(match value.actual() {
        Ok(actual) => Selected::Value(actual),
        Err(nodes) => Selected::Nodes(nodes),
    })
}

/// What an expression is evaluated on.
#[derive(Debug, Clone, Copy)]
struct Place<'t> {
    node: Node<'t>,
    position: usize,
    count: usize,
    start: Start,
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
                let place = Place { node: *node, position: position + 1, count, start: Start::Here };
                if self.any(place, depth + 1)?.keeps(position + 1) {
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

    fn any<'t>(&mut self, place: Place<'t>, depth: usize) -> Option<Value<'t>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut left = self.all(place, depth)?;
        while self.keyword("or") {
            let right = self.all(place, depth)?;
            left = Value::Truth(left.truth() | right.truth());
        }
        Some(left)
    }

    fn all<'t>(&mut self, place: Place<'t>, depth: usize) -> Option<Value<'t>> {
        let mut left = self.comparison(place, depth)?;
        while self.keyword("and") {
            let right = self.comparison(place, depth)?;
            left = Value::Truth(left.truth() & right.truth());
        }
        Some(left)
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let behind = self.rest().strip_prefix(word);
        let found = behind.is_some_and(|behind| behind.starts_with(|letter: char| " (\n\t".contains(letter)));
        if found {
            self.at += word.len();
        }
        found
    }

    fn comparison<'t>(&mut self, place: Place<'t>, depth: usize) -> Option<Value<'t>> {
        let mut left = self.sum(place, depth)?;
        while let Some(sign) = ["!=", "<=", ">=", "=", "<", ">"].into_iter().find(|sign| self.eat(sign)) {
            let right = self.sum(place, depth)?;
            left = Value::Truth(left.compares(sign, &right));
        }
        Some(left)
    }

    fn sum<'t>(&mut self, place: Place<'t>, depth: usize) -> Option<Value<'t>> {
        let mut left = self.union(place, depth)?;
        loop {
            if self.eat("+") {
                left = Value::Number(left.number() + self.union(place, depth)?.number());
            } else if self.eat("-") {
                left = Value::Number(left.number() - self.union(place, depth)?.number());
            } else {
                return Some(left);
            }
        }
    }

    fn union<'t>(&mut self, place: Place<'t>, depth: usize) -> Option<Value<'t>> {
        let mut left = self.operand(place, depth)?;
        while self.eat("|") {
            left = left.with(self.operand(place, depth)?)?;
        }
        Some(left)
    }

    fn operand<'t>(&mut self, place: Place<'t>, depth: usize) -> Option<Value<'t>> {
        self.blanks();
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|letter| matches!(letter, '\'' | '"')) {
            let (text, _) = rest.get(1..)?.split_once(quote)?;
            self.at += text.len() + 2;
            return Some(Value::Text(text.to_owned()));
        }
        if rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            let end =
                rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
            self.at += end;
            return rest.get(..end)?.parse().ok().map(Value::Number);
        }
        if self.eat("(") {
            let inside = self.any(place, depth + 1)?;
            return self.eat(")").then_some(inside);
        }
        let mark = self.at;
        if let Some(name) = self.word()
            && self.rest().starts_with('(')
        {
            return self.call(name, place, depth);
        }
        self.at = mark;
        self.path(&[place.node], place.start, depth + 1).map(Value::Nodes)
    }

    /// A function of the core library.
    fn call<'t>(&mut self, name: &str, place: Place<'t>, depth: usize) -> Option<Value<'t>> {
        self.eat("(").then_some(())?;
        let mut arguments = Vec::new();
        while !self.eat(")") {
            if !arguments.is_empty() {
                self.eat(",").then_some(())?;
            }
            arguments.push(self.any(place, depth + 1)?);
        }
        match (name, arguments.as_slice()) {
            ("position", []) => Some(Value::counted(place.position)),
            ("last", []) => Some(Value::counted(place.count)),
            _ => value::call(name, arguments, place.node),
        }
    }
}
