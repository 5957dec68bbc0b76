use http::Version;

/// Which HTTP a request came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Http1,
    Http2,
}

impl Carrier {
    pub(crate) fn of(version: Version) -> Self {
        if version >= Version::HTTP_2 { Self::Http2 } else { Self::Http1 }
    }
}
