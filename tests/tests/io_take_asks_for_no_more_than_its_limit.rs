//! A limited reader never takes a byte beyond its limit, and does not ask at all when it is
//! reached; a chain goes on exactly where its first reader ends.

use futures::FutureExt;
use futures::executor::block_on;
use runtime::io::{AsyncBufReadExt, AsyncReadExt, BufReader, empty};
use tests::scripted::Read::{Give, Stuck, Wait};
use tests::scripted::Reader;

#[test]
fn take_asks_for_no_more_than_its_limit() {
    let mut part = Reader::new([Give(b"ab"), Wait, Give(b"cdef"), Stuck]).take(4);
    let mut bytes = Vec::new();
    assert_eq!(block_on(part.read_to_end(&mut bytes)).unwrap(), 4);
    assert_eq!((&bytes[..], part.limit()), (&b"abcd"[..], 0));
    part.set_limit(2);
    block_on(part.read_to_end(&mut bytes)).unwrap();
    assert_eq!(bytes, b"abcdef");
    // A reader that would never answer is not asked.
    assert_eq!(part.read(&mut [0; 1]).now_or_never().unwrap().unwrap(), 0);
    part.set_limit(1);
    assert!(part.read(&mut [0; 1]).now_or_never().is_none());
}

#[test]
fn take_limits_a_buffer_too() {
    let mut part = BufReader::new(Reader::new([Give(b"abcdef\n")])).take(4);
    let mut text = String::new();
    assert_eq!(block_on(part.read_line(&mut text)).unwrap(), 4);
    assert_eq!((&*text, part.limit()), ("abcd", 0));
    assert_eq!(part.get_ref().buffer(), b"ef\n");
    part.set_limit(u64::MAX);
    block_on(part.read_line(&mut text)).unwrap();
    assert_eq!(text, "abcdef\n");
}

#[test]
fn take_does_not_believe_a_greedy_consumer() {
    let mut part = (&b"abcdef"[..]).take(2);
    part.consume(2);
    assert_eq!(part.limit(), 0);
    part.consume(1);
    assert_eq!(part.into_inner(), b"cdef");
}

#[test]
fn chain_goes_on_where_the_first_ends() {
    let first = Reader::new([Give(b"ab"), Wait, Give(b"c")]);
    let mut chain = first.chain(Reader::new([Give(b"def")])).chain(empty());
    // No room is not an end.
    assert_eq!(block_on(chain.read(&mut [])).unwrap(), 0);
    let mut bytes = Vec::new();
    assert_eq!(block_on(chain.read_to_end(&mut bytes)).unwrap(), 6);
    assert_eq!(bytes, b"abcdef");
}

#[test]
fn chain_of_buffers_gives_whole_lines() {
    let mut lines = (&b"one\ntw"[..]).chain(&b"o\nthree"[..]).lines();
    for expected in ["one", "two", "three"] {
        assert_eq!(block_on(lines.next_line()).unwrap().unwrap(), expected);
    }
}

#[test]
fn fill_buf_gives_the_same_until_it_is_consumed() {
    let mut reader = BufReader::with_capacity(4, Reader::new([Give(b"abcdef"), Wait]));
    block_on(async {
        assert_eq!(reader.fill_buf().await.unwrap(), b"abcd");
        assert_eq!(reader.fill_buf().await.unwrap(), b"abcd");
        reader.consume(3);
        assert_eq!(reader.fill_buf().await.unwrap(), b"d");
        reader.consume(1);
        assert_eq!(reader.fill_buf().await.unwrap(), b"ef");
        reader.consume(2);
        assert!(reader.fill_buf().now_or_never().is_none());
        assert_eq!(reader.fill_buf().await.unwrap(), b"");
    });
}

#[test]
fn large_reads_go_past_the_buffer() {
    let mut reader = BufReader::with_capacity(4, Reader::new([Give(b"abcdefgh")]));
    let mut eight = [0; 8];
    assert_eq!(block_on(reader.read(&mut eight)).unwrap(), 8);
    assert_eq!((&eight, reader.buffer()), (b"abcdefgh", &b""[..]));
}
