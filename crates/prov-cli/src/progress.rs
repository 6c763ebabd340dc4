//! A sign of life on a terminal for what takes longer than a second. Invariant: nothing is written where stderr is no
//! terminal.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Shows what is being done until it is dropped.
pub struct Progress {
    state: Option<(ProgressBar, mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    pub fn new(out: &Output) -> Progress {
        if out.global.quiet || !std::io::stderr().is_terminal() {
            return Progress { state: None };
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
        Progress { state: Some((bar, stop, handle)) }
    }

    /// Says what is being done now.
    pub fn doing(&self, what: &str) {
        if let Some((bar, ..)) = &self.state {
            bar.set_message(what.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((bar, stop, handle)) = self.state.take() {
            let _ = stop.send(());
            let _ = handle.join();
            bar.finish_and_clear();
        }
    }
}
