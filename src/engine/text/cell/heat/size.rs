//! Upper bounds of how much there is of a value, as far as literals tell.

use std::collections::BTreeSet;

/// The bound of what nothing is known of. Sums and products with it stay as large.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// The bound that is assumed of a variable of an earlier cell. Whether it holds, the scope knows.
pub(super) const SMALL: u64 = 1000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// The number of elements, if the value has any.
    pub len: u64,
    /// The value of a number; in a collection, the largest number and the largest length of an element.
    pub value: u64,
    /// Variables of earlier cells that both bounds take to be small.
    pub of: BTreeSet<String>,
    /// For an iterator, the work that adaptors do for each element.
    pub each: u64,
}

impl Size {
    pub(super) fn number(value: u64) -> Size {
        Size { value, ..Size::default() }
    }

    pub(super) fn elements(len: u64) -> Size {
        Size { len, ..Size::default() }
    }

    pub(super) fn unknown() -> Size {
        Size { len: UNKNOWN, value: UNKNOWN, ..Size::default() }
    }

    /// A variable of an earlier cell.
    pub(super) fn variable(name: &str) -> Size {
        Size { len: SMALL, value: SMALL, of: BTreeSet::from([name.to_string()]), each: 0 }
    }

    /// The size of one element.
    pub(super) fn element(&self) -> Size {
        Size { len: self.value, value: self.value, of: self.of.clone(), each: 0 }
    }

    /// The larger bounds of two sizes.
    pub(super) fn or(mut self, other: Size) -> Size {
        self.len = self.len.max(other.len);
        self.value = self.value.max(other.value);
        self.each = self.each.max(other.each);
        self.of.extend(other.of);
        self
    }

    /// The larger of both bounds.
    pub(super) fn most(&self) -> u64 {
        self.len.max(self.value)
    }

    pub(super) fn with_len(mut self, len: u64) -> Size {
        self.len = len;
        self
    }

    pub(super) fn with_value(mut self, value: u64) -> Size {
        self.value = value;
        self
    }
}
