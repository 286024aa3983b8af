//! The searches of the checks of values, and what each finds in the bank.

use super::super::sets::{Case, case, perhaps};

pub(super) const STRING_BEGINS: &[Case] = &[
    case("Patient?family={mark}adler", &["anna", "finn"]),
    case("Patient?family={mark}ad", &["anna", "finn"]),
    case("Patient?given=ann", &["anna"]),
    case("Patient?name={mark}gale", &["gail"]),
    case("Patient?name=bea", &["bea"]),
];
pub(super) const STRING_NOT_WITHIN: &[Case] = &[
    case("Patient?family=adler", &[]),
    case("Patient?given=namark", &[]),
    case("Patient?family={mark}zz", &[]),
];
pub(super) const STRING_CASE: &[Case] = &[
    case("Patient?family={MARK}BAUER", &["bea"]),
    case("Patient?family={mark}bauer", &["bea"]),
    case("Patient?given=EVAN", &["evan"]),
];
pub(super) const STRING_ACCENTS: &[Case] =
    &[case("Patient?family={mark}muller", &["carl"]), case("Patient?given=emile", &["carl"])];
pub(super) const STRING_SAME_ACCENTS: &[Case] =
    &[case("Patient?family={mark}müller", &["carl"]), case("Patient?given=Émile", &["carl"])];
pub(super) const STRING_EXACT: &[Case] = &[
    perhaps("Patient?family:exact={mark}adler", &["anna"]),
    perhaps("Patient?family:exact={mark}bauer", &[]),
    perhaps("Patient?family:exact={mark}Bauer", &["bea"]),
    perhaps("Patient?given:exact=Emile", &[]),
];
pub(super) const STRING_CONTAINS: &[Case] = &[
    perhaps("Patient?family:contains=adler", &["anna", "finn"]),
    perhaps("Patient?given:contains=NAMARK", &["anna"]),
    perhaps("Patient?family:contains=nosuchname", &[]),
];
pub(super) const STRING_SPACES: &[Case] =
    &[case("Patient?given=Gail Zoe", &["gail"]), case("Patient?given=Gail Quinn", &[])];

pub(super) const DATE_EQUAL: &[Case] = &[
    case("Patient?birthdate=1980-05-17", &["anna"]),
    case("Patient?birthdate=1980-05", &["anna", "bea", "dora"]),
    case("Patient?birthdate=1980", &["anna", "bea", "carl", "dora"]),
    case("Patient?birthdate=eq1980-05-18", &["dora"]),
    case("Patient?birthdate=1980-06", &[]),
];
pub(super) const DATE_AFTER: &[Case] = &[
    perhaps("Patient?birthdate=gt1980-05-18", &["bea", "carl", "gail"]),
    perhaps("Patient?birthdate=gt1980", &["gail"]),
    perhaps("Patient?birthdate=gt1980-05", &["carl", "gail"]),
];
pub(super) const DATE_FROM: &[Case] = &[
    perhaps("Patient?birthdate=ge1980-05-18", &["bea", "carl", "dora", "gail"]),
    perhaps("Patient?birthdate=ge1981-01-01", &["gail"]),
    perhaps("Patient?birthdate=ge1980", &["anna", "bea", "carl", "dora", "gail"]),
];
pub(super) const DATE_BEFORE: &[Case] = &[
    perhaps("Patient?birthdate=lt1980-05-17", &["bea", "carl", "finn"]),
    perhaps("Patient?birthdate=lt1980", &["finn"]),
    perhaps("Patient?birthdate=lt1979-12-31", &[]),
];
pub(super) const DATE_UNTIL: &[Case] = &[
    perhaps("Patient?birthdate=le1980-05-17", &["anna", "bea", "carl", "finn"]),
    perhaps("Patient?birthdate=le1979-12-31", &["finn"]),
    perhaps("Patient?birthdate=le1980", &["anna", "bea", "carl", "dora", "finn"]),
];
pub(super) const DATE_STRICTLY: &[Case] = &[
    perhaps("Patient?birthdate=sa1980-05-17", &["dora", "gail"]),
    perhaps("Patient?birthdate=eb1980-05-18", &["anna", "finn"]),
    perhaps("Patient?birthdate=sa1980", &["gail"]),
];
pub(super) const DATE_RANGE: &[Case] = &[
    perhaps("Patient?birthdate=ge1980-05-17&birthdate=lt1980-05-18", &["anna", "bea", "carl"]),
    perhaps("Patient?birthdate=sa1979&birthdate=eb1981", &["anna", "bea", "carl", "dora"]),
];
pub(super) const DATE_ZONES: &[Case] = &[
    case("Observation?date=2020-03-02T04:30:00Z", &["late"]),
    case("Observation?date=2020-03-01T23:30:00-05:00", &["late"]),
    case("Observation?date=2020-03-02T05:30:00+01:00", &["late"]),
    perhaps("Observation?date=gt2020-03-01T12:00:00Z&date=lt2020-03-10T00:00:00Z", &["late"]),
];
pub(super) const DATE_PERIODS: &[Case] = &[
    case("Encounter?date=2020-01", &["january"]),
    case("Encounter?date=2020", &["january"]),
    case("Encounter?date=2020-01-10", &[]),
    perhaps("Encounter?date=ge2020-03-01", &["since"]),
    perhaps("Encounter?date=lt2019-06-01", &["until"]),
    perhaps("Encounter?date=sa2020-02-01", &["since"]),
];

