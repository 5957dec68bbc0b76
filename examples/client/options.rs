//! What the command line says.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    time::Duration,
};

use bowline::{Deflate, MessageKind, client::Backoff};

use crate::trust::Trust;

pub(crate) const USAGE: &str = "usage: client URI [OPTION]...; client --help has them all";

pub(crate) const HELP: &str = "\
usage: client URI [OPTION]...

Connects to a WebSocket server, ws://HOST[:PORT]/PATH or wss://.

On a terminal each line goes out as a message, and what arrives is shown with its kind. Commands:
  /ping [TEXT]             sends a ping; one without a text is timed
  /close [CODE [REASON]]   closes
  //...                    a line that begins with one slash
  Ctrl-D closes with 1000, Ctrl-C with 1001; a second Ctrl-C ends at once.

In pipes each line of standard input is a message, and each message that arrives a line of standard
output. Everything else goes to standard error. After the end of the input, and a second in which no
message arrives, it closes with 1000.

  --binary                 sends binary: in pipes what is read at a time, up to 64 KiB; standard output
                           has the bytes that arrive and nothing added
  --json                   indents text that is JSON, and says what isn't; not with --binary in pipes
  --wait SECS              how long the silence after the end of the input is; 1
  --ping SECS              pings so often, and shows how long the answers take
  --interactive            as on a terminal, whatever standard input is

  --header 'NAME: VALUE'   adds a header to the request; may be repeated
  --subprotocol NAME       offers a subprotocol; may be repeated, the preferred first
  --deflate                offers compression
  --redirects N            follows up to N redirects; none otherwise
  --connect-timeout SECS   for the way to the server: name, proxy, TLS; 10
  --reconnect              connects again when the connection is lost or can't be made, unless that would
                           change nothing: after a random time of up to 5 seconds, then of up to twice that
                           and so on, up to a minute; what could not be sent goes out then, once and in order
  --reconnect-within SECS  the same, with no wait longer than this
  --proxy URI              goes through a proxy: http, https, socks5 or socks5h://[USER:PASSWORD@]HOST:PORT
  --unix PATH              connects to a Unix socket, whatever host the URI names
  --ca FILE                trusts the certificate authorities in this PEM file, and nobody else
  --insecure               trusts anybody

Exit status:
  0    closed: with 1000, 1001 or no code, or by this end; or nobody reads standard output any more
  1    there was no connection, it broke off or broke a rule; or standard input or output failed
  2    the options, the URI or a file among them make no sense
  3    refused: the server or the proxy answered with an HTTP status, shown with its body
  4    closed by the server with another code, which is shown
  5    no TLS: the certificate isn't trusted, or there is nothing to agree on
  130  interrupted while it was not connected, or a second time
";

/// Where standard input comes from, and how messages look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Somebody types and reads.
    Interactive,
    /// Programs do.
    Pipe,
}

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextStyle {
    Plain,
    Json,
}

pub(crate) struct Options {
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) deflate: Option<Deflate>,
    pub(crate) redirects: usize,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) reconnect: Option<Backoff>,
    pub(crate) proxy: Option<String>,
    pub(crate) unix: Option<PathBuf>,
    pub(crate) trust: Trust,
    pub(crate) mode: Mode,
    /// What goes out.
    pub(crate) kind: MessageKind,
    pub(crate) text: TextStyle,
    pub(crate) ping: Option<Duration>,
    pub(crate) wait: Duration,
}

impl Options {
    fn new() -> Self {
        let is_terminal = io::stdin().is_terminal();
        Self {
            uri: String::new(),
            headers: Vec::new(),
            subprotocols: Vec::new(),
            deflate: None,
            redirects: 0,
            connect_timeout: None,
            reconnect: None,
            proxy: None,
            unix: None,
            trust: Trust::Default,
            mode: if is_terminal { Mode::Interactive } else { Mode::Pipe },
            kind: MessageKind::Text,
            text: TextStyle::Plain,
            ping: None,
            wait: Duration::from_secs(1),
        }
    }

    /// `None` where help is asked for; what makes no sense, in words.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::new();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} is followed by nothing"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--header" => options.headers.push(header(&value()?)?),
                "--subprotocol" => options.subprotocols.push(value()?),
                "--deflate" => options.deflate = Some(Deflate::new()),
                "--redirects" => options.redirects = number(&word, &value()?)?,
                "--connect-timeout" => options.connect_timeout = Some(time(&word, &value()?)?),
                "--reconnect" => drop(options.reconnect.get_or_insert_default()),
                "--reconnect-within" => options.reconnect = Some(within(time(&word, &value()?)?)),
                "--proxy" => options.proxy = Some(value()?),
                "--unix" => options.unix = Some(value()?.into()),
                "--ca" => options.trust = options.trust.or(Trust::Authorities(value()?.into()))?,
                "--insecure" => options.trust = options.trust.or(Trust::Anybody)?,
                "--interactive" => options.mode = Mode::Interactive,
                "--binary" => options.kind = MessageKind::Binary,
                "--json" => options.text = TextStyle::Json,
                "--ping" => options.ping = Some(time(&word, &value()?)?),
                "--wait" => options.wait = seconds(&word, &value()?)?,
                _ if word.starts_with('-') => return Err(format!("there is no option {word}")),
                _ if options.uri.is_empty() => options.uri = word,
                _ => return Err(format!("one URI, and not {word} as well")),
            }
        }
        match &options {
            Self { uri, .. } if uri.is_empty() => Err("which URI?".into()),
            Self { proxy: Some(_), unix: Some(_), .. } => {
                Err("no proxy leads to a Unix socket: --proxy or --unix".into())
            }
            _ => Ok(Some(options)),
        }
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once(':').ok_or_else(|| format!("--header is NAME: VALUE, and not {text}"))?;
    Ok((name.trim().into(), value.trim().into()))
}

fn number(option: &str, text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{option} wants a number, and not {text}"))
}

fn seconds(option: &str, text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("{option} wants seconds, and not {text}"))
}

/// The same for what can't be nothing.
fn time(option: &str, text: &str) -> Result<Duration, String> {
    match seconds(option, text)? {
        Duration::ZERO => Err(format!("{option} wants more than {text} seconds")),
        time => Ok(time),
    }
}

/// The waits of `Backoff`, and none of them longer than this.
fn within(max: Duration) -> Backoff {
    let backoff = Backoff::new();
    backoff.with_initial(max.min(backoff.initial())).with_max(max)
}
