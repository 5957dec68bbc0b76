//! What an opening handshake agreed on for permessage-deflate (RFC 7692, section 7.1).

use std::io;

use crate::setting::Setting;

/// Whether a sender's later messages may refer to its earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    Kept,
    Dropped,
}

/// The parameters of the accepted extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Agreement {
    pub(crate) server: Context,
    pub(crate) client: Context,
    pub(crate) client_window_bits: u8,
}

impl Agreement {
    /// Reads the answer's `Sec-WebSocket-Extensions`.
    pub(crate) fn parse(answer: &str) -> io::Result<Self> {
        let mut parts = answer.split(';').map(str::trim);
        if parts.next() != Some("permessage-deflate") {
            return Err(unexpected(answer));
        }
        let mut agreement =
            Self { server: Context::Kept, client: Context::Kept, client_window_bits: 15 };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim() {
                "server_no_context_takeover" => agreement.server = Context::Dropped,
                "client_no_context_takeover" => agreement.client = Context::Dropped,
                "client_max_window_bits" => {
                    let bits = value.trim().trim_matches('"');
                    agreement.client_window_bits = bits.parse().map_err(|_| unexpected(answer))?;
                }
                // Any size of the server's window fits into the largest, which is the one used to inflate.
                "server_max_window_bits" => {}
                _ => return Err(unexpected(answer)),
            }
        }
        Ok(agreement)
    }

    /// Refuses an answer that does not do what the row measures.
    pub(crate) fn check(agreement: Option<&Self>, setting: Setting) -> io::Result<()> {
        let both = |context| {
            agreement.is_some_and(|agreed| agreed.server == context && agreed.client == context)
        };
        let fits = match setting {
            Setting::Off => agreement.is_none(),
            Setting::Default | Setting::LowMemory => agreement.is_some(),
            Setting::Dropped => both(Context::Dropped),
            Setting::Kept => both(Context::Kept),
        };
        if fits {
            Ok(())
        } else {
            Err(io::Error::other(format!("{setting}: agreed on {agreement:?}")))
        }
    }
}

fn unexpected(answer: &str) -> io::Error {
    io::Error::other(format!("unexpected extensions in the answer: {answer}"))
}
