//! Addresses are taken as they are, names are looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use runtime::net::{ToSocketAddrs, lookup_host};

async fn all(host: impl ToSocketAddrs) -> Vec<SocketAddr> {
    lookup_host(host).await.unwrap().collect()
}

#[runtime::test]
async fn an_address_is_itself() {
    let v4: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let v6: SocketAddr = "[::1]:80".parse().unwrap();
    assert_eq!(all(v4).await, [v4]);
    assert_eq!(all(&v4).await, [v4]);
    assert_eq!(all("127.0.0.1:80").await, [v4]);
    assert_eq!(all(String::from("[::1]:80")).await, [v6]);
    assert_eq!(all(&String::from("[::1]:80")).await, [v6]);
    assert_eq!(all(("127.0.0.1", 80)).await, [v4]);
    assert_eq!(all((String::from("::1"), 80)).await, [v6]);
    assert_eq!(all((IpAddr::from(Ipv4Addr::LOCALHOST), 80)).await, [v4]);
    assert_eq!(all((Ipv4Addr::LOCALHOST, 80)).await, [v4]);
    assert_eq!(all((Ipv6Addr::LOCALHOST, 80)).await, [v6]);
    assert_eq!(all(&[v4, v6][..]).await, [v4, v6]);
}

#[runtime::test]
async fn a_name_is_looked_up() {
    assert!(all("localhost:80").await.iter().all(|addr| addr.ip().is_loopback()));
    assert!(all(("localhost", 80)).await.iter().all(|addr| addr.port() == 80));
}

#[runtime::test]
async fn nonsense_is_an_error() {
    assert!(lookup_host("no port").await.is_err());
    assert!(lookup_host("").await.is_err());
}
