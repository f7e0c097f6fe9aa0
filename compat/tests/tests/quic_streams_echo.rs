//! quinn: QUIC over UDP on loopback. Timers for loss and idleness, many streams on one socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ecosystem::in_time;
use quinn::{ClientConfig, ConnectionError, Endpoint, ServerConfig, TransportConfig};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn server() -> (Endpoint, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::with_single_cert(vec![certificate.clone()], key).unwrap();
    (Endpoint::server(config, LOCAL).unwrap(), certificate)
}

fn client(trusts: CertificateDer<'static>, idle: Option<Duration>) -> Endpoint {
    let mut roots = RootCertStore::empty();
    roots.add(trusts).unwrap();
    let mut config = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
    let mut transport = TransportConfig::default();
    transport.max_idle_timeout(idle.map(|idle| idle.try_into().unwrap()));
    config.transport_config(Arc::new(transport));
    let mut endpoint = Endpoint::client(LOCAL).unwrap();
    endpoint.set_default_client_config(config);
    endpoint
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_on_many_streams_comes_back() {
    let (server, certificate) = server();
    let address = server.local_addr().unwrap();
    let serves = tokio::spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        let mut streams = 0;
        let mut echoes = tokio::task::JoinSet::new();
        while let Ok((mut send, mut receive)) = connection.accept_bi().await {
            streams += 1;
            echoes.spawn(async move {
                tokio::io::copy(&mut receive, &mut send).await.unwrap();
                send.finish().unwrap();
            });
        }
        echoes.join_all().await;
        server.wait_idle().await;
        streams
    });

    let client = client(certificate, None);
    let connection = in_time(client.connect(address, "localhost").unwrap()).await.unwrap();
    let exchanges = (0..10_u8).map(|n| {
        let connection = connection.clone();
        tokio::spawn(async move {
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            let body = vec![n; 100_000];
            let (sent, back) = tokio::join!(
                async {
                    send.write_all(&body).await.unwrap();
                    send.finish().unwrap();
                },
                receive.read_to_end(body.len())
            );
            let () = sent;
            assert!(back.unwrap() == body);
        })
    });
    for exchange in exchanges.collect::<Vec<_>>() {
        in_time(exchange).await.unwrap();
    }
    connection.close(0_u32.into(), b"done");
    assert_eq!(in_time(serves).await.unwrap(), 10);
    in_time(client.wait_idle()).await;
}

#[tokio::test]
async fn a_silent_connection_is_given_up_in_time() {
    let (server, certificate) = server();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        let connection = server.accept().await.unwrap().await.unwrap();
        connection.closed().await;
    });
    let client = client(certificate, Some(Duration::from_millis(50)));
    let connection = in_time(client.connect(address, "localhost").unwrap()).await.unwrap();
    let error = in_time(connection.closed()).await;
    assert!(matches!(error, ConnectionError::TimedOut), "{error:?}");
}
