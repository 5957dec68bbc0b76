use tokio::time::Instant;

use crate::vocabulary::{CloseFrame, Error};

/// How a connection is to end, and why.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Boxed, because most connections spend nearly all their life without any.
    terms: Option<Box<Terms>>,
}

#[derive(Debug, Default)]
struct Terms {
    expires_at: Option<Instant>,
    close_by: Option<Instant>,
    /// The body of the peer's Close.
    peer_close: Option<CloseFrame>,
    discarded: usize,
    error: Option<Error>,
    /// What senders are told once the stream has had the error itself.
    reported: Option<Error>,
}

impl Ending {
    fn terms(&self) -> Option<&Terms> {
        self.terms.as_deref()
    }

    fn terms_mut(&mut self) -> &mut Terms {
        self.terms.get_or_insert_default()
    }

    /// When the connection has lived long enough.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        self.terms()?.expires_at
    }

    pub(super) fn set_expires_at(&mut self, at: Option<Instant>) {
        if at.is_some() || self.terms.is_some() {
            self.terms_mut().expires_at = at;
        }
    }

    /// When the closing handshake is over, whether it is complete or not.
    pub(super) fn close_by(&self) -> Option<Instant> {
        self.terms()?.close_by
    }

    /// Sets that, unless it is set.
    pub(super) fn set_close_by(&mut self, close_by: Option<Instant>) {
        let terms = self.terms_mut();
        terms.close_by = terms.close_by.or(close_by);
    }

    /// Sets it to no later than this.
    pub(super) fn hasten(&mut self, close_by: Option<Instant>) {
        let terms = self.terms_mut();
        terms.close_by = terms.close_by.into_iter().chain(close_by).min();
    }

    /// The body of the peer's Close, once it has come.
    pub(super) fn peer_close(&self) -> Option<&CloseFrame> {
        self.terms()?.peer_close.as_ref()
    }

    pub(super) fn set_peer_close(&mut self, frame: Option<CloseFrame>) {
        self.terms_mut().peer_close = frame;
    }

    /// Counts input that nobody will read; how much that is by now.
    pub(super) fn discard(&mut self, bytes: usize) -> usize {
        let terms = self.terms_mut();
        terms.discarded += bytes;
        terms.discarded
    }

    /// Notes what the connection ends with; of two errors the first is kept.
    pub(super) fn set_error(&mut self, error: Error) {
        self.terms_mut().error.get_or_insert(error);
    }

    pub(super) fn has_error(&self) -> bool {
        self.terms().is_some_and(|terms| terms.error.is_some())
    }

    /// The error, once.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        let terms = self.terms.as_deref_mut()?;
        let error = terms.error.take()?;
        terms.reported = error.duplicate();
        Some(error)
    }

    /// What there is to tell of it, before and after it was taken.
    pub(super) fn shown_error(&self) -> Option<&Error> {
        let terms = self.terms()?;
        terms.error.as_ref().or(terms.reported.as_ref())
    }
}
