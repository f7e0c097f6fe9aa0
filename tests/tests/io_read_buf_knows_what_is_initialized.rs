//! A `ReadBuf` never shows a byte that nobody wrote, and refuses to count one as filled.

use runtime::io::ReadBuf;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn what_is_put_is_filled_and_initialized() {
    let mut memory = [MaybeUninit::uninit(); 8];
    let mut buf = ReadBuf::uninit(&mut memory);
    buf.put_slice(b"abc");
    assert_eq!((buf.filled(), buf.initialized(), buf.remaining()), (&b"abc"[..], &b"abc"[..], 5));
    assert_eq!(buf.initialize_unfilled_to(2), [0, 0]);
    assert_eq!(buf.initialized(), b"abc\0\0");
    buf.advance(1);
    buf.filled_mut()[0] = b'A';
    assert_eq!(buf.filled(), b"Abc\0");
    buf.clear();
    assert_eq!((buf.filled(), buf.initialized()), (&b""[..], &b"Abc\0\0"[..]));
    // What is initialized is not written over.
    assert_eq!(buf.initialize_unfilled(), b"Abc\0\0\0\0\0");
}

#[test]
fn misuse_panics() {
    let panics = |misuse: &dyn Fn(&mut ReadBuf<'_>)| {
        let mut memory = [MaybeUninit::uninit(); 4];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"ab");
        catch_unwind(AssertUnwindSafe(|| misuse(&mut buf))).is_err()
    };
    assert!(panics(&|buf| buf.put_slice(b"cde")));
    assert!(panics(&|buf| buf.advance(1)));
    assert!(panics(&|buf| buf.advance(usize::MAX)));
    assert!(panics(&|buf| buf.set_filled(3)));
    assert!(panics(&|buf| _ = buf.initialize_unfilled_to(3)));
    assert!(!panics(&|buf| buf.set_filled(1)));
    assert!(!panics(&|buf| buf.put_slice(b"cd")));
}

#[test]
fn a_part_is_a_buffer_of_its_own() {
    let mut memory = [0; 8];
    let mut buf = ReadBuf::new(&mut memory);
    buf.put_slice(b"ab");
    let mut part = buf.take(3);
    assert_eq!((part.capacity(), part.filled().len()), (3, 0));
    part.put_slice(b"xyz");
    assert_eq!(buf.filled(), b"ab");
    buf.advance(3);
    assert_eq!(buf.filled(), b"abxyz");
    assert_eq!(buf.take(100).capacity(), 3);
}
