//! A ticker for many: each message is published once, and every subscriber has a queue of its own.
//!
//! ```text
//! broadcast [ADDR] [--subscribers N] [--rate MESSAGES] [--seconds S]
//!
//!            +-- queue --> connection ==WebSocket==> N subscribers that read
//! ticker -- hub -- queue --> connection ==WebSocket==> three that don't, one for each policy
//!            +-- queue --> connection ==WebSocket==> whoever else comes
//! ```
//!
//! Unless told it is 127.0.0.1:8081, 100 subscribers, 300 messages a second, until Ctrl-C. The path says what
//! happens to a subscriber with so many messages waiting: `/oldest/64`, `/newest/64` or `/disconnect/64`.
//!
//! Where to look: `service.rs` has the server's side of a connection, `ticker.rs` what is published,
//! `subscribers.rs` the other ends, `report.rs` what is printed.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program, and this is its report")]

mod report;
mod service;
mod subscribers;
mod ticker;

use std::{
    env, future,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bowline::{Error, hub::Hub};
use tokio::{signal, time};

use crate::{report::Lines, service::Service, subscribers::Crowd, ticker::Totals};

const USAGE: &str = "usage: broadcast [ADDR] [--subscribers N] [--rate MESSAGES] [--seconds S]";
/// How long connections get for what still waits for them, once all is published.
const GRACE: Duration = Duration::from_secs(10);

struct Arguments {
    address: String,
    subscribers: usize,
    /// Messages a second.
    rate: u32,
    seconds: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("broadcast: {}: {error}", arguments.address);
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut address = None;
        let (mut subscribers, mut rate, mut seconds) = (100, 300, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--subscribers" => subscribers = words.next()?.parse().ok()?,
                "--rate" => rate = words.next()?.parse().ok().filter(|rate| *rate > 0)?,
                "--seconds" => seconds = Some(words.next()?.parse().ok()?),
                _ if word.starts_with('-') || address.is_some() => return None,
                _ => address = Some(word),
            }
        }
        let address = address.unwrap_or_else(|| "127.0.0.1:8081".into());
        Some(Self { address, subscribers, rate, seconds })
    }
}

async fn run(arguments: &Arguments) -> Result<(), Error> {
    let mut service = Service::new(service::bind(&arguments.address).await?);
    let address = service.address()?;
    println!("broadcast: ws://{address}/");

    let hub = Hub::new();
    let totals = Arc::new(Totals::default());
    let crowd = tokio::select! {
        crowd = Crowd::connect(address, arguments.subscribers, &totals) => crowd?,
        () = service.accept(&hub) => return Ok(()),
    };
    let mut lines = Lines::begin();
    tokio::select! {
        published = ticker::run(&hub, arguments.rate, &totals) => published?,
        () = service.accept(&hub) => {}
        () = print_lines(&mut lines, &totals, &hub) => {}
        result = signal::ctrl_c() => result?,
        () = seconds(arguments.seconds) => {}
    }
    lines.print(&totals, &hub);

    // The last handle: subscriptions yield what they still have, and end.
    drop(hub);
    let served = time::timeout(GRACE, service.finish());
    let (outcomes, _) = tokio::join!(crowd.finish(), served);
    report::print_table(&outcomes, totals.published.load(Ordering::Relaxed));
    Ok(())
}

async fn seconds(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => time::sleep(Duration::from_secs(seconds)).await,
        None => future::pending().await,
    }
}

async fn print_lines(lines: &mut Lines, totals: &Totals, hub: &Hub) {
    let second = Duration::from_secs(1);
    let mut seconds = time::interval_at(time::Instant::now() + second, second);
    loop {
        seconds.tick().await;
        lines.print(totals, hub);
    }
}
