//! Front end 2: `.ipynb` files.

#[cfg(test)]
mod fixture;
mod lanes;
mod matching;
mod measure;
mod pattern;
mod twin;
mod verdict;
mod verify;

pub use verify::{Request, verify};
