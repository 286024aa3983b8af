//! Values: every type of parameter, its forms, modifiers and prefixes, each on resources that are there for it.

use super::sets::{Case, case, check, judge, perhaps};
use crate::check::{Check, Grade};

const STRING: &str = "https://hl7.org/fhir/R4/search.html#string";
const DATE: &str = "https://hl7.org/fhir/R4/search.html#date";
const PREFIX: &str = "https://hl7.org/fhir/R4/search.html#prefix";
const TOKEN: &str = "https://hl7.org/fhir/R4/search.html#token";
const NUMBER: &str = "https://hl7.org/fhir/R4/search.html#number";
const QUANTITY: &str = "https://hl7.org/fhir/R4/search.html#quantity";
const REFERENCE: &str = "https://hl7.org/fhir/R4/search.html#reference";
const URI: &str = "https://hl7.org/fhir/R4/search.html#uri";
const COMPOSITE: &str = "https://hl7.org/fhir/R4/search.html#composite";
const MODIFIERS: &str = "https://hl7.org/fhir/R4/search.html#modifiers";
const COMBINING: &str = "https://hl7.org/fhir/R4/search.html#combining";
const ESCAPING: &str = "https://hl7.org/fhir/R4/search.html#escaping";
const CHAINING: &str = "https://hl7.org/fhir/R4/search.html#chaining";
const HAS: &str = "https://hl7.org/fhir/R4/search.html#has";

const STRING_BEGINS: &[Case] = &[
    case("Patient?family={mark}adler", &["anna", "finn"]),
    case("Patient?family={mark}ad", &["anna", "finn"]),
    case("Patient?given=ann", &["anna"]),
    case("Patient?name={mark}gale", &["gail"]),
    case("Patient?name=bea", &["bea"]),
];
const STRING_NOT_WITHIN: &[Case] = &[
    case("Patient?family=adler", &[]),
    case("Patient?given=namark", &[]),
    case("Patient?family={mark}zz", &[]),
];
const STRING_CASE: &[Case] = &[
    case("Patient?family={MARK}BAUER", &["bea"]),
    case("Patient?family={mark}bauer", &["bea"]),
    case("Patient?given=EVAN", &["evan"]),
];
const STRING_ACCENTS: &[Case] =
    &[case("Patient?family={mark}muller", &["carl"]), case("Patient?given=emile", &["carl"])];
const STRING_SAME_ACCENTS: &[Case] =
    &[case("Patient?family={mark}müller", &["carl"]), case("Patient?given=Émile", &["carl"])];
const STRING_EXACT: &[Case] = &[
    perhaps("Patient?family:exact={mark}adler", &["anna"]),
    perhaps("Patient?family:exact={mark}bauer", &[]),
    perhaps("Patient?family:exact={mark}Bauer", &["bea"]),
    perhaps("Patient?given:exact=Emile", &[]),
];
const STRING_CONTAINS: &[Case] = &[
    perhaps("Patient?family:contains=adler", &["anna", "finn"]),
    perhaps("Patient?given:contains=NAMARK", &["anna"]),
    perhaps("Patient?family:contains=nosuchname", &[]),
];
const STRING_SPACES: &[Case] = &[case("Patient?given=Gail Zoe", &["gail"])];

