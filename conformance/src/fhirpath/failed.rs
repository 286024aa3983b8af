//! What can go wrong.

/// Why a text is no expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct Malformed {
    /// The byte at which it was seen.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl Malformed {
    pub(super) const fn new(at: usize, what: &'static str) -> Self {
        Self { at, what }
    }
}

/// Why an expression yields nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It took more steps than it was given.
    #[error("the expression takes more than {steps_max} steps")]
    TooManySteps {
        /// The bound.
        steps_max: u64,
    },
    /// Something that is not offered here.
    #[error("unsupported: {what}")]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// A function that nobody knows.
    #[error("unsupported: the function {name}")]
    UnknownFunction {
        /// The name.
        name: String,
    },
    /// A function with too many or too few arguments.
    #[error("the function {name} with a wrong number of arguments")]
    Arguments {
        /// The name.
        name: String,
    },
    /// An element that its type does not have.
    #[error("{of} has no element {name}")]
    UnknownElement {
        /// The name.
        name: String,
        /// The type.
        of: String,
    },
    /// A variable that is not defined where it is used.
    #[error("the variable %{name} is not defined")]
    UnknownVariable {
        /// The name.
        name: String,
    },
    /// A variable that is defined already.
    #[error("the variable %{name} is defined already")]
    Redefined {
        /// The name.
        name: String,
    },
    /// A type that nobody knows.
    #[error("unsupported: the type {name}")]
    UnknownType {
        /// The name.
        name: String,
    },
    /// More than one item where one is expected.
    #[error("more than one item for {what}")]
    NotSingle {
        /// What expects one.
        what: String,
    },
    /// A value of a type that does not fit.
    #[error("a value of a type that does not fit {what}")]
    WrongType {
        /// What it does not fit.
        what: String,
    },
    /// An order that collections of this kind do not have.
    #[error("{what} on items that have no order")]
    Unordered {
        /// What needs an order.
        what: String,
    },
    /// A pattern that cannot be read, or that looks around.
    #[error("unsupported: the pattern given to {name}")]
    Pattern {
        /// The function.
        name: String,
    },
}

impl Failed {
    pub(super) fn wrong_type(what: &str) -> Self {
        Self::WrongType { what: what.to_owned() }
    }

    pub(super) fn not_single(what: &str) -> Self {
        Self::NotSingle { what: what.to_owned() }
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Self::Unsupported { what: what.to_owned() }
    }
}
