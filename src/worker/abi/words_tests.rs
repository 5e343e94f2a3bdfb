//! Tests of how bytes become words. In a file of their own, since the models compile `words` too.

use crate::worker::abi::memory::AtomicU64;
use crate::worker::abi::words::{load, store};

#[test]
fn bytes_of_any_length_come_back_and_the_rest_of_their_last_word_is_zero() {
    let bytes: Vec<u8> = (1..=40).collect();
    for (length, first) in (0..=bytes.len()).flat_map(|length| [(length, 0), (length, 5)]) {
        let words: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(u64::MAX)).collect();
        store(&words, first, &bytes[..length]);
        let mut whole = vec![0xff; length.next_multiple_of(8)];
        load(&words, first, &mut whole);
        assert_eq!(whole[..length], bytes[..length]);
        assert!(whole[length..].iter().all(|byte| *byte == 0), "{length} bytes from word {first}");
    }
}
