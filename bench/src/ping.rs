//! `bench ping`: how long a pong takes while writers never stop, and what a peer costs that does not read.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use crate::{
    arguments::Arguments,
    load::Pinger,
    machine,
    process::{Process, Times},
    server::flood::{Flood, MESSAGE_BYTES},
    spread::Spread,
};

/// The longest that 99 of 100 pongs may take, in milliseconds.
const GOAL: f64 = 5.0;

/// How long the flood runs before anything is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long nothing must move for the flood to count as standing.
const STILL: Duration = Duration::from_millis(300);

/// How long a peer's messages may take to be received: less than the server's time-out for writes.
const PATIENCE: Duration = Duration::from_secs(25);

/// The sizes of the socket's buffers; 0 is the kernel's choice.
const BUFFERS: [u32; 2] = [0, 64 << 10];

/// Of one measurement, in milliseconds.
struct Sample {
    p50: f64,
    p99: f64,
    most: f64,
    gigabytes: f64,
    /// The larger share of the time that the server or the load waited for its core.
    disturbed: f64,
}

/// Measures and prints both tables.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    arguments.allow(&["rounds", "pings", "messages", "patience"])?;
    let rounds: usize = arguments.number("rounds", 7)?;
    let pings: u64 = arguments.number("pings", 1000)?;
    let patience = Duration::from_secs(arguments.number("patience", 5)?);
    machine::pin(machine::LOAD_CORE)?;
    println!(
        "## Ping under load\n\n\
         {pings} pings one after the other, while the server sends messages of {} KiB without end and the peer \
         reads as fast as it can; {rounds} rounds. Goal: p99 under {GOAL} ms.\n",
        MESSAGE_BYTES >> 10
    );
    let cases: Vec<_> =
        BUFFERS.into_iter().flat_map(|buffer| Flood::ALL.map(|flood| (flood, buffer))).collect();
    let mut samples: Vec<Vec<Sample>> = cases.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((flood, buffer), samples) in cases.iter().zip(&mut samples) {
            machine::wait_until_quiet(patience)?;
            samples.push(measure(*flood, *buffer, pings)?);
        }
    }
    println!(
        "| server | socket's buffers | p50, ms | range | p99, ms | range | longest, ms | range | GB/s | range |\n\
         | --- | --- | ---: | --- | ---: | --- | ---: | --- | ---: | --- |"
    );
    for ((flood, buffer), samples) in cases.iter().zip(&samples) {
        print(*flood, *buffer, samples);
    }
    println!();
    for ((flood, buffer), samples) in cases.iter().zip(&samples) {
        if let Some(p99) = Spread::of(samples.iter().map(|sample| sample.p99)) {
            let (name, buffer) = (flood.name(), sizes(*buffer));
            println!(
                "- {name}, {buffer}: p99 {:.2} ms, goal {GOAL}: {}",
                p99.median,
                p99.against(GOAL)
            );
        }
    }
    let disturbed = samples.iter().flatten().map(|sample| 100.0 * sample.disturbed);
    if let Some(disturbed) = Spread::of(disturbed) {
        println!(
            "\nOther programs had the core up to {:.1} % of the time, {:.1} % in the median.",
            disturbed.most, disturbed.median
        );
    }
    print_unread(arguments.number("messages", 100_000)?)
}

fn print(flood: Flood, buffer: u32, samples: &[Sample]) {
    let cell = |value: fn(&Sample) -> f64| {
        Spread::of(samples.iter().map(value)).map_or(String::new(), |spread| format!("{spread:.2}"))
    };
    println!(
        "| {} | {} | {} | {} | {} | {} |",
        flood.name(),
        sizes(buffer),
        cell(|sample| sample.p50),
        cell(|sample| sample.p99),
        cell(|sample| sample.most),
        cell(|sample| sample.gigabytes)
    );
}

fn sizes(buffer: u32) -> String {
    if buffer == 0 { "the kernel's".to_owned() } else { format!("{} KiB", buffer >> 10) }
}

fn measure(flood: Flood, buffer: u32, pings: u64) -> io::Result<Sample> {
    let process = Process::start(&["flood", flood.name(), &buffer.to_string()])?;
    let mut pinger = Pinger::open(process.port(), buffer)?;
    pinger.read_for(WARM_UP)?;
    let (before, own_before, start) = (process.times()?, Times::own()?, Instant::now());
    let bytes_before = pinger.received();
    let mut times = pinger.ping(pings)?;
    let (elapsed, bytes) = (start.elapsed(), pinger.received() - bytes_before);
    let (spent, own) = (process.times()?.since(before), Times::own()?.since(own_before));
    times.sort();
    let milliseconds = |index: usize| 1e3 * times[index.min(times.len() - 1)].as_secs_f64();
    Ok(Sample {
        p50: milliseconds(times.len() / 2),
        p99: milliseconds(times.len() * 99 / 100),
        most: milliseconds(times.len()),
        gigabytes: bytes as f64 / 1e9 / elapsed.as_secs_f64(),
        disturbed: spent.waiting.max(own.waiting) as f64 / elapsed.as_nanos() as f64,
    })
}

/// A peer that sends and does not read.
fn print_unread(messages: u64) -> io::Result<()> {
    println!(
        "\n### A peer that does not read\n\n\
         It sends {messages} messages of 1 KiB, with a ping after each hundred, while the server's writers stand.\n\n\
         | sent by the peer | received by the server | sent by the server meanwhile | resident before, KiB | after, KiB | seconds |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    let process = Process::start(&["flood", Flood::Writers.name(), "0"])?;
    let mut pinger = Pinger::open(process.port(), 0)?;
    // The first messages take what reading takes once: buffers of the thread.
    pinger.send(100)?;
    let mut standing = pinger.counts()?;
    loop {
        thread::sleep(STILL);
        let now = pinger.counts()?;
        if now == standing {
            break;
        }
        standing = now;
    }
    let (before, start) = (process.resident_bytes()?, Instant::now());
    pinger.send(messages)?;
    let mut counts = pinger.counts()?;
    while counts.received < standing.received + messages && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
        counts = pinger.counts()?;
    }
    let (after, elapsed) = (process.resident_bytes()?, start.elapsed());
    println!(
        "| {messages} | {} | {} | {} | {} | {:.2} |",
        counts.received - standing.received,
        counts.sent - standing.sent,
        before >> 10,
        after >> 10,
        elapsed.as_secs_f64()
    );
    Ok(())
}
