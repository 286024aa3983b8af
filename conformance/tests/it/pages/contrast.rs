//! Colours of the page: WCAG 2.2 AA, in light and in dark.

use std::collections::BTreeMap;

const STYLE: &str = include_str!("../../../src/report/html/style.css");

/// Colours by their names, of the block that begins with `start`.
fn colours(start: &str) -> BTreeMap<String, [f64; 3]> {
    let (_, block) = STYLE.split_once(start).unwrap();
    let (block, _) = block.split_once('}').unwrap();
    let pairs = block.split(';').filter_map(|one| one.trim().strip_prefix("--")?.split_once(": #"));
    let channel = |hex: &str, at: usize| {
        let value = f64::from(u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    pairs.map(|(name, hex)| (name.to_owned(), [0, 2, 4].map(|at| channel(hex, at)))).collect()
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |[red, green, blue]: [f64; 3]| 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_and_marks_can_be_told_from_what_they_stand_on() {
    for start in [":root {\n  color-scheme", "dark) {\n  :root {", "print {\n  :root {"] {
        let held = colours(start);
        let check = |one: &str, on: &str, least: f64| {
            let ratio = contrast(held[one], held[on]);
            assert!(ratio >= least, "{start}: {one} on {on} is {ratio:.2}");
        };
        for on in ["page", "panel"] {
            for text in ["ink", "quiet", "link"] {
                check(text, on, 4.5);
            }
            check("line", on, 3.0);
        }
        for status in ["fail", "error", "warning", "note", "pass", "skip"] {
            check(status, &format!("{status}-page"), 4.5);
            check(status, "panel", 3.0);
        }
        if start.contains("print") {
            continue;
        }
        check("focus", "page", 3.0);
        check("focus", "panel", 3.0);
    }
}

#[test]
fn contrast_is_that_of_the_guidelines() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([1.0; 3], [1.0; 3]) - 1.0).abs() < 1e-9);
}

#[test]
fn colours_are_named_and_never_written_twice() {
    let (_, rules) = STYLE.split_once("* { box-sizing").unwrap();
    let (rules, _) = rules.split_once("@media print").unwrap();
    let is_colour = |text: &str| text.len() >= 6 && text.chars().take(6).all(|one| one.is_ascii_hexdigit());
    assert!(!rules.split('#').skip(1).any(is_colour), "a colour that no name holds is not checked here");
    for needed in [":focus-visible", "prefers-reduced-motion", "@media print", "max-width: 40rem"] {
        assert!(STYLE.contains(needed), "{needed}");
    }
}
