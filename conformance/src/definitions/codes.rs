//! The list of the codes that R4 requires, which translators go by, says what the definitions say.

use std::collections::BTreeSet;

use fhir::tables::{of_required_codes, required_codes};

use super::Definitions;
use super::merge::descend;
use super::shape::Strength;
use super::terms::{Coded, Membership, member};

#[test]
fn the_codes_that_r4_requires_are_those_of_its_definitions() {
    let definitions = Definitions::r4().expect("the definitions of R4");
    let all: BTreeSet<&str> = of_required_codes()
        .flat_map(|element| required_codes(element).expect("its codes"))
        .copied()
        .collect();
    for element in of_required_codes() {
        let (path, codes) = (element.path(), required_codes(element).expect("its codes"));
        let (owner, _) = path.split_once('.').expect("a path");
        let shape = definitions.type_at(owner).and_then(|at| definitions.shape(at).ok()).expect("a type");
        let binding = descend(&shape.root, &path).and_then(|found| found.binding.as_ref()).expect(&path);
        assert_eq!(binding.strength, Strength::Required, "{path}");
        let set = binding.at(&definitions).expect("a value set");
        for code in &all {
            let expected = if codes.contains(code) { Membership::In } else { Membership::Out };
            assert_eq!(member(&definitions, set, Coded { system: None, code }), expected, "{code} of {path}");
        }
    }
}
