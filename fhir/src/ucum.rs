//! Codes of units as UCUM writes them: whether a text is one.
//!
//! UCUM, sections 1 to 4 (<https://ucum.org/ucum>), in the case-sensitive variant that FHIR uses: printable ASCII; terms of
//! products and quotients; brackets; units with a prefix and an exponent; annotations in braces. The units and prefixes are
//! those of version 2.2.

/// The code system of UCUM, as FHIR names it.
pub const SYSTEM: &str = "http://unitsofmeasure.org";

/// Brackets inside one another.
const DEPTH_MAX: usize = 16;
/// Codes of records are far shorter.
const BYTES_MAX: usize = 256;

/// Whether `text` is a code of UCUM: well-formed, and made of units and prefixes that UCUM has.
///
/// `mm[Hg]`, `10*9/L` and `{score}` are; `mmHg`, `10+9/L` and `per minute` are not. Whether the unit makes sense where it
/// stands is another question.
#[must_use]
pub fn is_code(text: &str) -> bool {
    if text.is_empty() || text.len() > BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let mut rest = text;
    main_term(&mut rest, DEPTH_MAX) && rest.is_empty()
}

/// `/term` or `term`.
fn main_term(rest: &mut &str, depth: usize) -> bool {
    eat(rest, '/');
    loop {
        if !component(rest, depth) {
            return false;
        }
        if !eat(rest, '.') && !eat(rest, '/') {
            return true;
        }
    }
}

fn component(rest: &mut &str, depth: usize) -> bool {
    if eat(rest, '(') {
        let Some(depth) = depth.checked_sub(1) else { return false };
        return main_term(rest, depth) && eat(rest, ')');
    }
    if rest.starts_with('{') {
        return annotation(rest);
    }
    let Some((unit, after)) = rest.split_at_checked(unit_length(rest)) else { return false };
    if !is_unit(unit) {
        return false;
    }
    *rest = after;
    exponent(rest, unit) && (!rest.starts_with('{') || annotation(rest))
}

/// How far a unit or a number goes: what stands in square brackets is a part of it, whatever it is.
fn unit_length(text: &str) -> usize {
    if text.starts_with("10*") || text.starts_with("10^") {
        return 3;
    }
    let number = text.bytes().take_while(u8::is_ascii_digit).count();
    if number > 0 {
        return number;
    }
    let mut inside = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => {}
            '.' | '/' | '(' | ')' | '{' | '}' | '+' | '-' | '=' | '0'..='9' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether it is a number, a unit, or a metric unit with a prefix.
fn is_unit(unit: &str) -> bool {
    let is_metric = |unit: &str| METRIC.binary_search(&unit).is_ok();
    let is_number = || !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_digit());
    let is_prefixed = |prefix: &&str| unit.strip_prefix(*prefix).is_some_and(is_metric);
    matches!(unit, "10*" | "10^")
        || is_number()
        || is_metric(unit)
        || UNITS.binary_search(&unit).is_ok()
        || PREFIXES.iter().any(is_prefixed)
}

/// What follows a unit: nothing, or a whole number. A number has none.
fn exponent(rest: &mut &str, unit: &str) -> bool {
    let signed = eat(rest, '-') || eat(rest, '+');
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    *rest = rest.get(digits..).unwrap_or_default();
    let number = unit.bytes().all(|byte| byte.is_ascii_digit());
    if number { !signed && digits == 0 } else { !signed || digits > 0 }
}

fn annotation(rest: &mut &str) -> bool {
    let inner = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
    match inner.filter(|(words, _)| !words.contains('{')) {
        Some((_, after)) => {
            *rest = after;
            true
        }
        None => false,
    }
}

