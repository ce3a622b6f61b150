//! The cache travels: real builds whose cache directory is thrown away between jobs, as on a hosted runner.

mod action;
mod builds;
mod jobs;
mod service;
mod service_faults;
mod transfers;
