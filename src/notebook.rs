//! Front end 2: `.ipynb` files.

mod lanes;
mod matching;
mod measure;
mod pattern;
#[cfg(test)]
mod scripted;
mod twin;
mod verdict;
mod verify;

pub use verify::{Request, verify};
