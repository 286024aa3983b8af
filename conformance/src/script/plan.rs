//! A script as it will be run: everything that can be known before anything is asked is known here.
//!
//! No I/O, no values: names are checked, addresses and texts split, codes understood. What the engine cannot do is
//! written down where it stands ([`Action::unsupported`]) and ends as an error of that action, never as a pass.

use std::path::PathBuf;

use bytes::Bytes;

use super::finding::Finding;
use super::operator::Operator;
use super::template::Template;

/// A script, checked.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) file: PathBuf,
    pub(crate) id: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) name: String,
    pub(crate) origins: Vec<Party>,
    pub(crate) destinations: Vec<Party>,
    /// Numbers of systems that are declared as neither (R6, `testSystem`).
    pub(crate) systems: Vec<u32>,
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) fixtures: Vec<Fixture>,
    pub(crate) profiles: Vec<(String, String)>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) setup: Vec<Action>,
    pub(crate) tests: Vec<Test>,
    pub(crate) teardown: Vec<Action>,
    /// FHIRPath over the CapabilityStatement of the target; the script is skipped where one is not true.
    pub(crate) requires: Vec<String>,
    pub(crate) module: Module,
    pub(crate) rules: Rules,
    pub(crate) unsupported: Vec<String>,
    pub(crate) findings: Vec<Finding>,
}

/// An origin or a destination.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) index: u32,
    pub(crate) tested: Tested,
}

/// Whether a system is what the script tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tested {
    Yes,
    No,
    NotSaid,
}

/// What a script says it needs of a server.
#[derive(Debug)]
pub(crate) struct Capability {
    pub(crate) validated: bool,
    pub(crate) statement: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) id: String,
    pub(crate) source: FixtureSource,
    pub(crate) autocreate: bool,
    pub(crate) autodelete: bool,
}

/// Where the content of a fixture comes from.
#[derive(Debug)]
pub(crate) enum FixtureSource {
    /// A file, or a resource of the target (`Patient/1`).
    Reference(Template),
    /// In the script itself: contained or inline.
    Held(Bytes),
    /// Made up, of this type.
    Fake(String),
    /// A part of another fixture.
    Part { of: String, expression: String },
    /// Filled by an operation while the script runs.
    Later,
}

#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) default: Option<Template>,
    pub(crate) source_id: Option<String>,
    pub(crate) read: Read,
}

/// How a variable is read from its source.
#[derive(Debug)]
pub(crate) enum Read {
    Nothing,
    Expression(Template),
    Header(Template),
    Path(Template),
}

#[derive(Debug, Default)]
pub(crate) struct Test {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) actions: Vec<Action>,
    pub(crate) requires: Vec<String>,
    /// Versions of FHIR that it is for; none means all.
    pub(crate) versions: Vec<String>,
    /// Variables and the values it is repeated with.
    pub(crate) repeat: Vec<(String, Vec<String>)>,
    pub(crate) unsupported: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) place: String,
    pub(crate) id: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) doing: Doing,
    /// Why it cannot be done.
    pub(crate) unsupported: Option<String>,
    pub(crate) when_wrong: WhenWrong,
}

/// What an action that fails means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WhenWrong {
    Counts,
    /// The rest of the test is skipped, and nothing has failed.
    EndsTest,
    /// It was expected to; these asserts in it, by their ids, or any.
    Expected(Option<Template>),
    /// A person has to look.
    WantsReview,
}

#[derive(Debug)]
pub(crate) enum Doing {
    Operation(Box<Operation>),
    Assert(Box<Assertion>),
    /// The script words it wrongly: why.
    Broken(&'static str),
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) code: Option<String>,
    pub(crate) shape: Shape,
    pub(crate) method: Option<Template>,
    pub(crate) resource: Option<Template>,
    pub(crate) url: Option<Template>,
    pub(crate) params: Option<Template>,
    pub(crate) target_id: Option<String>,
    pub(crate) source_id: Option<String>,
    pub(crate) response_id: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) origin: Option<u32>,
    pub(crate) destination: Option<u32>,
    pub(crate) accept: Option<Template>,
    pub(crate) content_type: Option<Template>,
    pub(crate) headers: Vec<(Template, Template)>,
    pub(crate) encode: bool,
    pub(crate) import: Option<Import>,
    pub(crate) wait: Option<WaitFor>,
    /// How many pages after the first are read with it.
    pub(crate) pages: Option<usize>,
}

/// What kind of request an operation makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Read,
    VRead,
    History,
    Search,
    Create,
    Update,
    Patch,
    Delete,
    /// A batch, a transaction or a message, to the base.
    Whole,
    Capabilities,
    /// `$name`.
    Named(String),
    /// Neither type nor code: what method and address say.
    Plain,
}

