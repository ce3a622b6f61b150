//! The parent of the job's servers: the body of the hidden command `sccache-step supervise`.
//!
//! There are two processes in a session of their own. One holds the address that the job knows and accepts
//! connections ([`process::hold`]). Its child, the supervisor, serves them (`relay`), and keeps a server behind
//! them (`keeper`); when it dies, the holder has another one. It ends when it is told to, when its starter goes away
//! before [`HAND_OVER`], when the process it watches has ended, and at its time limit.

use std::io::Write as _;
use std::sync::mpsc::channel;
use std::thread;

use anyhow::Context as _;

use super::keeper::{Event, Holding, Keeper, Outbox};
use super::order::{Answer, HAND_OVER, Order};
use super::relay::Relay;
use crate::process::{self, Inheritance, Listener, Terms};
use crate::sccache::wire;
use crate::state::Address;

/// The body of `sccache-step supervise`.
///
/// # Errors
/// When its order cannot be read, its answer cannot be told, or the system refuses what it needs.
pub fn supervise() -> anyhow::Result<()> {
    process::close_inherited();
    process::lead_session();
    let mut order = String::new();
    std::io::stdin().read_line(&mut order).context("no order came")?;
    let order: Order = serde_json::from_str(&order).context("the order cannot be read")?;
    let (listener, address) = match Listener::bind(&order.address) {
        Ok(bound) => bound,
        Err(error) => {
            let reason = format!("its address {} cannot be bound: {error}", order.address);
            return tell(&Answer::Failed { reason });
        }
    };
    // From here on there are two of us: what follows is done by the child, and once more by the next one when
    // it has died.
    let terms = Terms { farewell: &wire::COMPILE_YOURSELF, release: HAND_OVER };
    match process::hold(listener, terms).context("the address cannot be held")? {
        Some(inheritance) => keep(order, address, inheritance),
        None => Ok(()),
    }
}

/// The supervisor proper.
fn keep(order: Order, address: Address, inheritance: Inheritance) -> anyhow::Result<()> {
    process::cancellation().listen().context("signals cannot be heard")?;
    let Inheritance { entrance, board, holder, began, is_released, before } = inheritance;
    let is_held = entrance.is_held();
    let relay = Relay::new(entrance, board, address).context("the address cannot be served")?;
    let waker = relay.waker().context("the loop cannot be woken")?;
    let (sender, inbox) = channel();
    let outbox = Outbox::new(sender, waker);
    if !is_held {
        hold_leash(outbox.clone());
    }
    process::return_unused_memory();
    let mut keeper = Keeper::new(order, relay, outbox, inbox, Holding { began, holder, is_released });
    if let Some(before) = before {
        keeper.succeed(&before);
    }
    keeper.run()
}

/// Waits for the word that lets us go on alone.
pub(super) fn hold_leash(outbox: Outbox) {
    thread::spawn(move || {
        // The end of the pipe without the word means that the starter is gone, and nobody needs a server,
        // not even one that is about to be ready.
        let mut word = String::new();
        let heard = std::io::stdin().read_line(&mut word);
        if heard.is_ok() && word.trim_end() == HAND_OVER {
            outbox.send(Event::HandedOver);
        } else {
            process::cancellation().cancel();
        }
    });
}

/// Tells the starter what became of its order.
pub(super) fn tell(answer: &Answer) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    serde_json::to_writer(&mut stdout, answer)?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(())
}
