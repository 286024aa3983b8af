//! Decimals that keep the digits they were written with.

use std::cmp::Ordering;
use std::fmt;

/// Most digits after the point.
pub(super) const SCALE_MAX: u8 = 28;

/// Digits after the point that a division yields.
const QUOTIENT_SCALE: u8 = 20;

/// A decimal: `units` divided by ten to the power of `scale`.
///
/// Equality and order are those of the numbers; `1.0` equals `1` and keeps its digit when it is written.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    units: i128,
    scale: u8,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { units: 0, scale: 0 };

    pub(super) const fn new(units: i128, scale: u8) -> Self {
        Self { units, scale }
    }

    /// Reads a number, with an exponent or without. Nothing if it is none or has more digits than can be kept.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !numeric(whole) || !numeric(fraction) || digits.ends_with('.') {
            return None;
        }
        let mut units: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            units = units.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let (units, scale) = if scale < 0 { (units.checked_mul(power(-scale)?)?, 0) } else { (units, scale) };
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= 38)?;
        Some(Self { units: units * sign, scale })
    }

    pub(super) fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() > 1e30 {
            return None;
        }
        // Fifteen digits are what a double holds for sure.
        let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
        let digits = usize::try_from((14 - magnitude).clamp(0, i32::from(SCALE_MAX))).unwrap_or(0);
        Self::parse(&format!("{value:.digits$}")).map(Self::trimmed)
    }

    pub(super) fn as_f64(self) -> f64 {
        self.units as f64 / 10_f64.powi(i32::from(self.scale))
    }

    /// Digits after the point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    pub(super) const fn is_zero(self) -> bool {
        self.units == 0
    }

    pub(super) const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// The integer it is, if it is one.
    pub(super) fn integer(self) -> Option<i64> {
        let trimmed = self.trimmed();
        if trimmed.scale == 0 { i64::try_from(trimmed.units).ok() } else { None }
    }

    /// Without zeros at the end of its fraction.
    pub(super) const fn trimmed(self) -> Self {
        let Self { mut units, mut scale } = self;
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        Self { units, scale }
    }

    pub(super) fn negated(self) -> Self {
        Self { units: self.units.saturating_neg(), scale: self.scale }
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        let (left, right, scale) = aligned(self, other)?;
        Some(Self { units: left.checked_add(right)?, scale })
    }

    pub(super) fn multiply(self, other: Self) -> Option<Self> {
        let product = |left: Self, right: Self| {
            let scale = left.scale.checked_add(right.scale)?;
            Some(Self { units: left.units.checked_mul(right.units)?, scale })
        };
        let exact = product(self, other).or_else(|| product(self.trimmed(), other.trimmed()))?;
        Some(if exact.scale > SCALE_MAX { exact.rounded(SCALE_MAX) } else { exact })
    }

    pub(super) fn divide(self, other: Self) -> Option<Self> {
        let (left, right, _) = aligned(self, other)?;
        if right == 0 {
            return None;
        }
        for scale in (0..=QUOTIENT_SCALE).rev() {
            let Some(units) = power(i32::from(scale)).and_then(|power| left.checked_mul(power)) else {
                continue;
            };
            let (whole, rest) = (units / right, units % right);
            let up = rest.unsigned_abs() >= right.unsigned_abs().div_ceil(2);
            let sign = if (units < 0) == (right < 0) { 1 } else { -1 };
            return Some(Self { units: if up { whole + sign } else { whole }, scale }.trimmed());
        }
        None
    }

    /// The whole part of the quotient.
    pub(super) fn quotient(self, other: Self) -> Option<i128> {
        let (left, right, _) = aligned(self, other)?;
        left.checked_div(right)
    }

    pub(super) fn remainder(self, other: Self) -> Option<Self> {
        let (left, right, scale) = aligned(self, other)?;
        Some(Self { units: left.checked_rem(right)?, scale })
    }

    /// With `scale` digits after the point, halves away from zero.
    pub(super) fn rounded(self, scale: u8) -> Self {
        let half = |power: i128| power / 2;
        self.cut(
            scale,
            |whole, rest, power| if rest.abs() >= half(power) { whole + rest.signum() } else { whole },
        )
    }

    pub(super) fn truncated(self, scale: u8) -> Self {
        self.cut(scale, |whole, _, _| whole)
    }

    pub(super) fn floor(self, scale: u8) -> Self {
        self.cut(scale, |whole, rest, _| if rest < 0 { whole - 1 } else { whole })
    }

    pub(super) fn ceiling(self, scale: u8) -> Self {
        self.cut(scale, |whole, rest, _| if rest > 0 { whole + 1 } else { whole })
    }

    fn cut(self, scale: u8, round: impl Fn(i128, i128, i128) -> i128) -> Self {
        if scale >= self.scale {
            let grown = power(i32::from(scale - self.scale)).and_then(|power| self.units.checked_mul(power));
            return grown.map_or(self, |units| Self { units, scale });
        }
        let power = power(i32::from(self.scale - scale)).unwrap_or(i128::MAX);
        Self { units: round(self.units / power, self.units % power, power), scale }
    }
}

fn power(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

/// Both as units of the finer scale.
fn aligned(left: Decimal, right: Decimal) -> Option<(i128, i128, u8)> {
    let scale = left.scale.max(right.scale);
    let grown = |one: Decimal| one.units.checked_mul(power(i32::from(scale - one.scale))?);
    match (grown(left), grown(right)) {
        (Some(left), Some(right)) => Some((left, right, scale)),
        _ if left.trimmed().scale < left.scale || right.trimmed().scale < right.scale => {
            aligned(left.trimmed(), right.trimmed())
        }
        _ => None,
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self { units: i128::from(value), scale: 0 }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match aligned(*self, *other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.as_f64().total_cmp(&other.as_f64()),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = usize::from(self.scale) + 1);
        let (whole, fraction) =
            digits.split_at_checked(digits.len() - usize::from(self.scale)).unwrap_or((&digits, ""));
        let point = if fraction.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{whole}{point}{fraction}")
    }
}
