//! `Transfer` for std's value types. A pointer (`Box`, `Rc`, `Arc`, `Cow`) travels as what it points to; what is
//! bound to a process (a file, a lock, a thread) does not travel at all.

use super::transfer::{Transfer, TransferError, read_all, read_bytes, take, write_all, write_bytes};
use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZero, Wrapping};
use std::ops::{Range, RangeInclusive};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

macro_rules! numbers {
    ($($type:ty)*) => { $(
        impl Transfer for $type {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_ne_bytes());
            }
            fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
                take(input).map(Self::from_ne_bytes)
            }
        }
    )* };
}
numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

macro_rules! non_zero {
    ($($type:ty)*) => { $(
        impl Transfer for NonZero<$type> {
            fn write(&self, out: &mut Vec<u8>) {
                self.get().write(out);
            }
            fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
                NonZero::new(Transfer::read(input)?).ok_or(TransferError)
            }
        }
    )* };
}
non_zero!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

/// Implements `Transfer` for types that travel as another type: how a value becomes one, and how it comes back.
macro_rules! travels_as {
    ($($type:ty as $other:ty, $to:expr, $back:expr;)*) => { $(
        impl Transfer for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let to: fn(&Self) -> $other = $to;
                to(self).write(out);
            }
            fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
                let back: fn($other) -> Option<Self> = $back;
                back(Transfer::read(input)?).ok_or(TransferError)
            }
        }
    )* };
}
travels_as! {
    bool as u8, |value| u8::from(*value), |byte| (byte < 2).then_some(byte == 1);
    char as u32, |value| u32::from(*value), char::from_u32;
    Ordering as i8, |value| *value as i8, |byte| Some(byte.cmp(&0));
    Duration as (u64, u32), |value| (value.as_secs(), value.subsec_nanos()),
        |(seconds, nanos)| (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos));
    SystemTime as Result<Duration, Duration>,
        |value| value.duration_since(UNIX_EPOCH).map_err(|before| before.duration()),
        |since| match since {
            Ok(after) => UNIX_EPOCH.checked_add(after),
            Err(before) => UNIX_EPOCH.checked_sub(before),
        };
    Ipv4Addr as [u8; 4], Ipv4Addr::octets, |octets| Some(octets.into());
    Ipv6Addr as [u8; 16], Ipv6Addr::octets, |octets| Some(octets.into());
    IpAddr as Result<Ipv4Addr, Ipv6Addr>,
        |value| match value { IpAddr::V4(v4) => Ok(*v4), IpAddr::V6(v6) => Err(*v6) },
        |address| Some(address.map_or_else(IpAddr::V6, IpAddr::V4));
}

macro_rules! tuples {
    ($($name:ident)*) => {
        #[allow(non_snake_case, unused_variables)]
        impl<$($name: Transfer),*> Transfer for ($($name,)*) {
            fn write(&self, out: &mut Vec<u8>) {
                let ($($name,)*) = self;
                $($name.write(out);)*
            }
            fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
                Ok(($($name::read(input)?,)*))
            }
        }
    };
}
tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

/// Implements `Transfer` for collections, by their iterator and `FromIterator`.
macro_rules! collections {
    ($($type:ident<$item:ident $(: $($bound:path),+)?>)*) => { $(
        impl<$item: Transfer $($(+ $bound)+)?> Transfer for $type<$item> {
            fn write(&self, out: &mut Vec<u8>) {
                write_all(self.iter(), out);
            }
            fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
                read_all(input)
            }
        }
    )* };
}
collections! { Vec<T> VecDeque<T> LinkedList<T> BTreeSet<T: Ord> BinaryHeap<T: Ord> }

impl<T: Transfer + Eq + Hash, S: BuildHasher + Default> Transfer for HashSet<T, S> {
    fn write(&self, out: &mut Vec<u8>) {
        write_all(self.iter(), out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        read_all(input)
    }
}

impl<K: Transfer + Ord, V: Transfer> Transfer for BTreeMap<K, V> {
    fn write(&self, out: &mut Vec<u8>) {
        write_pairs(self.iter(), out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        read_all::<(K, V), _>(input)
    }
}

impl<K: Transfer + Eq + Hash, V: Transfer, S: BuildHasher + Default> Transfer for HashMap<K, V, S> {
    fn write(&self, out: &mut Vec<u8>) {
        write_pairs(self.iter(), out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        read_all::<(K, V), _>(input)
    }
}

fn write_pairs<'a, K: Transfer + 'a, V: Transfer + 'a>(
    pairs: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
    out: &mut Vec<u8>,
) {
    pairs.len().write(out);
    for (key, value) in pairs {
        key.write(out);
        value.write(out);
    }
}

impl<T: Transfer, const N: usize> Transfer for [T; N] {
    fn write(&self, out: &mut Vec<u8>) {
        write_all(self.iter(), out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        read_all::<T, Vec<T>>(input)?.try_into().map_err(|_| TransferError)
    }
}

/// Implements `Transfer` for pointers, which travel as the value that they own.
macro_rules! owners {
    ($($type:ident)*) => { $(
        impl<T: Transfer> Transfer for $type<T> {
            fn write(&self, out: &mut Vec<u8>) {
                T::write(self, out);
            }
            fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
                T::read(input).map($type::new)
            }
        }
    )* };
}
owners!(Box Rc Arc);

macro_rules! wrappers {
    ($($type:ident)*) => { $(
        impl<T: Transfer> Transfer for $type<T> {
            fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }
            fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
                T::read(input).map($type)
            }
        }
    )* };
}
wrappers!(Wrapping Reverse);

impl<T: Transfer> Transfer for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        self.iter().for_each(|value| value.write(out));
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        bool::read(input)?.then(|| T::read(input)).transpose()
    }
}

impl<T: Transfer, E: Transfer> Transfer for Result<T, E> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_ok().write(out);
        match self {
            Ok(value) => value.write(out),
            Err(error) => error.write(out),
        }
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        match bool::read(input)? {
            true => T::read(input).map(Ok),
            false => E::read(input).map(Err),
        }
    }
}

impl<T: Transfer> Transfer for Range<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.start.write(out);
        self.end.write(out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        Ok(T::read(input)?..T::read(input)?)
    }
}

impl<T: Transfer> Transfer for RangeInclusive<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.start().write(out);
        self.end().write(out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        Ok(T::read(input)?..=T::read(input)?)
    }
}

impl<T: ToOwned<Owned: Transfer> + ?Sized> Transfer for Cow<'_, T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.clone().into_owned().write(out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        Transfer::read(input).map(Cow::Owned)
    }
}

impl Transfer for String {
    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(self.as_bytes(), out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        String::from_utf8(read_bytes(input)?).map_err(|_| TransferError)
    }
}

impl Transfer for OsString {
    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(self.as_bytes(), out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        read_bytes(input).map(OsString::from_vec)
    }
}

impl Transfer for PathBuf {
    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(self.as_os_str().as_bytes(), out);
    }
    fn read(input: &mut &[u8]) -> Result<Self, TransferError> {
        OsString::read(input).map(PathBuf::from)
    }
}
