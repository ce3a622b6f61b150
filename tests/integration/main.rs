//! What the program promises, watched from outside: one file for each room or promise.
// They use shells, signals, sockets and modes; on Windows the unit tests are what there is so far.
#![cfg(unix)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs, wait for them and read their own environment"
)]

mod architecture;
mod azure;
mod bad_input;
mod bad_state;
mod docs;
mod dry_run;
mod endings;
mod errors;
mod github;
mod gitlab;
mod library;
mod lifecycle;
mod real;
mod shells;
mod signals;
mod support;
