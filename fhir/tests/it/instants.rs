use fhir::instant::{DateTime, InvalidDateTime, Period, Precision, Unzoned};
use jiff::Timestamp;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

#[test]
fn a_time_stands_for_the_range_that_its_precision_says() {
    for (text, precision, from, to) in [
        ("2026", Precision::Year, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-12", Precision::Month, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2024-02-29", Precision::Day, "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("2026-01-05T10:00:59Z", Precision::Second, "2026-01-05T10:00:59Z", "2026-01-05T10:01:00Z"),
        ("2026-06-01T10:00:00+01:00", Precision::Second, "2026-06-01T09:00:00Z", "2026-06-01T09:00:01Z"),
        (
            "2026-01-05T10:00:00.5-00:30",
            Precision::Fraction,
            "2026-01-05T10:30:00.5Z",
            "2026-01-05T10:30:00.6Z",
        ),
        (
            "2026-01-05T10:00:00.123456789Z",
            Precision::Fraction,
            "2026-01-05T10:00:00.123456789Z",
            "2026-01-05T10:00:00.12345679Z",
        ),
        ("2016-12-31T23:59:60Z", Precision::Second, "2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z"),
    ] {
        let time = DateTime::parse(text).expect(text);
        assert_eq!(
            (time.precision(), time.range().from, time.range().to),
            (precision, at(from), at(to)),
            "{text}"
        );
        assert_eq!(time.as_str(), text);
    }
}

#[test]
fn a_day_without_offset_is_a_day_in_the_united_kingdom_unless_said_otherwise() {
    let day = DateTime::parse("2026-06-01").expect("a day");
    assert_eq!(day.range().from, at("2026-05-31T23:00:00Z"));
    assert_eq!(day.range_with(Unzoned::Utc).from, at("2026-06-01T00:00:00Z"));
    let spring_forward = DateTime::parse("2026-03-29").expect("a day");
    assert_eq!(spring_forward.range().to, at("2026-03-29T23:00:00Z"));
}

#[test]
fn searches_may_leave_out_seconds_and_offset_and_resources_may_not() {
    for text in ["2026-06-01T10:00", "2026-06-01T10:00Z", "2026-06-01T10:00:00"] {
        assert!(DateTime::parse_search(text).is_ok(), "{text}");
        assert_eq!(DateTime::parse(text), Err(InvalidDateTime::Shape), "{text}");
    }
    let minute = DateTime::parse_search("2026-06-01T10:00").expect("a minute");
    assert_eq!(minute.range().from, at("2026-06-01T09:00:00Z"));
    assert_eq!(minute.range().to, at("2026-06-01T09:01:00Z"));
}

#[test]
fn each_type_takes_its_own_precisions() {
    assert!(DateTime::parse_date("2026-06").is_ok());
    assert_eq!(DateTime::parse_date("2026-06-01T10:00:00Z"), Err(InvalidDateTime::Shape));
    assert!(DateTime::parse_instant("2026-06-01T10:00:00.1Z").is_ok());
    assert_eq!(DateTime::parse_instant("2026-06-01"), Err(InvalidDateTime::Shape));
}

#[test]
fn what_is_no_time_is_refused() {
    for text in [
        "",
        "26",
        "2026-",
        "2026-6",
        "2026-06-1",
        "20260601",
        "2026-06-01T",
        "2026-06-01T10",
        "2026-06-01 10:00:00Z",
        "2026-06T10:00:00Z",
        "2026-06-01T10:00:00.Z",
        "2026-06-01T10:00:00z",
        "2026-06-01T10:00:00+0100",
        "2026-06-01T10:00:00Zx",
        "+2026",
        "-2026",
        "2026-06-01T10:00:00+1:00",
        "２０２６",
    ] {
        assert_eq!(DateTime::parse(text), Err(InvalidDateTime::Shape), "{text:?}");
    }
    for text in [
        "0000",
        "2026-13",
        "2026-02-29",
        "2026-06-01T24:00:00Z",
        "2026-06-01T10:61:00Z",
        "2026-06-01T10:00:00+15:00",
    ] {
        assert_eq!(DateTime::parse(text), Err(InvalidDateTime::NoSuchTime), "{text:?}");
    }
}

#[test]
fn the_end_of_time_is_no_trouble() {
    assert_eq!(DateTime::parse("9999").expect("a year").range().to, Timestamp::MAX);
    assert!(DateTime::parse("0001").is_ok());
}

#[test]
fn a_period_is_open_where_no_bound_is_stated_and_holds_the_whole_of_its_end() {
    let start = DateTime::parse("2026-01-01").ok();
    let open = Period { start: start.clone(), end: None };
    assert!(open.holds(at("2999-01-01T00:00:00Z")) && !open.holds(at("2025-12-31T23:59:59Z")));
    let closed = Period { start, end: DateTime::parse("2026-01-31").ok() };
    assert!(closed.holds(at("2026-01-31T23:59:59Z")) && !closed.holds(at("2026-02-01T00:00:00Z")));
    assert!(Period::default().holds(at("2026-01-01T00:00:00Z")));
}

#[test]
fn our_own_instants_are_utc_with_milliseconds() {
    let time = DateTime::from(at("2026-04-01T10:00:00.1234Z"));
    assert_eq!(time.as_str(), "2026-04-01T10:00:00.123Z");
    assert_eq!(DateTime::parse_instant(time.as_str()), Ok(time));
}

#[test]
fn a_date_does_not_show_in_debug() {
    let shown = format!("{:?}", DateTime::parse("1950-02-03"));
    assert!(!shown.contains("1950"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[0-9T:.Z+\\-é ]{0,32}") {
        let (any, search) = (DateTime::parse(&text), DateTime::parse_search(&text));
        if let Ok(time) = search {
            prop_assert!(time.range().from < time.range().to);
        }
        prop_assert!(any.is_err() || DateTime::parse_search(&text).is_ok());
    }

    #[test]
    fn a_coarser_text_contains_a_finer_one(year in 1900i32..2100, month in 1u8..=12, day in 1u8..=28, hour in 0u8..24) {
        let texts = [
            format!("{year}"), format!("{year}-{month:02}"), format!("{year}-{month:02}-{day:02}"),
            format!("{year}-{month:02}-{day:02}T{hour:02}:30"), format!("{year}-{month:02}-{day:02}T{hour:02}:30:10"),
        ];
        let ranges: Vec<_> = texts.iter().map(|text| DateTime::parse_search(text).expect("valid").range()).collect();
        for pair in ranges.windows(2) {
            prop_assert!(pair[0].contains(&pair[1]) && pair[0].overlaps(&pair[1]));
        }
    }
}
