//! Ways through a tree.

use super::{NONE, Node, Tree};

/// The children of a node, in order of the text.
#[derive(Debug, Clone)]
pub struct Children<'t> {
    tree: &'t Tree,
    at: u32,
}

impl<'t> Children<'t> {
    pub(super) const fn new(tree: &'t Tree, at: u32) -> Self {
        Self { tree, at }
    }
}

impl<'t> Iterator for Children<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        let node = Node::link(self.tree, self.at)?;
        self.at = node.row().map_or(NONE, |row| row.next);
        Some(node)
    }
}

/// The children of a node that have one name.
#[derive(Debug, Clone)]
pub struct Named<'t, 'n> {
    children: Children<'t>,
    name: &'n str,
}

impl<'t, 'n> Named<'t, 'n> {
    pub(super) const fn new(children: Children<'t>, name: &'n str) -> Self {
        Self { children, name }
    }
}

impl<'t> Iterator for Named<'t, '_> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        let name = self.name;
        self.children.by_ref().find(|node| node.name() == name)
    }
}

/// Everything below a node, parents before children.
#[derive(Debug, Clone)]
pub struct Descendants<'t> {
    top: Node<'t>,
    next: Option<Node<'t>>,
}

impl<'t> Descendants<'t> {
    pub(super) fn new(top: Node<'t>) -> Self {
        Self { top, next: top.children().next() }
    }
}

impl<'t> Iterator for Descendants<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        let found = self.next?;
        self.next = found.children().next().or_else(|| {
            let mut node = found;
            while node != self.top {
                let next = node.row().and_then(|row| Node::link(node.tree(), row.next));
                if next.is_some() {
                    return next;
                }
                node = node.parent()?;
            }
            None
        });
        Some(found)
    }
}