const DATE_EQUAL: &[Case] = &[
    case("Patient?birthdate=1980-05-17", &["anna"]),
    case("Patient?birthdate=1980-05", &["anna", "bea", "dora"]),
    case("Patient?birthdate=1980", &["anna", "bea", "carl", "dora"]),
    case("Patient?birthdate=eq1980-05-18", &["dora"]),
    case("Patient?birthdate=1980-06", &[]),
];
const DATE_AFTER: &[Case] = &[
    perhaps("Patient?birthdate=gt1980-05-18", &["bea", "carl", "gail"]),
    perhaps("Patient?birthdate=gt1980", &["gail"]),
    perhaps("Patient?birthdate=gt1980-05", &["carl", "gail"]),
];
const DATE_FROM: &[Case] = &[
    perhaps("Patient?birthdate=ge1980-05-18", &["bea", "carl", "dora", "gail"]),
    perhaps("Patient?birthdate=ge1981-01-01", &["gail"]),
    perhaps("Patient?birthdate=ge1980", &["anna", "bea", "carl", "dora", "gail"]),
];
const DATE_BEFORE: &[Case] = &[
    perhaps("Patient?birthdate=lt1980-05-17", &["bea", "carl", "finn"]),
    perhaps("Patient?birthdate=lt1980", &["finn"]),
    perhaps("Patient?birthdate=lt1979-12-31", &[]),
];
const DATE_UNTIL: &[Case] = &[
    perhaps("Patient?birthdate=le1980-05-17", &["anna", "bea", "carl", "finn"]),
    perhaps("Patient?birthdate=le1979-12-31", &["finn"]),
    perhaps("Patient?birthdate=le1980", &["anna", "bea", "carl", "dora", "finn"]),
];
const DATE_STRICTLY: &[Case] = &[
    perhaps("Patient?birthdate=sa1980-05-17", &["dora", "gail"]),
    perhaps("Patient?birthdate=eb1980-05-18", &["anna", "finn"]),
    perhaps("Patient?birthdate=sa1980", &["gail"]),
];
const DATE_RANGE: &[Case] = &[
    perhaps("Patient?birthdate=ge1980-05-17&birthdate=lt1980-05-18", &["anna", "bea", "carl"]),
    perhaps("Patient?birthdate=sa1979&birthdate=eb1981", &["anna", "bea", "carl", "dora"]),
];
const DATE_ZONES: &[Case] = &[
    case("Observation?date=2020-03-02T04:30:00Z", &["late"]),
    case("Observation?date=2020-03-01T23:30:00-05:00", &["late"]),
    case("Observation?date=2020-03-02T05:30:00+01:00", &["late"]),
    perhaps("Observation?date=gt2020-03-01T12:00:00Z&date=lt2020-03-10T00:00:00Z", &["late"]),
];
const DATE_PERIODS: &[Case] = &[
    case("Encounter?date=2020-01", &["january"]),
    case("Encounter?date=2020", &["january"]),
    case("Encounter?date=2020-01-10", &[]),
    perhaps("Encounter?date=ge2020-03-01", &["since"]),
    perhaps("Encounter?date=lt2019-06-01", &["until"]),
    perhaps("Encounter?date=sa2020-02-01", &["since"]),
];

const TOKEN_SYSTEM: &[Case] = &[
    case("Patient?identifier=https://conformance.example/{mark}/number|{mark}-anna", &["anna"]),
    case("Patient?identifier=https://conformance.example/{mark}/other|{mark}-anna", &["evan"]),
    case("Patient?identifier=https://conformance.example/{mark}/odd|{mark}-anna", &[]),
    case("Observation?code=https://conformance.example/{mark}/codes|weight", &["late", "early"]),
];
const TOKEN_ANY_SYSTEM: &[Case] = &[
    case("Patient?identifier={mark}-anna", &["anna", "evan"]),
    case("Observation?code=weight", &["late", "early", "span", "bare"]),
];
const TOKEN_NO_SYSTEM: &[Case] = &[
    case("Observation?code=|weight", &["bare"]),
    case("Patient?identifier=|{mark}-bare", &["evan"]),
    case("Patient?identifier=|{mark}-anna", &[]),
];
const TOKEN_WHOLE_SYSTEM: &[Case] = &[
    case("Patient?identifier=https://conformance.example/{mark}/other|", &["evan"]),
    case("Observation?code=https://conformance.example/{mark}/others|", &["span"]),
];
const TOKEN_WHOLE: &[Case] = &[
    case("Patient?identifier={mark}-ann", &[]),
    case("Observation?code=weigh", &[]),
    case("Patient?gender=mal", &[]),
];
const TOKEN_CODES: &[Case] = &[
    case("Patient?gender=male", &["carl", "finn"]),
    case("Encounter?status=finished", &["january", "until"]),
    case("Observation?status=preliminary", &["bare"]),
];
const TOKEN_BOOLEAN: &[Case] =
    &[case("Patient?active=true", &["anna"]), case("Patient?active=false", &["carl"])];
