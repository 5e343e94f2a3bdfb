//! The decisions of a schedule, lane by lane: a pure function of the schedule, the lane and how many decisions the lane
//! has made. Reads no clock and waits for nothing; `capture` carries out what is decided here.

use std::time::Duration;

use crate::worker::abi::schedule::{Policy, Schedule};

/// Upper bound of one delay: long enough for another thread to print, short enough not to be noticed in a cell.
const LONGEST_DELAY: Duration = Duration::from_micros(200);

/// The increment of SplitMix64, the odd integer closest to 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The decisions that one lane has yet to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decisions {
    policy: Policy,
    state: u64,
}

impl Decisions {
    /// `lane` counts the lanes of the cell in the order of their declaration, since the session's own numbers differ from
    /// one run of a cell to the next.
    pub(crate) const fn new(schedule: Schedule, lane: u32) -> Decisions {
        Decisions { policy: schedule.policy, state: mixed(schedule.seed ^ mixed(lane as u64)) }
    }

    /// The delay at the lane's next scheduling point; zero if the lane goes on at once.
    pub(crate) fn delay(&mut self) -> Duration {
        match self.policy {
            Policy::Free => Duration::ZERO,
            Policy::Perturbed => {
                self.state = self.state.wrapping_add(GOLDEN);
                let random = mixed(self.state);
                match random % 2 {
                    0 => Duration::ZERO,
                    _ => Duration::from_nanos((random >> 1) % LONGEST_DELAY.as_nanos() as u64),
                }
            }
        }
    }
}

/// SplitMix64's output function (Steele, Lea and Flood 2014, <https://doi.org/10.1145/2660193.2660195>).
const fn mixed(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(seed: u64, policy: Policy, lane: u32) -> Vec<Duration> {
        let mut decisions = Decisions::new(Schedule { seed, policy }, lane);
        (0..1000).map(|_| decisions.delay()).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_decisions_in_each_lane() {
        for lane in [0, 1, 7] {
            assert_eq!(delays(3, Policy::Perturbed, lane), delays(3, Policy::Perturbed, lane));
        }
    }

    #[test]
    fn another_seed_and_another_lane_make_others() {
        let all = [(3, 0), (3, 1), (4, 0), (4, 1), (0, 0), (0, 1), (1, 0)];
        let all = all.map(|(seed, lane)| delays(seed, Policy::Perturbed, lane));
        for (n, one) in all.iter().enumerate() {
            assert!(all[..n].iter().all(|other| other != one), "{n}");
        }
    }

    #[test]
    fn about_half_of_the_points_are_delayed_and_none_for_long() {
        let delays = delays(3, Policy::Perturbed, 1);
        let delayed = delays.iter().filter(|delay| !delay.is_zero()).count();
        assert!((400..600).contains(&delayed), "{delayed}");
        assert!(delays.iter().all(|delay| *delay < LONGEST_DELAY));
        let mean = delays.iter().sum::<Duration>() / delayed as u32;
        assert!((80..120).contains(&mean.as_micros()), "{mean:?}");
    }

    #[test]
    fn a_free_schedule_delays_nothing() {
        assert!(delays(3, Policy::Free, 1).iter().all(Duration::is_zero));
    }
}
