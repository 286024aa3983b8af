//! The units of UCUM that records use, by their codes: enough to compare and convert.
//!
//! Case-sensitive codes, prefixes, products, quotients, powers, brackets and annotations. Moles are a kind of their own
//! here, as arbitrary units (`[IU]`) are: nobody compares them with plain numbers. Deliberately absent: logarithmic
//! units, which have no factor. A code that is not known is no error: it compares with itself only.

use std::collections::BTreeMap;

/// Metre, second, gram, radian, kelvin, coulomb, candela, mole.
const BASES: usize = 8;

/// Codes longer than this are not looked into.
const CODE_BYTES_MAX: usize = 200;

/// Brackets inside one another.
const DEPTH_MAX: usize = 8;

/// What a unit measures, and how much of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measure {
    factor: f64,
    /// Added before the factor: degrees of temperature.
    offset: f64,
    powers: [i32; BASES],
    arbitrary: BTreeMap<String, i32>,
}

impl Measure {
    const fn number(factor: f64) -> Self {
        Self { factor, offset: 0.0, powers: [0; BASES], arbitrary: BTreeMap::new() }
    }

    pub(super) fn same_kind(&self, other: &Self) -> bool {
        self.powers == other.powers && self.arbitrary == other.arbitrary
    }

    /// In base units.
    pub(super) fn base(&self, value: f64) -> f64 {
        (value + self.offset) * self.factor
    }

    /// From base units.
    pub(super) fn told(&self, base: f64) -> f64 {
        base / self.factor - self.offset
    }

    /// This times `other` to a power.
    fn times(mut self, other: &Self, power: i32) -> Option<Self> {
        if other.offset != 0.0 || self.offset != 0.0 {
            return None;
        }
        self.factor *= other.factor.powi(power);
        for (mine, theirs) in self.powers.iter_mut().zip(other.powers) {
            *mine += theirs * power;
        }
        for (name, theirs) in &other.arbitrary {
            *self.arbitrary.entry(name.clone()).or_default() += theirs * power;
        }
        self.arbitrary.retain(|_, power| *power != 0);
        Some(self)
    }
}

/// What `code` measures, if it is known.
pub(super) fn measure(code: &str) -> Option<Measure> {
    if code.len() > CODE_BYTES_MAX || code.is_empty() {
        return None;
    }
    let mut parser = Parser { rest: code };
    let found = parser.term(0)?;
    parser.rest.is_empty().then_some(found)
}

struct Parser<'c> {
    rest: &'c str,
}

impl<'c> Parser<'c> {
    fn eat(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn term(&mut self, depth: usize) -> Option<Measure> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut found = Measure::number(1.0);
        let mut sign = if self.eat('/') { -1 } else { 1 };
        // A unit with an offset stands alone.
        let first = self.component(depth)?;
        if sign == 1 && self.rest.is_empty() {
            return Some(first);
        }
        found = found.times(&first, sign)?;
        loop {
            if self.eat('.') {
                sign = 1;
            } else if self.eat('/') {
                sign = -1;
            } else {
                return Some(found);
            }
            let next = self.component(depth)?;
            found = found.times(&next, sign)?;
        }
    }

