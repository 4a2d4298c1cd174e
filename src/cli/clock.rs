//! A deadline that is watched by a thread of its own.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The work goes on, until this instant.
    Until(Instant),
    /// The work was done in time.
    Done,
    /// It was not.
    Late,
}

/// The deadline of one answer: either the work is in time, or `late` is called, never both.
#[derive(Debug)]
pub struct Clock(Arc<(Mutex<State>, Condvar)>);

impl Clock {
    /// Begins now, and ends after `deadline`. `late` is told how long it has waited. Where there is no thread to be had there is no deadline.
    pub fn start(deadline: Duration, late: impl FnOnce(Duration) + Send + 'static) -> Clock {
        let begun = Instant::now();
        let shared = Arc::new((Mutex::new(State::Until(begun + deadline)), Condvar::new()));
        let of_thread = Arc::clone(&shared);
        let watch = move || {
            let (state, changed) = &*of_thread;
            let mut guard = state.lock().unwrap_or_else(PoisonError::into_inner);
            while let State::Until(end) = *guard {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    *guard = State::Late;
                    drop(guard);
                    return late(begun.elapsed());
                }
                guard = changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        };
        let _ = std::thread::Builder::new().name("clock".to_owned()).stack_size(256 << 10).spawn(watch);
        Clock(shared)
    }

    /// Gives the work so much more time.
    pub fn wait_for(&self, more: Duration) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Until(end) = &mut *state {
            *end += more;
        }
    }

    /// The work is done; gives whether it was in time.
    #[must_use]
    pub fn stop(&self) -> bool {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != State::Late {
            *state = State::Done;
        }
        self.0.1.notify_all();
        *state == State::Done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const DEADLINE: Duration = Duration::from_millis(50);

    #[test]
    fn who_is_in_time_is_not_late_and_who_is_late_is_not_in_time() {
        let (send, receive) = mpsc::channel();
        let again = send.clone();
        let clock = Clock::start(DEADLINE, move |_| again.send("late").unwrap());
        assert!(clock.stop());
        assert_eq!(receive.recv_timeout(DEADLINE * 2), Err(mpsc::RecvTimeoutError::Timeout));

        let clock = Clock::start(DEADLINE, move |waited| {
            assert!(waited >= DEADLINE);
            send.send("late").unwrap();
        });
        assert_eq!(receive.recv_timeout(Duration::from_secs(20)), Ok("late"));
        assert!(!clock.stop());
    }

    #[test]
    fn more_time_is_more_time() {
        let (send, receive) = mpsc::channel();
        let clock = Clock::start(DEADLINE, move |waited| send.send(waited).unwrap());
        clock.wait_for(Duration::from_millis(100));
        assert!(receive.recv_timeout(Duration::from_secs(20)).unwrap() >= DEADLINE + Duration::from_millis(100));
    }
}
