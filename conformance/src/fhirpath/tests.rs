use proptest::prelude::*;

use super::{Expression, Failed, Mode, Scope};
use crate::model::{Model, Tables};
use crate::tree::{Limits, Tree};

const PATIENT: &str = r##"{"resourceType":"Patient","id":"p1","active":true,"birthDate":"1990-02-28",
 "_birthDate":{"extension":[{"url":"urn:t","valueDateTime":"1990-02-28T10:00:00+01:00"}]},
 "name":[{"use":"official","family":"Specimen","given":["Anna","Mae"]},{"use":"usual","given":["Annie"]}],
 "multipleBirthInteger":2,"contact":[{"name":{"family":"Other"},"gender":"female"}],
 "generalPractitioner":[{"reference":"#gp"}],
 "contained":[{"resourceType":"Practitioner","id":"gp","name":[{"family":"Doe"}],"extension":[{"url":"urn:up","valueReference":{"reference":"#"}}]}],
 "extension":[{"url":"urn:a","valueQuantity":{"value":5.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}},{"url":"urn:b","valueString":"x"}]}"##;

fn patient() -> Tree {
    Tree::read(PATIENT.as_bytes(), &Limits::default()).expect("a patient")
}

/// What an expression yields, items in text, or its fault.
fn told(text: &str, mode: Mode) -> Result<Vec<String>, String> {
    let expression = Expression::parse(text).map_err(|fault| fault.to_string())?;
    let tree = patient();
    let mut scope = Scope::new(&Tables::R4, tree.root()).in_mode(mode);
    scope.now = "2024-06-01T10:20:30.5Z".parse().ok();
    let found = expression.evaluate(&scope).map_err(|fault| fault.to_string())?;
    Ok(found.iter().map(|item| item.to_string()).collect())
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(
        told(text, Mode::Standard),
        Ok(expected.iter().map(|one| (*one).to_owned()).collect()),
        "{text}"
    );
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    assert_eq!(told(text, Mode::Standard), Err(expected.to_owned()), "{text}");
}

#[test]
fn names_lead_through_the_tree() {
    check("name.given", &["Anna", "Mae", "Annie"]);
    check("Patient.name[1].given", &["Annie"]);
    check("name.where(use = 'official').given.last()", &["Mae"]);
    check("Observation.name", &[]);
    check("Resource.id | DomainResource.id", &["p1"]);
    check("name.children().count()", &["6"]);
    check("contained.name.family", &["Doe"]);
    check("multipleBirth", &["2"]);
    check("multipleBirthInteger", &[]);
    assert_eq!(told("multipleBirthInteger", Mode::Lenient), Ok(vec!["2".to_owned()]));
    check("extension('urn:a').value.value", &["5.50"]);
    check("birthDate.extension('urn:t').value > @1990-02-28T08:59Z", &["true"]);
    check("%resource.generalPractitioner.resolve().name.family", &["Doe"]);
    check("contained.extension.value.resolve().id", &["p1"]);
}

#[test]
fn the_value_of_a_primitive_is_the_primitive_when_lenient() {
    let lenient = |text: &str| told(text, Mode::Lenient).unwrap();
    for (text, value) in [
        ("name[1].given.value", "Annie"),
        ("birthDate.value = birthDate", "true"),
        ("multipleBirth.value", "2"),
        ("multipleBirthInteger.value + 1", "3"),
        ("extension('urn:a').value.value", "5.50"),
        ("extension('urn:a').value.value.value", "5.50"),
    ] {
        assert_eq!(lenient(text), [value], "{text}");
    }
    assert_eq!(lenient("name.value | value | name[1].given.value.extension"), Vec::<String>::new());
    assert_eq!(lenient("name.given.value.count()"), ["3"]);
    for mode in [Mode::Standard, Mode::Invariant] {
        assert_eq!(told("birthDate.value", mode), Ok(Vec::new()), "{mode:?}");
    }
    assert!(told("birthDate.value", Mode::Strict).is_err());
}

#[test]
fn names_that_types_do_not_have_are_empty_or_an_error_when_strict() {
    check("name.nickname", &[]);
    for (text, fault) in [
        ("name.nickname", "HumanName has no element nickname"),
        ("name.where(nickname = 'x')", "HumanName has no element nickname"),
        ("(name as Period).given", "Period has no element given"),
        ("name.select(period).begin", "Period has no element begin"),
        ("children().first()", "first on items that have no order"),
        ("name.given.frist()", "unsupported: the function frist"),
        ("name.first(1)", "the function first with a wrong number of arguments"),
    ] {
        assert_eq!(told(text, Mode::Strict), Err(fault.to_owned()), "{text}");
    }
    let fine = [
        "name.where(use = 'usual').given",
        "multipleBirth.exists()",
        "contained.name",
        "extension.value.code",
    ];
    for text in fine {
        assert!(told(text, Mode::Strict).is_ok(), "{text}");
    }
}

