//! Values that are fixed, and patterns.

use super::Run;
use super::finding::Rule;
use crate::definitions::exact::Exact;
use crate::definitions::shape::Element;
use crate::tree::Node;

impl<'a> Run<'a> {
    /// Holds `node` to the value that is fixed for it and to its pattern.
    pub(crate) fn exact(&mut self, node: Node<'a>, element: &Element) {
        if element.fixed.as_deref().is_some_and(|fixed| !same(node, fixed)) {
            self.error(Rule::Fixed, node, "not the value that is fixed for it");
        }
        if element.pattern.as_deref().is_some_and(|pattern| !covers(node, pattern)) {
            self.error(Rule::Pattern, node, "not what the pattern asks for");
        }
    }
}

/// Whether `node` is exactly the value; its id does not count.
pub(crate) fn same(node: Node<'_>, fixed: &Exact) -> bool {
    let mut wanted = fixed.children.iter().filter(|(name, _)| &**name != "id");
    let is = node.children().filter(|child| child.name() != "id");
    if !same_text(node.text(), fixed.text.as_deref()) {
        return false;
    }
    // Of each name in its order; the order between names does not count.
    let mut count = 0_usize;
    for child in is {
        count = count.saturating_add(1);
        let of_name = fixed.children.iter().filter(|(name, _)| &**name == child.name());
        if !of_name.clone().nth(child.index()).is_some_and(|(_, wanted)| same(child, wanted)) {
            return false;
        }
    }
    wanted.by_ref().count() == count
}

/// Whether `node` has what the pattern has; of what repeats, in any place.
pub(crate) fn covers(node: Node<'_>, pattern: &Exact) -> bool {
    if pattern.text.is_some() && !same_text(node.text(), pattern.text.as_deref()) {
        return false;
    }
    pattern.children.iter().all(|(name, wanted)| node.named(name).any(|child| covers(child, wanted)))
}

/// Texts are the same, or both are numbers and the same with their precision.
fn same_text(is: Option<&str>, wanted: Option<&str>) -> bool {
    is == wanted
}

#[cfg(test)]
mod tests {
    use super::{covers, same};
    use crate::definitions::exact::Exact;
    use crate::tree::{Limits, Tree};

    fn tree(json: &str) -> Tree {
        Tree::from_json(json.as_bytes(), &Limits::default()).expect("reads")
    }

    #[test]
    fn a_pattern_asks_for_a_part_and_a_fixed_value_for_the_whole() {
        let tree = tree(
            r#"{"coding":[{"system":"s","code":"b"},{"code":"a","system":"s","display":"A"}],"text":"t"}"#,
        );
        let part = Exact::read("(coding(system\"s\"code\"a\"))").unwrap();
        assert!(covers(tree.root(), &part));
        assert!(!same(tree.root(), &part));
        let mixed = Exact::read("(coding(system\"s\"code\"c\"))").unwrap();
        assert!(!covers(tree.root(), &mixed));
        let whole = "(text\"t\"coding(code\"b\"system\"s\")coding(system\"s\"code\"a\"display\"A\"))";
        assert!(same(tree.root(), &Exact::read(whole).unwrap()));
        let turned = "(text\"t\"coding(system\"s\"code\"a\"display\"A\")coding(code\"b\"system\"s\"))";
        assert!(!same(tree.root(), &Exact::read(turned).unwrap()));
    }
}
