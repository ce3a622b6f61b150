//! What the program promises, watched from outside: one file for each room or promise.

mod docs;
mod shells;
