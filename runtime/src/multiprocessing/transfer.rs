//! `Transfer`: how a value travels between processes. Owns the trait, its error and the macro for structs; the
//! implementations for std's types are in `transfer_std.rs`. Bytes are only ever read by a copy of the program that
//! wrote them, so there is no version, no type tag, and no order of bytes to agree on.

use std::fmt;

/// A value that can be sent to another process of the session. For a struct, [`transfer!`](crate::transfer)
/// implements it; an enum needs a few lines by hand.
///
/// ```
/// # use threadbook::multiprocessing::{Transfer, TransferError};
/// #[derive(Debug, PartialEq)]
/// enum Shape {
///     Circle(f64),
///     Square(f64),
/// }
///
/// impl Transfer for Shape {
///     fn write(&self, out: &mut Vec<u8>) {
///         match self {
///             Shape::Circle(radius) => (0u8, *radius).write(out),
///             Shape::Square(side) => (1u8, *side).write(out),
///         }
///     }
///
///     fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
///         match <(u8, f64)>::read(input)? {
///             (0, radius) => Ok(Shape::Circle(radius)),
///             (1, side) => Ok(Shape::Square(side)),
///             _ => Err(TransferError),
///         }
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Shape::Square(2.0).write(&mut bytes);
/// assert_eq!(Shape::read(&mut bytes.as_slice()), Ok(Shape::Square(2.0)));
/// ```
pub trait Transfer: Sized {
    /// Appends the value to `out`.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes one value off the front of `input`.
    ///
    /// # Errors
    /// `input` does not begin with what `write` wrote.
    fn read(input: &mut &[u8]) -> Result<Self, TransferError>;
}

/// The bytes are not those of a value of the wanted type.
///
/// ```
/// # use threadbook::multiprocessing::{Transfer, TransferError};
/// assert_eq!(u32::read(&mut &[1, 2][..]), Err(TransferError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferError;

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes received are not a value of the expected type")
    }
}

impl std::error::Error for TransferError {}

impl From<TransferError> for std::io::Error {
    fn from(error: TransferError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// Implements [`Transfer`](crate::multiprocessing::Transfer) for a struct, field by field.
///
/// ```
/// # use threadbook::multiprocessing::{pipe, transfer};
/// #[derive(Debug, PartialEq)]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
/// transfer!(Point { x, y });
///
/// let (ours, theirs) = pipe()?;
/// theirs.send(Point { x: 1, y: 2 })?;
/// assert_eq!(ours.recv()?, Point { x: 1, y: 2 });
/// # Ok::<(), std::io::Error>(())
/// ```
#[macro_export]
macro_rules! transfer {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::multiprocessing::Transfer for $type {
            fn write(&self, out: &mut ::std::vec::Vec<u8>) {
                $($crate::multiprocessing::Transfer::write(&self.$field, out);)*
            }
            fn read(
                input: &mut &[u8],
            ) -> ::std::result::Result<Self, $crate::multiprocessing::TransferError> {
                ::std::result::Result::Ok(Self { $($field: $crate::multiprocessing::Transfer::read(input)?),* })
            }
        }
    };
}

/// Takes `N` bytes off the front of `input`.
pub(super) fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], TransferError> {
    let (bytes, rest) = input.split_first_chunk().ok_or(TransferError)?;
    *input = rest;
    Ok(*bytes)
}

pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    bytes.len().write(out);
    out.extend_from_slice(bytes);
}

pub(super) fn read_bytes(input: &mut &[u8]) -> Result<Vec<u8>, TransferError> {
    let len = usize::read(input)?;
    let (bytes, rest) = input.split_at_checked(len).ok_or(TransferError)?;
    *input = rest;
    Ok(bytes.to_vec())
}

/// Writes how many items there are, and each of them.
pub(super) fn write_all<'a, T: Transfer + 'a>(items: impl ExactSizeIterator<Item = &'a T>, out: &mut Vec<u8>) {
    items.len().write(out);
    items.for_each(|item| item.write(out));
}

/// Reads what `write_all` wrote, into any collection.
pub(super) fn read_all<T: Transfer, C: FromIterator<T>>(input: &mut &[u8]) -> Result<C, TransferError> {
    let len = usize::read(input)?;
    (0..len).map(|_| T::read(input)).collect()
}
