//! JSON Pointer (RFC 6901).

use super::tree::Tree;

/// A way into a tree: the names and places to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(Vec<String>);

impl Pointer {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        text.strip_prefix('/')?.split('/').map(unescaped).collect::<Option<_>>().map(Self)
    }

    /// Whether it leads to something inside of what `other` leads to.
    pub(super) fn is_inside(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }

    pub(super) fn find<'t>(&self, tree: &'t Tree) -> Option<&'t Tree> {
        self.0.iter().try_fold(tree, |at, step| match at {
            Tree::Object(members) => members.iter().find(|(name, _)| name == step).map(|(_, value)| value),
            Tree::Array(items) => items.get(place(step)?),
            Tree::Text(_) | Tree::Plain(_) => None,
        })
    }

    pub(super) fn find_mut<'t>(&self, tree: &'t mut Tree) -> Option<&'t mut Tree> {
        self.0.iter().try_fold(tree, |at, step| match at {
            Tree::Object(members) => {
                members.iter_mut().find(|(name, _)| name == step).map(|(_, value)| value)
            }
            Tree::Array(items) => items.get_mut(place(step)?),
            Tree::Text(_) | Tree::Plain(_) => None,
        })
    }

    pub(super) fn add(&self, tree: &mut Tree, value: Tree) -> Option<()> {
        let Some((last, way)) = self.0.split_last() else {
            *tree = value;
            return Some(());
        };
        match Self(way.to_vec()).find_mut(tree)? {
            Tree::Object(members) => {
                match members.iter_mut().find(|(name, _)| name == last) {
                    Some((_, old)) => *old = value,
                    None => members.push((last.clone(), value)),
                }
                Some(())
            }
            Tree::Array(items) => {
                let at = if last == "-" { items.len() } else { place(last)? };
                if at > items.len() {
                    return None;
                }
                items.insert(at, value);
                Some(())
            }
            Tree::Text(_) | Tree::Plain(_) => None,
        }
    }

    /// Takes out what it leads to; the whole cannot be taken out.
    pub(super) fn remove(&self, tree: &mut Tree) -> Option<Tree> {
        let (last, way) = self.0.split_last()?;
        match Self(way.to_vec()).find_mut(tree)? {
            Tree::Object(members) => {
                let at = members.iter().position(|(name, _)| name == last)?;
                Some(members.remove(at).1)
            }
            Tree::Array(items) => {
                let at = place(last)?;
                (at < items.len()).then(|| items.remove(at))
            }
            Tree::Text(_) | Tree::Plain(_) => None,
        }
    }
}

/// A place in a list: digits, and no zero in front.
fn place(step: &str) -> Option<usize> {
    let digits = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    match digits && (step == "0" || !step.starts_with('0')) {
        true => step.parse().ok(),
        false => None,
    }
}

/// `~1` is a slash and `~0` a tilde; a tilde by itself is nothing.
fn unescaped(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (escape, rest) = (part.chars().next()?, part.get(1..)?);
        text.push(match escape {
            '0' => '~',
            '1' => '/',
            _ => return None,
        });
        text.push_str(rest);
    }
    Some(text)
}
