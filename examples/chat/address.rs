//! Where a NATS server is: `nats://[user:password@ | token@]host[:port]`.

use http::Uri;
use serde_json::{Value, json};

const DEFAULT_PORT: u16 = 4222;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    credentials: Credentials,
}

#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    None,
    Token(String),
    User { name: String, password: String },
}

impl Address {
    /// The scheme may be left out. Names and passwords are taken as they are, without percent-decoding.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !is_bare || uri.scheme_str().is_some_and(|scheme| scheme != "nats") {
            return None;
        }
        let host = authority.host();
        let (credentials, place) = match authority.as_str().rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, authority.as_str()),
        };
        let port = match place.strip_prefix(host)? {
            "" => DEFAULT_PORT,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        // Brackets belong to the URL.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let credentials = match credentials.map(|words| (words, words.split_once(':'))) {
            None => Credentials::None,
            Some((token, None)) => Credentials::Token(token.into()),
            Some((_, Some((name, password)))) => {
                Credentials::User { name: name.into(), password: password.into() }
            }
        };
        Some(Self { host: host.into(), port, credentials })
    }

    /// What CONNECT says.
    pub(crate) fn connect_options(&self) -> String {
        let mut options: Value = json!({
            "verbose": false,
            "pedantic": false,
            "tls_required": false,
            "name": "bowline chat",
            "lang": "rust",
            "version": env!("CARGO_PKG_VERSION"),
            "protocol": 1,
            // What we publish does not come back to us.
            "echo": false,
        });
        match &self.credentials {
            Credentials::None => {}
            Credentials::Token(token) => options["auth_token"] = token.as_str().into(),
            Credentials::User { name, password } => {
                options["user"] = name.as_str().into();
                options["pass"] = password.as_str().into();
            }
        }
        options.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let user = || Credentials::User { name: "ada".into(), password: "s:e".into() };
        for (url, host, port, credentials) in [
            ("nats://example.org:4333", "example.org", 4333, Credentials::None),
            ("nats://example.org", "example.org", 4222, Credentials::None),
            ("nats://example.org/", "example.org", 4222, Credentials::None),
            ("localhost:1", "localhost", 1, Credentials::None),
            ("localhost", "localhost", 4222, Credentials::None),
            ("nats://[::1]:4222", "::1", 4222, Credentials::None),
            ("nats://secret@h", "h", 4222, Credentials::Token("secret".into())),
            ("nats://ada:s:e@h:5", "h", 5, user()),
        ] {
            let expected = Address { host: host.into(), port, credentials };
            assert_eq!(Address::parse(url), Some(expected), "{url}");
        }
        for url in
            ["", "http://example.org", "tls://h", "nats://", "nats://h/x", "/x", "a b", "h:99999"]
        {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }
}
