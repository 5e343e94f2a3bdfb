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
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words[around(first + whole.len(), words.len())].store(u64::from_ne_bytes(last), Ordering::Relaxed);
    }
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
