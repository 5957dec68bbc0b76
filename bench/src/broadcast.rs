//! `bench broadcast`: server CPU per delivered message, one message to all connections.

use std::{io, thread, time::Instant};

use crate::{
    arguments::Arguments,
    comparison::{Line, Pace, Sample, Table},
    load::Audience,
    machine, payload,
    process::{Process, Times},
    server::broadcast::{Fan, MESSAGE_BYTES},
    setting::Setting,
    trial::SETTLE,
};

/// The most that bowline may cost, in times the floor.
const GOAL: f64 = 1.3;

/// Messages published before anything is measured.
const WARM_UP: usize = 3;

/// The lines, the floors first.
const CASES: [Case; 13] = [
    Case::new("bare-mpsc", Fan::Mpsc, Setting::Off, "floor: a task and a channel each"),
    Case::new("bare-broadcast", Fan::Broadcast, Setting::Off, "floor: a task each, one channel"),
    Case::new("hub", Fan::Hub, Setting::Off, "`forward` in a task, the reader in another"),
    Case::new("hub, deflate", Fan::Hub, Setting::Default, "the same, compressed once"),
    Case::new("hub, deflate, context kept", Fan::Hub, Setting::Kept, "the same"),
    Case::new("hub-whole", Fan::HubWhole, Setting::Off, "one task sends and reads"),
    Case::new("hub-whole, deflate", Fan::HubWhole, Setting::Default, "the same, compressed once"),
    Case::new("whole-mpsc", Fan::Whole, Setting::Off, "without the hub: one task"),
    Case::new("whole-broadcast", Fan::WholeBroadcast, Setting::Off, "the same"),
    Case::new("halves-mpsc", Fan::Halves, Setting::Off, "without the hub: two tasks"),
    Case::new("halves-mpsc, deflate", Fan::Halves, Setting::Default, "the same, compressed once"),
    Case::new(
        "each-compresses",
        Fan::Each,
        Setting::Default,
        "what sharing saves: `send` of the text",
    ),
    Case::new("each-plain", Fan::Each, Setting::Off, "the same, not compressed"),
];

const FLOORS: usize = 2;

/// What a line measures.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    fan: Fan,
    setting: Setting,
    remark: &'static str,
}

/// How it is measured.
struct Method {
    connections: usize,
    messages: usize,
}

impl Case {
    const fn new(name: &'static str, fan: Fan, setting: Setting, remark: &'static str) -> Self {
        Self { name, fan, setting, remark }
    }
}

/// Measures and prints the table.
pub(crate) fn run(arguments: &Arguments) -> io::Result<()> {
    arguments.allow(&["connections", "rounds", "messages", "lines", "patience", "attempts"])?;
    let method = Method {
        connections: arguments.number("connections", 10_000)?,
        messages: arguments.number("messages", 30)?,
    };
    let pace = Pace::of(arguments, 7)?;
    let wanted = |text: &str| {
        arguments.text("lines").is_none_or(|names| names.split('/').any(|name| text == name))
    };
    let cases: Vec<_> = CASES
        .iter()
        .enumerate()
        .filter(|(index, case)| *index < FLOORS || wanted(case.name))
        .map(|(_, case)| *case)
        .collect();
    machine::raise_file_limit()?;
    machine::pin(machine::LOAD_CORE)?;
    println!(
        "## Broadcast\n\n\
         Server CPU per delivered message of {MESSAGE_BYTES} bytes; {} messages to {} connections, one after \
         the other; {} rounds. Goal: at most {GOAL} times the floor.",
        method.messages, method.connections, pace.rounds
    );
    let line = |case: &Case| Line { name: case.name, remark: case.remark };
    let table = Table {
        title: format!("{} connections", method.connections),
        heads: ["server", "payload"],
        lines: cases.iter().map(line).collect(),
        floors: FLOORS,
    };
    let rounds = table.measure(&pace, |line| measure(cases[line], &method));
    table.print(&rounds);
    println!();
    let goals =
        cases.iter().enumerate().filter(|(_, case)| matches!(case.fan, Fan::Hub | Fan::HubWhole));
    for (line, case) in goals {
        for (place, floor) in cases.iter().enumerate().take(FLOORS) {
            if let Some(ratio) = rounds.ratio(line, place) {
                let (name, floor) = (case.name, floor.name);
                println!(
                    "- {name}: {:.2} times {floor}, goal {GOAL}: {}",
                    ratio.median,
                    ratio.against(GOAL)
                );
            }
        }
    }
    Ok(())
}

fn measure(case: Case, method: &Method) -> io::Result<Sample> {
    let process = Process::start(&["broadcaster", case.fan.name(), case.setting.word()])?;
    let message = payload::json(MESSAGE_BYTES);
    let mut audience = Audience::open(process.port(), case.setting, message, method.connections)?;
    audience.hear(WARM_UP)?;
    thread::sleep(SETTLE);
    let (before, own_before, start) = (process.times()?, Times::own()?, Instant::now());
    audience.hear(method.messages)?;
    let elapsed = start.elapsed();
    thread::sleep(SETTLE);
    let (spent, own) = (process.times()?.since(before), Times::own()?.since(own_before));
    let delivered = method.messages * method.connections;
    let sample = Sample::new(spent, own, delivered as u64, elapsed.as_nanos());
    Ok(Sample { bytes: audience.payload_bytes(), ..sample })
}
