//! Every number comes back as it was written, in the order of bytes that the method names, even
//! when the stream moves one byte at a time.

use futures::executor::block_on;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use tests::scripted::Read::{Give, Wait};
use tests::scripted::Write::{Take, Wait as NoRoom};
use tests::scripted::{Reader, Writer};

/// `bytes` one at a time, with a wait before each.
fn slowly(bytes: &[u8]) -> Reader {
    let bytes = tests::scripted::kept(bytes.to_vec());
    Reader::new(bytes.chunks(1).flat_map(|byte| [Wait, Give(byte)]))
}

macro_rules! round_trip {
    ($($write:ident $read:ident $to:ident: $($value:expr),*;)*) => { $( $(
        let mut writer = Writer::new([NoRoom, Take(1), NoRoom, Take(2)]);
        block_on(writer.$write($value)).unwrap();
        let written = writer.written();
        assert_eq!(written, $value.$to(), stringify!($write $value));
        assert_eq!(block_on(slowly(&written).$read()).unwrap(), $value, stringify!($read $value));
    )* )* };
}

#[test]
fn numbers_keep_their_value() {
    round_trip! {
        write_u8 read_u8 to_be_bytes: 0_u8, 200_u8, u8::MAX;
        write_i8 read_i8 to_be_bytes: i8::MIN, -1_i8, i8::MAX;
        write_u16 read_u16 to_be_bytes: 0x0102_u16, u16::MAX;
        write_i16 read_i16 to_be_bytes: i16::MIN, 0x0102_i16;
        write_u32 read_u32 to_be_bytes: 0x0102_0304_u32, u32::MAX;
        write_i32 read_i32 to_be_bytes: i32::MIN, 0x0102_0304_i32;
        write_u64 read_u64 to_be_bytes: 0x0102_0304_0506_0708_u64, u64::MAX;
        write_i64 read_i64 to_be_bytes: i64::MIN, 0x0102_0304_0506_0708_i64;
        write_u128 read_u128 to_be_bytes: (7_u128 << 99) + 3, u128::MAX;
        write_i128 read_i128 to_be_bytes: i128::MIN, (7_i128 << 99) + 3;
        write_f32 read_f32 to_be_bytes: 1.5_f32, f32::MIN_POSITIVE, f32::NEG_INFINITY;
        write_f64 read_f64 to_be_bytes: -1.5_f64, f64::MIN_POSITIVE, f64::INFINITY;
        write_u16_le read_u16_le to_le_bytes: 0x0102_u16, u16::MAX;
        write_i16_le read_i16_le to_le_bytes: i16::MIN, 0x0102_i16;
        write_u32_le read_u32_le to_le_bytes: 0x0102_0304_u32, u32::MAX;
        write_i32_le read_i32_le to_le_bytes: i32::MIN, 0x0102_0304_i32;
        write_u64_le read_u64_le to_le_bytes: 0x0102_0304_0506_0708_u64, u64::MAX;
        write_i64_le read_i64_le to_le_bytes: i64::MIN, 0x0102_0304_0506_0708_i64;
        write_u128_le read_u128_le to_le_bytes: (7_u128 << 99) + 3, u128::MAX;
        write_i128_le read_i128_le to_le_bytes: i128::MIN, (7_i128 << 99) + 3;
        write_f32_le read_f32_le to_le_bytes: 1.5_f32, f32::MIN_POSITIVE, f32::NEG_INFINITY;
        write_f64_le read_f64_le to_le_bytes: -1.5_f64, f64::MIN_POSITIVE, f64::INFINITY;
    }
}

#[test]
fn an_interrupted_operation_is_made_again() {
    use tests::scripted::Read::Fail as NoRead;
    use tests::scripted::Write::Fail as NoWrite;

    let again = runtime::io::ErrorKind::Interrupted;
    let mut reader = Reader::new([NoRead(again), Give(&[1]), NoRead(again), Give(&[2, 3, 4])]);
    assert_eq!(block_on(reader.read_u16()).unwrap(), 0x0102);
    assert_eq!(block_on(reader.read_exact(&mut [0; 2])).unwrap(), 2);
    let mut writer =
        Writer::new([NoWrite(again), Take(1), NoWrite(again), Take(9), NoWrite(again), Take(9)]);
    block_on(writer.write_u16(0x0102)).unwrap();
    block_on(writer.write_all(&[3, 4])).unwrap();
}
