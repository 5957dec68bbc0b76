use tokio::time::Instant;

/// Notices that an incomplete message rests, whatever else the peer sends meanwhile.
///
/// Looked at only when the reader has to wait, so that a message that is there at once costs nothing.
#[derive(Debug, Default)]
pub(super) struct MessageWatch {
    /// Boxed, because few connections have one, and fewer rest in it.
    resting: Option<Box<Resting>>,
}

#[derive(Debug)]
struct Resting {
    /// How far the message was.
    progress: u64,
    /// How many bytes the connection had received when the reader last looked.
    received: u64,
    /// When the message will have rested too long.
    deadline: Instant,
}

impl MessageWatch {
    /// Notes how far the message is, `None` where none is incomplete, and what has been received for it
    /// and for others.
    pub(super) fn observe(
        &mut self,
        progress: Option<u64>,
        received: u64,
        deadline: impl FnOnce() -> Option<Instant>,
    ) {
        match (progress, &mut self.resting) {
            (Some(progress), Some(resting)) if resting.progress == progress => {
                resting.received = received;
            }
            (Some(progress), _) => {
                let resting = |deadline| Box::new(Resting { progress, received, deadline });
                self.resting = deadline().map(resting);
            }
            (None, _) => self.resting = None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.resting.as_ref().map(|resting| resting.deadline)
    }

    /// Whether bytes have come that the reader hasn't looked at: then it is too early to judge.
    pub(super) fn is_outdated(&self, received: u64) -> bool {
        self.resting.as_ref().is_some_and(|resting| resting.received != received)
    }

    /// Puts the judgement off.
    pub(super) fn put_off(&mut self, deadline: Option<Instant>) {
        if let (Some(resting), Some(deadline)) = (&mut self.resting, deadline) {
            resting.deadline = deadline;
        }
    }
}
