//! Loops of cells that check for an interrupt between strips of turns and not at each turn, so that LLVM makes of them what
//! it makes of the loop as it is written. A loop around the user's loop hands out one strip after another. A `break` of the
//! user's leaves both loops, because another strip follows only on a strip that came to its end.

use std::ops::{Range, RangeInclusive};
use std::time::{Duration, Instant};

use crate::interrupt;

/// Turns of the first strip of brief turns, which takes milliseconds at most.
const BRIEF: u64 = 4096;

/// The most turns of a strip of brief turns. So many make what a vectorised loop does once a strip cheap beside its turns.
const BRIEF_AT_MOST: u64 = 16 * BRIEF;

/// The most turns of a strip whose turns may take any time. Few, since later turns may take longer than the earlier ones.
const PACED_AT_MOST: u64 = 256;

/// A strip that takes longer than this is followed by a shorter one.
const LONG: Duration = Duration::from_millis(2);

/// A strip of brief turns that takes less than this may be followed by a longer one.
const SHORT: Duration = Duration::from_micros(200);

/// Turns that have to be fast before strips become twice as long.
const TRIED: u64 = 64;

/// How many turns a strip has.
pub struct Pace {
    turns: u64,
    clock: Clock,
}

/// What decides the length of the next strip. The number of turns stands outside of it, since LLVM keeps nothing in a
/// register whose address another function has seen.
struct Clock {
    /// The most turns of a strip.
    at_most: u64,
    /// When the strip began. `None` in the first strip of brief turns, since a loop that ends with it needs no clock.
    began: Option<Instant>,
    /// Turns since strips have been as long as now.
    tried: u64,
}

impl Pace {
    #[inline(always)]
    pub fn brief() -> Pace {
        Pace { turns: BRIEF, clock: Clock { at_most: BRIEF_AT_MOST, began: None, tried: 0 } }
    }

    /// The pace of strips that begin with one turn and grow while they are fast.
    #[inline]
    pub fn by_time() -> Pace {
        Pace { turns: 1, clock: Clock { at_most: PACED_AT_MOST, began: Some(Instant::now()), tried: 0 } }
    }

    /// Checks for an interrupt between two strips, and sets the number of turns of the second.
    #[inline(always)]
    fn next(&mut self) {
        self.turns = self.clock.next(self.turns);
    }
}

impl Clock {
    /// Returns the turns of the strip that follows one of so many turns. Cold, so that LLVM leaves the variables of a loop in
    /// registers and saves them around this call instead.
    #[cold]
    #[inline(never)]
    fn next(&mut self, turns: u64) -> u64 {
        interrupt::check();
        self.adapt(turns, Instant::now())
    }

    fn adapt(&mut self, turns: u64, now: Instant) -> u64 {
        let Some(began) = self.began.replace(now) else { return turns };
        let took = now - began;
        self.tried += turns;
        if took > LONG {
            self.tried = 0;
            (turns / 4).max(1)
        } else if self.tried >= TRIED && turns < self.at_most && (took < SHORT || turns < PACED_AT_MOST) {
            self.tried = 0;
            2 * turns
        } else {
            turns
        }
    }
}

