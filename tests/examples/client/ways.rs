//! On which way it gets there: TLS, proxies, Unix sockets, headers.

use tokio::task::JoinHandle;

use super::{
    super::{
        authority::Authority,
        tls::{Files, named},
    },
    *,
};

#[tokio::test]
async fn certificates() {
    let files = Files::new("client");
    let stranger = Authority::new("stranger").pem();
    let server = files.serve("echo_server", "echo_server: ").await;
    let (other, uri) = (server.address.as_str(), named(&server.address));
    let [ours, theirs, both, empty] =
        ["ca", "theirs", "both", "empty"].map(|name| files.path(name) + ".pem");
    fs::write(&theirs, &stranger).unwrap();
    fs::write(&both, stranger + &fs::read_to_string(&ours).unwrap()).unwrap();
    fs::write(&empty, "nothing\n").unwrap();
    let warning = "client: WARNING: --insecure takes any certificate";
    for (arguments, status, complaint) in [
        (&[&*uri, "--ca", &*ours][..], 0, "TLSv1.3, TLS13_AES_256_GCM_SHA384\n"),
        (&[&uri, "--ca", &both], 0, "TLSv1.3"),
        (&[&uri, "--insecure"], 0, warning),
        (&[other, "--insecure"], 0, warning),
        (&[&uri, "--ca", &theirs], 5, "UnknownIssuer"),
        (&[other, "--ca", &ours], 5, "not valid for name \"127.0.0.1\""),
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
    let files = Files::new("unix");
    let path = files.path("socket");
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