const TOKEN_TELECOM: &[Case] = &[
    case("Patient?phone=02079460001", &["anna"]),
    case("Patient?email={mark}@mail.example", &["anna"]),
    case("Patient?phone={mark}@mail.example", &[]),
    case("Patient?telecom=02079460001", &["anna"]),
];
const TOKEN_NOT: &[Case] = &[
    perhaps("Patient?gender:not=male", &["anna", "bea", "dora", "evan", "gail"]),
    perhaps("Observation?status:not=final", &["bare"]),
    perhaps("Observation?code:not=weight", &["pressure", "words"]),
];
const MISSING: &[Case] = &[
    perhaps("Patient?birthdate:missing=true", &["evan"]),
    perhaps("Patient?gender:missing=true", &["dora", "evan"]),
    perhaps("Observation?encounter:missing=true", &["early", "span", "bare", "pressure", "words"]),
];
const PRESENT: &[Case] = &[
    perhaps("Patient?birthdate:missing=false", &["anna", "bea", "carl", "dora", "finn", "gail"]),
    perhaps("Patient?gender:missing=false", &["anna", "bea", "carl", "finn", "gail"]),
    perhaps("Observation?encounter:missing=false", &["late"]),
];

const NUMBER_DIGITS: &[Case] = &[
    case("RiskAssessment?probability=0.5", &["half", "over", "edge"]),
    case("RiskAssessment?probability=0.50", &["half"]),
    case("RiskAssessment?probability=0.540", &["over"]),
];
const NUMBER_PREFIXES: &[Case] = &[
    perhaps("RiskAssessment?probability=gt0.5", &["over", "above"]),
    perhaps("RiskAssessment?probability=lt0.45", &["under"]),
    perhaps("RiskAssessment?probability=ge0.54", &["over", "above"]),
    perhaps("RiskAssessment?probability=le0.45", &["edge", "under"]),
    perhaps("RiskAssessment?probability=ne0.5", &["above", "under"]),
];
const QUANTITY_DIGITS: &[Case] = &[
    case("Observation?value-quantity=5.4||kg", &["late", "early"]),
    case("Observation?value-quantity=5.40||kg", &["late"]),
    case("Observation?value-quantity=5.44||kg", &["early"]),
];
const QUANTITY_UNITS: &[Case] = &[
    case("Observation?value-quantity=5.4|http://unitsofmeasure.org|kg", &["late", "early"]),
    case("Observation?value-quantity=5.4|http://unitsofmeasure.org|Cel", &["bare"]),
    case("Observation?value-quantity=5.4||Cel", &["bare"]),
    case("Observation?value-quantity=5.4", &["late", "early", "bare"]),
    case("Observation?value-quantity=5.4|https://conformance.example/units|kg", &[]),
];
const QUANTITY_PREFIXES: &[Case] = &[
    perhaps("Observation?value-quantity=gt5.4||kg", &["early", "span"]),
    perhaps("Observation?value-quantity=ge5.44||kg", &["early", "span"]),
    perhaps("Observation?value-quantity=lt5.44||kg", &["late"]),
    perhaps("Observation?value-quantity=le5.4||kg", &["late"]),
];
const REFERENCE_FORMS: &[Case] = &[
    case("Observation?subject={anna}", &["late", "early", "words"]),
    case("Observation?patient={anna.id}", &["late", "early", "words"]),
    case("Observation?patient={anna}", &["late", "early", "words"]),
    case("Encounter?patient={bea}", &["since", "until"]),
    case("Condition?subject={anna}", &["cough"]),
];
const REFERENCE_ABSOLUTE: &[Case] = &[
    case("Observation?subject={base}/{anna}", &["late", "early", "words"]),
    case("Observation?subject=https://elsewhere.conformance.example/fhir/{anna}", &[]),
];
const REFERENCE_TYPE: &[Case] = &[
    perhaps("Observation?subject:Patient={anna.id}", &["late", "early", "words"]),
    perhaps("Observation?subject:Group={anna.id}", &[]),
];
const REFERENCE_OTHER: &[Case] =
    &[case("Observation?subject=Group/{anna.id}", &[]), case("Observation?encounter={january}", &["late"])];
