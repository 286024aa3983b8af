//! JSON Patch (RFC 6902) on a view: what is hidden is not there, for a pointer as for everything else.
//!
//! All operations of the RFC, in order, all or none. Numbers keep their text, because a decimal says how exact it is.
//! Bounded in operations, in depth and in what comes out.

use fhir::json::{Kind, Node};

mod pointer;
#[cfg(test)]
mod tests;
mod tree;

use pointer::Pointer;
use tree::Tree;

/// The most operations of one patch.
const OPERATIONS_MAX: usize = 200;
/// The most that a patched resource weighs: its text, and something for each value.
const WEIGHT_MAX: usize = 20 << 20;
/// How deep a patched resource is at most.
const DEPTH_MAX: usize = 64;

/// Why a patch cannot be carried out. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatchFault {
    /// It is no list of operations of RFC 6902.
    #[error("the patch is not one")]
    Malformed,
    /// A pointer names nothing.
    #[error("a pointer of the patch names nothing")]
    NothingThere,
    /// A `test` does not hold.
    #[error("a test of the patch does not hold")]
    TestFailed,
    /// It has too many operations, or makes too much.
    #[error("the patch does too much")]
    TooMuch,
}

/// Carries out the operations of `patch` on `target`, and gives what comes out as JSON.
///
/// # Errors
/// [`PatchFault`]; nothing is changed then.
pub fn apply(target: Node<'_>, patch: Node<'_>) -> Result<Vec<u8>, PatchFault> {
    if patch.kind() != Kind::Array {
        return Err(PatchFault::Malformed);
    }
    if patch.len() > OPERATIONS_MAX {
        return Err(PatchFault::TooMuch);
    }
    // A patch is one or is none, whatever its operations would meet.
    let operations: Vec<Operation> = patch.items().map(Operation::read).collect::<Result<_, _>>()?;
    let mut tree = Tree::of(target);
    for operation in operations {
        operation.carry_out(&mut tree)?;
        let (weight, depth) = tree.measure();
        if weight > WEIGHT_MAX || depth > DEPTH_MAX {
            return Err(PatchFault::TooMuch);
        }
    }
    let mut out = Vec::new();
    tree.write(&mut out);
    Ok(out)
}

/// One operation, read.
enum Operation {
    Add(Pointer, Tree),
    Remove(Pointer),
    Replace(Pointer, Tree),
    Move { from: Pointer, path: Pointer },
    Copy { from: Pointer, path: Pointer },
    Test(Pointer, Tree),
}

impl Operation {
    fn read(node: Node<'_>) -> Result<Self, PatchFault> {
        if node.kind() != Kind::Object {
            return Err(PatchFault::Malformed);
        }
        let pointer = |name: &str| {
            let text = node.member(name).and_then(Node::string).ok_or(PatchFault::Malformed)?;
            Pointer::parse(&text).ok_or(PatchFault::Malformed)
        };
        let value = || node.member("value").map(Tree::of).ok_or(PatchFault::Malformed);
        let path = pointer("path")?;
        match node.member("op").and_then(Node::string).as_deref() {
            Some("add") => Ok(Self::Add(path, value()?)),
            Some("remove") => Ok(Self::Remove(path)),
            Some("replace") => Ok(Self::Replace(path, value()?)),
            Some("move") => {
                let from = pointer("from")?;
                if path.is_inside(&from) { Err(PatchFault::Malformed) } else { Ok(Self::Move { from, path }) }
            }
            Some("copy") => Ok(Self::Copy { from: pointer("from")?, path }),
            Some("test") => Ok(Self::Test(path, value()?)),
            Some(_) | None => Err(PatchFault::Malformed),
        }
    }

    fn carry_out(self, tree: &mut Tree) -> Result<(), PatchFault> {
        let nothing = PatchFault::NothingThere;
        match self {
            Self::Add(path, value) => path.add(tree, value).ok_or(nothing),
            Self::Remove(path) => path.remove(tree).map(drop).ok_or(nothing),
            Self::Replace(path, value) => {
                *path.find_mut(tree).ok_or(nothing)? = value;
                Ok(())
            }
            Self::Move { from, path } if from == path => from.find(tree).map(drop).ok_or(nothing),
            Self::Move { from, path } => {
                let value = from.remove(tree).ok_or(nothing)?;
                path.add(tree, value).ok_or(nothing)
            }
            Self::Copy { from, path } => {
                let value = from.find(tree).ok_or(nothing)?.clone();
                path.add(tree, value).ok_or(nothing)
            }
            Self::Test(path, value) => match path.find(tree).ok_or(nothing)?.equals(&value) {
                true => Ok(()),
                false => Err(PatchFault::TestFailed),
            },
        }
    }
}
