//! Measures bowline side by side with a bare loop and with other crates: see `bench/README.md`.
//!
//! Every server runs in a process of its own, which is this program again (`serve`), on a core of its own.

// A command-line program: what it has to say goes to its terminal.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod address;
mod agreement;
mod arguments;
mod axum;
mod axum_memory;
mod broadcast;
mod comparison;
mod deflate;
mod deflate_memory;
mod echo;
mod halves;
mod load;
mod machine;
mod memory;
mod payload;
mod ping;
mod plot;
mod process;
mod row;
mod server;
mod setting;
mod split_payload;
mod spread;
mod table;
mod trial;
mod zlib;

use std::{io, process::ExitCode};

use arguments::Arguments;

const USAGE: &str = "\
usage: bench COMMAND [OPTION VALUE]...

  table             everything without compression, beside raw loops and other crates: docs/benchmarks.md
      --rounds N        rounds, in each of which every server is measured once (5)
      --seconds S       length of one measurement (0.5)
      --parts A,B       of echo, sending, tls, sizes, connections and idle, these only
      --rows TEXT       only the rows with this text in their title
      --servers A,B     these only, and the floors
      --idle N          idle connections whose memory is measured (9000)
      --patience S      longest wait for other programs before each measurement (1)
      --attempts N      measurements made at most until one was quiet (2)
      --out DIR         where to write page, charts and results (docs; nowhere if only some of it is measured)
  render            makes page and charts again from the results
      --out DIR         where the results are (docs)
  deflate           server CPU per echoed message with permessage-deflate
      --rounds N, --seconds S, --rows TEXT, --patience S, --attempts N
                        as above (7, 1.5, 5, 3)
      --connections N   connections, one message in flight on each (16)
      --servers A,B     these only, and bare, to which they are compared
  deflate-memory    resident memory per idle connection with permessage-deflate
      --connections N   connections where no context is kept (10000)
      --kept N          connections where context is kept (1000)
      --servers A,B     these only
  broadcast         server CPU per message delivered to one of many connections
      --connections N   connections (10000)
      --rounds N        rounds (7)
      --messages N      messages published in one measurement (30)
      --lines A/B       these lines only, and the floors
      --patience S, --attempts N
                        as above (5, 3)
  halves            server CPU per echoed message over the halves, beside the whole connection
      --rounds N, --seconds S, --connections N, --servers A,B, --rows TEXT, --patience S, --attempts N
                        as for deflate (9, 1.0, 16)
  axum              server CPU per echoed message behind axum, beside bowline on the same socket
      --rounds N, --seconds S, --connections N, --servers A,B, --rows TEXT, --patience S, --attempts N
                        as for halves
  axum-memory       resident memory per idle connection behind axum
      --connections N   connections (5000)
      --rounds N        rounds (5)
      --servers A,B     these only, and accept, to which they are compared
  ping              how long a pong takes while writers never stop, and a peer that does not read
      --rounds N        rounds (7)
      --pings N         pings in one measurement (1000)
      --messages N      messages of the peer that does not read (100000)
      --patience S      as above (5)
  serve NAME SETTING, serve-tls NAME, send NAME BYTES, broadcaster NAME SETTING, flood NAME BYTES
                        one server, or one client that sends: what the other commands start";

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
        "table" => table::run(&Arguments::parse(arguments)?),
        "render" => table::render(&Arguments::parse(arguments)?),
        "deflate" => deflate::run(&Arguments::parse(arguments)?),
        "deflate-memory" => deflate_memory::run(&Arguments::parse(arguments)?),
        "broadcast" => broadcast::run(&Arguments::parse(arguments)?),
        "halves" => halves::CONTEST.run(&Arguments::parse(arguments)?),
        "axum" => axum::CONTEST.run(&Arguments::parse(arguments)?),
        "axum-memory" => axum_memory::run(&Arguments::parse(arguments)?),
        "ping" => ping::run(&Arguments::parse(arguments)?),
        "flood" => {
            let mut next = || arguments.next().ok_or_else(|| io::Error::other(USAGE));
            let (flood, buffer) = (next()?.parse()?, next()?.parse().map_err(io::Error::other)?);
            server::flood::serve(flood, buffer)
        }
        "broadcaster" => {
            let mut next = || arguments.next().ok_or_else(|| io::Error::other(USAGE));
            server::broadcast::serve(next()?.parse()?, next()?.parse()?)
        }
        "send" => {
            let mut next = || arguments.next().ok_or_else(|| io::Error::other(USAGE));
            let (server, bytes) = (next()?.parse()?, next()?.parse().map_err(io::Error::other)?);
            server::sending::serve(server, bytes)
        }
        "serve-tls" => {
            let server = arguments.next().ok_or_else(|| io::Error::other(USAGE))?;
            server::tls::serve(server.parse()?)
        }
        "serve" => {
            let mut next = || arguments.next().ok_or_else(|| io::Error::other(USAGE));
            server::serve(next()?.parse()?, next()?.parse()?)
        }
        _ => Err(io::Error::other(USAGE)),
    }
}
