//! Measures bowline side by side with a bare loop and with other crates: see `bench/README.md`.
//!
//! Every server runs in a process of its own, which is this program again (`serve`), on a core of its own.

// A command-line program: what it has to say goes to its terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod agreement;
mod arguments;
mod deflate;
mod deflate_memory;
mod load;
mod machine;
mod payload;
mod process;
mod row;
mod server;
mod setting;
mod spread;
mod zlib;

use std::{io, process::ExitCode};

use arguments::Arguments;

const USAGE: &str = "\
usage: bench COMMAND [OPTION VALUE]...

  deflate           server CPU per echoed message with permessage-deflate
      --rounds N        rounds, in each of which every server is measured once (7)
      --seconds S       length of one measurement (1.5)
      --connections N   connections, one message in flight on each (16)
      --servers A,B     these only, and bare, to which they are compared
      --rows TEXT       only the rows with this text in their title
      --patience S      longest wait for other programs before each measurement (5)
  deflate-memory    resident memory per idle connection with permessage-deflate
      --connections N   connections where no context is kept (10000)
      --kept N          connections where context is kept (1000)
      --servers A,B     these only
  serve NAME SETTING    one server: what the other commands start";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    match command.as_str() {
        "deflate" => deflate::run(&Arguments::parse(arguments)?),
        "deflate-memory" => deflate_memory::run(&Arguments::parse(arguments)?),
        "serve" => {
            let mut next = || arguments.next().ok_or_else(|| io::Error::other(USAGE));
            server::serve(next()?.parse()?, next()?.parse()?)
        }
        _ => Err(io::Error::other(USAGE)),
    }
}