#[test]
fn types_are_asked_by_name() {
    check("extension.value.ofType(Quantity).unit", &["kg"]);
    check("(extension.first().value is Quantity) | 1", &["true", "1"]);
    check("name.given.first() is string", &["true"]);
    check("id is id", &["true"]);
    check("contained.first() is DomainResource", &["true"]);
    check("1 is System.Integer and (1 is FHIR.integer).not()", &["true"]);
    check("active.type().name & '/' & (active = true).type().namespace", &["boolean/System"]);
    fails("name.given.first() is Sting", "unsupported: the type Sting");
    fails("name as HumanName", "more than one item for as");
}

#[test]
fn operators_bind_as_the_grammar_says() {
    check("1 + 2 * 3 - 4 / 2", &["5"]);
    check("2 - 1 - 1", &["0"]);
    check("true or false and false", &["true"]);
    check("false implies false or true", &["true"]);
    check("1 | 2 = 1 | 2", &["true"]);
    check("-1 + 2 > 0 and 'a' in ('a' | 'b')", &["true"]);
    check("'a' & 'b' + 'c'", &["abc"]);
    check("name.exists() xor id.empty()", &["true"]);
    check("7 div 2 + 7 mod 2", &["4"]);
}

#[test]
fn logic_has_a_third_value() {
    check("{} and false", &["false"]);
    check("{} or true", &["true"]);
    check("{} and true", &[]);
    check("{} implies true", &["true"]);
    check("(1 = {}).empty()", &["true"]);
    check("name.first() and true", &["true"]);
    fails("name and true", "more than one item for a condition");
}

#[test]
fn dates_compare_as_far_as_they_are_stated() {
    check("birthDate < @1990-03", &["true"]);
    check("birthDate > @1990-02", &[]);
    check("birthDate = '1990-02-28'", &["true"]);
    check("@2024-02-29 + 1 year", &["2025-02-28"]);
    check("@2024-01-31 + 1 month", &["2024-02-29"]);
    check("@2024 + 13 months", &["2025"]);
    check("@2024-03-01T00:00:00Z - 1 second", &["2024-02-29T23:59:59Z"]);
    check("@T23:30 + 45 minutes", &["00:15"]);
    check("@2024-01-01T10:00:00+02:00 = @2024-01-01T08:00:00Z", &["true"]);
    check("@2024-01-01T10:00:00 < @2024-01-03T08:00:00Z", &["true"]);
    check(
        "today() & ' ' & now().toString() & ' ' & timeOfDay()",
        &["2024-06-01 2024-06-01T10:20:30.500Z 10:20:30.500"],
    );
    check("birthDate.yearOf() + birthDate.monthOf()", &["1992"]);
    for text in ["@2024-02-30", "@2024-13", "@T25:00", "@2024-01-01T10:00+25:00", "@0000"] {
        assert!(Expression::parse(text).is_err(), "{text}");
    }
}

#[test]
fn quantities_compare_by_what_they_measure() {
    check("extension.value.ofType(Quantity) = 5500 'g'", &["true"]);
    check("1 'mmol/L' = 1 'mol/m3'", &["true"]);
    check("1 'mm[Hg]' > 133.3 'Pa' and 1 'mm[Hg]' < 133.4 'Pa'", &["true"]);
    check("37 'Cel' = 310.15 'K'", &["true"]);
    check("98.6 '[degF]' ~ 37.0 'Cel'", &["true"]);
    check("10 '{tablet}' = 10 '1'", &["true"]);
    check("1 'kg/m2' = 1 'g/dm2' ", &["false"]);
    check("60 '/min' = 1 's-1'", &["true"]);
    check("1 '10*9/L' = 1000 '10*6/L'", &["true"]);
    check("1 '[IU]' = 1 'mg'", &[]);
    check("1 '[IU]/L' = 1 '[CFU]/L'", &[]);
    check("1000 'm[IU]/L' = 1 '[IU]/L'", &["true"]);
    check("1 year = 12 months", &["true"]);
    check("1 year = 365 days", &[]);
    check("1 'foo' = 1 'foo'", &["true"]);
    check("1 'foo' < 1 'bar'", &[]);
    check("(2 'm' * 3 's').toString()", &["6 'm.s'"]);
    check("4 'g' + 500 'mg'", &["4.5 'g'"]);
    check("72 'kg'.toQuantity('g')", &["72000 'g'"]);
}

