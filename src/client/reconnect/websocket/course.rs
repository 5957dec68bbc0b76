//! From one connection to the next: every change of state but those of our own Close.

use std::{
    mem,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use super::{
    Connected, Disconnected, ReconnectingWebSocket,
    state::{Greeted, Leaving, Line, State, greet},
};
use crate::{
    client::reconnect::{
        Disconnect,
        redialer::{Opened, Verdict, wait},
    },
    message::Message,
    vocabulary::{CloseFrame, EndOfStream, Error, UsageError},
    websocket::{Party, WebSocket},
};

impl ReconnectingWebSocket {
    /// Polls on behalf of one of two tasks. What is waited for, a connection's transport among it, gets a waker that
    /// wakes both; what this task has changed, the other is told.
    pub(super) fn poll_as<O>(
        &mut self,
        party: Party,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> O,
    ) -> O {
        if !self.wakers.know(party, cx.waker()) {
            self.wakers.note(party, cx.waker());
        }
        let all = self.wakers.for_all();
        let cx = &mut Context::from_waker(all.as_ref().unwrap_or(cx.waker()));
        let changes = self.changes;
        let output = poll(self, cx);
        self.settle();
        if self.changes != changes {
            self.wakers.wake_others(party);
        }
        output
    }

    pub(super) fn settle(&mut self) {
        if let Some(ws) = self.state.websocket() {
            self.outgoing.settle(ws);
        }
    }

    pub(super) fn change(&mut self, state: State) -> State {
        self.changes += 1;
        mem::replace(&mut self.state, state)
    }

    /// Goes on until there is a connection, or will be none.
    pub(super) fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Idle => self.dial(),
                State::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    self.dial();
                }
                State::Connecting(attempt) => match ready!(attempt.as_mut().poll(cx)) {
                    Ok(opened) => self.greet(opened),
                    Err(error) => self.fail(Disconnect::Failed(error)),
                },
                State::Greeting(greeting) => {
                    let Greeted { hook, opened, result } = ready!(greeting.as_mut().poll(cx));
                    self.on_connect = Some(hook);
                    match result {
                        Ok(()) => self.open(opened),
                        // What the hook ran into is the peer's Close.
                        Err(Error::Usage(UsageError::SendAfterClose)) => {
                            self.fail(Disconnect::Closed(opened.0.peer_close()));
                        }
                        Err(error) => self.fail(Disconnect::Failed(error)),
                    }
                }
                State::Open(_)
                | State::Closing(..)
                | State::Leaving(..)
                | State::Left(_)
                | State::Ended(_) => return Poll::Ready(()),
            }
        }
    }

    fn dial(&mut self) {
        let attempt = self.redialer.dial();
        self.change(State::Connecting(attempt));
    }

    fn greet(&mut self, opened: Opened) {
        match self.on_connect.take() {
            Some(hook) => drop(self.change(State::Greeting(Box::pin(greet(hook, opened))))),
            None => self.open(opened),
        }
    }

    fn open(&mut self, (ws, response): Opened) {
        self.connections += 1;
        self.inbox.push_connected(Connected { response, number: self.connections });
        self.change(State::Open(Line { ws, opened: Instant::now() }));
    }

    /// An attempt has failed.
    fn fail(&mut self, reason: Disconnect) {
        match self.redialer.judge_failure(&reason) {
            Verdict::Retry(delay) => drop(self.change(State::Waiting(wait(delay)))),
            Verdict::Final => self.end_with(reason),
        }
    }

    /// Takes what a connection has yielded: gives the message in it, or goes where its end leads.
    pub(super) fn receive(&mut self, item: Option<Result<Message, Error>>) -> Option<Message> {
        match item {
            Some(Ok(Message::Close(frame))) => self.handle_peer_close(frame),
            Some(Ok(message)) => return Some(message),
            Some(Err(error)) => self.lose(Disconnect::Failed(error)),
            // A Close that nobody has seen here has been seen by the caller's hook.
            None => {
                let frame = self.state.websocket().and_then(WebSocket::peer_close);
                self.lose(Disconnect::Closed(frame));
            }
        }
        None
    }

    fn handle_peer_close(&mut self, frame: Option<CloseFrame>) {
        match self.change(State::Ended(None)) {
            State::Open(line) => self.state = State::Closing(line, frame),
            State::Leaving(Leaving { ws, .. }) | State::Left(ws) => {
                self.state = State::Left(ws);
                self.part(Disconnect::Closed(frame));
            }
            state => self.state = state,
        }
    }

    /// The connection is over.
    pub(super) fn lose(&mut self, reason: Disconnect) {
        let unsent = self.state.websocket().map_or(0, |ws| self.outgoing.recall(ws));
        match self.change(State::Ended(None)) {
            State::Open(line) => self.judge(reason, line, unsent),
            State::Closing(line, frame) => self.judge(Disconnect::Closed(frame), line, unsent),
            State::Leaving(..) => self.end_with(reason),
            // The peer has taken our Close for the end of everything.
            State::Left(_) if is_quiet_end(&reason) => self.end(None),
            State::Left(_) => self.end_with(reason),
            state => self.state = state,
        }
    }

    fn judge(&mut self, reason: Disconnect, line: Line, unsent: usize) {
        let verdict = self.redialer.judge_loss(Some(&reason), line.opened);
        match (verdict, reason) {
            (Verdict::Retry(delay), reason) => {
                self.state = State::Waiting(wait(delay));
                let delay = Some(delay);
                self.inbox.push_disconnected(Disconnected { reason, unsent, delay });
            }
            (Verdict::Final, Disconnect::Failed(error)) => self.end(Some(error)),
            (Verdict::Final, reason @ Disconnect::Closed(_)) => {
                self.inbox.push_disconnected(Disconnected { reason, unsent, delay: None });
                self.end(None);
            }
        }
    }

    fn end_with(&mut self, reason: Disconnect) {
        match reason {
            Disconnect::Failed(error) => self.end(Some(error)),
            Disconnect::Closed(_) => {
                self.part(reason);
                self.end(None);
            }
        }
    }

    /// Tells the reader of an end that no connection follows.
    pub(super) fn part(&mut self, reason: Disconnect) {
        let unsent = self.outgoing.len();
        self.inbox.push_disconnected(Disconnected { reason, unsent, delay: None });
    }

    pub(super) fn end(&mut self, error: Option<Error>) {
        self.ended_by = error.as_ref().and_then(Error::duplicate);
        self.change(State::Ended(error));
    }

    /// What a sender is told after the end.
    pub(super) fn sender_error(&self) -> Error {
        let error = self.ended_by.as_ref().and_then(Error::duplicate);
        error.unwrap_or(UsageError::SendAfterClose.into())
    }
}

fn is_quiet_end(reason: &Disconnect) -> bool {
    matches!(
        reason,
        Disconnect::Closed(_)
            | Disconnect::Failed(Error::AbnormalClosure(EndOfStream::BetweenFrames))
    )
}