fn eat(rest: &mut &str, letter: char) -> bool {
    match rest.strip_prefix(letter) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

/// Units that take prefixes, in the order of their bytes.
const METRIC: [&str; 96] = [
    "A", "B", "B[10.nV]", "B[SPL]", "B[V]", "B[W]", "B[kW]", "B[mV]", "B[uV]", "Bd", "Bi", "Bq", "By", "C",
    "Cel", "Ci", "F", "G", "Gal", "Gb", "Gy", "H", "Hz", "J", "K", "Ky", "L", "Lmb", "Mx", "N", "Np", "Oe",
    "Ohm", "P", "Pa", "R", "RAD", "REM", "S", "St", "Sv", "T", "U", "V", "W", "Wb", "[G]", "[IU]", "[c]",
    "[e]", "[eps_0]", "[g]", "[h]", "[iU]", "[k]", "[ly]", "[m_e]", "[m_p]", "[mu_0]", "ar", "bar", "bit",
    "cal", "cal_IT", "cal_[15]", "cal_[20]", "cal_m", "cal_th", "cd", "dyn", "eV", "eq", "erg", "g", "g%",
    "gf", "kat", "l", "lm", "lx", "m", "m[H2O]", "m[Hg]", "mho", "mol", "osm", "pc", "ph", "rad", "s", "sb",
    "sr", "st", "t", "tex", "u",
];

/// Units that take none, in the order of their bytes. `10*` and `10^` stand in the grammar.
const UNITS: [&str; 214] = [
    "%",
    "%[slope]",
    "'",
    "''",
    "AU",
    "Ao",
    "[APL'U]",
    "[AU]",
    "[Amb'a'1'U]",
    "[BAU]",
    "[Btu]",
    "[Btu_39]",
    "[Btu_59]",
    "[Btu_60]",
    "[Btu_IT]",
    "[Btu_m]",
    "[Btu_th]",
    "[CCID_50]",
    "[CFU]",
    "[Cal]",
    "[Ch]",
    "[D'ag'U]",
    "[EID_50]",
    "[ELU]",
    "[EU]",
    "[FEU]",
    "[FFU]",
    "[FNU]",
    "[GPL'U]",
    "[HPF]",
    "[HP]",
    "[IR]",
    "[LPF]",
    "[Lf]",
    "[MET]",
    "[MPL'U]",
    "[NTU]",
    "[PFU]",
    "[PNU]",
    "[PRU]",
    "[S]",
    "[TCID_50]",
    "[USP'U]",
    "[acr_br]",
    "[acr_us]",
    "[anti'Xa'U]",
    "[arb'U]",
    "[bbl_us]",
    "[bdsk'U]",
    "[beth'U]",
    "[bf_i]",
    "[bu_br]",
    "[bu_us]",
    "[car_Au]",
    "[car_m]",
    "[cft_i]",
    "[ch_br]",
    "[ch_us]",
    "[cicero]",
    "[cin_i]",
    "[cml_i]",
    "[cr_i]",
    "[crd_us]",
    "[cup_m]",
    "[cup_us]",
    "[cyd_i]",
    "[degF]",
    "[degR]",
    "[degRe]",
    "[den]",
    "[didot]",
    "[diop]",
    "[dpt_us]",
    "[dqt_us]",
    "[dr_ap]",
    "[dr_av]",
    "[drp]",
    "[dye'U]",
    "[fdr_br]",
    "[fdr_us]",
    "[foz_br]",
    "[foz_m]",
    "[foz_us]",
    "[ft_br]",
    "[ft_i]",
    "[ft_us]",
    "[fth_br]",
    "[fth_i]",
    "[fth_us]",
    "[fur_us]",
    "[gal_br]",
    "[gal_us]",
    "[gal_wi]",
    "[gil_br]",
    "[gil_us]",
    "[gr]",
    "[hd_i]",
    "[hnsf'U]",
    "[hp'_C]",
    "[hp'_M]",
    "[hp'_Q]",
    "[hp'_X]",
    "[hp_C]",
    "[hp_M]",
    "[hp_Q]",
    "[hp_X]",
    "[in_br]",
    "[in_i'H2O]",
    "[in_i'Hg]",
    "[in_i]",
    "[in_us]",
    "[ka'U]",
    "[kn_br]",
    "[kn_i]",
    "[knk'U]",
    "[kp_C]",
    "[kp_M]",
    "[kp_Q]",
    "[kp_X]",
    "[lb_ap]",
    "[lb_av]",
    "[lb_tr]",
    "[lbf_av]",
    "[lcwt_av]",
    "[ligne]",
    "[lk_br]",
    "[lk_us]",
    "[lne]",
    "[lton_av]",
    "[m/s2/Hz^0.5]",
    "[mclg'U]",
    "[mesh_i]",
    "[mi_br]",
    "[mi_i]",
    "[mi_us]",
    "[mil_i]",
    "[mil_us]",
    "[min_br]",
    "[min_us]",
    "[nmi_br]",
    "[nmi_i]",
    "[oz_ap]",
    "[oz_av]",
    "[oz_m]",
    "[oz_tr]",
    "[p'diop]",
    "[pH]",
    "[pc_br]",
    "[pca]",
    "[pca_pr]",
    "[pi]",
    "[pied]",
    "[pk_br]",
    "[pk_us]",
    "[pnt]",
    "[pnt_pr]",
    "[pouce]",
    "[ppb]",
    "[ppm]",
    "[ppth]",
    "[pptr]",
    "[psi]",
    "[pt_br]",
    "[pt_us]",
    "[pwt_tr]",
    "[qt_br]",
    "[qt_us]",
    "[rch_us]",
    "[rd_br]",
    "[rd_us]",
    "[rlk_us]",
    "[sc_ap]",
    "[sct]",
    "[scwt_av]",
    "[sft_i]",
    "[sin_i]",
    "[smgy'U]",
    "[smi_us]",
    "[smoot]",
    "[srd_us]",
    "[ston_av]",
    "[stone_av]",
    "[syd_i]",
    "[tb'U]",
    "[tbs_m]",
    "[tbs_us]",
    "[todd'U]",
    "[tsp_m]",
    "[tsp_us]",
    "[twp]",
    "[wood'U]",
    "[yd_br]",
    "[yd_i]",
    "[yd_us]",
    "a",
    "a_g",
    "a_j",
    "a_t",
    "atm",
    "att",
    "b",
    "bit_s",
    "circ",
    "d",
    "deg",
    "gon",
    "h",
    "min",
    "mo",
    "mo_g",
    "mo_j",
    "mo_s",
    "sph",
    "wk",
];

/// Prefixes of metric units.
const PREFIXES: [&str; 28] = [
    "E", "G", "Gi", "Ki", "M", "Mi", "P", "Q", "R", "T", "Ti", "Y", "Z", "a", "c", "d", "da", "f", "h", "k",
    "m", "n", "p", "q", "r", "u", "y", "z",
];

#[cfg(test)]
mod tests {
    use super::{METRIC, PREFIXES, UNITS, is_code};

    #[test]
    fn codes_are_held_to_the_grammar_and_to_the_units_of_ucum() {
        for code in [
            "kg",
            "mm[Hg]",
            "10*9/L",
            "10*-6",
            "/min",
            "m2.kg",
            "{score}",
            "mL/min/{1.73_m2}",
            "1",
            "%",
            "kg/(m.s2)",
            "mmol/mol",
            "k[IU]/L",
            "u[iU]/mL",
            "ug/kg/h",
            "B[10.nV]",
            "cm[H2O]",
            "Cel",
            "[degF]",
            "/[HPF]",
            "m[IU]/L",
            "meq/L",
            "mosm/kg",
            "[lb_av]",
            "[m/s2/Hz^0.5]",
            "g%",
            "dB",
            "GiBy",
            "a",
            "mo",
            "wk",
            "d",
            "kat",
            "fL",
            "pg",
            "10*3/uL",
            "{beats}/min",
            "U/L",
            "''",
            "%{Hb}",
            "4.[pi].10*-7.N/A2",
        ] {
            assert!(is_code(code), "{code}");
        }
        for code in [
            "", "cm.", "/", "a b", "kg{body", "m//s", "(m", "m)", "\u{b5}g", "[in_i", "m-", "kg{a{b}}",
            "2-3", ".m", "m}", "10+3/ul", "mg/3ml2x", "mmHg", "bpm", "KG", "k[in_i]", "kmin", "per", "IU/L",
            "x10^9/L", "mcg", "sec", "Years", "[nope]", "k", "-1", "m[", "mg/dl/",
        ] {
            assert!(!is_code(code), "{code}");
        }
        assert!(!is_code(&"(".repeat(200)) && !is_code(&"m.".repeat(5_000)));
        let nested = |depth: usize| format!("{}m{}", "(".repeat(depth), ")".repeat(depth));
        assert!(is_code(&nested(16)) && !is_code(&nested(17)));
    }

    #[test]
    fn the_tables_can_be_searched() {
        assert!(METRIC.is_sorted() && UNITS.is_sorted());
        assert!(METRIC.iter().all(|unit| UNITS.binary_search(unit).is_err()));
        for unit in METRIC.iter().chain(&UNITS) {
            assert!(is_code(unit), "{unit}");
        }
        for (prefix, unit) in PREFIXES.iter().flat_map(|prefix| METRIC.iter().map(move |unit| (prefix, unit)))
        {
            assert!(is_code(&format!("{prefix}{unit}")), "{prefix}{unit}");
        }
    }
}
