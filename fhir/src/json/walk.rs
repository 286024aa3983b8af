//! Values by the names on the way to them.

use super::{Kind, Node};

/// The values at the end of a path; see [`Node::walk`].
pub struct Walk<'a, 'p> {
    /// Where it goes on; without an array on the way that is all there is.
    next: Option<(Node<'a>, &'p [&'p str])>,
    stack: Vec<(Node<'a>, &'p [&'p str])>,
}

impl<'a, 'p> Walk<'a, 'p> {
    pub(super) fn from(node: Node<'a>, path: &'p [&'p str]) -> Self {
        Self { next: Some((node, path)), stack: Vec::new() }
    }
}

impl<'a> Iterator for Walk<'a, '_> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((node, path)) = self.next.take().or_else(|| self.stack.pop()) {
            if node.kind() == Kind::Array {
                let first = self.stack.len();
                self.stack.extend(node.items().map(|item| (item, path)));
                self.stack.get_mut(first..).unwrap_or_default().reverse();
                continue;
            }
            let Some((name, rest)) = path.split_first() else { return Some(node) };
            self.next = node.member(name).map(|value| (value, rest));
        }
        None
    }
}
