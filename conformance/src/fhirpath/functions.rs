//! The functions, by name.

mod boundary;
mod collections;
mod combine;
mod conversion;
mod existence;
mod fhir;
mod maths;
mod references;
mod strings;
mod text;
mod time;

use std::fmt;

use super::eval::{Given, Outcome};
use super::types;

/// What carries a function out.
type Body = for<'a, 't> fn(Given<'a, 't>) -> Outcome<'t>;

/// A function.
pub(super) struct Function {
    pub(super) name: &'static str,
    least: usize,
    most: usize,
    pub(super) body: Body,
}

impl Function {
    pub(super) const fn takes(&self, arguments: usize) -> bool {
        arguments >= self.least && arguments <= self.most
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// The function called `name`.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const fn function(name: &'static str, least: usize, most: usize, body: Body) -> Function {
    Function { name, least, most, body }
}

/// `defineVariable` changes what follows it and is carried out by the walk itself.
fn as_it_is<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    Ok(given.input)
}

static FUNCTIONS: &[Function] = &[
    // Existence
    function("empty", 0, 0, existence::empty),
    function("exists", 0, 1, existence::exists),
    function("all", 1, 1, existence::all),
    function("allTrue", 0, 0, existence::all_true),
    function("anyTrue", 0, 0, existence::any_true),
    function("allFalse", 0, 0, existence::all_false),
    function("anyFalse", 0, 0, existence::any_false),
    function("subsetOf", 1, 1, combine::subset_of),
    function("supersetOf", 1, 1, combine::superset_of),
    function("count", 0, 0, existence::count),
    function("distinct", 0, 0, combine::distinct),
    function("isDistinct", 0, 0, combine::is_distinct),
    function("not", 0, 0, existence::not),
    // Filtering and projection
    function("where", 1, 1, collections::r#where),
    function("select", 1, 1, collections::select),
    function("repeat", 1, 1, collections::repeat),
    function("repeatAll", 1, 1, collections::repeat_all),
    function("ofType", 1, 1, types::of_type),
    function("is", 1, 1, types::is),
    function("as", 1, 1, types::as_type),
    function("type", 0, 0, types::told),
    function("iif", 2, 3, collections::iif),
    function("coalesce", 1, 64, collections::coalesce),
    function("aggregate", 1, 2, collections::aggregate),
    function("sort", 0, 16, collections::sort),
    function("trace", 1, 2, as_it_is),
    function("defineVariable", 1, 2, as_it_is),
    // Subsetting and combining
    function("single", 0, 0, collections::single),
    function("first", 0, 0, collections::first),
    function("last", 0, 0, collections::last),
    function("tail", 0, 0, collections::tail),
    function("skip", 1, 1, collections::skip),
    function("take", 1, 1, collections::take),
    function("intersect", 1, 1, combine::intersect),
    function("exclude", 1, 1, combine::exclude),
    function("union", 1, 1, combine::union),
    function("combine", 1, 2, combine::combine),
    function("children", 0, 0, collections::children),
    function("descendants", 0, 0, collections::descendants),
    // Conversion
    function("toBoolean", 0, 0, conversion::to_boolean),
    function("convertsToBoolean", 0, 0, conversion::converts_to_boolean),
    function("toInteger", 0, 0, conversion::to_integer),
    function("convertsToInteger", 0, 0, conversion::converts_to_integer),
    function("toLong", 0, 0, conversion::to_long),
    function("convertsToLong", 0, 0, conversion::converts_to_long),
    function("toDecimal", 0, 0, conversion::to_decimal),
    function("convertsToDecimal", 0, 0, conversion::converts_to_decimal),
    function("toDate", 0, 0, conversion::to_date),
    function("convertsToDate", 0, 0, conversion::converts_to_date),
    function("toDateTime", 0, 0, conversion::to_date_time),
    function("convertsToDateTime", 0, 0, conversion::converts_to_date_time),
    function("toTime", 0, 0, conversion::to_time),
    function("convertsToTime", 0, 0, conversion::converts_to_time),
    function("toQuantity", 0, 1, conversion::to_quantity),
    function("convertsToQuantity", 0, 1, conversion::converts_to_quantity),
    function("toString", 0, 0, conversion::to_string),
    function("convertsToString", 0, 0, conversion::converts_to_string),
    // Texts
    function("indexOf", 1, 1, strings::index_of),
    function("lastIndexOf", 1, 1, strings::last_index_of),
    function("substring", 1, 2, strings::substring),
    function("startsWith", 1, 1, strings::starts_with),
    function("endsWith", 1, 1, strings::ends_with),
    function("contains", 1, 1, strings::contains),
    function("upper", 0, 0, strings::upper),
    function("lower", 0, 0, strings::lower),
    function("trim", 0, 0, strings::trim),
    function("length", 0, 0, strings::length),
    function("toChars", 0, 0, strings::to_chars),
    function("split", 1, 1, strings::split),
    function("join", 0, 1, strings::join),
    function("replace", 2, 2, strings::replace),
    function("matches", 1, 2, text::matches),
    function("matchesFull", 1, 2, text::matches_full),
    function("replaceMatches", 2, 3, text::replace_matches),
    function("encode", 1, 1, text::encode),
    function("decode", 1, 1, text::decode),
    function("escape", 1, 1, text::escape),
    function("unescape", 1, 1, text::unescape),
    // Numbers
    function("abs", 0, 0, maths::abs),
    function("ceiling", 0, 0, maths::ceiling),
    function("floor", 0, 0, maths::floor),
    function("truncate", 0, 0, maths::truncate),
    function("round", 0, 1, maths::round),
    function("exp", 0, 0, maths::exp),
    function("ln", 0, 0, maths::ln),
    function("log", 1, 1, maths::log),
    function("power", 1, 1, maths::power),
    function("sqrt", 0, 0, maths::sqrt),
    function("sum", 0, 0, maths::sum),
    function("min", 0, 0, maths::min),
    function("max", 0, 0, maths::max),
    function("avg", 0, 0, maths::avg),
    function("lowBoundary", 0, 1, boundary::low),
    function("highBoundary", 0, 1, boundary::high),
    function("precision", 0, 0, boundary::precision),
    function("comparable", 1, 1, boundary::comparable),
    // Time
    function("now", 0, 0, time::now),
    function("today", 0, 0, time::today),
    function("timeOfDay", 0, 0, time::time_of_day),
    function("yearOf", 0, 0, time::year_of),
    function("monthOf", 0, 0, time::month_of),
    function("dayOf", 0, 0, time::day_of),
    function("hourOf", 0, 0, time::hour_of),
    function("minuteOf", 0, 0, time::minute_of),
    function("secondOf", 0, 0, time::second_of),
    function("millisecondOf", 0, 0, time::millisecond_of),
    function("timezoneOffsetOf", 0, 0, time::offset_of),
    function("dateOf", 0, 0, time::date_of),
    function("timeOf", 0, 0, time::time_of),
    // FHIR
    function("extension", 1, 1, fhir::extension),
    function("hasExtension", 1, 1, fhir::has_extension),
    function("hasValue", 0, 0, fhir::has_value),
    function("getValue", 0, 0, fhir::value),
    function("resolve", 0, 0, references::resolve),
    function("getResourceKey", 0, 0, references::resource_key),
    function("getReferenceKey", 0, 1, references::reference_key),
    function("memberOf", 1, 1, fhir::member_of),
    function("subsumes", 1, 1, fhir::subsumes),
    function("subsumedBy", 1, 1, fhir::subsumed_by),
    function("conformsTo", 1, 1, fhir::conforms_to),
    function("htmlChecks", 0, 0, fhir::html_checks),
    function("htmlChecks2", 0, 0, fhir::html_checks),
    function("elementDefinition", 0, 0, fhir::unsupported),
];
