//! Bytes as hexadecimal digits: keys of the cache, signatures of messages, ids.

/// Two lower-case digits a byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that the digits stand for, in either case; None if there is anything but pairs of digits.
#[cfg(feature = "kernel")]
pub(crate) fn decode(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?)).collect();
    bytes.filter(|_| rest.is_empty())
}

#[cfg(all(test, feature = "kernel"))]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits() {
        assert_eq!(encode(&[0, 10, 255]), "000aff");
        assert_eq!(decode(b"000aFF"), Some(vec![0, 10, 255]));
        assert_eq!([decode(b"0"), decode(b"0g")], [None, None]);
    }
}
