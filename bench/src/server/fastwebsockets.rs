//! fastwebsockets: the loop of its README on its collector of fragments.

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError};
use tokio::net::TcpStream;

use super::{MAX_MESSAGE_BYTES, handshake};
use crate::setting::Setting;

pub(super) async fn echo(mut tcp: TcpStream) -> Result<(), WebSocketError> {
    handshake::answer(&mut tcp, Setting::Off).await?;
    let mut ws = WebSocket::after_handshake(tcp, Role::Server);
    ws.set_writev(true);
    ws.set_auto_close(true);
    ws.set_auto_pong(true);
    ws.set_max_message_size(MAX_MESSAGE_BYTES);
    let mut ws = FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}
