//! Decimal numbers of any size and precision, compared without rounding.

use std::cmp::Ordering;

/// A decimal number: `mantissa` times ten to the power of `exponent`.
#[derive(Clone, Copy)]
pub struct Number {
    mantissa: i128,
    exponent: i32,
    /// Whether it was written with an exponent: its precision is then a matter of opinion.
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Exponent,
}

const DIGITS_MAX: usize = 30;

impl Number {
    /// Reads a decimal of at most thirty digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent, form) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?, Form::Exponent),
            None => (text, 0, Form::Plain),
        };
        let (sign, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, mantissa),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (digits, ""),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || !all_digits(whole)
            || !all_digits(fraction)
            || whole.len() + fraction.len() > DIGITS_MAX
        {
            return None;
        }
        let magnitude: i128 = format!("{whole}{fraction}").parse().ok()?;
        let exponent = i32::from(exponent) - i32::try_from(fraction.len()).ok()?;
        Some(Self { mantissa: sign * magnitude, exponent, form })
    }

    /// The span of what rounds to this number at the precision it is written in.
    pub(super) fn rounded(self) -> (Self, Self, Form) {
        let bound = |by: i128| Self {
            mantissa: self.mantissa * 10 + by,
            exponent: self.exponent - 1,
            form: self.form,
        };
        (bound(-5), bound(5), self.form)
    }

    /// The span within a tenth.
    pub(super) fn near(self) -> (Self, Self) {
        let times =
            |by: i128| Self { mantissa: self.mantissa * by, exponent: self.exponent - 1, form: self.form };
        if self.mantissa < 0 { (times(11), times(9)) } else { (times(9), times(11)) }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.mantissa.signum().cmp(&other.mantissa.signum());
        if signs != Ordering::Equal || self.mantissa == 0 {
            return signs;
        }
        if self.exponent < other.exponent {
            return other.cmp(self).reverse();
        }
        let scale = u32::try_from(self.exponent - other.exponent).ok().and_then(|by| 10i128.checked_pow(by));
        match scale.and_then(|scale| self.mantissa.checked_mul(scale)) {
            Some(scaled) => scaled.cmp(&other.mantissa),
            // Beyond every mantissa: the sign decides.
            None => self.mantissa.cmp(&0),
        }
    }
}

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Number(..)")
    }
}
