//! Eight clones of a writer with ten thousand numbered messages each, against a peer that is slower than they are:
//! all arrive, in order for each clone, and none torn; as whole messages, and with some in pieces among them.

#[path = "support/io.rs"]
mod io;

use std::time::Duration;

use bowline::{Message, MessageKind, Reader, Role, Writer};
use io::{untimed, websocket};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    time::timeout,
};

const CLONES: u8 = 8;
const MESSAGES: u32 = 10_000;

/// Whose it is, its number, and as many bytes more as to be of every length up to 200.
fn message(clone: u8, n: u32) -> Vec<u8> {
    let mut payload = vec![clone];
    payload.extend(n.to_be_bytes());
    payload.resize(5 + (n as usize + usize::from(clone)) % 196, clone ^ n as u8);
    payload
}

/// What one clone sends; each hundredth message in two pieces, with the others' in between if they could.
async fn send<T: AsyncRead + AsyncWrite + Unpin>(mut writer: Writer<T>, clone: u8) {
    for n in 0..MESSAGES {
        let payload = message(clone, n);
        match n % 100 {
            0 => writer.send(payload).await,
            1 => in_pieces(&mut writer, &payload).await,
            _ => writer.feed(payload).await,
        }
        .expect("open");
    }
    writer.flush().await.expect("open");
}

async fn in_pieces<T: AsyncRead + AsyncWrite + Unpin>(
    writer: &mut Writer<T>,
    payload: &[u8],
) -> Result<(), bowline::Error> {
    let mut message = writer.start_message(MessageKind::Binary).await?;
    message.write_all(&payload[..3]).await.expect("open");
    message.flush().await?;
    message.write_all(&payload[3..]).await.expect("open");
    message.finish().await
}

async fn receive<T: AsyncRead + AsyncWrite + Unpin>(reader: &mut Reader<T>) {
    let mut counts = [0; CLONES as usize];
    for _ in 0..u32::from(CLONES) * MESSAGES {
        let next = reader.next().await.expect("open").expect("open");
        let Message::Binary(bytes) = next else { panic!("{next:?}") };
        let count = &mut counts[usize::from(bytes[0])];
        assert!(bytes == message(bytes[0], *count), "clone {}, message {count}", bytes[0]);
        *count += 1;
    }
    assert_eq!(counts, [MESSAGES; CLONES as usize]);
}

fn get_through<T, F>(transport: impl FnOnce() -> F)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = (T, T)>,
{
    let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (near, far) = transport().await;
        // A small queue, so that they wait for it all the time.
        let config = untimed().with_high_water(2000);
        let (mut ours, writer) = bowline::WebSocket::new(near, Role::Server, config).split();
        let (mut theirs, _theirs) = websocket(Role::Client, far, untimed()).split();
        let clones: Vec<_> =
            (0..CLONES).map(|clone| tokio::spawn(send(writer.clone(), clone))).collect();
        let reading = tokio::spawn(async move { ours.next().await.is_none() });
        let all = async {
            receive(&mut theirs).await;
            for clone in clones {
                clone.await.expect("a clone");
            }
        };
        timeout(Duration::from_secs(120), all).await.expect("somebody was never woken");
        reading.abort();
    });
}

#[test]
fn through_a_pipe_of_half_a_kilobyte() {
    get_through::<DuplexStream, _>(|| async { duplex(512) });
}

#[test]
fn over_tcp() {
    get_through::<TcpStream, _>(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        (near.expect("a connection"), far.expect("a connection").0)
    });
}