const REFERENCE_IDENTIFIER: &[Case] = &[
    perhaps("Observation?performer:identifier=https://conformance.example/{mark}/staff|7", &["words"]),
    perhaps("Observation?performer:identifier=https://conformance.example/{mark}/staff|8", &[]),
];
const URI_EXACT: &[Case] = &[
    case("ValueSet?url=https://conformance.example/{mark}/sets", &["root"]),
    case("ValueSet?url=https://conformance.example/{mark}/Sets", &["case"]),
    case("ValueSet?url=https://conformance.example/{mark}/sets/", &[]),
];
const URI_BELOW: &[Case] = &[
    perhaps("ValueSet?url:below=https://conformance.example/{mark}/sets/", &["leaf", "twig"]),
    perhaps("ValueSet?url:below=https://conformance.example/{mark}/sets/leaf/", &["twig"]),
];
const URI_ABOVE: &[Case] = &[perhaps(
    "ValueSet?url:above=https://conformance.example/{mark}/sets/leaf/twig/9",
    &["root", "leaf", "twig"],
)];
const COMPOSITE_TOGETHER: &[Case] = &[
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
const OR: &[Case] = &[
    case("Patient?gender=male,female", &["anna", "bea", "carl", "finn", "gail"]),
    case("Patient?birthdate=1980-05-17,1979-12-31", &["anna", "finn"]),
    case("Patient?family={mark}dunn,{mark}gale", &["dora", "gail"]),
    case("Patient?_id={anna.id},{gail.id}", &["anna", "gail"]),
    case("Patient?_id={anna.id},{anna.id}", &["anna"]),
];
const AND: &[Case] = &[
    case("Patient?gender=female&birthdate=1980-05-17", &["anna"]),
    case("Patient?gender=male&active=true", &[]),
    case("Patient?family={mark}a&family={mark}adlers", &["finn"]),
    case("Patient?_id={anna.id}&_id={gail.id}", &[]),
];
const ID: &[Case] = &[
    case("Patient?_id={dora.id}", &["dora"]),
    case("Patient?_id=portcullis-conformance-unknown", &[]),
    case("Observation?_id={anna.id}", &[]),
];
const TAG: &[Case] = &[
    case("Patient?_tag=https://conformance.example/{mark}/tag|{mark}&_id={anna.id}", &["anna"]),
    case("Patient?_tag=https://conformance.example/{mark}/tag|nosuchtag", &[]),
];
const COMMA: &[Case] = &[
    case(r"Patient?given=x\,y", &["dora"]),
    case("Patient?given=x,y", &["dora"]),
    case(r"Patient?given=z\,x", &[]),
];
const BAR: &[Case] = &[
    case(r"Patient?identifier=https://conformance.example/{mark}/odd|a\|b\,c\$d\\e", &["dora"]),
    case(r"Patient?identifier=https://conformance.example/{mark}/odd|a", &[]),
    case(r"Patient?identifier=a\|b\,c\$d\\e", &["dora"]),
];
const CHAIN: &[Case] = &[
    perhaps("Observation?subject:Patient.family={mark}bauer", &["span", "bare", "pressure"]),
    perhaps("Observation?patient.family={mark}bauer", &["span", "bare", "pressure"]),
    perhaps("Encounter?patient.gender=female", &["january", "since", "until"]),
    perhaps("Observation?patient.gender=male", &[]),
];
const REVERSE: &[Case] = &[
    perhaps(
        "Patient?_has:Observation:patient:code=https://conformance.example/{mark}/codes|weight",
        &["anna"],
    ),
    perhaps("Patient?_has:Encounter:patient:status=in-progress&gender=female", &["bea"]),
    perhaps("Patient?_has:Observation:patient:code=https://conformance.example/{mark}/codes|nosuch", &[]),
];

macro_rules! of {
    ($cases:expr) => {
        |bench| Box::pin(judge(bench, $cases))
    };
}

use Grade::{Shall, Should};

pub(super) const CHECKS: &[Check] = &[
    check(
        Shall,
        "search-string-begins",
        STRING,
        ("a string is found by how it begins", "people are looked for by the first letters"),
        of!(STRING_BEGINS),
    ),
    check(
        Shall,
        "search-string-not-within",
        STRING,
        (
            "a string is not found by what only stands within it",
            "a list that is too long hides the right person",
        ),
        of!(STRING_NOT_WITHIN),
    ),
    check(
        Shall,
        "search-string-case",
        STRING,
        ("case does not count in a string", "names are typed in any case"),
        of!(STRING_CASE),
    ),
    check(
        Should,
        "search-string-accents",
        STRING,
        ("accents do not count in a string", "names are typed on keyboards without them"),
        of!(STRING_ACCENTS),
    ),
    check(
        Shall,
        "search-string-same-accents",
        STRING,
        ("a name with accents is found as it is written", "a person must be found by her own name"),
        of!(STRING_SAME_ACCENTS),
    ),
    check(
        Shall,
        "search-string-exact",
        STRING,
        (
            ":exact finds the whole string, case and accents as they are",
            "it is used to tell two people apart",
        ),
        of!(STRING_EXACT),
    ),
    check(
        Shall,
        "search-string-contains",
        STRING,
        (":contains finds a string by any part of it", "double names are looked for by their second part"),
        of!(STRING_CONTAINS),
    ),
    check(
        Shall,
        "search-string-spaces",
        STRING,
        ("a string is found by a beginning of several words", "a value cut at its first space finds others"),
        of!(STRING_SPACES),
    ),
    check(
        Shall,
        "search-date-equal",
        DATE,
        ("a date finds what lies within it, to its precision", "a month must find its days and no others"),
        of!(DATE_EQUAL),
    ),
    check(
        Shall,
        "search-date-gt",
        PREFIX,
        ("gt finds what reaches beyond the end of a date", "an edge that is off by one loses records"),
        of!(DATE_AFTER),
    ),
    check(
        Shall,
        "search-date-ge",
        PREFIX,
        ("ge finds what is in a date or reaches beyond it", "an edge that is off by one loses records"),
        of!(DATE_FROM),
    ),
    check(
        Shall,
        "search-date-lt",
        PREFIX,
        ("lt finds what begins before a date", "an edge that is off by one finds too much"),
        of!(DATE_BEFORE),
    ),
    check(
        Shall,
        "search-date-le",
        PREFIX,
        ("le finds what is in a date or begins before it", "an edge that is off by one loses records"),
        of!(DATE_UNTIL),
    ),
    check(
        Shall,
        "search-date-sa-eb",
        PREFIX,
        ("sa and eb find what lies wholly after and before", "what overlaps is not yet over"),
        of!(DATE_STRICTLY),
    ),
    check(
        Shall,
        "search-date-range",
        DATE,
        ("two dates bound a range", "clients ask for a span in just this way"),
        of!(DATE_RANGE),
    ),
    check(
        Shall,
        "search-date-zones",
        DATE,
        ("times are compared in their zones", "a night shift else falls on another day"),
        of!(DATE_ZONES),
    ),
    check(
        Shall,
        "search-date-periods",
        DATE,
        (
            "a period is compared from its start to its end, either of which may be open",
            "who is still in hospital must be found",
        ),
        of!(DATE_PERIODS),
    ),
    check(
        Shall,
        "search-token-system",
        TOKEN,
        ("system|code finds that code of that system only", "a number of another system is another person"),
        of!(TOKEN_SYSTEM),
    ),
    check(
        Shall,
        "search-token-any-system",
        TOKEN,
        ("a code alone finds it of every system", "clients do not always know the system"),
        of!(TOKEN_ANY_SYSTEM),
    ),
    check(
        Shall,
        "search-token-no-system",
        TOKEN,
        ("|code finds only what has no system", "else the form could be left out"),
        of!(TOKEN_NO_SYSTEM),
    ),
    check(
        Shall,
        "search-token-whole-system",
        TOKEN,
        ("system| finds every code of that system", "so all that a site numbers is listed"),
        of!(TOKEN_WHOLE_SYSTEM),
    ),
    check(
        Shall,
        "search-token-whole",
        TOKEN,
        ("a token is not found by a part of it", "part of a number is another number"),
        of!(TOKEN_WHOLE),
    ),
    check(
        Shall,
        "search-token-codes",
        TOKEN,
        ("elements of type code are found by their code", "status is the commonest filter of all"),
        of!(TOKEN_CODES),
    ),
    check(
        Shall,
        "search-token-boolean",
        TOKEN,
        ("true and false are found, and what is absent by neither", "an unknown is no false"),
        of!(TOKEN_BOOLEAN),
    ),
    check(
        Shall,
        "search-token-telecom",
        TOKEN,
        (
            "a telephone number or address is found by its own kind only",
            "a letter must not go to a telephone",
        ),
        of!(TOKEN_TELECOM),
    ),
    check(
        Shall,
        "search-token-not",
        MODIFIERS,
        (
            ":not finds everything else, also what has no value",
            "who has no recorded gender else is in no list",
        ),
        of!(TOKEN_NOT),
    ),
    check(
        Shall,
        "search-missing",
        MODIFIERS,
        (":missing=true finds what has no value", "gaps in records are found by it"),
        of!(MISSING),
    ),
    check(
        Shall,
        "search-present",
        MODIFIERS,
        (":missing=false finds what has a value", "gaps in records are found by it"),
        of!(PRESENT),
    ),
    check(
        Shall,
        "search-number-digits",
        NUMBER,
        ("a number finds what is equal to its digits", "0.5 and 0.50 are different questions"),
        of!(NUMBER_DIGITS),
    ),
    check(
        Shall,
        "search-number-prefixes",
        NUMBER,
        ("prefixes compare numbers exactly", "a threshold decides about treatment"),
        of!(NUMBER_PREFIXES),
    ),
    check(
        Shall,
        "search-quantity-digits",
        QUANTITY,
        ("a quantity finds what is equal to its digits", "5.4 and 5.40 are different questions"),
        of!(QUANTITY_DIGITS),
    ),
    check(
        Shall,
        "search-quantity-units",
        QUANTITY,
        ("a quantity is of its unit, of any if none is asked for", "5.4 of another unit is another finding"),
        of!(QUANTITY_UNITS),
    ),
    check(
        Shall,
        "search-quantity-prefixes",
        QUANTITY,
        ("prefixes compare quantities exactly", "a threshold decides about treatment"),
        of!(QUANTITY_PREFIXES),
    ),
    check(
        Shall,
        "search-reference-forms",
        REFERENCE,
        ("a reference is found by id and by type and id", "clients use both"),
        of!(REFERENCE_FORMS),
    ),
    check(
        Shall,
        "search-reference-absolute",
        REFERENCE,
        (
            "a reference is found by its absolute address, and by no other server's",
            "the same id elsewhere is another person",
        ),
        of!(REFERENCE_ABSOLUTE),
    ),
    check(
        Shall,
        "search-reference-type",
        REFERENCE,
        ("a modifier tells the type of a reference", "an id alone may be of several types"),
        of!(REFERENCE_TYPE),
    ),
    check(
        Shall,
        "search-reference-other",
        REFERENCE,
        ("the same id of another type is not found", "a group is no patient"),
        of!(REFERENCE_OTHER),
    ),
    check(
        Shall,
        "search-reference-identifier",
        REFERENCE,
        (":identifier finds a reference by the identifier it tells", "many references tell nothing else"),
        of!(REFERENCE_IDENTIFIER),
    ),
    check(
        Shall,
        "search-uri-exact",
        URI,
        ("an address is found as it is, case and all", "addresses that differ in case are two"),
        of!(URI_EXACT),
    ),
    check(
        Shall,
        "search-uri-below",
        URI,
        (":below finds the addresses below one", "so all definitions of a publisher are found"),
        of!(URI_BELOW),
    ),
    check(
        Shall,
        "search-uri-above",
        URI,
        (":above finds the addresses above one", "so the definition around a part is found"),
        of!(URI_ABOVE),
    ),
    check(
        Shall,
        "search-composite",
        COMPOSITE,
        (
            "the parts of a composite stand in one and the same place",
            "the systolic code must not meet the diastolic value",
        ),
        of!(COMPOSITE_TOGETHER),
    ),
    check(
        Shall,
        "search-or",
        COMBINING,
        ("values with commas between them are alternatives", "one search then serves for several"),
        of!(OR),
    ),
    check(
        Shall,
        "search-and",
        COMBINING,
        (
            "parameters that stand side by side, or are repeated, must all be met",
            "else a search grows where it should narrow",
        ),
        of!(AND),
    ),
    check(
        Shall,
        "search-id",
        "https://hl7.org/fhir/R4/search.html#id",
        ("_id finds the resource of that id and type", "it is the search that every client relies on"),
        of!(ID),
    ),
    check(
        Shall,
        "search-tag",
        "https://hl7.org/fhir/R4/search.html#tag",
        ("_tag finds by tags of the meta element", "workflows mark resources so"),
        of!(TAG),
    ),
    check(
        Shall,
        "search-escaped-comma",
        ESCAPING,
        ("a comma behind a backslash is part of the value", "names and addresses hold commas"),
        of!(COMMA),
    ),
    check(
        Shall,
        "search-escaped-bar",
        ESCAPING,
        ("|, $ and \\ behind a backslash are part of the value", "identifiers hold them"),
        of!(BAR),
    ),
    check(
        Shall,
        "search-chain",
        CHAINING,
        ("a chain finds by what a reference leads to", "else clients fetch everything and filter"),
        of!(CHAIN),
    ),
    check(
        Shall,
        "search-has",
        HAS,
        ("_has finds by what refers to a resource", "cohorts are found by it"),
        of!(REVERSE),
    ),
];
