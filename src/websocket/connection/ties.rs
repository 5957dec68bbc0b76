//! What ties a connection to others than its owner. Few are tied, so it is one pointer to those that aren't.

use crate::websocket::{drain::Member, lend::Lender};

/// Who else has to do with a connection.
#[derive(Debug)]
pub(in crate::websocket) struct Ties<T>(Option<Box<Tied<T>>>);

#[derive(Debug)]
struct Tied<T> {
    /// Who has it back.
    lender: Option<Lender<T>>,
    /// Its place in a drain.
    member: Option<Member>,
}

impl<T> Ties<T> {
    pub(super) const NONE: Self = Self(None);

    /// Whether there may be any.
    #[inline]
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(in crate::websocket) fn take_lender(&mut self) -> Option<Lender<T>> {
        let lender = self.0.as_mut()?.lender.take();
        self.tidy();
        lender
    }

    pub(in crate::websocket) fn set_lender(&mut self, lender: Option<Lender<T>>) {
        if self.0.is_some() || lender.is_some() {
            self.tied().lender = lender;
            self.tidy();
        }
    }

    pub(in crate::websocket) fn lender(&self) -> Option<&Lender<T>> {
        self.0.as_ref()?.lender.as_ref()
    }

    pub(super) fn member(&mut self) -> Option<&mut Member> {
        self.0.as_mut()?.member.as_mut()
    }

    pub(super) fn take_member(&mut self) -> Option<Member> {
        let member = self.0.as_mut()?.member.take();
        self.tidy();
        member
    }

    pub(super) fn replace_member(&mut self, member: Member) -> Option<Member> {
        self.tied().member.replace(member)
    }

    fn tied(&mut self) -> &mut Tied<T> {
        self.0.get_or_insert_with(|| Box::new(Tied { lender: None, member: None }))
    }

    fn tidy(&mut self) {
        self.0.take_if(|tied| tied.lender.is_none() && tied.member.is_none());
    }
}
