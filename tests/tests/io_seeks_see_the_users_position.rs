//! Behind a buffer, a position is the one that the user sees: a `BufWriter` writes before it moves,
//! a `BufReader` counts what it read ahead as not read.

use futures::executor::block_on;
use runtime::io::{
    AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream, BufWriter, SeekFrom,
};
use std::io::Cursor;
use std::pin::Pin;
use std::task::{Context, Poll};

#[test]
fn a_buf_writer_writes_before_it_moves() {
    let mut writer = BufWriter::new(Cursor::new(b"..........".to_vec()));
    block_on(async {
        writer.write_all(b"ab").await.unwrap();
        assert_eq!(writer.get_ref().get_ref(), b"..........");
        assert_eq!(writer.seek(SeekFrom::Current(3)).await.unwrap(), 5);
        assert_eq!(writer.get_ref().get_ref(), b"ab........");
        writer.write_all(b"cd").await.unwrap();
        assert_eq!(writer.seek(SeekFrom::Start(0)).await.unwrap(), 0);
        writer.write_all(b"A").await.unwrap();
        assert_eq!(writer.stream_position().await.unwrap(), 1);
        assert!(writer.seek(SeekFrom::Current(-2)).await.is_err());
        assert_eq!(writer.rewind().await.unwrap(), 0);
    });
    assert_eq!(writer.into_inner().into_inner(), b"Ab...cd...");
}

#[test]
fn a_buf_reader_moves_from_where_the_user_is() {
    let mut reader = BufReader::with_capacity(4, Cursor::new(b"0123456789"));
    block_on(async {
        assert_eq!(reader.read_u8().await.unwrap(), b'0');
        assert_eq!(reader.buffer(), b"123");
        assert_eq!(reader.stream_position().await.unwrap(), 1);
        assert_eq!(reader.read_u8().await.unwrap(), b'1');
        assert_eq!(reader.seek(SeekFrom::Current(3)).await.unwrap(), 5);
        assert_eq!(reader.read_u8().await.unwrap(), b'5');
        assert_eq!(reader.seek(SeekFrom::Current(-2)).await.unwrap(), 4);
        assert_eq!(reader.read_u8().await.unwrap(), b'4');
        assert_eq!(reader.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        assert_eq!(reader.read_u8().await.unwrap(), b'9');
        assert!(reader.seek(SeekFrom::Current(-11)).await.is_err());
        assert_eq!(reader.stream_position().await.unwrap(), 10);
    });
}

/// A place of any size, whose moves take two polls.
#[derive(Debug, Default)]
struct Slow {
    at: i128,
    to: Option<i128>,
    waited: bool,
    moves: Vec<SeekFrom>,
}

impl AsyncSeek for Slow {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> std::io::Result<()> {
        assert!(self.to.is_none(), "a move has not ended");
        self.moves.push(position);
        self.to = Some(match position {
            SeekFrom::Start(to) => to as i128,
            SeekFrom::End(by) => i128::from(u64::MAX) + by as i128,
            SeekFrom::Current(by) => self.at + by as i128,
        });
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<u64>> {
        if let Some(to) = self.to {
            self.waited = !self.waited;
            if self.waited {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.to = None;
            self.at = to;
        }
        Poll::Ready(Ok(self.at as u64))
    }
}

impl runtime::io::AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut runtime::io::ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        assert!(self.to.is_none(), "read amid a move");
        self.at += buf.remaining() as i128;
        buf.initialize_unfilled();
        buf.set_filled(buf.capacity());
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_distance_that_is_no_number_is_gone_in_two_steps() {
    let mut reader = BufReader::with_capacity(4, Slow::default());
    block_on(async {
        reader.seek(SeekFrom::Start(1 << 63)).await.unwrap();
        reader.read_u8().await.unwrap();
        // Three bytes were read ahead: `i64::MIN - 3` is no `i64`.
        assert_eq!(reader.seek(SeekFrom::Current(i64::MIN)).await.unwrap(), 1);
    });
    let moves = [SeekFrom::Start(1 << 63), SeekFrom::Current(-3), SeekFrom::Current(i64::MIN)];
    assert_eq!(reader.into_inner().moves, moves);
}

#[test]
fn a_move_given_up_amid_ends_before_the_next() {
    use futures::FutureExt;
    let mut reader = BufReader::with_capacity(4, Slow::default());
    block_on(async {
        reader.read_u8().await.unwrap();
        assert!(reader.seek(SeekFrom::Current(10)).now_or_never().is_none());
        assert_eq!(reader.seek(SeekFrom::Current(1)).await.unwrap(), 12);
    });
}

#[test]
fn a_buf_stream_moves_both() {
    let mut stream = BufStream::new(Cursor::new(b"0123456789".to_vec()));
    block_on(async {
        assert_eq!(stream.read_u8().await.unwrap(), b'0');
        assert_eq!(stream.seek(SeekFrom::Current(1)).await.unwrap(), 2);
        stream.write_all(b"ab").await.unwrap();
        assert_eq!(stream.seek(SeekFrom::Start(1)).await.unwrap(), 1);
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "1ab456789");
    });
}
