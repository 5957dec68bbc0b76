//! The servers with TLS: certificates in files, and clients that trust the authority which made them, or don't.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use tokio_rustls::rustls::ClientConfig;

use super::{authority::Authority, *};

/// A certificate and its key in files, which are gone with this.
pub(super) struct Files {
    authority: Authority,
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(test: &str) -> Self {
        let name = format!("bowline-tls-{}-{test}", std::process::id());
        let files =
            Self { authority: Authority::new("tests"), directory: env::temp_dir().join(name) };
        fs::create_dir_all(&files.directory).unwrap();
        let identity = files.authority.issue(&["localhost"]);
        fs::write(files.directory.join("ca.pem"), files.authority.pem()).unwrap();
        fs::write(files.directory.join("cert.pem"), &identity.certificate_pem).unwrap();
        fs::write(files.directory.join("key.pem"), identity.key_pem()).unwrap();
        files
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    pub(super) async fn serve(&self, example: &str, prefix: &str) -> Service {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        Service::start_with(example, &["--tls", &certificate, &key], prefix).await
    }

    /// A client of this host with TLS that trusts the authority.
    fn client(&self, uri: &str) -> Client {
        let builder = ClientConfig::builder().with_root_certificates(self.authority.roots());
        Client::new(uri).unwrap().tls(Arc::new(builder.with_no_client_auth()))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The address that a certificate can be for.
pub(super) fn named(address: &str) -> String {
    address.replace("127.0.0.1", "localhost")
}

/// Where the operating system's trust can be exchanged by a variable.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn echo_server_and_client_by_wss() {
    let files = Files::new("echo");
    let server = files.serve("echo_server", "echo_server: ").await;
    assert!(server.address.starts_with("wss://127.0.0.1:"), "{}", server.address);
    let uri = named(&server.address);
    let mut command = example("client");
    let trusting = command.arg(&uri).env("SSL_CERT_FILE", files.path("ca.pem"));
    let private = run_command(trusting, "private\n").await;
    private.assert_status(0);
    assert_eq!(private.stdout, "private\n");

    let mut command = example("client");
    let elsewhere = command.arg(&server.address).env("SSL_CERT_FILE", files.path("ca.pem"));
    for (run, status, complaint) in [
        (run("client", &[&uri], "secret").await, 5, "TLS: invalid peer certificate: UnknownIssuer"),
        (run_command(elsewhere, "secret").await, 5, "not valid for name \"127.0.0.1\""),
        (run("client", &[&uri.replace("wss:", "ws:")], "secret").await, 1, "malformed HTTP head"),
    ] {
        run.assert_status(status);
        run.assert_complains(complaint);
        assert_eq!(run.stdout, "");
    }
}

#[tokio::test]
async fn client_is_told_that_a_server_has_no_tls() {
    let server = echo_server().await;
    let run = run("client", &[&server.address.replace("ws:", "wss:")], "secret").await;
    run.assert_status(5);
    run.assert_complains(": the server's answer is no TLS: ");
}

async fn next(ws: &mut WebSocket<bowline::client::Stream>) -> Value {
    let message = within(ws.next()).await.unwrap().unwrap();
    let Message::Text(text) = message else { panic!("{message:?}") };
    serde_json::from_str(&text).unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn chat_with_its_page_by_https() {
    let files = Files::new("chat");
    let chat = files.serve("chat", "chat: https://").await;
    let uri = format!("wss://{}", named(&chat.address));
    // The page connects to where it has come from, by what it has come by.
    let refusal = within(files.client(&uri).connect()).await.map(drop).unwrap_err();
    assert_eq!(refusal.to_string(), "the server answered 404 Not Found, 101 expected");
    let page = include_str!("../../examples/chat/page.html");
    assert!(page.contains(r#"location.protocol === "https:" ? "wss:" : "ws:""#));

    let client = files
        .client(&format!("{uri}ws"))
        .header("origin", format!("https://{}", named(chat.address.trim_end_matches('/'))));
    let (mut ada, _) = within(client.connect()).await.unwrap();
    ada.send(json!({ "type": "join", "name": "Ada" }).to_string()).await.unwrap();
    assert_eq!(next(&mut ada).await["type"], "welcome");
    assert_eq!(next(&mut ada).await["type"], "joined");
    ada.send(json!({ "type": "say", "text": "Hello" }).to_string()).await.unwrap();
    assert_eq!(next(&mut ada).await["text"], "Hello");

    chat.interrupt().await;
    let close = within(ada.next()).await.unwrap().unwrap();
    assert_eq!(close, Message::close(CloseCode::AWAY, "The server is shutting down"));
    // Both ends of TLS as well: no error.
    assert!(within(ada.next()).await.is_none());
}

#[tokio::test]
async fn servers_say_which_file_is_bad() {
    let files = Files::new("bad");
    let [certificate, key, absent] =
        ["cert.pem", "key.pem", "absent.pem"].map(|name| files.path(name));
    for name in ["echo_server", "chat"] {
        for (pair, bad) in [
            ([&absent, &key], &absent),
            ([&certificate, &absent], &absent),
            ([&certificate, &certificate], &certificate),
        ] {
            let run = run(name, &["127.0.0.1:0", "--tls", pair[0], pair[1]], "").await;
            run.assert_status(1);
            run.assert_complains(bad);
        }
        let run = run(name, &["--tls", &certificate], "").await;
        run.assert_status(2);
        run.assert_complains("--tls CERT.pem KEY.pem");
    }
}
