use tokio::time::Instant;

/// Notices that an incomplete message rests.
///
/// Looked at only when the reader has to wait, so that a message that is there at once costs nothing.
#[derive(Debug, Default)]
pub(super) struct MessageWatch {
    resting: Option<Resting>,
}

/// The bytes of the connection so far, and when they are too old.
#[derive(Debug)]
struct Resting {
    progress: u64,
    deadline: Instant,
}

impl MessageWatch {
    /// Notes how much has arrived where a message is incomplete, `None` where none is.
    pub(super) fn observe(
        &mut self,
        progress: Option<u64>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) {
        match (progress, &self.resting) {
            (Some(progress), Some(resting)) if resting.progress == progress => {}
            (Some(progress), _) => {
                self.resting = deadline().map(|deadline| Resting { progress, deadline });
            }
            (None, _) => self.resting = None,
        }
    }

    /// Whether nothing has arrived since it was looked at.
    pub(super) fn is_at(&self, progress: u64) -> bool {
        self.resting.as_ref().is_some_and(|resting| resting.progress == progress)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.resting.as_ref().map(|resting| resting.deadline)
    }
}
