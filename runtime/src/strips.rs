//! Loops of cells that check for an interrupt only every few thousand turns, so that the optimiser makes of them what it
//! makes of the loop as it is written: a loop around the loop, which hands out one strip of turns after another. A loop that
//! `break` ends is left as a whole, because only a strip that came to its end has another one after it.

use std::ops::{Range, RangeInclusive};

use crate::interrupt;

/// Turns of one strip. The loops that run in strips have brief bodies, so that a strip takes milliseconds at most.
const TURNS: u64 = 4096;

/// A `for` loop in strips.
#[doc(hidden)]
#[macro_export]
macro_rules! strips {
    ($($label:lifetime:)? for $pattern:pat in $iterator:expr; $body:block) => {
        match $crate::strips::Strips::of($iterator) {
            mut strips => loop {
                $($label:)? for $pattern in strips.strip() $body
                if !strips.goes_on() {
                    break;
                }
            }
        }
    };
}

/// A `for` loop in strips, over a range that is written as one.
#[doc(hidden)]
#[macro_export]
macro_rules! range_strips {
    ($($label:lifetime:)? for $pattern:pat in $range:expr; $body:block) => {
        match $crate::strips::Ranges::ranges($range) {
            mut strips => loop {
                $($label:)? for $pattern in strips.strip() $body
                if !strips.goes_on() {
                    break;
                }
            }
        }
    };
}

/// Any iterator in strips.
pub struct Strips<I> {
    iterator: I,
    goes_on: bool,
}

impl<I: Iterator> Strips<I> {
    #[inline(always)]
    pub fn of(iterator: impl IntoIterator<IntoIter = I>) -> Strips<I> {
        Strips { iterator: iterator.into_iter(), goes_on: false }
    }

    #[inline(always)]
    pub fn strip(&mut self) -> Strip<'_, I> {
        self.goes_on = false;
        Strip { strips: self, left: TURNS }
    }

    /// Whether the last strip came to its end, and not the loop.
    #[inline(always)]
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }
}

pub struct Strip<'a, I> {
    strips: &'a mut Strips<I>,
    left: u64,
}

impl<I: Iterator> Iterator for Strip<'_, I> {
    type Item = I::Item;

    #[inline(always)]
    fn next(&mut self) -> Option<I::Item> {
        if self.left == 0 {
            // Here, where it is a part of this one of the loop's two exits: LLVM would join them to one that it cannot
            // count, and not vectorise the loop.
            interrupt::check();
            self.strips.goes_on = true;
            return None;
        }
        self.left -= 1;
        self.strips.iterator.next()
    }
}

/// A range of integers, which is cut into ranges: the loop over a strip has one exit, and its bounds are known.
pub trait Ranges {
    type Strips;
    fn ranges(self) -> Self::Strips;
}

impl<T: Integer> Ranges for Range<T> {
    type Strips = RangeStrips<T>;

    #[inline(always)]
    fn ranges(self) -> RangeStrips<T> {
        RangeStrips { rest: self, whole: false }
    }
}

pub struct RangeStrips<T> {
    rest: Range<T>,
    /// Whether the last strip came to its end.
    whole: bool,
}

impl<T: Integer> RangeStrips<T> {
    #[inline(always)]
    pub fn strip(&mut self) -> RangeStrip<'_, T> {
        self.whole = false;
        let Range { start, end } = self.rest;
        let end = if start.distance(end) > TURNS { start.forward(TURNS) } else { end };
        self.rest.start = if start < end { end } else { start };
        RangeStrip { range: start..end, whole: &mut self.whole }
    }

    #[inline(always)]
    pub fn goes_on(&self) -> bool {
        let goes_on = self.whole && self.rest.start < self.rest.end;
        if goes_on {
            interrupt::check();
        }
        goes_on
    }
}

pub struct RangeStrip<'a, T> {
    range: Range<T>,
    whole: &'a mut bool,
}

impl<T: Integer> Iterator for RangeStrip<'_, T> {
    type Item = T;

    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        if self.range.start < self.range.end {
            let at = self.range.start;
            self.range.start = at.forward(1);
            return Some(at);
        }
        *self.whole = true;
        None
    }
}

impl<T: Integer> Ranges for RangeInclusive<T> {
    type Strips = InclusiveStrips<T>;

    #[inline(always)]
    fn ranges(self) -> InclusiveStrips<T> {
        let (at, end) = self.into_inner();
        InclusiveStrips { at, end, over: at > end, whole: false }
    }
}

pub struct InclusiveStrips<T> {
    at: T,
    end: T,
    over: bool,
    /// Whether the last strip came to its end.
    whole: bool,
}

impl<T: Integer> InclusiveStrips<T> {
    /// Counts the turns of a strip, for a range with an exclusive end has no way to reach the largest integer.
    #[inline(always)]
    pub fn strip(&mut self) -> InclusiveStrip<'_, T> {
        self.whole = false;
        let rest = self.at.distance(self.end);
        let turns = match self.over {
            true => 0,
            false => rest.min(TURNS - 1) + 1,
        };
        let at = self.at;
        self.over |= rest < TURNS;
        self.at = at.forward(turns);
        InclusiveStrip { at, turns: 0..turns, whole: &mut self.whole }
    }

    #[inline(always)]
    pub fn goes_on(&self) -> bool {
        let goes_on = self.whole && !self.over;
        if goes_on {
            interrupt::check();
        }
        goes_on
    }
}

