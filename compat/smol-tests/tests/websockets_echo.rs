//! Websockets: async-tungstenite over async-std and over smol.

use async_std::net::{TcpListener, TcpStream};
use async_std::task;
use async_tungstenite::tungstenite::Message;
use async_tungstenite::{accept_async, client_async, smol::connect_async};
use smol::stream::StreamExt;
use smol_ecosystem::in_time;

/// Serves as many clients as there are.
async fn serves(listener: TcpListener) {
    let mut clients = listener.incoming();
    while let Some(Ok(stream)) = clients.next().await {
        task::spawn(async move {
            let mut socket = accept_async(stream).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() || message.is_binary() {
                    socket.send(message).await.unwrap();
                }
            }
        });
    }
}

fn message(n: usize) -> Message {
    match n % 2 {
        0 => Message::text(format!("message {n}")),
        _ => Message::binary(vec![n as u8; n * n * 10]),
    }
}

#[test]
fn messages_come_back() {
    in_time(|| {
        task::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let url = format!("ws://{address}/");
            let server = task::spawn(serves(listener));

            let stream = TcpStream::connect(address).await.unwrap();
            let (mut socket, _) = client_async(&url, stream).await.unwrap();
            for n in 0..100 {
                socket.send(message(n)).await.unwrap();
                assert_eq!(socket.next().await.unwrap().unwrap(), message(n));
            }
            socket.close(None).await.unwrap();

            let client = smol::spawn(async move {
                let (mut socket, _) = connect_async(&url).await.unwrap();
                for n in 0..100 {
                    socket.send(message(n)).await.unwrap();
                    assert_eq!(socket.next().await.unwrap().unwrap(), message(n));
                }
                socket.close(None).await.unwrap();
            });
            client.await;
            server.cancel().await;
        });
    });
}
