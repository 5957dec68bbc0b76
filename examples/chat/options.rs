//! What the command line says.

pub(crate) struct Options {
    pub(crate) address: String,
    pub(crate) nats: Option<String>,
    /// The files of the certificate and its key.
    pub(crate) tls: Option<(String, String)>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut address = None;
        let mut nats = None;
        let mut tls = None;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--nats" => nats = Some(arguments.next()?),
                "--tls" => tls = Some((arguments.next()?, arguments.next()?)),
                option if option.starts_with('-') => return None,
                _ if address.is_some() => return None,
                _ => address = Some(argument),
            }
        }
        Some(Self { address: address.unwrap_or_else(|| "127.0.0.1:8080".into()), nats, tls })
    }
}
