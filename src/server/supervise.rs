//! The parent of the job's servers: the body of the hidden command `sccache-step supervise`.
//!
//! Runs in a session of its own, holds the address that the job knows (`relay`), and keeps a
//! server behind it (`keeper`). It ends when it is told to, when its starter goes away
//! before [`HAND_OVER`], when the process it watches has ended, and at its time limit.

use std::io::Write as _;
use std::sync::mpsc::channel;
use std::thread;

use anyhow::Context as _;

use super::keeper::{Event, Keeper, Outbox};
use super::order::{Answer, HAND_OVER, Order};
use super::relay::Relay;
use crate::process;

/// The body of `sccache-step supervise`.
///
/// # Errors
/// When its order cannot be read, its answer cannot be told, or the system refuses what it needs.
pub fn supervise() -> anyhow::Result<()> {
    process::close_inherited();
    process::lead_session();
    process::cancellation().listen().context("signals cannot be heard")?;
    let mut order = String::new();
    std::io::stdin().read_line(&mut order).context("no order came")?;
    let order: Order = serde_json::from_str(&order).context("the order cannot be read")?;
    let relay = match Relay::bind(&order.address) {
        Ok(relay) => relay,
        Err(error) => {
            let reason = format!("its address {} cannot be bound: {error}", order.address);
            return tell(&Answer::Failed { reason });
        }
    };
    let waker = relay.waker().context("the loop cannot be woken")?;
    let (sender, inbox) = channel();
    let outbox = Outbox::new(sender, waker);
    let leash = outbox.clone();
    thread::spawn(move || {
        // The end of the pipe without the word means that the starter is gone, and nobody needs a server,
        // not even one that is about to be ready.
        let mut word = String::new();
        let heard = std::io::stdin().read_line(&mut word);
        if heard.is_ok() && word.trim_end() == HAND_OVER {
            leash.send(Event::HandedOver);
        } else {
            process::cancellation().cancel();
        }
    });
    process::return_unused_memory();
    Keeper::new(order, relay, outbox, inbox).run()
}

/// Tells the starter what became of its order.
pub(super) fn tell(answer: &Answer) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    serde_json::to_writer(&mut stdout, answer)?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(())
}
