//! The codes that elements take of which R4 requires a value set that can be counted out.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{ElementId, Release, element_named, type_in};

const TEXT: &str = include_str!("codes.txt");

/// By element. A file that cannot be read leaves it empty; a test reads the file.
static CODES: LazyLock<HashMap<ElementId, Vec<&'static str>>> = LazyLock::new(|| read().unwrap_or_default());

/// All codes that an element of R4 takes, or the codings of one; none where any are taken, or the list is long or has
/// no end (types of media, types of resources, currencies, licences), or the element is of another release.
#[must_use]
pub fn required_codes(element: ElementId) -> Option<&'static [&'static str]> {
    CODES.get(&element).map(Vec::as_slice)
}

/// The elements of which [`required_codes`] knows the codes.
pub fn of_required_codes() -> impl Iterator<Item = ElementId> {
    CODES.keys().copied()
}

fn read() -> Option<HashMap<ElementId, Vec<&'static str>>> {
    let mut all = HashMap::new();
    for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
        let (paths, codes) = line.split_once(" @ ")?;
        for path in paths.split(' ') {
            let (owner, name) = path.rsplit_once('.')?;
            let found = element_named(type_in(Release::R4, owner)?, name)?;
            if all.insert(found.id(), codes.split(' ').collect()).is_some() {
                return None;
            }
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::{read, required_codes};
    use crate::tables::{Release, element_named, type_in};

    #[test]
    fn every_line_names_elements_of_r4() {
        assert_eq!(read().expect("it can be read").len(), 328);
    }

    #[test]
    fn an_element_takes_the_codes_of_its_value_set() {
        let codes = |owner: &str, name: &str| {
            let owner = type_in(Release::R4, owner).expect("a type");
            required_codes(element_named(owner, name).expect("an element").id())
        };
        assert_eq!(codes("Patient", "gender"), Some(&["male", "female", "other", "unknown"][..]));
        assert_eq!(codes("Age", "comparator"), codes("Quantity", "comparator"));
        assert_eq!(codes("Bundle.entry.request", "method").map(<[_]>::len), Some(6));
        assert_eq!(codes("Condition", "clinicalStatus").map(<[_]>::len), Some(6));
        assert_eq!(codes("Attachment", "contentType"), None);
        assert_eq!(codes("Patient", "maritalStatus"), None);
        let stu3 = type_in(Release::Stu3, "Patient").expect("a type");
        assert_eq!(required_codes(element_named(stu3, "gender").expect("an element").id()), None);
    }
}