    fn component(&mut self, depth: usize) -> Option<Measure> {
        if self.eat('(') {
            let inner = self.term(depth + 1)?;
            return self.eat(')').then_some(inner);
        }
        if self.annotation()? {
            return Some(Measure::number(1.0));
        }
        let unit = if self.rest.starts_with("10*") || self.rest.starts_with("10^") {
            self.rest = self.rest.get(3..)?;
            Measure::number(10.0)
        } else if self.rest.starts_with(|first: char| first.is_ascii_digit()) {
            let digits = self.take(|byte| byte.is_ascii_digit());
            self.annotation()?;
            return Some(Measure::number(digits.parse().ok()?));
        } else {
            let end = atom_end(self.rest);
            let (atom, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest;
            simple(atom)?
        };
        let power = self.power()?;
        self.annotation()?;
        if power == 1 { Some(unit) } else { Measure::number(1.0).times(&unit, power) }
    }

    fn take(&mut self, fits: fn(u8) -> bool) -> &'c str {
        let count = self.rest.bytes().take_while(|byte| fits(*byte)).count();
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn power(&mut self) -> Option<i32> {
        let sign = if self.eat('-') { -1 } else { 1 };
        if sign == 1 {
            self.eat('+');
        }
        let digits = self.take(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            return (sign == 1).then_some(1);
        }
        let power: i32 = digits.parse().ok()?;
        (power <= 40).then_some(power * sign)
    }

    /// Goes over `{...}`; tells whether it was there.
    fn annotation(&mut self) -> Option<bool> {
        let Some(inner) = self.rest.strip_prefix('{') else { return Some(false) };
        self.rest = inner.split_once('}')?.1;
        Some(true)
    }
}

/// Where the atom at the start of `text` ends.
fn atom_end(text: &str) -> usize {
    let mut bracket = false;
    let end = text.bytes().position(|byte| {
        match byte {
            b'[' => bracket = true,
            b']' => bracket = false,
            _ => {}
        }
        !bracket && matches!(byte, b'.' | b'/' | b'(' | b')' | b'{' | b'+' | b'-' | b'0'..=b'9')
    });
    end.unwrap_or(text.len())
}

/// A unit with its prefix.
fn simple(atom: &str) -> Option<Measure> {
    if let Some(found) = unit(atom) {
        return Some(found);
    }
    for (prefix, exponent) in PREFIXES {
        let Some(rest) = atom.strip_prefix(prefix) else { continue };
        if METRIC_NOT.contains(&rest) {
            continue;
        }
        if let Some(mut found) = unit(rest).filter(|found| found.offset == 0.0) {
            found.factor *= 10_f64.powi(exponent);
            return Some(found);
        }
    }
    None
}

fn unit(atom: &str) -> Option<Measure> {
    if atom.is_empty() {
        return None;
    }
    if let Some((_, factor, offset, powers)) = UNITS.iter().find(|(name, ..)| *name == atom) {
        return Some(Measure {
            factor: *factor,
            offset: *offset,
            powers: *powers,
            arbitrary: BTreeMap::new(),
        });
    }
    ARBITRARY
        .contains(&atom)
        .then(|| Measure { arbitrary: BTreeMap::from([(atom.to_owned(), 1)]), ..Measure::number(1.0) })
}

const PREFIXES: [(&str, i32); 20] = [
    ("da", 1),
    ("Y", 24),
    ("Z", 21),
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("h", 2),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
    ("y", -24),
];

/// Units that take no prefix and could be mistaken with one.
const METRIC_NOT: [&str; 12] = ["d", "h", "min", "wk", "mo", "a", "%", "'", "''", "deg", "[in_i]", "[lb_av]"];

/// Units that are measured by a procedure; each is a kind of its own.
const ARBITRARY: [&str; 22] = [
    "[IU]",
    "[iU]",
    "[arb'U]",
    "[USP'U]",
    "[GPL'U]",
    "[MPL'U]",
    "[APL'U]",
    "[beth'U]",
    "[anti'Xa'U]",
    "[todd'U]",
    "[CFU]",
    "[PFU]",
    "[FFU]",
    "[CCID_50]",
    "[TCID_50]",
    "[EID_50]",
    "[Amb'a'1'U]",
    "[D'ag'U]",
    "[hp_X]",
    "[pH]",
    "[knk'U]",
    "[mclg'U]",
];

type Row = (&'static str, f64, f64, [i32; BASES]);

const NONE: [i32; BASES] = [0; BASES];
const LENGTH: [i32; BASES] = [1, 0, 0, 0, 0, 0, 0, 0];
const AREA: [i32; BASES] = [2, 0, 0, 0, 0, 0, 0, 0];
const VOLUME: [i32; BASES] = [3, 0, 0, 0, 0, 0, 0, 0];
const TIME: [i32; BASES] = [0, 1, 0, 0, 0, 0, 0, 0];
const RATE: [i32; BASES] = [0, -1, 0, 0, 0, 0, 0, 0];
const MASS: [i32; BASES] = [0, 0, 1, 0, 0, 0, 0, 0];
const ANGLE: [i32; BASES] = [0, 0, 0, 1, 0, 0, 0, 0];
const HEAT: [i32; BASES] = [0, 0, 0, 0, 1, 0, 0, 0];
const CHARGE: [i32; BASES] = [0, 0, 0, 0, 0, 1, 0, 0];
const LIGHT: [i32; BASES] = [0, 0, 0, 0, 0, 0, 1, 0];
const MOLES: [i32; BASES] = [0, 0, 0, 0, 0, 0, 0, 1];
const FORCE: [i32; BASES] = [1, -2, 1, 0, 0, 0, 0, 0];
const PRESSURE: [i32; BASES] = [-1, -2, 1, 0, 0, 0, 0, 0];
const ENERGY: [i32; BASES] = [2, -2, 1, 0, 0, 0, 0, 0];
const POWER: [i32; BASES] = [2, -3, 1, 0, 0, 0, 0, 0];

/// Factors are to metre, second, gram and so on: the base units of UCUM.
const UNITS: [Row; 116] = [
    ("1", 1.0, 0.0, NONE),
    ("%", 0.01, 0.0, NONE),
    ("[ppth]", 1e-3, 0.0, NONE),
    ("[ppm]", 1e-6, 0.0, NONE),
    ("[ppb]", 1e-9, 0.0, NONE),
    ("[pptr]", 1e-12, 0.0, NONE),
    ("[pi]", std::f64::consts::PI, 0.0, NONE),
    ("m", 1.0, 0.0, LENGTH),
    ("s", 1.0, 0.0, TIME),
    ("g", 1.0, 0.0, MASS),
    ("rad", 1.0, 0.0, ANGLE),
    ("K", 1.0, 0.0, HEAT),
    ("C", 1.0, 0.0, CHARGE),
    ("cd", 1.0, 0.0, LIGHT),
    ("mol", 1.0, 0.0, MOLES),
    ("eq", 1.0, 0.0, MOLES),
    ("osm", 1.0, 0.0, MOLES),
    ("kat", 1.0, 0.0, [0, -1, 0, 0, 0, 0, 0, 1]),
    ("U", 1e-6 / 60.0, 0.0, [0, -1, 0, 0, 0, 0, 0, 1]),
    ("sr", 1.0, 0.0, [0, 0, 0, 2, 0, 0, 0, 0]),
    ("deg", std::f64::consts::PI / 180.0, 0.0, ANGLE),
    ("'", std::f64::consts::PI / 10_800.0, 0.0, ANGLE),
    ("''", std::f64::consts::PI / 648_000.0, 0.0, ANGLE),
    ("gon", std::f64::consts::PI / 200.0, 0.0, ANGLE),
    ("min", 60.0, 0.0, TIME),
    ("h", 3_600.0, 0.0, TIME),
    ("d", 86_400.0, 0.0, TIME),
    ("wk", 604_800.0, 0.0, TIME),
    ("mo", 2_629_800.0, 0.0, TIME),
    ("mo_j", 2_629_800.0, 0.0, TIME),
    ("mo_s", 2_551_442.976, 0.0, TIME),
    ("mo_g", 2_629_746.0, 0.0, TIME),
    ("a", 31_557_600.0, 0.0, TIME),
    ("a_j", 31_557_600.0, 0.0, TIME),
    ("a_g", 31_556_952.0, 0.0, TIME),
    ("a_t", 31_556_925.216, 0.0, TIME),
    ("Hz", 1.0, 0.0, RATE),
    ("Bq", 1.0, 0.0, RATE),
    ("Ci", 3.7e10, 0.0, RATE),
    ("Cel", 1.0, 273.15, HEAT),
    ("[degF]", 5.0 / 9.0, 459.67, HEAT),
    ("[degR]", 5.0 / 9.0, 0.0, HEAT),
    ("N", 1_000.0, 0.0, FORCE),
    ("dyn", 0.01, 0.0, FORCE),
    ("gf", 9.80665, 0.0, FORCE),
    ("[lbf_av]", 4_448.221_615_260_5, 0.0, FORCE),
    ("Pa", 1_000.0, 0.0, PRESSURE),
    ("bar", 1e8, 0.0, PRESSURE),
    ("atm", 101_325_000.0, 0.0, PRESSURE),
    ("att", 98_066_500.0, 0.0, PRESSURE),
    ("m[Hg]", 133_322_000.0, 0.0, PRESSURE),
    ("m[H2O]", 9_806_650.0, 0.0, PRESSURE),
    ("[in_i'Hg]", 3_386_378.8, 0.0, PRESSURE),
    ("[in_i'H2O]", 249_088.91, 0.0, PRESSURE),
    ("[psi]", 6_894_757.293_168, 0.0, PRESSURE),
    ("J", 1_000.0, 0.0, ENERGY),
    ("erg", 1e-4, 0.0, ENERGY),
    ("cal", 4_184.0, 0.0, ENERGY),
    ("cal_th", 4_184.0, 0.0, ENERGY),
    ("cal_IT", 4_186.8, 0.0, ENERGY),
    ("[Cal]", 4_184_000.0, 0.0, ENERGY),
    ("[Btu]", 1_055_060.0, 0.0, ENERGY),
    ("eV", 1.602_177_33e-16, 0.0, ENERGY),
    ("W", 1_000.0, 0.0, POWER),
    ("[HP]", 745_699.871_582_27, 0.0, POWER),
    ("Gy", 1.0, 0.0, [2, -2, 0, 0, 0, 0, 0, 0]),
    ("Sv", 1.0, 0.0, [2, -2, 0, 0, 0, 0, 0, 0]),
    ("RAD", 0.01, 0.0, [2, -2, 0, 0, 0, 0, 0, 0]),
    ("REM", 0.01, 0.0, [2, -2, 0, 0, 0, 0, 0, 0]),
    ("A", 1.0, 0.0, [0, -1, 0, 0, 0, 1, 0, 0]),
    ("V", 1_000.0, 0.0, [2, -2, 1, 0, 0, -1, 0, 0]),
    ("F", 1e-3, 0.0, [-2, 2, -1, 0, 0, 2, 0, 0]),
    ("Ohm", 1_000.0, 0.0, [2, -1, 1, 0, 0, -2, 0, 0]),
    ("S", 1e-3, 0.0, [-2, 1, -1, 0, 0, 2, 0, 0]),
    ("Wb", 1_000.0, 0.0, [2, -1, 1, 0, 0, -1, 0, 0]),
    ("T", 1_000.0, 0.0, [0, -1, 1, 0, 0, -1, 0, 0]),
    ("H", 1_000.0, 0.0, [2, 0, 1, 0, 0, -2, 0, 0]),
    ("lm", 1.0, 0.0, [0, 0, 0, 2, 0, 0, 1, 0]),
    ("lx", 1.0, 0.0, [-2, 0, 0, 2, 0, 0, 1, 0]),
    ("l", 1e-3, 0.0, VOLUME),
    ("L", 1e-3, 0.0, VOLUME),
    ("ar", 100.0, 0.0, AREA),
    ("t", 1e6, 0.0, MASS),
    ("u", 1.660_540_2e-24, 0.0, MASS),
    ("P", 100.0, 0.0, [-1, -1, 1, 0, 0, 0, 0, 0]),
    ("St", 1e-4, 0.0, [2, -1, 0, 0, 0, 0, 0, 0]),
    ("[in_i]", 0.0254, 0.0, LENGTH),
    ("[ft_i]", 0.3048, 0.0, LENGTH),
    ("[yd_i]", 0.9144, 0.0, LENGTH),
    ("[mi_i]", 1_609.344, 0.0, LENGTH),
    ("[nmi_i]", 1_852.0, 0.0, LENGTH),
    ("[in_us]", 0.025_400_050_8, 0.0, LENGTH),
    ("[ft_us]", 0.304_800_609_6, 0.0, LENGTH),
    ("[sin_i]", 6.4516e-4, 0.0, AREA),
    ("[sft_i]", 0.092_903_04, 0.0, AREA),
    ("[cin_i]", 1.638_706_4e-5, 0.0, VOLUME),
    ("Ao", 1e-10, 0.0, LENGTH),
    ("[gr]", 0.064_798_91, 0.0, MASS),
    ("[lb_av]", 453.592_37, 0.0, MASS),
    ("[oz_av]", 28.349_523_125, 0.0, MASS),
    ("[dr_av]", 1.771_845_195_312_5, 0.0, MASS),
    ("[stone_av]", 6_350.293_18, 0.0, MASS),
    ("[oz_tr]", 31.103_476_8, 0.0, MASS),
    ("[gal_us]", 3.785_411_784e-3, 0.0, VOLUME),
    ("[qt_us]", 9.463_529_46e-4, 0.0, VOLUME),
    ("[pt_us]", 4.731_764_73e-4, 0.0, VOLUME),
    ("[foz_us]", 2.957_352_956_25e-5, 0.0, VOLUME),
    ("[cup_us]", 2.365_882_365e-4, 0.0, VOLUME),
    ("[tbs_us]", 1.478_676_478_125e-5, 0.0, VOLUME),
    ("[tsp_us]", 4.928_921_593_75e-6, 0.0, VOLUME),
    ("[gal_br]", 4.546_09e-3, 0.0, VOLUME),
    ("[pt_br]", 5.682_612_5e-4, 0.0, VOLUME),
    ("[foz_br]", 2.841_306_25e-5, 0.0, VOLUME),
    ("[drp]", 5e-8, 0.0, VOLUME),
    ("[diop]", 1.0, 0.0, [-1, 0, 0, 0, 0, 0, 0, 0]),
    ("[HPF]", 1.0, 0.0, NONE),
];
