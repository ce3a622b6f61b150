//! What the tests stand on: a world of its own for each, the program in it, and the tools it needs.

pub mod act;
pub mod action;
pub mod azurite;
pub mod blob_proxy;
pub mod cache_service;
pub mod certificates;
pub mod dist;
pub mod entra;
pub mod fake;
pub mod gitlab_ci_local;
pub mod http;
pub mod leftovers;
pub mod project;
pub mod runner;
pub mod service;
pub mod step;
pub mod tools;
pub mod webdav;
pub mod world;

use std::time::{Duration, Instant};

/// Whatever tests start hears a hang-up, also when the tests themselves were started by `nohup`.
pub fn hang_ups_are_heard() {
    static DONE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the signal gets back the effect that it has in every process by default.
    DONE.call_once(|| unsafe {
        libc::signal(libc::SIGHUP, libc::SIG_DFL);
    });
}

/// Waits until `condition` gives something; panics with `what` after 20 s.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "waited 20 s for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
