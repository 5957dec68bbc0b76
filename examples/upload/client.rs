//! The end that has a file, or wants one.

use std::path::{Path, PathBuf};

use bowline::{Client, CloseCode, Config, Error, Reader, UsageError, Writer, client::Stream};
use tokio::{fs::File, signal};

use crate::{
    Failure,
    progress::Progress,
    protocol::{MAX_TEXT_SIZE, Ready, Request, SUBPROTOCOL, Sum},
    store::{Existing, check_name},
    transfer,
};

pub(crate) enum Command {
    Put { file: PathBuf, name: String, existing: Existing },
    Get { name: String, file: PathBuf, existing: Existing },
}

/// Carries it out, over a connection of its own.
pub(crate) async fn run(uri: &str, command: Command) -> Result<(), Failure> {
    // What can't be is said before anybody is asked.
    let source = match &command {
        Command::Put { file, name, .. } => {
            check_name(name)?;
            Some(File::open(file).await.map_err(|error| named(file, &error))?)
        }
        Command::Get { file, existing, .. } => {
            check_target(file, *existing).await?;
            None
        }
    };
    let config = Config::new().with_max_message_size(MAX_TEXT_SIZE).with_max_streamed_size(None);
    let client = Client::new(uri)?.subprotocols([SUBPROTOCOL]).config(config);
    let (ws, _) =
        client.connect().await.map_err(|error| Failure::new(format!("{uri}: {error}")))?;
    if ws.subprotocol() != Some(SUBPROTOCOL) {
        return Err(Failure::new(format!("{uri}: the server has never heard of {SUBPROTOCOL}")));
    }
    let (mut reader, mut writer) = ws.split();
    let done = tokio::select! {
        done = carry_out(&command, source, &mut reader, &mut writer) => done,
        result = signal::ctrl_c() => {
            result?;
            Err(Failure::new("interrupted"))
        }
    };
    let code = if done.is_ok() { CloseCode::NORMAL } else { CloseCode::AWAY };
    // The file is where it belongs, or has failed already.
    let _ = reader.close(code, "").await;
    done
}

async fn carry_out(
    command: &Command,
    source: Option<File>,
    reader: &mut Reader<Stream>,
    writer: &mut Writer<Stream>,
) -> Result<(), Failure> {
    let (name, sum) = match (command, source) {
        (Command::Put { name, existing, .. }, Some(source)) => {
            (name, put(source, name, *existing, reader, writer).await?)
        }
        (Command::Get { name, file, existing }, _) => {
            writer.send(&Request::Get { name: name.clone() }).await?;
            let ready = Ready::parse(&transfer::text(reader).await?)?;
            let progress = Progress::new(ready.size);
            let (partial, sum) = transfer::receive(reader, directory(file), progress).await?;
            partial.keep(file, *existing).await.map_err(|error| named(file, &error))?;
            (name, sum)
        }
        (Command::Put { .. }, None) => return Ok(()),
    };
    println!("{name}: {sum}");
    Ok(())
}

async fn put(
    source: File,
    name: &str,
    existing: Existing,
    reader: &mut Reader<Stream>,
    writer: &mut Writer<Stream>,
) -> Result<Sum, Failure> {
    let metadata = source.metadata().await?;
    // A pipe says zero.
    let size = metadata.is_file().then_some(metadata.len());
    writer.send(&Request::Put { name: name.to_owned(), size, existing }).await?;
    Ready::parse(&transfer::text(reader).await?)?;
    let sent = tokio::select! {
        biased;
        // The server answers early where it doesn't want the rest.
        early = transfer::text(reader) => return Err(refusal(early)),
        sent = transfer::send(writer, source, Progress::new(size)) => sent,
    };
    match sent {
        Ok(sum) => {
            sum.compare(&Sum::parse(&transfer::text(reader).await?)?)?;
            Ok(sum)
        }
        // Of what ended the connection, the reader knows more.
        Err(error) if is_end(&error) => Err(refusal(transfer::text(reader).await)),
        Err(error) => Err(error.into()),
    }
}

fn is_end(error: &Error) -> bool {
    error.is_disconnect() || matches!(error, Error::Usage(UsageError::SendAfterClose))
}

/// What an answer that comes before its time has to say.
fn refusal(early: Result<String, Failure>) -> Failure {
    match early.and_then(|text| Sum::parse(&text)) {
        Ok(_) => Failure::new("an answer before the end of the question"),
        Err(failure) => failure,
    }
}

/// Refuses what would fail once everything is there.
async fn check_target(file: &Path, existing: Existing) -> Result<(), Failure> {
    if existing == Existing::Kept && tokio::fs::try_exists(file).await? {
        return Err(Failure::new(format!("{}: there already", file.display())));
    }
    Ok(())
}

fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn named(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", file.display()))
}
