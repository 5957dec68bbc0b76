//! soketto: the loop of its docs, on the buffers of its examples.

use std::str;

use soketto::{
    BoxedError, Data,
    connection::{Builder, Error},
};
use tokio::{io::BufStream, net::TcpStream};
use tokio_util::compat::TokioAsyncReadCompatExt as _;

use super::{MAX_MESSAGE_BYTES, handshake};
use crate::setting::Setting;

pub(super) async fn echo(mut tcp: TcpStream) -> Result<(), BoxedError> {
    handshake::answer(&mut tcp, Setting::Off).await?;
    let mut builder = Builder::new(BufStream::new(tcp).compat(), soketto::Mode::Server);
    builder.set_max_message_size(MAX_MESSAGE_BYTES);
    builder.set_max_frame_size(MAX_MESSAGE_BYTES);
    let (mut sender, mut receiver) = builder.finish();
    let mut message = Vec::new();
    loop {
        message.clear();
        match receiver.receive_data(&mut message).await {
            Ok(Data::Text(_)) => sender.send_text(str::from_utf8(&message)?).await?,
            Ok(Data::Binary(_)) => sender.send_binary(&message).await?,
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        sender.flush().await?;
    }
}
