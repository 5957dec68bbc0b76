//! Explains captured bytes, field by field, and says where they break a rule:
//!
//! ```text
//! echo 81 05 48 65 6c 6c 6f | cargo run --release --example inspect
//! ```
//!
//! It reads one direction of a connection as hex, base64, or a dump by xxd or `hexdump -Cv`, with or
//! without the opening handshake. `--from client|server` says who sent it; unless told it goes by the
//! handshake, or by the MASK bit of the first frame. `--deflate` allows compressed messages. The exit
//! status is 1 where a rule is broken, 2 where the input can't be read.
//!
//! Where to look: `header.rs` shows what `FrameHeader` holds, `frames.rs` has `FrameReader` judge it,
//! `handshake.rs` does both for HTTP with `HandshakeCodec`; `messages.rs` puts fragments together,
//! `input.rs` reads the hex, and `layout.rs` has the columns.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod frames;
mod handshake;
mod header;
mod input;
mod layout;
mod messages;

use std::{
    env,
    io::{self, Read, Write},
    process::ExitCode,
};

use bowline::{ReservedBits, Role};

use crate::{frames::Inspector, handshake::Head};

const USAGE: &str = "usage: inspect [--from client|server] [--deflate] < CAPTURE";

/// Whether the bytes keep the rules, as far as they go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    Broken,
}

#[derive(Default)]
struct Options {
    from: Option<Role>,
    allows_deflate: bool,
}

fn main() -> ExitCode {
    let Some(options) = options(env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(Verdict::Kept) => ExitCode::SUCCESS,
        Ok(Verdict::Broken) => ExitCode::FAILURE,
        // `inspect | head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inspect: {error}");
            ExitCode::from(2)
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--deflate" => options.allows_deflate = true,
            "--from" => {
                options.from = Some(match arguments.next()?.as_str() {
                    "client" => Role::Client,
                    "server" => Role::Server,
                    _ => return None,
                });
            }
            _ => return None,
        }
    }
    Some(options)
}

fn run(options: &Options) -> io::Result<Verdict> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let bytes = input::decode(&text)?;
    explain(&bytes, options, &mut io::stdout().lock())
}

fn explain(bytes: &[u8], options: &Options, out: &mut impl Write) -> io::Result<Verdict> {
    let (start, sender, allows_deflate) = match handshake::explain(bytes, out)? {
        Head::None => (0, None, false),
        Head::Opens { len, from, names_deflate } => (len, Some(from), names_deflate),
        Head::OpensNothing(verdict) => return Ok(verdict),
    };
    let frames = &bytes[start..];
    let masked = frames.get(1).is_some_and(|second| second & 0x80 != 0);
    let by_mask = if masked { Role::Client } else { Role::Server };
    let from = options.from.or(sender).unwrap_or(by_mask);
    let allows_deflate = allows_deflate || options.allows_deflate;
    let allowed = if allows_deflate { ReservedBits::RSV1 } else { ReservedBits::NONE };
    Inspector::new(bytes, start, from, allowed).explain(out)
}
