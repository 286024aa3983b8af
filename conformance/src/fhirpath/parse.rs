//! From tokens to an expression. Grammar: FHIRPath N1, appendix; what later releases add stays apart from it.

use std::sync::Arc;
use std::sync::OnceLock;

use super::Malformed;
use super::ast::{Call, Expr, Head, Operator, Path, Step, TYPE_LEVEL, TypeName, TypeOperator};
use super::decimal::Decimal;
use super::functions;
use super::item::{Item, Text};
use super::lex::{Is, Token, tokens};
use super::quantity::{Calendar, Quantity, Unit};

/// Expressions longer than this are not read.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Brackets, arguments and signs inside one another.
const DEPTH_MAX: usize = 64;

pub(super) fn parse(text: &str) -> Result<Expr, Malformed> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Malformed::new(TEXT_BYTES_MAX, "an expression longer than 64 KiB"));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let found = parser.expression(1)?;
    match parser.peek() {
        Is::End => Ok(found),
        _ => parser.fault("something that does not belong to the expression"),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Is {
        self.tokens.get(self.next).map_or(&Is::End, |token| &token.is)
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Malformed> {
        let at = self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |token| token.at);
        Err(Malformed::new(at, what))
    }

    fn take(&mut self) -> Is {
        let is = self.peek().clone();
        self.next += 1;
        is
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Is::Sign(found) if *found == sign);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, sign: &str, missing: &'static str) -> Result<(), Malformed> {
        if self.eat(sign) { Ok(()) } else { self.fault(missing) }
    }

    /// The operator here, if one is.
    fn operator(&self) -> Option<(Operator, u8)> {
        let written = match self.peek() {
            Is::Name(name) => name.as_str(),
            Is::Sign(sign) => sign,
            _ => return None,
        };
        let found = Operator::ALL.into_iter().find(|(_, sign, _)| *sign == written);
        found.map(|(operator, _, level)| (operator, level))
    }

    fn type_operator(&self) -> Option<TypeOperator> {
        match self.peek() {
            Is::Name(name) if name == "is" => Some(TypeOperator::Is),
            Is::Name(name) if name == "as" => Some(TypeOperator::As),
            _ => None,
        }
    }

    /// Reads operators that bind at least as tightly as `level`.
    fn expression(&mut self, level: u8) -> Result<Expr, Malformed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX * 4 {
            return self.fault("more inside one another than is read");
        }
        let mut left = self.signed()?;
        let mut left_level = 0;
        loop {
            if let Some(operator) = self.type_operator().filter(|_| level <= TYPE_LEVEL) {
                self.next += 1;
                let told = (operator, self.type_name()?);
                left = match left {
                    Expr::Typed(first, mut rest) if left_level == TYPE_LEVEL => {
                        rest.push(told);
                        Expr::Typed(first, rest)
                    }
                    other => Expr::Typed(Box::new(other), vec![told]),
                };
                left_level = TYPE_LEVEL;
                continue;
            }
            let Some((operator, found)) = self.operator().filter(|(_, found)| *found >= level) else { break };
            self.next += 1;
            let right = self.expression(found + 1)?;
            left = match left {
                Expr::Chain(first, mut rest) if left_level == found => {
                    rest.push((operator, right));
                    Expr::Chain(first, rest)
                }
                other => Expr::Chain(Box::new(other), vec![(operator, right)]),
            };
            left_level = found;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn signed(&mut self) -> Result<Expr, Malformed> {
        let negative = self.eat("-");
        if !negative && !self.eat("+") {
            return self.path().map(Expr::Path);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX * 4 {
            return self.fault("more inside one another than is read");
        }
        let inner = Box::new(self.signed()?);
        self.depth -= 1;
        Ok(if negative { Expr::Negated(inner) } else { Expr::Posited(inner) })
    }

    fn path(&mut self) -> Result<Path, Malformed> {
        let mut steps = Vec::new();
        let head = self.head(&mut steps)?;
        loop {
            if self.eat(".") {
                let step = match self.take() {
                    Is::Name(name) | Is::Quoted(name) => self.member(name)?,
                    Is::Special(name) if name == "this" => Step::This,
                    _ => {
                        self.next -= 1;
                        return self.fault("no name after a full stop");
                    }
                };
                steps.push(step);
            } else if self.eat("[") {
                let index = self.nested()?;
                self.expect("]", "no closing bracket")?;
                steps.push(Step::Index(index));
            } else {
                return Ok(Path { head, steps });
            }
        }
    }

    /// Reads an expression in brackets of some kind.
    fn nested(&mut self) -> Result<Expr, Malformed> {
        self.depth += 3;
        let found = self.expression(1)?;
        self.depth -= 3;
        Ok(found)
    }

    fn head(&mut self, steps: &mut Vec<Step>) -> Result<Head, Malformed> {
        let literal = |item| Ok(Head::Literal(item));
        match self.take() {
            Is::Name(name) if name == "true" => literal(Item::Boolean(true)),
            Is::Name(name) if name == "false" => literal(Item::Boolean(false)),
            Is::Name(name) | Is::Quoted(name) => {
                steps.push(self.member(name)?);
                Ok(Head::Focus)
            }
            Is::Special(name) => match name.as_str() {
                "this" => Ok(Head::This),
                "index" => Ok(Head::Index),
                "total" => Ok(Head::Total),
                _ => {
                    self.next -= 1;
                    self.fault("a name with a dollar sign that has no meaning")
                }
            },
            Is::Variable(name) => Ok(Head::Variable(name)),
            Is::String(text) => literal(Item::String(Text::Shared(text.into()))),
            Is::Number(text) => self.number(&text),
            Is::Long(text) => match text.parse() {
                Ok(value) => literal(Item::Long(value)),
                Err(_) => self.fault("a number that is too large"),
            },
            Is::Date(moment) => literal(Item::Date(moment)),
            Is::DateTime(moment) => literal(Item::DateTime(moment)),
            Is::Time(moment) => literal(Item::Time(moment)),
            Is::Sign("(") => {
                let inner = self.nested()?;
                self.expect(")", "no closing bracket")?;
                Ok(Head::Group(Box::new(inner)))
            }
            Is::Sign("{") => {
                self.expect("}", "no closing brace")?;
                Ok(Head::Empty)
            }
            Is::Sign(_) | Is::End => {
                self.next -= 1;
                self.fault("no value where one is needed")
            }
        }
    }

    /// A number, or a quantity if a unit follows.
    fn number(&mut self, text: &str) -> Result<Head, Malformed> {
        let Some(value) = Decimal::parse(text) else {
            return self.fault("a number with more digits than are kept");
        };
        let unit = match self.peek() {
            Is::String(code) => Some(Unit::Ucum(code.as_str().into())),
            Is::Name(word) => Calendar::named(word).map(Unit::Calendar),
            _ => None,
        };
        if let Some(unit) = unit {
            self.next += 1;
            return Ok(Head::Literal(Item::Quantity(Arc::new(Quantity { value, unit }))));
        }
        if text.contains('.') {
            return Ok(Head::Literal(Item::Decimal(value)));
        }
        let integer = value.integer().filter(|integer| i32::try_from(*integer).is_ok());
        Ok(Head::Literal(integer.map_or(Item::Decimal(value), Item::Integer)))
    }

    /// A child, or a function if arguments follow.
    fn member(&mut self, name: String) -> Result<Step, Malformed> {
        if !self.eat("(") {
            return Ok(Step::Child(name));
        }
        let mut arguments = Vec::new();
        while !self.eat(")") {
            if !arguments.is_empty() {
                self.expect(",", "no comma between arguments")?;
            }
            arguments.push(self.argument(&name)?);
        }
        let function = functions::named(&name);
        Ok(Step::Call(Call { name, function, arguments, pattern: OnceLock::new() }))
    }

    fn argument(&mut self, function: &str) -> Result<Expr, Malformed> {
        let found = self.nested()?;
        let order = match self.peek() {
            Is::Name(word) if function == "sort" => word.clone(),
            _ => return Ok(found),
        };
        match order.as_str() {
            "asc" => {
                self.next += 1;
                Ok(found)
            }
            "desc" => {
                self.next += 1;
                Ok(Expr::Negated(Box::new(found)))
            }
            _ => Ok(found),
        }
    }

    fn type_name(&mut self) -> Result<TypeName, Malformed> {
        let (Is::Name(first) | Is::Quoted(first)) = self.take() else {
            self.next -= 1;
            return self.fault("no type where one is needed");
        };
        // A full stop after it may also go on with the value: `(a as B).c` is written with brackets for that.
        if !self.eat(".") {
            return Ok(TypeName { namespace: None, name: first });
        }
        let (Is::Name(name) | Is::Quoted(name)) = self.take() else {
            self.next -= 1;
            return self.fault("no type where one is needed");
        };
        Ok(TypeName { namespace: Some(first), name })
    }
}