pub(super) const TOKEN_SYSTEM: &[Case] = &[
    case("Patient?identifier=https://conformance.example/number|{mark}-anna", &["anna"]),
    case("Patient?identifier=https://conformance.example/other|{mark}-anna", &["evan"]),
    case("Patient?identifier=https://conformance.example/odd|{mark}-anna", &[]),
    case("Observation?code=https://conformance.example/{mark}/codes|weight", &["late", "early"]),
];
pub(super) const TOKEN_ANY_SYSTEM: &[Case] = &[
    case("Patient?identifier={mark}-anna", &["anna", "evan"]),
    case("Observation?code=weight", &["late", "early", "span", "bare"]),
];
pub(super) const TOKEN_NO_SYSTEM: &[Case] = &[
    case("Observation?code=|weight", &["bare"]),
    case("Patient?identifier=|{mark}-bare", &["evan"]),
    case("Patient?identifier=|{mark}-anna", &[]),
];
pub(super) const TOKEN_WHOLE_SYSTEM: &[Case] = &[
    case("Patient?identifier=https://conformance.example/other|", &["evan"]),
    case("Observation?code=https://conformance.example/{mark}/others|", &["span"]),
];
pub(super) const TOKEN_WHOLE: &[Case] = &[
    case("Patient?identifier={mark}-ann", &[]),
    case("Observation?code=weigh", &[]),
    case("Patient?gender=mal", &[]),
];
pub(super) const TOKEN_CODES: &[Case] = &[
    case("Patient?gender=male", &["carl", "finn"]),
    case("Encounter?status=finished", &["january", "until"]),
    case("Observation?status=preliminary", &["bare"]),
];
pub(super) const TOKEN_BOOLEAN: &[Case] =
    &[case("Patient?active=true", &["anna"]), case("Patient?active=false", &["carl"])];
pub(super) const TOKEN_TELECOM: &[Case] = &[
    case("Patient?phone=02079460001", &["anna"]),
    case("Patient?email={mark}@mail.example", &["anna"]),
    case("Patient?phone={mark}@mail.example", &[]),
    case("Patient?telecom=02079460001", &["anna"]),
];
pub(super) const TOKEN_NOT: &[Case] = &[
    perhaps("Patient?gender:not=male", &["anna", "bea", "dora", "evan", "gail"]),
    perhaps("Observation?status:not=final", &["bare"]),
    perhaps("Observation?code:not=weight", &["pressure", "words"]),
];
pub(super) const MISSING: &[Case] = &[
    perhaps("Patient?birthdate:missing=true", &["evan"]),
    perhaps("Patient?gender:missing=true", &["dora", "evan"]),
    perhaps("Observation?encounter:missing=true", &["early", "span", "bare", "pressure", "words"]),
];
pub(super) const PRESENT: &[Case] = &[
    perhaps("Patient?birthdate:missing=false", &["anna", "bea", "carl", "dora", "finn", "gail"]),
    perhaps("Patient?gender:missing=false", &["anna", "bea", "carl", "finn", "gail"]),
    perhaps("Observation?encounter:missing=false", &["late"]),
];

