//! Somebody at the NATS server who is no chat.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{process::Nats, within};

pub(crate) struct Intruder {
    tcp: BufReader<TcpStream>,
}

impl Intruder {
    pub(crate) async fn connect(nats: &Nats) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", nats.port)).await.unwrap();
        let mut intruder = Self { tcp: BufReader::new(tcp) };
        intruder.write(b"CONNECT {\"verbose\":false}\r\n").await;
        intruder.until("INFO ").await;
        intruder
    }

    /// Publishes to the chats, and waits until the server has taken it.
    pub(crate) async fn publish(&mut self, payload: &[u8]) {
        let head = format!("PUB bowline.chat {}\r\n", payload.len());
        self.write(&[head.as_bytes(), payload, b"\r\nPING\r\n"].concat()).await;
        self.until("PONG").await;
    }

    /// Listens to the chats.
    pub(crate) async fn subscribe(&mut self) {
        self.write(b"SUB bowline.chat 1\r\nPING\r\n").await;
        self.until("PONG").await;
    }

    /// What somebody publishes next.
    pub(crate) async fn next(&mut self) -> Vec<u8> {
        let head = self.until("MSG ").await;
        let length: usize = head.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
        let mut payload = vec![0; length + 2];
        within("a payload", self.tcp.read_exact(&mut payload)).await.unwrap();
        payload.truncate(length);
        payload
    }

    async fn write(&mut self, bytes: &[u8]) {
        within("writing", self.tcp.write_all(bytes)).await.unwrap();
    }

    async fn until(&mut self, prefix: &str) -> String {
        loop {
            let mut line = String::new();
            within(prefix, self.tcp.read_line(&mut line)).await.unwrap();
            assert!(!line.is_empty() && !line.starts_with("-ERR"), "{prefix} and not {line:?}");
            if line.starts_with(prefix) {
                return line;
            }
        }
    }
}
