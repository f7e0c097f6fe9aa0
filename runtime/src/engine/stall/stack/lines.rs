//! Functions, files and lines, from debug information.

use super::{Address, Frame};

/// The functions at an address: more than one where calls were inlined, the innermost first; none
/// where nothing is known.
pub(super) fn at(address: Address) -> Vec<Frame> {
    let mut frames = Vec::new();
    // `resolve` takes return addresses and looks up the byte before.
    let after = address.pc.wrapping_add(u64::from(address.exact));
    backtrace::resolve(std::ptr::without_provenance_mut(after as usize), |symbol| {
        frames.push(Frame {
            name: symbol.name().map(|name| format!("{name:#}")),
            file: symbol.filename().map(|file| file.to_path_buf()),
            line: symbol.lineno(),
            address: address.pc,
            place: None,
        });
    });
    frames
}
