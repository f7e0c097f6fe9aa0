//! Websockets: tokio-tungstenite on both sides.

use ecosystem::in_time;
use futures::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

#[tokio::test]
async fn messages_come_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut sink, mut messages) = accept_async(stream).await.unwrap().split();
        while let Some(Ok(message)) = messages.next().await {
            if message.is_text() || message.is_binary() {
                sink.send(message).await.unwrap();
            }
        }
    });

    let (mut socket, _) = in_time(connect_async(format!("ws://{address}/"))).await.unwrap();
    for n in 0..100_usize {
        let message = match n % 2 {
            0 => Message::text(format!("message {n}")),
            _ => Message::binary(vec![n as u8; n * n * 10]),
        };
        socket.send(message.clone()).await.unwrap();
        assert_eq!(in_time(socket.next()).await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(message)) = in_time(socket.next()).await {
        assert!(message.is_close());
    }
    in_time(server).await.unwrap();
}