pub(super) const NUMBER_DIGITS: &[Case] = &[
    case("RiskAssessment?probability=0.5", &["half", "over", "edge"]),
    case("RiskAssessment?probability=0.50", &["half"]),
    case("RiskAssessment?probability=0.540", &["over"]),
];
pub(super) const NUMBER_PREFIXES: &[Case] = &[
    perhaps("RiskAssessment?probability=gt0.5", &["over", "above", "nine", "ten"]),
    perhaps("RiskAssessment?probability=lt0.45", &["under"]),
    perhaps("RiskAssessment?probability=ge0.54", &["over", "above", "nine", "ten"]),
    perhaps("RiskAssessment?probability=le0.45", &["edge", "under"]),
    perhaps("RiskAssessment?probability=ne0.5", &["above", "under", "nine", "ten"]),
];
pub(super) const QUANTITY_DIGITS: &[Case] = &[
    case("Observation?value-quantity=5.4||kg", &["late", "early"]),
    case("Observation?value-quantity=5.40||kg", &["late"]),
    case("Observation?value-quantity=5.44||kg", &["early"]),
];
pub(super) const QUANTITY_UNITS: &[Case] = &[
    case("Observation?value-quantity=5.4|http://unitsofmeasure.org|kg", &["late", "early"]),
    case("Observation?value-quantity=5.4|http://unitsofmeasure.org|Cel", &["bare"]),
    case("Observation?value-quantity=5.4||Cel", &["bare"]),
    case("Observation?value-quantity=5.4", &["late", "early", "bare"]),
    case("Observation?value-quantity=5.4|https://conformance.example/units|kg", &[]),
];
pub(super) const QUANTITY_PREFIXES: &[Case] = &[
    perhaps("Observation?value-quantity=gt5.4||kg", &["early", "span"]),
    perhaps("Observation?value-quantity=ge5.44||kg", &["early", "span"]),
    perhaps("Observation?value-quantity=lt5.44||kg", &["late"]),
    perhaps("Observation?value-quantity=le5.4||kg", &["late"]),
];
pub(super) const REFERENCE_FORMS: &[Case] = &[
    case("Observation?subject={anna}", &["late", "early", "words"]),
    case("Observation?patient={anna.id}", &["late", "early", "words"]),
    case("Observation?patient={anna}", &["late", "early", "words"]),
    case("Encounter?patient={bea}", &["since", "until"]),
    case("Condition?subject={anna}", &["cough"]),
];
pub(super) const REFERENCE_ABSOLUTE: &[Case] = &[
    case("Observation?subject={base}/{anna}", &["late", "early", "words"]),
    case("Observation?subject=https://elsewhere.conformance.example/fhir/{anna}", &[]),
];
pub(super) const REFERENCE_TYPE: &[Case] = &[
    perhaps("Observation?subject:Patient={anna.id}", &["late", "early", "words"]),
    perhaps("Observation?subject:Group={anna.id}", &[]),
];
pub(super) const REFERENCE_OTHER: &[Case] =
    &[case("Observation?subject=Group/{anna.id}", &[]), case("Observation?encounter={january}", &["late"])];
