//! Copies bytes into words of shared memory and out of them. Such a copy is private: what is read from it has one value,
//! whoever writes to the shared memory meanwhile.

use crate::worker::abi::memory::{AtomicU64, Ordering};

/// The index of a word that is `at` words behind the first, around the end of `length` words. The division is left out
/// where it is not needed: a record would pay for six of them.
fn around(at: usize, length: usize) -> usize {
    if at < length { at } else { at % length }
}

/// Stores bytes in words, from the word `first` on and around the end of `words`. The last word is filled up with zeros.
pub(crate) fn store(words: &[AtomicU64], first: usize, bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    let (before, after) = words.split_at(around(first, words.len()));
    let (front, back) = whole.split_at(whole.len().min(after.len()));
    let in_order = |words: &[AtomicU64], chunks: &[[u8; 8]]| {
        words
            .iter()
            .zip(chunks)
            .for_each(|(word, chunk)| word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed));
    };
    in_order(after, front);
    in_order(before, back);
    if !rest.is_empty() {
        words[around(first + whole.len(), words.len())].store(last_word(rest), Ordering::Relaxed);
    }
}

/// A word with these bytes, 1 to 7, at its start, and zeros behind them. Put together in registers: a processor waits until
/// single bytes that were just written to memory can be read as a word.
fn last_word(bytes: &[u8]) -> u64 {
    let of = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    u64::from_le(match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // The two overlap, where they have the same bytes.
        (Some(first), Some(last)) => {
            let behind = 8 * (bytes.len() - 4);
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << behind
        }
        _ => of(bytes),
    })
}

/// Loads what `store` has stored.
pub(crate) fn load(words: &[AtomicU64], first: usize, bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut::<8>();
    let last = first + whole.len();
    let (before, after) = words.split_at(around(first, words.len()));
    let (front, back) = whole.split_at_mut(whole.len().min(after.len()));
    let in_order = |words: &[AtomicU64], chunks: &mut [[u8; 8]]| {
        words.iter().zip(chunks).for_each(|(word, chunk)| *chunk = word.load(Ordering::Relaxed).to_ne_bytes());
    };
    in_order(after, front);
    in_order(before, back);
    if !rest.is_empty() {
        let word = words[around(last, words.len())].load(Ordering::Relaxed).to_ne_bytes();
        rest.copy_from_slice(&word[..rest.len()]);
    }
}

/// Words with these bytes in them: at least one word, since memory that is shared is never empty.
#[cfg(any(test, fuzzing))]
pub(crate) fn of(bytes: &[u8]) -> Vec<AtomicU64> {
    let words: Vec<AtomicU64> = (0..bytes.len().div_ceil(8).max(1)).map(|_| AtomicU64::new(0)).collect();
    store(&words, 0, bytes);
    words
}
