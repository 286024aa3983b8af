//! Bytes as hexadecimal digits.

/// Two lower-case digits for each of `bytes`.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hex(&[0, 9, 10, 15, 16, 255]), "00090a0f10ff");
        assert_eq!(hex(&[]), "");
    }
}
