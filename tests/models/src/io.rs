//! The parts of `runtime::io` that ends of a pipe in memory need.

#[path = "../../../runtime/src/io/duplex.rs"]
mod duplex;
#[path = "../../../runtime/src/io/in_memory.rs"]
mod in_memory;
#[path = "../../../runtime/src/io/read_buf.rs"]
mod read_buf;
#[path = "../../../runtime/src/io/split.rs"]
mod split;
#[path = "../../../runtime/src/io/traits.rs"]
mod traits;

pub use duplex::{DuplexStream, SimplexStream, duplex, simplex};
pub use read_buf::ReadBuf;
pub use split::{ReadHalf, WriteHalf, split};
pub use traits::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
