//! How often something is tried, and how long it waits in between. Owns the arithmetic.

use std::time::Duration;

/// How often a request is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all.
    pub tries: u32,
    /// The first wait is about so long, each further one twice as long.
    pub first: Duration,
    /// No wait is longer, whatever the server asks for.
    pub most: Duration,
    /// Where nothing comes for so long, the try has failed.
    pub stall: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            tries: 5,
            first: Duration::from_millis(200),
            most: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}

impl Retry {
    /// The wait after try number `tried`, from 1; none where that was the last. `share` is from 0 to 1, by chance: those who
    /// failed together do not come back together.
    pub(crate) fn wait(&self, tried: u32, asked: Option<Duration>, share: f64) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(tried - 1).unwrap_or(u32::MAX)).min(self.most);
        let by_chance = doubled.mul_f64(0.5 + share / 2.0);
        Some(asked.map_or(by_chance, |asked| asked.min(self.most).max(by_chance)))
    }
}

/// From 0 to 1, by chance; 1 where there is none to be had.
pub(crate) fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_end() {
        let retry = Retry::default();
        let ms = |tried, share| retry.wait(tried, None, share).map(|wait| wait.as_millis());
        assert_eq!((ms(1, 0.0), ms(1, 1.0)), (Some(100), Some(200)));
        assert_eq!((ms(2, 1.0), ms(4, 1.0), ms(5, 1.0)), (Some(400), Some(1600), None));
        let long = Retry { tries: 100, ..retry };
        assert_eq!(long.wait(90, None, 1.0), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_up_to_a_bound() {
        let asked = |s| Retry::default().wait(1, Some(Duration::from_secs(s)), 0.0);
        assert_eq!(asked(3), Some(Duration::from_secs(3)));
        assert_eq!(asked(3600), Some(Duration::from_secs(10)));
    }
}
