//! Values: every type of parameter, its forms, modifiers and prefixes, each on resources that are there for it.

mod cases;

use super::sets::{check, judge};
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
        of!(cases::STRING_BEGINS),
    ),
    check(
        Shall,
        "search-string-not-within",
        STRING,
        (
            "a string is not found by what only stands within it",
            "a list that is too long hides the right person",
        ),
        of!(cases::STRING_NOT_WITHIN),
    ),
    check(
        Shall,
        "search-string-case",
        STRING,
        ("case does not count in a string", "names are typed in any case"),
        of!(cases::STRING_CASE),
    ),
    check(
        Should,
        "search-string-accents",
        STRING,
        ("accents do not count in a string", "names are typed on keyboards without them"),
        of!(cases::STRING_ACCENTS),
    ),
    check(
        Shall,
        "search-string-same-accents",
        STRING,
        ("a name with accents is found as it is written", "a person must be found by her own name"),
        of!(cases::STRING_SAME_ACCENTS),
    ),
    check(
        Shall,
        "search-string-exact",
        STRING,
        (
            ":exact finds the whole string, case and accents as they are",
            "it is used to tell two people apart",
        ),
        of!(cases::STRING_EXACT),
    ),
    check(
        Shall,
        "search-string-contains",
        STRING,
        (":contains finds a string by any part of it", "double names are looked for by their second part"),
        of!(cases::STRING_CONTAINS),
    ),
    check(
        Shall,
        "search-string-spaces",
        STRING,
        ("a string is found by a beginning of several words", "a value cut at its first space finds others"),
        of!(cases::STRING_SPACES),
    ),
    check(
        Shall,
        "search-date-equal",
        DATE,
        ("a date finds what lies within it, to its precision", "a month must find its days and no others"),
        of!(cases::DATE_EQUAL),
    ),
    check(
        Shall,
        "search-date-gt",
        PREFIX,
        ("gt finds what reaches beyond the end of a date", "an edge that is off by one loses records"),
        of!(cases::DATE_AFTER),
    ),
    check(
        Shall,
        "search-date-ge",
        PREFIX,
        ("ge finds what is in a date or reaches beyond it", "an edge that is off by one loses records"),
        of!(cases::DATE_FROM),
    ),
    check(
        Shall,
        "search-date-lt",
        PREFIX,
        ("lt finds what begins before a date", "an edge that is off by one finds too much"),
        of!(cases::DATE_BEFORE),
    ),
    check(
        Shall,
        "search-date-le",
        PREFIX,
        ("le finds what is in a date or begins before it", "an edge that is off by one loses records"),
        of!(cases::DATE_UNTIL),
    ),
    check(
        Shall,
        "search-date-sa-eb",
        PREFIX,
        ("sa and eb find what lies wholly after and before", "what overlaps is not yet over"),
        of!(cases::DATE_STRICTLY),
    ),
    check(
        Shall,
        "search-date-range",
        DATE,
        ("two dates bound a range", "clients ask for a span in just this way"),
        of!(cases::DATE_RANGE),
    ),
    check(
        Shall,
        "search-date-zones",
        DATE,
        ("times are compared in their zones", "a night shift else falls on another day"),
        of!(cases::DATE_ZONES),
    ),
    check(
        Shall,
        "search-date-periods",
        DATE,
        (
            "a period is compared from its start to its end, either of which may be open",
            "who is still in hospital must be found",
        ),
        of!(cases::DATE_PERIODS),
    ),
    check(
        Shall,
        "search-token-system",
        TOKEN,
        ("system|code finds that code of that system only", "a number of another system is another person"),
        of!(cases::TOKEN_SYSTEM),
    ),
    check(
        Shall,
        "search-token-any-system",
        TOKEN,
        ("a code alone finds it of every system", "clients do not always know the system"),
        of!(cases::TOKEN_ANY_SYSTEM),
    ),
    check(
        Shall,
        "search-token-no-system",
        TOKEN,
        ("|code finds only what has no system", "else the form could be left out"),
        of!(cases::TOKEN_NO_SYSTEM),
    ),
    check(
        Shall,
        "search-token-whole-system",
        TOKEN,
        ("system| finds every code of that system", "so all that a site numbers is listed"),
        of!(cases::TOKEN_WHOLE_SYSTEM),
    ),
    check(
        Shall,
        "search-token-whole",
        TOKEN,
        ("a token is not found by a part of it", "part of a number is another number"),
        of!(cases::TOKEN_WHOLE),
    ),
    check(
        Shall,
        "search-token-codes",
        TOKEN,
        ("elements of type code are found by their code", "status is the commonest filter of all"),
        of!(cases::TOKEN_CODES),
    ),
    check(
        Shall,
        "search-token-boolean",
        TOKEN,
        ("true and false are found, and what is absent by neither", "an unknown is no false"),
        of!(cases::TOKEN_BOOLEAN),
    ),
    check(
        Shall,
        "search-token-telecom",
        TOKEN,
        (
            "a telephone number or address is found by its own kind only",
            "a letter must not go to a telephone",
        ),
        of!(cases::TOKEN_TELECOM),
    ),
    check(
        Shall,
        "search-token-not",
        MODIFIERS,
        (
            ":not finds everything else, also what has no value",
            "who has no recorded gender else is in no list",
        ),
        of!(cases::TOKEN_NOT),
    ),
    check(
        Shall,
        "search-missing",
        MODIFIERS,
        (":missing=true finds what has no value", "gaps in records are found by it"),
        of!(cases::MISSING),
    ),
    check(
        Shall,
        "search-present",
        MODIFIERS,
        (":missing=false finds what has a value", "gaps in records are found by it"),
        of!(cases::PRESENT),
    ),
    check(
        Shall,
        "search-number-digits",
        NUMBER,
        ("a number finds what is equal to its digits", "0.5 and 0.50 are different questions"),
        of!(cases::NUMBER_DIGITS),
    ),
    check(
        Shall,
        "search-number-prefixes",
        NUMBER,
        ("prefixes compare numbers exactly", "a threshold decides about treatment"),
        of!(cases::NUMBER_PREFIXES),
    ),
    check(
        Shall,
        "search-quantity-digits",
        QUANTITY,
        ("a quantity finds what is equal to its digits", "5.4 and 5.40 are different questions"),
        of!(cases::QUANTITY_DIGITS),
    ),
    check(
        Shall,
        "search-quantity-units",
        QUANTITY,
        ("a quantity is of its unit, of any if none is asked for", "5.4 of another unit is another finding"),
        of!(cases::QUANTITY_UNITS),
    ),
    check(
        Shall,
        "search-quantity-prefixes",
        QUANTITY,
        ("prefixes compare quantities exactly", "a threshold decides about treatment"),
        of!(cases::QUANTITY_PREFIXES),
    ),
    check(
        Shall,
        "search-reference-forms",
        REFERENCE,
        ("a reference is found by id and by type and id", "clients use both"),
        of!(cases::REFERENCE_FORMS),
    ),
    check(
        Shall,
        "search-reference-absolute",
        REFERENCE,
        (
            "a reference is found by its absolute address, and by no other server's",
            "the same id elsewhere is another person",
        ),
        of!(cases::REFERENCE_ABSOLUTE),
    ),
    check(
        Shall,
        "search-reference-type",
        REFERENCE,
        ("a modifier tells the type of a reference", "an id alone may be of several types"),
        of!(cases::REFERENCE_TYPE),
    ),
    check(
        Shall,
        "search-reference-other",
        REFERENCE,
        ("the same id of another type is not found", "a group is no patient"),
        of!(cases::REFERENCE_OTHER),
    ),
    check(
        Shall,
        "search-reference-identifier",
        REFERENCE,
        (":identifier finds a reference by the identifier it tells", "many references tell nothing else"),
        of!(cases::REFERENCE_IDENTIFIER),
    ),
    check(
        Shall,
        "search-uri-exact",
        URI,
        ("an address is found as it is, case and all", "addresses that differ in case are two"),
        of!(cases::URI_EXACT),
    ),
    check(
        Shall,
        "search-uri-below",
        URI,
        (":below finds the addresses below one", "so all definitions of a publisher are found"),
        of!(cases::URI_BELOW),
    ),
    check(
        Shall,
        "search-uri-above",
        URI,
        (":above finds the addresses above one", "so the definition around a part is found"),
        of!(cases::URI_ABOVE),
    ),
    check(
        Shall,
        "search-composite",
        COMPOSITE,
        (
            "the parts of a composite stand in one and the same place",
            "the systolic code must not meet the diastolic value",
        ),
        of!(cases::COMPOSITE_TOGETHER),
    ),
    check(
        Shall,
        "search-or",
        COMBINING,
        ("values with commas between them are alternatives", "one search then serves for several"),
        of!(cases::OR),
    ),
    check(
        Shall,
        "search-and",
        COMBINING,
        (
            "parameters that stand side by side, or are repeated, must all be met",
            "else a search grows where it should narrow",
        ),
        of!(cases::AND),
    ),
    check(
        Shall,
        "search-id",
        "https://hl7.org/fhir/R4/search.html#id",
        ("_id finds the resource of that id and type", "it is the search that every client relies on"),
        of!(cases::ID),
    ),
    check(
        Shall,
        "search-tag",
        "https://hl7.org/fhir/R4/search.html#tag",
        ("_tag finds by tags of the meta element", "workflows mark resources so"),
        of!(cases::TAG),
    ),
    check(
        Shall,
        "search-escaped-comma",
        ESCAPING,
        ("a comma behind a backslash is part of the value", "names and addresses hold commas"),
        of!(cases::COMMA),
    ),
    check(
        Shall,
        "search-escaped-bar",
        ESCAPING,
        ("|, $ and \\ behind a backslash are part of the value", "identifiers hold them"),
        of!(cases::BAR),
    ),
    check(
        Shall,
        "search-chain",
        CHAINING,
        ("a chain finds by what a reference leads to", "else clients fetch everything and filter"),
        of!(cases::CHAIN),
    ),
    check(
        Shall,
        "search-has",
        HAS,
        ("_has finds by what refers to a resource", "cohorts are found by it"),
        of!(cases::REVERSE),
    ),
];