#[test]
fn numbers_keep_their_digits() {
    check("0.1 + 0.2 = 0.3", &["true"]);
    check("1.10.toString()", &["1.10"]);
    check("1 / 3", &["0.33333333333333333333"]);
    check("2147483647 + 1", &[]);
    check("5L + 1", &["6"]);
    check("2.power(10) | 2.power(0.5).round(3)", &["1024", "1.414"]);
    check("(1 | 2 | 3).sum() | (1 | 2 | 3).avg() | (3 | 1).min()", &["6", "2", "1"]);
    check("10.0.log(10) | 0.exp()", &["1"]);
    check("(-7).abs() | 3.7.truncate() | (-3.2).floor()", &["7", "3", "-4"]);
}

#[test]
fn texts_are_counted_in_characters() {
    check("'héllo'.substring(1, 3)", &["éll"]);
    check("'héllo'.indexOf('l')", &["2"]);
    check("'a,b'.split(',').join('-')", &["a-b"]);
    check("'2024-01'.matches('\\\\d{4}-\\\\d{2}')", &["true"]);
    check("'2024-01'.matches('\\d{4}')", &["true"]);
    check("'John Doe'.replaceMatches('(\\\\w+) (\\\\w+)', '$2x $1')", &["Doex John"]);
    fails("'x'.matches('(?=x)')", "unsupported: the pattern given to matches");
    check("'YQ=='.decode('base64') & 'é'.encode('hex')", &["ac3a9"]);
}

#[test]
fn variables_are_defined_where_they_are_used() {
    check(
        "defineVariable('f', name.family).name.select(%f & ' ' & given.first())",
        &["Specimen Anna", "Specimen Annie"],
    );
    fails("%nobody", "the variable %nobody is not defined");
    fails("defineVariable('resource', 1)", "the variable %resource is defined already");
    check(
        "%`ext-patient-birthTime` | %'vs-x'",
        &["http://hl7.org/fhir/StructureDefinition/patient-birthTime", "http://hl7.org/fhir/ValueSet/x"],
    );
    check("name.select($index)", &["0", "1"]);
    check("name.given.aggregate(iif($total.empty(), $this, $total & '+' & $this))", &["Anna+Mae+Annie"]);
}

#[test]
fn what_is_around_is_given_or_unsupported() {
    fails("name.memberOf('urn:x')", "more than one item for memberOf");
    fails("id.memberOf('urn:x')", "unsupported: memberOf without what it needs to know");
    fails("conformsTo('urn:x')", "unsupported: conformsTo a profile that is not known");
    fails("%terminologies.expand('x')", "unsupported: %terminologies");
    let tree = patient();
    let now =
        Expression::parse("now()").expect("an expression").evaluate(&Scope::new(&Tables::R4, tree.root()));
    assert_eq!(now.map(drop), Err(Failed::Unsupported { what: "a clock".to_owned() }));
}

#[test]
fn an_unknown_type_is_read_by_names() {
    let text = r#"{"resourceType":"Madeup","valueQuantity":{"value":1},"flag":true,"other":[{"n":1.5}],"valueless":1}"#;
    let tree = Tree::read(text.as_bytes(), &Limits::default()).expect("readable");
    for (text, expected) in [
        ("Madeup.flag and other.n > 1", "true"),
        ("Madeup.value.value = 1", "true"),
        ("(Madeup.value is Quantity) and Madeup.value.count() = 1", "true"),
    ] {
        let found =
            Expression::parse(text).expect("an expression").evaluate(&Scope::new(&Tables::R4, tree.root()));
        assert_eq!(
            found.expect("a value").first().map(ToString::to_string).as_deref(),
            Some(expected),
            "{text}"
        );
    }
}