/// Another script that is run in place of an operation.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) component: Template,
    pub(crate) fixtures_in: Vec<String>,
    pub(crate) fixtures_out: Vec<String>,
    pub(crate) variables_in: Vec<Handed>,
    pub(crate) variables_out: Vec<String>,
}

/// What is handed to an imported script.
#[derive(Debug)]
pub(crate) enum Handed {
    /// A text that is written out.
    Literal(String),
    /// The value of a variable.
    Value(String),
    /// A variable as it is: it is read where it is used.
    Unread(String),
}

/// What a script takes and gives when it is imported.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) fixtures_in: Vec<String>,
    pub(crate) fixtures_out: Vec<String>,
    pub(crate) variables_in: Vec<String>,
    pub(crate) variables_out: Vec<String>,
}

/// A request that is sent again while its answer says that the work goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitFor {
    pub(crate) status: u16,
    pub(crate) attempts: u32,
    pub(crate) interval_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Assertion {
    pub(crate) criteria: Vec<Criterion>,
    pub(crate) direction: Direction,
    pub(crate) source_id: Option<String>,
    pub(crate) operator: Option<Operator>,
    pub(crate) value: Option<Template>,
    pub(crate) warning_only: bool,
    pub(crate) stop: bool,
    pub(crate) completion: Completion,
    pub(crate) any_of: Option<String>,
    /// Counts only where the response of this id, else the last, has this status.
    pub(crate) when_status: Option<(Option<String>, u16)>,
    pub(crate) once_per_type: Option<String>,
    pub(crate) requirements: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// What an assert that only a person can make comes to when none is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completion {
    Fail,
    Pass,
    Skip,
    Stop,
}

/// What an assert looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Criterion {
    /// One of the statuses that have a code.
    Response(String),
    ResponseCode(Template),
    Resource(Template),
    ContentType(Template),
    HeaderField(Template),
    Expression(Template),
    Path(Template),
    CompareExpression {
        source_id: String,
        expression: Template,
    },
    ComparePath {
        source_id: String,
        path: Template,
    },
    MinimumId(String),
    NavigationLinks(bool),
    ValidateProfileId(String),
    RequestMethod(Template),
    RequestUrl(Template),
    Rule(RuleCall),
    /// The request has this parameter, with this value if one is told.
    QueryParameter {
        name: Template,
        value: Option<Template>,
    },
    Subtest(Subtest),
}

impl Criterion {
    /// The expression that it evaluates on what the assert is about.
    pub(crate) const fn expression(&self) -> Option<&Template> {
        if let Self::Expression(expression) = self { Some(expression) } else { None }
    }

    /// The path that it selects by.
    pub(crate) const fn path(&self) -> Option<&Template> {
        if let Self::Path(path) = self { Some(path) } else { None }
    }

    /// The script that it runs.
    pub(crate) const fn subtest(&self) -> Option<&Subtest> {
        if let Self::Subtest(subtest) = self { Some(subtest) } else { None }
    }

    /// Its element.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Response(_) => "response",
            Self::ResponseCode(_) => "responseCode",
            Self::Resource(_) => "resource",
            Self::ContentType(_) => "contentType",
            Self::HeaderField(_) => "headerField",
            Self::Expression(_) => "expression",
            Self::Path(_) => "path",
            Self::CompareExpression { .. } => "compareToSourceExpression",
            Self::ComparePath { .. } => "compareToSourcePath",
            Self::MinimumId(_) => "minimumId",
            Self::NavigationLinks(_) => "navigationLinks",
            Self::ValidateProfileId(_) => "validateProfileId",
            Self::RequestMethod(_) => "requestMethod",
            Self::RequestUrl(_) => "requestURL",
            Self::Rule(_) => "rule",
            Self::QueryParameter { .. } => "query parameter",
            Self::Subtest(_) => "subtest",
        }
    }
}

/// A rule that is called by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleCall {
    pub(crate) name: String,
    pub(crate) parameters: Vec<(String, Template)>,
}

/// Rules that a script gives names to, with parameters that calls may leave out.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) named: Vec<(String, RuleCall)>,
}

/// Another script, run as one assert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subtest {
    pub(crate) name: Template,
    /// Variables of this script and what they are called in the other.
    pub(crate) bound: Vec<(String, String)>,
    pub(crate) each: Option<Each>,
}

/// A subtest for each value that an expression finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Each {
    pub(crate) variable: String,
    pub(crate) all: bool,
}

impl Plan {
    /// All actions, in the order they run.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &Action> {
        self.setup.iter().chain(self.tests.iter().flat_map(|test| &test.actions)).chain(&self.teardown)
    }

    pub(crate) fn profile(&self, id: &str) -> Option<&str> {
        self.profiles.iter().find(|(held, _)| held == id).map(|(_, url)| url.as_str())
    }
}
