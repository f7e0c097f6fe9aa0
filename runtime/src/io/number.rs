//! Integers and floats as bytes, in either order.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::op::{Step, uninterrupted};
use super::{AsyncRead, AsyncWrite, ReadBuf};
use super::{early_eof, write_zero};

/// The order of bytes on the wire: the most significant first.
#[derive(Debug)]
pub struct Big;

/// The order of bytes on the wire: the least significant first.
#[derive(Debug)]
pub struct Little;

/// A number of a fixed size, in the order `O`.
pub trait Number<O>: Copy {
    /// As many bytes as it has.
    type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default + Unpin;

    /// From the wire.
    fn decode(bytes: Self::Bytes) -> Self;

    /// To the wire.
    fn encode(self) -> Self::Bytes;
}

macro_rules! numbers {
    ($order:ident, $from:ident, $to:ident: $($number:ty)*) => { $(
        impl Number<$order> for $number {
            type Bytes = [u8; size_of::<$number>()];

            #[inline]
            fn decode(bytes: Self::Bytes) -> Self {
                <$number>::$from(bytes)
            }

            #[inline]
            fn encode(self) -> Self::Bytes {
                <$number>::$to(self)
            }
        }
    )* };
}

numbers!(Big, from_be_bytes, to_be_bytes: u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);
numbers!(Little, from_le_bytes, to_le_bytes: u16 u32 u64 u128 i16 i32 i64 i128 f32 f64);

/// All methods that read and write numbers, of the trait that `$methods` fills. A group has an
/// order, std's method for it, its words, and for reading and for writing what becomes of a future
/// that is dropped. A line has the two names, the number's type, and a number for the example.
macro_rules! number_methods {
    ($methods:ident) => {
        $methods! {
            Big, to_be_bytes, "",
            "Cancel safe: dropped before it is done, it has read nothing.",
            "Cancel safe: dropped before it is done, it has written nothing." {
                read_u8, write_u8: u8 = "7";
                read_i8, write_i8: i8 = "-7";
            }
            Big, to_be_bytes, ", most significant byte first",
            "Not cancel safe: a part that was read is lost.",
            "Not cancel safe: a part may have been written." {
                read_u16, write_u16: u16 = "515";
                read_i16, write_i16: i16 = "-515";
                read_u32, write_u32: u32 = "70_000";
                read_i32, write_i32: i32 = "-70_000";
                read_u64, write_u64: u64 = "5_000_000_000";
                read_i64, write_i64: i64 = "-5_000_000_000";
                read_u128, write_u128: u128 = "20_000_000_000_000_000_000";
                read_i128, write_i128: i128 = "-20_000_000_000_000_000_000";
                read_f32, write_f32: f32 = "-1.5";
                read_f64, write_f64: f64 = "-1.5";
            }
            Little, to_le_bytes, ", least significant byte first",
            "Not cancel safe: a part that was read is lost.",
            "Not cancel safe: a part may have been written." {
                read_u16_le, write_u16_le: u16 = "515";
                read_i16_le, write_i16_le: i16 = "-515";
                read_u32_le, write_u32_le: u32 = "70_000";
                read_i32_le, write_i32_le: i32 = "-70_000";
                read_u64_le, write_u64_le: u64 = "5_000_000_000";
                read_i64_le, write_i64_le: i64 = "-5_000_000_000";
                read_u128_le, write_u128_le: u128 = "20_000_000_000_000_000_000";
                read_i128_le, write_i128_le: i128 = "-20_000_000_000_000_000_000";
                read_f32_le, write_f32_le: f32 = "-1.5";
                read_f64_le, write_f64_le: f64 = "-1.5";
            }
        }
    };
}
pub(super) use number_methods;

/// Reads one number.
#[derive(Debug)]
pub struct ReadNumber<T: Number<O>, O> {
    bytes: T::Bytes,
    read: usize,
}

impl<T: Number<O>, O> ReadNumber<T, O> {
    #[inline]
    pub(super) fn new() -> Self {
        ReadNumber { bytes: T::Bytes::default(), read: 0 }
    }
}

impl<R: AsyncRead + ?Sized, T: Number<O>, O> Step<R> for ReadNumber<T, O> {
    type Output = io::Result<T>;

    #[inline]
    fn poll_step(&mut self, mut reader: Pin<&mut R>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        while self.read < self.bytes.as_ref().len() {
            let mut rest = ReadBuf::new(&mut self.bytes.as_mut()[self.read..]);
            ready!(uninterrupted(|| reader.as_mut().poll_read(cx, &mut rest)))?;
            match rest.filled().len() {
                0 => return Poll::Ready(Err(early_eof())),
                n => self.read += n,
            }
        }
        Poll::Ready(Ok(T::decode(std::mem::take(&mut self.bytes))))
    }
}

/// Writes one number.
#[derive(Debug)]
pub struct WriteNumber<T: Number<O>, O> {
    bytes: T::Bytes,
    written: usize,
}

impl<T: Number<O>, O> WriteNumber<T, O> {
    #[inline]
    pub(super) fn new(number: T) -> Self {
        WriteNumber { bytes: number.encode(), written: 0 }
    }
}

impl<W: AsyncWrite + ?Sized, T: Number<O>, O> Step<W> for WriteNumber<T, O> {
    type Output = io::Result<()>;

    #[inline]
    fn poll_step(&mut self, mut writer: Pin<&mut W>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.as_ref().len() {
            let rest = &self.bytes.as_ref()[self.written..];
            match ready!(uninterrupted(|| writer.as_mut().poll_write(cx, rest)))? {
                0 => return Poll::Ready(Err(write_zero())),
                n => self.written += n,
            }
        }
        Poll::Ready(Ok(()))
    }
}
