//! The load of a flood: one connection that pings, and one end that never reads.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use tokio::{net::TcpSocket, runtime::Builder};

use super::{connection::Connection, reply::extent, script};
use crate::{address::Address, server::flood::MESSAGE_BYTES};

/// From a pong to the next ping at least; a little more each time, so that pings keep no step with anything.
const PAUSE: Duration = Duration::from_micros(500);

/// How long a pong may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server sends between pongs.
const MESSAGE_FRAME: u8 = 0x82;
const PONG_FRAME: u8 = 0x8a;

/// A connection that is flooded, and the control that tells how far the server has come.
pub(crate) struct Pinger {
    control: TcpStream,
    stream: TcpStream,
    /// Whole frames are taken from its front.
    buffer: Vec<u8>,
    filled: usize,
    received: u64,
}

/// How many messages the server has sent and received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Pinger {
    /// Opens the control, and the connection with this size of its receive buffer, or the kernel's for 0.
    pub(crate) fn open(port: u16, receive_buffer: u32) -> io::Result<Self> {
        let control = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        control.set_nodelay(true)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            if receive_buffer > 0 {
                socket.set_recv_buffer_size(receive_buffer)?;
            }
            Connection::open_on(socket, &Address::plain(port), None).await
        })?;
        let stream = connection.into_std()?;
        let buffer = vec![0; 256 << 10];
        let mut pinger = Self { control, stream, buffer, filled: 0, received: 0 };
        // The flood begins with the first question.
        pinger.counts()?;
        Ok(pinger)
    }

    /// Asks the server.
    pub(crate) fn counts(&mut self) -> io::Result<Counts> {
        let mut number = [0; 8];
        self.control.write_all(&[0])?;
        self.control.read_exact(&mut number)?;
        let sent = u64::from_be_bytes(number);
        self.control.read_exact(&mut number)?;
        Ok(Counts { sent, received: u64::from_be_bytes(number) })
    }

    /// Bytes received until now.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Reads as fast as it can for `time`; gives the bytes.
    pub(crate) fn read_for(&mut self, time: Duration) -> io::Result<u64> {
        let (start, before) = (Instant::now(), self.received);
        while start.elapsed() < time {
            if let Some(pong) = self.read()? {
                return Err(io::Error::other(format!("a pong {pong} that nobody asked for")));
            }
        }
        Ok(self.received - before)
    }

    /// Pings so many times, one after the other, while it reads as fast as it can: how long each pong took.
    pub(crate) fn ping(&mut self, count: u64) -> io::Result<Vec<Duration>> {
        let mut times = Vec::new();
        for number in 0..count {
            self.read_for(PAUSE + Duration::from_micros(number * 37 % 500))?;
            let start = Instant::now();
            let frame = script::frame(0x89, &number.to_be_bytes());
            self.stream.write_all(&frame)?;
            loop {
                match self.read()? {
                    Some(pong) if pong == number => break,
                    Some(pong) => {
                        return Err(io::Error::other(format!("pong {pong} to ping {number}")));
                    }
                    None if start.elapsed() > PATIENCE => {
                        return Err(io::Error::other(format!("no pong in {PATIENCE:?}")));
                    }
                    None => {}
                }
            }
            times.push(start.elapsed());
        }
        Ok(times)
    }

    /// Sends so many messages of 1 KiB, with a ping after each hundred, and reads nothing.
    pub(crate) fn send(&mut self, count: u64) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        let message = script::frame(MESSAGE_FRAME, &[0x33; 1 << 10]);
        let ping = script::frame(0x89, b"anyone there");
        let burst = [message.repeat(100), ping].concat();
        for _ in 0..count / 100 {
            self.stream.write_all(&burst)?;
        }
        self.stream.write_all(&message.repeat((count % 100) as usize))
    }

    /// Reads once; gives the number of a pong, where one is complete.
    fn read(&mut self) -> io::Result<Option<u64>> {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => return Err(io::Error::other("the server ended the connection")),
            Ok(length) => {
                self.filled += length;
                self.received += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
        let (mut at, mut pong) = (0, None);
        while let Some((start, length)) = extent(&self.buffer[at..self.filled]) {
            let Some(payload) = self.buffer[..self.filled].get(at + start..at + start + length)
            else {
                break;
            };
            match (self.buffer[at], payload) {
                (MESSAGE_FRAME, payload) if payload.len() == MESSAGE_BYTES => {}
                (PONG_FRAME, payload) if pong.is_none() => {
                    let number = payload.try_into().map_err(io::Error::other)?;
                    pong = Some(u64::from_be_bytes(number));
                }
                (first, _) => {
                    return Err(io::Error::other(format!(
                        "a frame of {length} bytes that begins with 0x{first:02x}"
                    )));
                }
            }
            at += start + length;
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(pong)
    }
}
