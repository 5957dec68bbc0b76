//! Whether what a server sends is the message.

use std::io;

use zlib_rs::Inflate;

use super::reply::Reply;
use crate::{
    agreement::{Agreement, Context},
    zlib,
};

/// How far back a deflated byte may refer.
const WINDOW: usize = 1 << zlib::WINDOW_BITS;

/// Follows the replies on one connection from the first on.
pub(crate) struct Checker<'a> {
    message: &'a [u8],
    inflate: Option<(Inflate, Context)>,
    plain: Vec<u8>,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(message: &'a [u8], agreement: Option<&Agreement>) -> Self {
        let inflate = agreement.map(|agreement| (zlib::inflater(), agreement.server));
        Self { message, inflate, plain: vec![0; message.len() + 1024] }
    }

    /// Goes on with another connection.
    pub(crate) fn restart(&mut self) {
        if let Some((state, _)) = &mut self.inflate {
            state.reset(false);
        }
    }

    /// Checks the next reply of a connection, byte by byte.
    pub(crate) fn next(&mut self, reply: &Reply<'_>) -> io::Result<()> {
        let Some((state, context)) = &mut self.inflate else {
            return same(reply.first == 0x81 && *reply.payload == *self.message);
        };
        if *context == Context::Dropped {
            state.reset(false);
        }
        let length = zlib::inflate(state, &compressed(reply)?, &mut self.plain)?;
        same(&self.plain[..length] == self.message)
    }

    /// Checks a reply after any number of replies that were not looked at: where context is kept, the
    /// window before it can hold nothing but the message, again and again.
    pub(crate) fn later(&mut self, reply: &Reply<'_>) -> io::Result<()> {
        if let Some((state, Context::Kept)) = &mut self.inflate {
            let copies = self.message.repeat(WINDOW.div_ceil(self.message.len()));
            state.reset(false);
            state
                .set_dictionary(&copies[copies.len() - WINDOW..])
                .map_err(|error| io::Error::other(error.as_str()))?;
        }
        self.next(reply)
    }
}

fn compressed(reply: &Reply<'_>) -> io::Result<Vec<u8>> {
    if reply.first != 0xc1 {
        return Err(io::Error::other(format!(
            "a reply begins with 0x{:02x}, not compressed",
            reply.first
        )));
    }
    Ok([&*reply.payload, &zlib::TAIL].concat())
}

fn same(same: bool) -> io::Result<()> {
    if same { Ok(()) } else { Err(io::Error::other("a reply is not the message")) }
}
