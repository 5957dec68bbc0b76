//! What stands for permessage-deflate in a build without it: types that have no values.

/// No configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deflate {}

/// No agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeflateTerms {}