pub struct InclusiveStrip<'a, T> {
    at: T,
    turns: Range<u64>,
    whole: &'a mut bool,
}

impl<T: Integer> Iterator for InclusiveStrip<'_, T> {
    type Item = T;

    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        if self.turns.start < self.turns.end {
            let at = self.at.forward(self.turns.start);
            self.turns.start += 1;
            return Some(at);
        }
        *self.whole = true;
        None
    }
}

/// The integers that a range can be of.
pub trait Integer: Copy + PartialOrd {
    /// How far `end` is from here, or `u64::MAX` if that is less; 0 if `end` comes first.
    fn distance(self, end: Self) -> u64;
    /// The integer that comes `turns` later.
    fn forward(self, turns: u64) -> Self;
}

macro_rules! integers {
    ($($integer:ty)*) => {
        $(impl Integer for $integer {
            #[inline(always)]
            fn distance(self, end: $integer) -> u64 {
                if self < end { u64::try_from(end.abs_diff(self)).unwrap_or(u64::MAX) } else { 0 }
            }
            #[inline(always)]
            fn forward(self, turns: u64) -> $integer {
                self.wrapping_add(turns as $integer)
            }
        })*
    };
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// The turns of one strip of a `while` or a `loop`.
pub struct Turns {
    left: u64,
    goes_on: bool,
}

impl Turns {
    #[inline(always)]
    pub fn new() -> Turns {
        Turns { left: TURNS, goes_on: false }
    }

    /// Begins another strip if the last one came to its end, and not the loop.
    #[inline(always)]
    pub fn goes_on(&mut self) -> bool {
        self.left = TURNS;
        std::mem::take(&mut self.goes_on)
    }

    /// Whether the strip has another turn.
    #[inline(always)]
    pub fn next(&mut self) -> bool {
        if self.left == 0 {
            interrupt::check();
            self.goes_on = true;
            return false;
        }
        self.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::interrupt::testing::interrupted;

    /// Compares a loop in strips, made by this macro, with the plain one.
    macro_rules! same {
        ($in_strips:ident, $iterator:expr) => {{
            let (mut plain, mut strips) = (Vec::new(), Vec::new());
            for x in $iterator {
                plain.push(x);
            }
            crate::$in_strips!(for x in $iterator; { strips.push(x); });
            assert!(plain == strips, "{}: {} turns, {} in strips", stringify!($iterator), plain.len(), strips.len());
        }};
    }

    #[test]
    fn every_turn_is_made_once_and_in_order() {
        for n in [0, 1, 4095, 4096, 4097, 8192, 10_000] {
            same!(range_strips, 0..n);
            same!(range_strips, -5..n);
            same!(range_strips, 1..=n);
            same!(range_strips, n..=4096);
            same!(strips, vec![1; n as usize]);
            same!(strips, (0..n).rev().filter(|n| n % 3 == 0));
        }
        same!(range_strips, 0..=255_u8);
        same!(range_strips, -128..=127_i8);
        same!(range_strips, i16::MIN..=i16::MAX);
        same!(range_strips, u64::MAX - 5000..=u64::MAX);
        same!(range_strips, u128::MAX - 5000..u128::MAX);
        same!(range_strips, 5..3);
        same!(range_strips, 5..=3);
    }

    #[test]
    fn a_break_leaves_the_whole_loop_wherever_it_stands() {
        for last in [0, 4094, 4095, 4096, 5000] {
            let mut turns = 0;
            range_strips!(for x in 0..100_000; { turns += 1; if x == last { break } });
            range_strips!(for x in 0..=100_000; { turns += 1; if x == last { break } });
            strips!('a: for x in 0..100_000; { loop { turns += 1; if x == last { break 'a } continue 'a } });
            assert_eq!(turns, 3 * (last + 1));
        }
    }

    #[test]
    fn an_iterator_is_asked_no_more_often_than_by_the_plain_loop() {
        let mut asked = 0;
        let ends = std::iter::from_fn(|| {
            asked += 1;
            (asked <= 4096).then_some(asked)
        });
        let mut turns = 0;
        strips!(for _ in ends; { turns += 1; });
        assert_eq!((turns, asked), (4096, 4097));
    }

    #[test]
    fn an_interrupt_ends_a_loop_after_a_strip() {
        let mut turns = 0_u64;
        interrupted(|| range_strips!(for _ in 0..u64::MAX; { turns += 1; }));
        interrupted(|| range_strips!(for _ in 0..=u64::MAX; { turns += 1; }));
        interrupted(|| strips!(for _ in std::iter::repeat(()); { turns += 1; }));
        assert_eq!(turns, 3 * super::TURNS);
    }
}
