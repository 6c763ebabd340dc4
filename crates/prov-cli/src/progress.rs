//! A sign of life on a terminal for what takes longer than a second. Invariant: nothing is written where stderr is no
//! terminal.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Shows what is being done until it is dropped.
pub struct Progress {
    state: Option<(ProgressBar, mpsc::Sender<()>, JoinHandle<()>)>,
    /// Where steps are told: what is being done, since when.
    steps: Option<Mutex<Option<(String, Instant)>>>,
}

impl Progress {
    pub fn new(out: &Output) -> Progress {
        let steps = out.global.verbose.then(Mutex::default);
        if out.global.quiet || steps.is_some() || !std::io::stderr().is_terminal() {
            return Progress { state: None, steps };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style);
        let (stop, stopped) = mpsc::channel();
        let shown = bar.clone();
        let handle = std::thread::spawn(move || {
            // Whoever is done within a second is never bothered.
            if stopped.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(100));
                let _ = stopped.recv();
            }
        });
        Progress { state: Some((bar, stop, handle)), steps }
    }

    /// Says what is being done now.
    pub fn doing(&self, what: &str) {
        if let Some((bar, ..)) = &self.state {
            bar.set_message(what.to_owned());
        }
        self.step(Some(what));
    }

    /// Ends the step at hand, with the time it took, and begins another.
    fn step(&self, next: Option<&str>) {
        let Some(steps) = &self.steps else { return };
        let Ok(mut at) = steps.lock() else { return };
        if let Some((what, since)) = at.take() {
            eprintln!("{what}: {:.3} s", since.elapsed().as_secs_f64());
        }
        *at = next.map(|what| (what.to_owned(), Instant::now()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.step(None);
        if let Some((bar, stop, handle)) = self.state.take() {
            let _ = stop.send(());
            let _ = handle.join();
            bar.finish_and_clear();
        }
    }
}