/// A `for` loop in strips.
#[doc(hidden)]
#[macro_export]
macro_rules! strips {
    ($pace:ident $($label:lifetime:)? for $pattern:pat in $iterator:expr; $body:block) => {
        match $crate::strips::Strips::of($iterator, $crate::strips::Pace::$pace()) {
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
    ($pace:ident $($label:lifetime:)? for $pattern:pat in $range:expr; $body:block) => {
        match $crate::strips::Ranges::ranges($range, $crate::strips::Pace::$pace()) {
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
    pace: Pace,
    goes_on: bool,
}

impl<I: Iterator> Strips<I> {
    #[inline(always)]
    pub fn of(iterator: impl IntoIterator<IntoIter = I>, pace: Pace) -> Strips<I> {
        Strips { iterator: iterator.into_iter(), pace, goes_on: false }
    }

    #[inline(always)]
    pub fn strip(&mut self) -> Strip<'_, I> {
        self.goes_on = false;
        Strip { left: self.pace.turns, strips: self }
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
            // The check stands here, in one of the loop's two exits, to keep them apart. LLVM would otherwise join them to
            // one whose turns it cannot count, and would not vectorise the loop.
            self.strips.pace.next();
            self.strips.goes_on = true;
            return None;
        }
        self.left -= 1;
        self.strips.iterator.next()
    }
}

/// A range of integers, cut into ranges: the loop over a strip then has one exit and known bounds.
pub trait Ranges {
    type Strips;
    fn ranges(self, pace: Pace) -> Self::Strips;
}

impl<T: Integer> Ranges for Range<T> {
    type Strips = RangeStrips<T>;

    #[inline(always)]
    fn ranges(self, pace: Pace) -> RangeStrips<T> {
        RangeStrips { rest: self, pace, whole: false }
    }
}

pub struct RangeStrips<T> {
    rest: Range<T>,
    pace: Pace,
    /// Whether the last strip came to its end.
    whole: bool,
}

impl<T: Integer> RangeStrips<T> {
    #[inline(always)]
    pub fn strip(&mut self) -> RangeStrip<'_, T> {
        self.whole = false;
        let Range { start, end } = self.rest;
        let turns = self.pace.turns;
        let end = if start.distance(end) > turns { start.forward(turns) } else { end };
        self.rest.start = if start < end { end } else { start };
        RangeStrip { range: start..end, whole: &mut self.whole }
    }

    #[inline(always)]
    pub fn goes_on(&mut self) -> bool {
        let goes_on = self.whole && self.rest.start < self.rest.end;
        if goes_on {
            self.pace.next();
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
    fn ranges(self, pace: Pace) -> InclusiveStrips<T> {
        let (at, end) = self.into_inner();
        InclusiveStrips { at, end, over: at > end, pace, whole: false }
    }
}

pub struct InclusiveStrips<T> {
    at: T,
    end: T,
    over: bool,
    pace: Pace,
    /// Whether the last strip came to its end.
    whole: bool,
}

impl<T: Integer> InclusiveStrips<T> {
    /// Returns a strip that counts its turns, because a range with an exclusive end never reaches the largest integer.
    #[inline(always)]
    pub fn strip(&mut self) -> InclusiveStrip<'_, T> {
        self.whole = false;
        let rest = self.at.distance(self.end);
        let turns = match self.over {
            true => 0,
            false => rest.min(self.pace.turns - 1) + 1,
        };
        let at = self.at;
        self.over |= rest < self.pace.turns;
        self.at = at.forward(turns);
        InclusiveStrip { at, turns: 0..turns, whole: &mut self.whole }
    }

    #[inline(always)]
    pub fn goes_on(&mut self) -> bool {
        let goes_on = self.whole && !self.over;
        if goes_on {
            self.pace.next();
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
    /// The distance from here to `end`, at most `u64::MAX`; 0 if `end` comes first.
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
///
/// Turns are counted up to a number that changes from strip to strip only. By that LLVM tells the loop over strips from the
/// loop over turns. It would otherwise make one loop of both, whose variables would live in memory because of the call in
/// it.
pub struct Turns {
    /// Turns that have begun; one more than the strip has if it came to its end.
    begun: u64,
    pace: Pace,
}

impl Turns {
    #[inline(always)]
    pub fn new(pace: Pace) -> Turns {
        Turns { begun: 0, pace }
    }

    /// The next strip begins, or the first.
    #[inline(always)]
    pub fn begin(&mut self) {
        self.begun = 0;
    }

    /// Whether another strip follows, since the last one came to its end, and not the loop.
    #[inline(always)]
    pub fn goes_on(&mut self) -> bool {
        let goes_on = self.begun > self.pace.turns;
        if goes_on {
            self.pace.next();
        }
        goes_on
    }

    /// Whether the strip has another turn.
    #[inline(always)]
    pub fn another(&mut self) -> bool {
        self.begun = self.begun.wrapping_add(1);
        self.begun <= self.pace.turns
    }
}

#[cfg(test)]
mod tests {
    use crate::interrupt::testing::interrupted;

    /// Compares a loop in strips, made by this macro, with the plain one.
    macro_rules! same {
        ($in_strips:ident, $iterator:expr) => {{
            let (mut plain, mut strips, mut paced) = (Vec::new(), Vec::new(), Vec::new());
            for x in $iterator {
                plain.push(x);
            }
            crate::$in_strips!(brief for x in $iterator; { strips.push(x); });
            assert!(plain == strips, "{}: {} turns, {} in strips", stringify!($iterator), plain.len(), strips.len());
            crate::$in_strips!(by_time for x in $iterator; { paced.push(x); });
            assert!(plain == paced, "{}: {} turns, {} by time", stringify!($iterator), plain.len(), paced.len());
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
        let (from, to) = (5, 3);
        same!(range_strips, from..to);
        same!(range_strips, from..=to);
    }

    #[test]
    fn a_break_leaves_the_whole_loop_wherever_it_stands() {
        for last in [0, 4094, 4095, 4096, 5000] {
            let mut turns = 0;
            range_strips!(brief for x in 0..100_000; { turns += 1; if x == last { break } });
            range_strips!(brief for x in 0..=100_000; { turns += 1; if x == last { break } });
            strips!(by_time 'a: for x in 0..100_000; { loop { turns += 1; if x == last { break 'a } else if turns > 0 { continue 'a } } });
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
        strips!(brief for _ in ends; { turns += 1; });
        assert_eq!((turns, asked), (4096, 4097));
    }

    #[test]
    fn an_interrupt_ends_a_loop_after_a_strip() {
        let mut turns = 0_u64;
        interrupted(|| range_strips!(brief for _ in 0..u64::MAX; { turns += 1; }));
        interrupted(|| range_strips!(brief for _ in 0..=u64::MAX; { turns += 1; }));
        interrupted(|| strips!(brief for _ in std::iter::repeat(()); { turns += 1; }));
        assert_eq!(turns, 3 * super::BRIEF);
    }

    #[test]
    fn strips_grow_while_they_are_fast_and_shrink_when_they_are_not() {
        let now = super::Instant::now();
        let long_ago = now.checked_sub(2 * super::LONG).expect("the clock is far from its start");
        for (pace, least) in [(super::Pace::by_time(), 1), (super::Pace::brief(), super::BRIEF)] {
            let super::Pace { mut turns, mut clock } = pace;
            assert_eq!(turns, least);
            for _ in 0..2000 {
                clock.began = Some(now);
                turns = clock.adapt(turns, now);
            }
            assert_eq!(turns, clock.at_most);
            for expected in [4, 16, 64, 256].map(|by| (clock.at_most / by).max(1)) {
                clock.began = Some(long_ago);
                turns = clock.adapt(turns, now);
                assert_eq!(turns, expected);
            }
        }
    }

    #[test]
    fn a_condition_is_asked_as_often_as_by_the_plain_loop() {
        for end in [0, 1, 4095, 4096, 4097, 10_000] {
            let (mut turns, mut asked, mut made) = (super::Turns::new(super::Pace::brief()), 0, 0);
            loop {
                turns.begin();
                while turns.another() && {
                    asked += 1;
                    made < end
                } {
                    made += 1;
                }
                if !turns.goes_on() {
                    break;
                }
            }
            assert_eq!((asked, made), (end + 1, end));
        }
    }
}