pub(super) const REFERENCE_IDENTIFIER: &[Case] = &[
    perhaps("Observation?performer:identifier=https://conformance.example/{mark}/staff|7", &["words"]),
    perhaps("Observation?performer:identifier=https://conformance.example/{mark}/staff|8", &[]),
];
pub(super) const URI_EXACT: &[Case] = &[
    case("ValueSet?url=https://conformance.example/{mark}/sets", &["root"]),
    case("ValueSet?url=https://conformance.example/{mark}/Sets", &["case"]),
    case("ValueSet?url=https://conformance.example/{mark}/sets/", &[]),
];
pub(super) const URI_BELOW: &[Case] = &[
    perhaps("ValueSet?url:below=https://conformance.example/{mark}/sets/", &["leaf", "twig"]),
    perhaps("ValueSet?url:below=https://conformance.example/{mark}/sets/leaf/", &["twig"]),
];
pub(super) const URI_ABOVE: &[Case] = &[perhaps(
    "ValueSet?url:above=https://conformance.example/{mark}/sets/leaf/twig/9",
    &["root", "leaf", "twig"],
)];
pub(super) const COMPOSITE_TOGETHER: &[Case] = &[
    case(
        "Observation?component-code-value-quantity=https://conformance.example/{mark}/codes|systolic$120",
        &["pressure"],
    ),
    case(
        "Observation?component-code-value-quantity=https://conformance.example/{mark}/codes|systolic$80",
        &[],
    ),
    case("Observation?code-value-quantity=https://conformance.example/{mark}/codes|weight$5.44", &["early"]),
    case("Observation?code-value-quantity=https://conformance.example/{mark}/others|weight$5.4", &[]),
];
pub(super) const OR: &[Case] = &[
    case("Patient?gender=male,female", &["anna", "bea", "carl", "finn", "gail"]),
    case("Patient?birthdate=1980-05-17,1979-12-31", &["anna", "finn"]),
    case("Patient?family={mark}dunn,{mark}gale", &["dora", "gail"]),
    case("Patient?_id={anna.id},{gail.id}", &["anna", "gail"]),
    case("Patient?_id={anna.id},{anna.id}", &["anna"]),
];
pub(super) const AND: &[Case] = &[
    case("Patient?gender=female&birthdate=1980-05-17", &["anna"]),
    case("Patient?gender=male&active=true", &[]),
    case("Patient?family={mark}a&family={mark}adlers", &["finn"]),
    case("Patient?_id={anna.id}&_id={gail.id}", &[]),
];
pub(super) const ID: &[Case] = &[
    case("Patient?_id={dora.id}", &["dora"]),
    case("Patient?_id=portcullis-conformance-unknown", &[]),
    case("Observation?_id={anna.id}", &[]),
];
pub(super) const TAG: &[Case] = &[
    case("Patient?_tag=https://conformance.example/{mark}/tag|{mark}&_id={anna.id}", &["anna"]),
    case("Patient?_tag=https://conformance.example/{mark}/tag|nosuchtag", &[]),
];
pub(super) const COMMA: &[Case] = &[
    case(r"Patient?given=x\,y", &["dora"]),
    case("Patient?given=x,y", &["dora"]),
    case(r"Patient?given=z\,x", &[]),
];
pub(super) const BAR: &[Case] = &[
    case(r"Patient?identifier=https://conformance.example/odd|a\|b\,c\$d\\e", &["dora"]),
    case(r"Patient?identifier=https://conformance.example/odd|a", &[]),
    case(r"Patient?identifier=a\|b\,c\$d\\e", &["dora"]),
];
pub(super) const CHAIN: &[Case] = &[
    perhaps("Observation?subject:Patient.family={mark}bauer", &["span", "bare", "pressure"]),
    perhaps("Observation?patient.family={mark}bauer", &["span", "bare", "pressure"]),
    perhaps("Encounter?patient.gender=female", &["january", "since", "until"]),
    perhaps("Observation?patient.gender=male", &[]),
];
pub(super) const REVERSE: &[Case] = &[
    perhaps(
        "Patient?_has:Observation:patient:code=https://conformance.example/{mark}/codes|weight",
        &["anna"],
    ),
    perhaps("Patient?_has:Encounter:patient:status=in-progress&gender=female", &["bea"]),
    perhaps("Patient?_has:Observation:patient:code=https://conformance.example/{mark}/codes|nosuch", &[]),
];