#[test]
fn other_releases_have_other_types() {
    let tree = Tree::read(br#"{"resourceType":"ValueSet","version":"1","url":"urn:x"}"#, &Limits::default());
    let tree = tree.expect("readable");
    for release in [fhir::tables::Release::Stu3, fhir::tables::Release::R4b, fhir::tables::Release::R5] {
        let model = Tables::of(release);
        let told = Expression::parse("version is string and url is uri and (url is url).not()");
        assert!(
            told.expect("an expression")
                .evaluate(&Scope::new(&model, tree.root()))
                .expect("a value")
                .is_true()
        );
        assert!(model.type_named("Patient").is_some());
    }
}

#[test]
fn what_is_not_in_the_grammar_is_told_with_its_place() {
    for (text, at) in [
        ("", 0),
        ("name.", 5),
        ("name..given", 5),
        ("(name", 5),
        ("name)", 4),
        ("1 +", 3),
        ("a b", 2),
        ("'x", 0),
        ("$those", 0),
        ("/* x", 0),
        ("a.b(1,)", 6),
        ("1 is", 4),
        ("name[", 5),
        ("#", 0),
        ("%", 1),
    ] {
        let fault = Expression::parse(text).expect_err(text);
        assert_eq!(fault.at, at, "{text}: {fault}");
    }
    fails("name.given.frist()", "unsupported: the function frist");
    assert_eq!(Expression::parse("a.frist(b.nope())").expect("read").unknown_functions(), ["frist", "nope"]);
}

#[test]
fn deep_and_long_expressions_do_not_exhaust_the_stack() {
    for text in ["(".repeat(10_000), "-".repeat(10_000), "a(".repeat(10_000), "a[".repeat(10_000)] {
        assert!(Expression::parse(&text).is_err());
    }
    let nested = format!("{}true{}", "iif(true, ".repeat(50), ")".repeat(50));
    check(&nested, &["true"]);
    check(&format!("{}1{}", "(".repeat(60), ")".repeat(60)), &["1"]);
    check(&format!("1{}", " + 1".repeat(10_000)), &["10001"]);
    check(&format!("name{}.count()", ".first()".repeat(5_000)), &["1"]);
}

#[test]
fn hostile_expressions_end_within_their_steps() {
    let grown = format!("'a'{}", ".replace('', 'aaaaaaaaaa')".repeat(40));
    let all = "(1|2|3|4|5|6|7|8|9)";
    let product = format!("{}$this{}", format!("{all}.select(").repeat(12), ")".repeat(12));
    for text in [
        grown.as_str(),
        product.as_str(),
        "name.repeatAll($this)",
        "descendants().select(%resource.descendants()).select(%resource.descendants()).select(%resource.descendants())",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('(a+)+$').repeatAll($this | true)",
        "(1|2).repeat($this + 1)",
    ] {
        let tree = patient();
        let mut scope = Scope::new(&Tables::R4, tree.root());
        scope.steps_max = 500_000;
        let fault = Expression::parse(text).expect(text).evaluate(&scope).expect_err(text).to_string();
        assert!(fault.contains("steps") || fault.contains("longer"), "{text}: {fault}");
    }
}

/// Texts that are mostly in the grammar.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("name".to_owned()),
        Just("$this".to_owned()),
        Just("{}".to_owned()),
        Just("@2024-02-29".to_owned()),
        Just("@T10:30".to_owned()),
        Just("4 days".to_owned()),
        Just("1.50 'mg'".to_owned()),
        Just("`odd name`".to_owned()),
        Just("`true`".to_owned()),
        Just("text.`is`".to_owned()),
        Just("%resource".to_owned()),
        Just("'it''s'".replace("''", "\\'")),
        "[0-9]{1,3}(\\.[0-9]{1,3})?",
        "'[a-z\\n]{0,4}'",
        "[a-z]{1,5}",
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        let operator = proptest::sample::select(vec![
            "+", "-", "*", "/", "div", "mod", "&", "|", "<", "<=", "=", "!=", "~", "!~", "in", "contains",
            "and", "or", "xor", "implies",
        ]);
        let function = proptest::sample::select(vec![
            "where",
            "select",
            "exists",
            "all",
            "repeat",
            "iif",
            "substring",
            "replace",
            "union",
            "combine",
            "sort",
            "aggregate",
            "trace",
            "round",
            "lowBoundary",
            "toQuantity",
            "matches",
            "join",
            "defineVariable",
            "skip",
        ]);
        prop_oneof![
            (pair.clone(), operator)
                .prop_map(|((left, right), operator)| format!("{left} {operator} {right}")),
            (inner.clone(), function, pair.clone())
                .prop_map(|(input, function, (one, two))| format!("({input}).{function}({one}, {two})")),
            (
                inner.clone(),
                proptest::sample::select(vec![
                    "first()",
                    "count()",
                    "toString()",
                    "given",
                    "descendants()",
                    "type()"
                ])
            )
                .prop_map(|(input, step)| format!("({input}).{step}")),
            inner.clone().prop_map(|inner| format!("-({inner})")),
            inner.clone().prop_map(|inner| format!("({inner})[0]")),
            inner.prop_map(|inner| format!("({inner}) is FHIR.string")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[ -~\\n]{0,40}") {
        drop(Expression::parse(&text));
    }

    #[test]
    fn what_is_printed_reads_the_same(text in expression()) {
        if let Ok(read) = Expression::parse(&text) {
            let printed = read.to_string();
            let again = Expression::parse(&printed).map_err(|fault| fault.to_string());
            prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed.clone()), "{} as {}", text, printed);
            let shown = (format!("{:?}", read.root), Expression::parse(&printed).map(|again| format!("{:?}", again.root)));
            prop_assert_eq!(Ok(shown.0), shown.1);
        }
    }

    #[test]
    fn evaluation_ends(text in expression()) {
        if let Ok(read) = Expression::parse(&text) {
            let tree = patient();
            let mut scope = Scope::new(&Tables::R4, tree.root()).in_mode(Mode::Lenient);
            scope.steps_max = 20_000;
            drop(read.evaluate(&scope));
        }
    }
}
