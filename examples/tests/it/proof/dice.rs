//! Dice that fall alike for one seed, with a stream of their own for each case.

use conformance::privacy::worlds::Dice;

/// The dice of one case of a seed.
pub(crate) fn of_case(seed: u64, case: u64) -> Dice {
    let mut first = Dice::new(seed ^ case.wrapping_mul(0xd6e8_feb8_6659_fd93));
    Dice::new(first.roll())
}

/// One of `items`.
pub(crate) fn one<'a, T>(dice: &mut Dice, items: &'a [T]) -> &'a T {
    &items[dice.below(items.len())]
}
