//! Where bars are drawn: standard error, which may go away. Owns that drawing never fails; the look is the caller's.

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};
use std::io;

/// Drawings of a second, at most.
const HZ: u8 = 20;

/// Standard error, for bars. `indicatif` stops the program where drawing several bars fails.
pub(crate) fn bars() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Lasting(Term::buffered_stderr())), HZ)
}

/// What is not drawn is not missed.
const DRAWN: io::Result<()> = Ok(());

/// A terminal that may go away: then nothing is drawn any more.
#[derive(Debug)]
struct Lasting<T>(T);

impl<T: TermLike> TermLike for Lasting<T> {
    fn width(&self) -> u16 {
        self.0.width()
    }

    fn height(&self) -> u16 {
        self.0.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n).or(DRAWN)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n).or(DRAWN)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n).or(DRAWN)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n).or(DRAWN)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text).or(DRAWN)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text).or(DRAWN)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line().or(DRAWN)
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush().or(DRAWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{MultiProgress, ProgressBar};

    /// A terminal that was hung up.
    #[derive(Debug)]
    struct FailingTerm;

    fn gone() -> io::Result<()> {
        Err(io::Error::other("hung up"))
    }

    impl TermLike for FailingTerm {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            gone()
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            gone()
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            gone()
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            gone()
        }

        fn write_line(&self, _: &str) -> io::Result<()> {
            gone()
        }

        fn write_str(&self, _: &str) -> io::Result<()> {
            gone()
        }

        fn clear_line(&self) -> io::Result<()> {
            gone()
        }

        fn flush(&self) -> io::Result<()> {
            gone()
        }
    }

    #[test]
    fn bars_outlast_their_terminal() {
        let target = ProgressDrawTarget::term_like(Box::new(Lasting(FailingTerm)));
        let bars = MultiProgress::with_draw_target(target);
        let bar = bars.add(ProgressBar::new(10));
        bar.inc(5);
        assert_eq!(bars.suspend(|| bar.position()), 5);
        bar.finish_and_clear();
    }
}
