use fhir::identifier::{self, Identifier};
use fhir::nhs_number::{InvalidNhsNumber, NhsNumber};
use fhir::ods_code::{InvalidOdsCode, OdsCode};
use proptest::prelude::*;

#[test]
fn an_nhs_number_is_read_plain_or_grouped() {
    for text in ["9990000018", "999 000 0018"] {
        assert_eq!(NhsNumber::parse(text).expect(text).as_str(), "9990000018", "{text}");
    }
    assert_eq!("9434765919".parse::<NhsNumber>().map(|number| *number.digits()), Ok(*b"9434765919"));
}

#[test]
fn the_system_of_nhs_numbers_is_known_by_the_names_it_had() {
    for name in [
        identifier::NHS_NUMBER,
        "http://fhir.nhs.uk/Id/nhs-number",
        "http://fhir.nhs.net/Id/nhs-number",
        "https://fhir.nhs.uk/Id/NHS-Number/",
        "urn:oid:2.16.840.1.113883.2.1.4.1",
        "2.16.840.1.113883.2.1.4.1",
    ] {
        assert!(identifier::names_nhs_numbers(name), "{name}");
    }
    for name in [
        "",
        "https://fhir.nhs.uk/Id/ods-organization-code",
        "https://fhir.nhs.uk/Id/nhs-number-2",
        "urn:oid:2.16.840.1.113883.2.1.4.10",
    ] {
        assert!(!identifier::names_nhs_numbers(name), "{name}");
    }
}

#[test]
fn what_is_no_nhs_number_is_refused_with_its_reason() {
    for (text, reason) in [
        ("", InvalidNhsNumber::NotTenDigits),
        ("999000001", InvalidNhsNumber::NotTenDigits),
        ("99900000181", InvalidNhsNumber::NotTenDigits),
        ("999-000-0018", InvalidNhsNumber::NotTenDigits),
        ("999  000 018", InvalidNhsNumber::NotTenDigits),
        ("9990 000 018", InvalidNhsNumber::NotTenDigits),
        (" 9990000018", InvalidNhsNumber::NotTenDigits),
        ("999000001\u{661}", InvalidNhsNumber::NotTenDigits),
        ("9990000019", InvalidNhsNumber::CheckDigit),
        ("9990000010", InvalidNhsNumber::CheckDigit),
        ("0000000000", InvalidNhsNumber::AllZeros),
    ] {
        assert_eq!(NhsNumber::parse(text), Err(reason), "{text:?}");
    }
}

#[test]
fn the_digits_of_a_person_do_not_show_in_debug() {
    let number = NhsNumber::parse("9990000018").expect("valid");
    let identifier = Identifier::from(number);
    assert_eq!(format!("{number:?}"), "NhsNumber(..)");
    assert!(!format!("{identifier:?}").contains("999"), "{identifier:?}");
}

#[test]
fn an_ods_code_is_one_code_in_either_case() {
    assert_eq!(OdsCode::parse("rx1"), OdsCode::parse("RX1"));
    assert_eq!(OdsCode::parse_setting("ods:E10000099").map(|code| code.to_string()), Ok("E10000099".into()));
    assert_eq!("RX1".parse::<OdsCode>(), "ods:RX1".parse());
    assert_eq!(OdsCode::parse("RX1").map(|code| code.to_setting()), Ok("ods:RX1".into()));
}

#[test]
fn what_is_no_ods_code_is_refused() {
    for text in ["", "RX", "RX1-2", "ABCDEFGHIJKLM", "R X1", "RX\u{e9}", "ods:RX1"] {
        assert_eq!(OdsCode::parse(text), Err(InvalidOdsCode::Shape), "{text:?}");
    }
    assert_eq!(OdsCode::parse_setting("RX1"), Err(InvalidOdsCode::Prefix));
}

#[test]
fn an_identifier_yields_what_its_system_says_it_is() {
    let number = NhsNumber::parse("9990000018").expect("valid");
    assert_eq!(Identifier::new(identifier::NHS_NUMBER, "999 000 0018").nhs_number(), Some(number));
    assert_eq!(Identifier::new("urn:elsewhere", "9990000018").nhs_number(), None);
    assert_eq!(Identifier::new(identifier::NHS_NUMBER, "9990000019").nhs_number(), None);
    let council = OdsCode::parse("E10000099").expect("valid");
    assert_eq!(Identifier::from(&council).ods_code(), Some(council));
}

proptest! {
    #[test]
    fn at_most_one_check_digit_fits_nine_digits(body in "[0-9]{9}") {
        let fitting = (0..10).filter(|check| NhsNumber::parse(&format!("{body}{check}")).is_ok()).count();
        prop_assert!(fitting <= 1);
    }

    #[test]
    fn changing_one_digit_of_an_nhs_number_is_noticed(body in "[1-9][0-9]{8}", at in 0usize..10, by in 1u8..10) {
        let valid = (0..10).map(|check| format!("{body}{check}")).find(|text| NhsNumber::parse(text).is_ok());
        prop_assume!(valid.is_some());
        let mut digits = valid.unwrap_or_default().into_bytes();
        digits[at] = b'0' + (digits[at] - b'0' + by) % 10;
        prop_assert!(NhsNumber::parse(&String::from_utf8_lossy(&digits)).is_err());
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in ".{0,40}") {
        let _ = (NhsNumber::parse(&text).is_ok(), OdsCode::parse(&text).is_ok(), OdsCode::parse_setting(&text).is_ok());
    }
}
