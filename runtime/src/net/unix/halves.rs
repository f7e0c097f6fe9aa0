//! The halves of a Unix stream.

use super::super::split::halves;
use super::SocketAddr;
use super::stream::UnixStream;

halves!(
    UnixStream,
    SocketAddr,
    "let socket = runtime::net::UnixStream::connect(\"/tmp/socket\").await?;"
);
