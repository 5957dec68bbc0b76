//! On which way it gets there: TLS, proxies, Unix sockets, headers.

use std::{path::PathBuf, sync::Arc};

use tokio::task::JoinHandle;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, ring},
    },
};

use super::{
    super::authority::{Authority, Identity},
    *,
};

/// A directory of this test's own, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("bowline-client-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Echoes over TLS for as many as come; gives the port.
async fn secure_echo_server(identity: &Identity) -> u16 {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            // Refused certificates are some of the tests.
            let Ok(tls) = acceptor.accept(tcp).await else { continue };
            let Ok(mut ws) = bowline::server::accept(tls).await else { continue };
            while let Some(Ok(message)) = ws.next().await {
                if message.is_data() {
                    ws.send(message).await.unwrap();
                }
            }
        }
    });
    port
}

#[tokio::test]
async fn certificates() {
    let directory = Directory::new("certificates");
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let port = secure_echo_server(&authority.issue(&["localhost"])).await;
    let (uri, other) = (format!("wss://localhost:{port}"), format!("wss://127.0.0.1:{port}"));
    let ours = directory.write("ours.pem", &authority.pem());
    let theirs = directory.write("theirs.pem", &stranger.pem());
    let both = directory.write("both.pem", &(stranger.pem() + &authority.pem()));
    let empty = directory.write("empty.pem", "nothing\n");
    let warning = "client: WARNING: --insecure takes any certificate";
    for (arguments, status, complaint) in [
        (&[&*uri, "--ca", &*ours][..], 0, "TLSv1_3, TLS13_AES_256_GCM_SHA384\n"),
        (&[&uri, "--ca", &both], 0, "TLSv1_3"),
        (&[&uri, "--insecure"], 0, warning),
        (&[&other, "--insecure"], 0, warning),
        (&[&uri, "--ca", &theirs], 5, "UnknownIssuer"),
        (&[&other, "--ca", &ours], 5, "not valid for name \"127.0.0.1\""),
        (&[&uri], 5, "UnknownIssuer"),
        (&[&uri, "--ca", &empty], 2, "no certificate in it"),
    ] {
        let run = run("client", arguments, "hello\n").await;
        run.assert_status(status);
        run.assert_complains(complaint);
        assert_eq!(run.stdout, if status == 0 { "hello\n" } else { "" });
        assert_eq!(run.stderr.contains("WARNING"), arguments.contains(&"--insecure"));
    }
}

#[tokio::test]
async fn a_server_that_has_no_tls() {
    let server = echo_server().await;
    let run = run("client", &[&server.address.replace("ws:", "wss:")], "hello\n").await;
    run.assert_status(5);
    run.assert_complains("the server's answer is no TLS");
}

/// A proxy that answers one CONNECT, and carries what comes after it where it was asked to. Gives its address, and the
/// head of the request.
async fn proxy(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let carried = tokio::spawn(async move {
        let mut tcp = listener.accept().await.unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tcp.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        tcp.write_all(answer.as_bytes()).await.unwrap();
        if answer.contains("200") {
            let target = head.split(' ').nth(1).unwrap();
            let mut target = TcpStream::connect(target).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut tcp, &mut target).await;
        }
        head
    });
    (address, carried)
}

#[tokio::test]
async fn through_a_proxy() {
    let server = echo_server().await;
    let (address, carried) = proxy("HTTP/1.1 200 OK\r\n\r\n").await;
    let uri = format!("http://me:secret@{address}");
    let run = run("client", &[&server.address, "--proxy", &uri], "hello\n").await;
    run.assert_status(0);
    assert_eq!(run.stdout, "hello\n");
    run.assert_complains(&format!("{GREETING}through the proxy at {address}\n"));
    assert!(!run.stderr.contains("secret"));
    let head = within(carried).await.unwrap();
    let host = server.address.strip_prefix("ws://").unwrap().trim_end_matches('/');
    assert!(head.starts_with(&format!("CONNECT {host} HTTP/1.1\r\n")), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there() {
    let answer = "HTTP/1.1 407 Who are you\r\nContent-Length: 9\r\n\r\nYour name";
    let (address, carried) = proxy(answer).await;
    let uri = format!("http://{address}");
    let refused = run("client", &["ws://localhost:1", "--proxy", &uri], "").await;
    refused.assert_status(3);
    refused.assert_complains("the proxy answered 407 Proxy Authentication Required, 2xx expected");
    refused.assert_complains("  | Your name\n");
    within(carried).await.unwrap();

    let gone = run("client", &["ws://localhost:1", "--proxy", &uri], "").await;
    gone.assert_status(1);
    gone.assert_complains("client: ws://localhost:1: proxy: ");
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket() {
    let directory = Directory::new("unix");
    let path = directory.path("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serve = async {
        let pending = Server::new().receive(listener.accept().await.unwrap().0).await.unwrap();
        assert_eq!(pending.headers()["host"], "somewhere");
        assert_eq!(pending.headers()["x-a"], "b: c");
        let mut ws = pending.accept().await.unwrap();
        while let Some(message) = ws.next().await {
            let message = message.unwrap();
            if message.is_data() {
                ws.send(message).await.unwrap();
            }
        }
    };
    let arguments = ["ws://somewhere/", "--unix", &path, "--header", "X-A: b: c"];
    let ((), run) = tokio::join!(serve, run("client", &arguments, "hello\n"));
    run.assert_status(0);
    assert_eq!(run.stdout, "hello\n");
}
