//! What the program promises, watched from outside: one file for each room or promise.
// They look into `/proc` for what was left behind; on macOS and Windows the unit tests are what there is so far.
#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs, wait for them and read their own environment"
)]

mod act;
mod architecture;
mod azure;
mod bad_input;
mod bad_state;
mod bundles;
mod distribution;
mod docs;
mod doctor;
mod dry_run;
mod endings;
mod errors;
mod faults;
mod findings;
mod github;
mod gitlab;
mod gitlab_ci_local;
mod hosts;
mod leaks;
mod library;
mod lifecycle;
mod merge;
mod real;
mod release;
mod shells;
mod side_by_side;
mod signals;
mod static_linux;
mod storages;
mod support;
mod wine;
