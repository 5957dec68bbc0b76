//! The load of a client that sends: it takes what comes.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use super::{Echoed, reply::replies};

/// Of a client's frame with a length of eight bytes.
const HEADER: usize = 2 + 8 + 4;

/// A connection that takes messages, and the control that asks for them.
pub(crate) struct Drain {
    control: TcpStream,
    stream: TcpStream,
    message: Vec<u8>,
    /// How many are asked for before they have come.
    in_flight: usize,
    /// The last message, as it came.
    frame: Vec<u8>,
}

impl Drain {
    /// Connects, and takes a first message.
    ///
    /// # Errors
    ///
    /// Where what comes is not the message, in one masked frame. It must be of 64 KiB or more.
    pub(crate) fn open(port: u16, message: Vec<u8>, in_flight: usize) -> io::Result<Self> {
        let control = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        control.set_nodelay(true)?;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nonblocking(true)?;
        let frame = vec![0; HEADER + message.len()];
        let mut drain = Self { control, stream, message, in_flight, frame };
        drain.ask(1)?;
        drain.receive()?;
        drain.check()?;
        Ok(drain)
    }

    /// Takes messages for `time`, as fast as they come. When it returns nothing is under way, and the last one was the
    /// message.
    pub(crate) fn take(&mut self, time: Duration) -> io::Result<Echoed> {
        let start = Instant::now();
        let (mut exchanges, mut last) = (Vec::new(), start);
        self.ask(self.in_flight)?;
        let mut under_way = self.in_flight;
        while under_way > 0 {
            self.receive()?;
            let now = Instant::now();
            exchanges.push((now - last).as_nanos() as u64);
            last = now;
            if now - start < time {
                self.ask(1)?;
            } else {
                under_way -= 1;
            }
        }
        self.check()?;
        Ok(Echoed { messages: exchanges.len() as u64, elapsed: last - start, exchanges })
    }

    fn ask(&mut self, count: usize) -> io::Result<()> {
        self.control.write_all(&vec![0; count])
    }

    /// Takes one frame, and looks at its header. It never sleeps: the client would pay for waking it.
    fn receive(&mut self) -> io::Result<()> {
        let mut filled = 0;
        while filled < self.frame.len() {
            match self.stream.read(&mut self.frame[filled..]) {
                Ok(0) => return Err(io::Error::other("the client ended the connection")),
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let length = (self.message.len() as u64).to_be_bytes();
        let head = &self.frame[..2 + length.len()];
        // FIN and binary, MASK and a length of eight bytes.
        if head[..2] != [0x82, 0xff] || head[2..] != length {
            return Err(io::Error::other(format!("a frame begins with {head:02x?}")));
        }
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        let last = replies(&self.frame).next();
        if last.is_some_and(|last| *last.payload == *self.message) {
            Ok(())
        } else {
            Err(io::Error::other("what was sent is not the message"))
        }
    }
}
