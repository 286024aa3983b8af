//! The tables themselves.

use fhir::tables::Release;

use super::maps::{self, read};
use super::translation;

#[test]
fn the_tables_can_be_read() {
    for (left, texts) in [
        (Release::Dstu2, &maps::DSTU2[..]),
        (Release::Stu3, &maps::STU3[..]),
        (Release::R4b, &maps::R4B[..]),
        (Release::R5, &maps::R5[..]),
    ] {
        assert_eq!(read(left, texts).err(), None, "{left:?}");
    }
}

#[test]
fn a_faulty_table_is_told_by_its_line() {
    for (text, what) in [
        ("nonsense", "a line that is not known"),
        ("types Claim", "a resource type that is not in the tables"),
        ("  id = id", "a rule before a type"),
        ("part Patients", "a type that is not in the tables"),
        ("part Patient\n  shoe = active", "an element that is not in the tables"),
        ("part Patient\n  active[] = active", "one of a list where there is no list"),
        ("part Patient\n  name[x = name", "a step cannot be read"),
        ("part Patient\n  gender = gender codes sexes", "a table that is not there"),
        ("part Patient\n  gender = gender backwards", "a conversion that is not known"),
        ("codes sexes m=male m=man", "a value is told of twice"),
        ("codes sexes male", "a pair needs =, > or <"),
        ("only above Patient.gender male", "a side is left or right"),
        ("part Immunization\n  flag notGiven status=not-done", "a flag needs a value"),
        ("part MedicationStatement\n  state status=active taken", "a state that cannot be read"),
        ("part Goal\n  state status=x target.measure urn:x none else y same z", "a table that is not there"),
        (
            "codes c a=b\npart Goal\n  state status target.measure urn:x c else y same z",
            "a status needs a code",
        ),
        (
            "codes c a=b\npart Goal\n  state status=x target urn:x c else y same z",
            "a state needs a concept in a part",
        ),
        ("part Goal\n  note = note to Nobody", "a type that is not in the tables"),
    ] {
        let fault = read(Release::Stu3, &[text]).unwrap_err().to_string();
        assert!(fault.ends_with(what), "{text}: {fault}");
    }
}

/// Elements of the older tables that are neither of both releases nor told of: what has them is kept or lost, as the
/// list says. It is looked at by a person when it changes.
#[test]
fn codes_that_both_sides_take_are_the_same_there_and_back() {
    let (there, back) = read(Release::Stu3, &maps::STU3).unwrap();
    for (way, other) in [(&there, &back), (&back, &there)] {
        for rule in way.rules.values().flat_map(|rules| rules.values()).flatten() {
            let maps::How::Mapped(codes) = &rule.how else { continue };
            for (from, (to, exact)) in codes.pairs() {
                if exact == translation::Exact::Yes {
                    assert_eq!(codes.undone(to), from, "{:?} {:?}", way.from, other.from);
                }
            }
        }
    }
}
