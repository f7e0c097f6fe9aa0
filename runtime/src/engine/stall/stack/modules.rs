//! The images that are mapped into this process, and their unwind tables.
//!
//! The tables are copied from memory, where the loader has put them, and not read from files. So
//! the vDSO, which has no file, and a program that was replaced on disk since it started are
//! unwound like any other.

use std::fs;
use std::io;
use std::ops::Range;

use gimli::{
    BaseAddresses, EhFrame, EhFrameHdr, EndianSlice, FrameDescriptionEntry, LittleEndian,
    OperationIter, ParsedEhFrameHdr, Register, UnwindContext, UnwindContextStorage,
    UnwindExpression, UnwindSection, UnwindTableRow,
};

use super::{memory, registers};
use crate::engine::process_wide::own_memory;

/// No table is as large as this; a larger number is a misreading.
pub(super) const MOST_TABLE_BYTES: u64 = 256 << 20;

/// Notes are some dozens of bytes; of more only the beginning is read.
const MOST_NOTE_BYTES: u64 = 64 << 10;

/// An ELF image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// From the first to the last mapping.
    pub(super) addresses: Range<u64>,
    /// The ranges of code.
    pub(super) code: Vec<Range<u64>>,
    /// Device, inode and path, as the kernel writes them.
    identity: String,
}

impl Image {
    /// The inode and the path of its file.
    pub(super) fn file(&self) -> Option<(u64, &str)> {
        let (_, rest) = self.identity.split_once(' ')?;
        let (inode, path) = rest.split_once(' ')?;
        Some((inode.parse().ok()?, path.trim_start()))
    }
}

/// The images that `/proc/self/maps` lists.
pub(super) fn images() -> io::Result<Vec<Image>> {
    Ok(parse_maps(&fs::read_to_string("/proc/self/maps")?))
}

fn parse_maps(maps: &str) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    for line in maps.lines() {
        let Some(mapping) = parse_line(line) else { continue };
        let known = images.iter_mut().rev().find(|image| image.identity == mapping.identity);
        match known {
            // A second mapping of the file's beginning starts another image.
            Some(image) if mapping.offset > 0 => {
                image.addresses.end = image.addresses.end.max(mapping.addresses.end);
                if mapping.executable {
                    image.code.push(mapping.addresses);
                }
            }
            _ if mapping.offset == 0 => images.push(Image {
                addresses: mapping.addresses.clone(),
                code: mapping.executable.then_some(mapping.addresses).into_iter().collect(),
                identity: mapping.identity.to_owned(),
            }),
            _ => {}
        }
    }
    images.retain(|image| !image.code.is_empty());
    images
}

struct Mapping<'a> {
    addresses: Range<u64>,
    executable: bool,
    offset: u64,
    identity: &'a str,
}

/// `start-end rwxp offset device inode   path`; mappings without a path are no images.
fn parse_line(line: &str) -> Option<Mapping<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (flags, rest) = rest.split_once(' ')?;
    let (offset, identity) = rest.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let is_image = identity.contains('/') || identity.ends_with("[vdso]");
    if !is_image {
        return None;
    }
    let hex = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Mapping {
        addresses: hex(start)?..hex(end)?,
        executable: flags.as_bytes().get(2) == Some(&b'x'),
        offset: hex(offset)?,
        identity,
    })
}

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// An image's unwind tables.
pub(super) struct Tables {
    /// What to add to an address in the file.
    bias: u64,
    /// The address of the header in memory.
    header: u64,
    header_bytes: Vec<u8>,
    /// The address of the frames in memory.
    frames: u64,
    frame_bytes: Vec<u8>,
    build_id: Option<Vec<u8>>,
}

impl Tables {
    /// Copies the tables of an image; `None` if it has none in the usual form.
    pub(super) fn read(image: &Image) -> Option<Tables> {
        own_memory::open().ok()?;
        let base = image.addresses.start;
        let elf: [u8; 64] = memory::read_array(base)?;
        // Only 64-bit images in the processor's byte order.
        if elf[..6] != [0x7f, b'E', b'L', b'F', 2, 1] || cfg!(target_endian = "big") {
            return None;
        }
        let at = u64_at(&elf, 32)?;
        let (size, count) = (u16_at(&elf, 54)?, u16_at(&elf, 56)?);
        let headers = memory::read_all(base.checked_add(at)?, size as usize * count as usize)?;
        let headers: Vec<Segment> =
            headers.chunks_exact(size.max(56).into()).filter_map(Segment::parse).collect();
        let first = headers.iter().find(|s| s.kind == Segment::LOAD && s.offset == 0)?;
        let bias = base.wrapping_sub(first.address);
        let header = headers.iter().find(|s| s.kind == Segment::EH_FRAME)?;
        if header.length > MOST_TABLE_BYTES {
            return None;
        }
        let start = bias.wrapping_add(header.address);
        let header_bytes = memory::read_all(start, header.length as usize)?;
        let frames = parse(&header_bytes, start)?.eh_frame_ptr().direct().ok()?;
        // The header gives the beginning; the frames end with the segment at the latest.
        let end = headers.iter().find_map(|s| {
            let start = bias.wrapping_add(s.address);
            let addresses = start..start.checked_add(s.length)?;
            (s.kind == Segment::LOAD && addresses.contains(&frames)).then_some(addresses.end)
        })?;
        if end - frames > MOST_TABLE_BYTES {
            return None;
        }
        let frame_bytes = memory::read_all(frames, (end - frames) as usize)?;
        let build_id = headers.iter().filter(|s| s.kind == Segment::NOTES).find_map(|s| {
            let length = usize::try_from(s.length.min(MOST_NOTE_BYTES)).ok()?;
            build_id(&memory::read_all(bias.wrapping_add(s.address), length)?)
        });
        Some(Tables { bias, header: start, header_bytes, frames, frame_bytes, build_id })
    }

    /// What the linker has put there to tell builds apart.
    pub(super) fn build_id(&self) -> Option<&[u8]> {
        self.build_id.as_deref()
    }

    /// What to add to an address in the file.
    pub(super) fn bias(&self) -> u64 {
        self.bias
    }

    /// The description of the function that `address` is in.
    pub(super) fn description(&self, address: u64) -> Option<Description<'_>> {
        let bases =
            BaseAddresses::default().set_eh_frame_hdr(self.header).set_eh_frame(self.frames);
        let mut frames = EhFrame::new(&self.frame_bytes, LittleEndian);
        frames.set_address_size(8);
        frames.set_vendor(registers::VENDOR);
        let header = parse(&self.header_bytes, self.header)?;
        let table = header.table()?;
        let entry = table.fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset);
        Some(Description { entry: entry.ok()?, frames, bases })
    }
}

fn parse(header: &[u8], at: u64) -> Option<ParsedEhFrameHdr<Bytes<'_>>> {
    let bases = BaseAddresses::default().set_eh_frame_hdr(at);
    EhFrameHdr::new(header, LittleEndian).parse(&bases, 8).ok()
}

/// How a function's frames are laid out.
pub(super) struct Description<'a> {
    entry: FrameDescriptionEntry<Bytes<'a>>,
    frames: EhFrame<Bytes<'a>>,
    bases: BaseAddresses,
}

impl Description<'_> {
    /// The function's first instruction.
    #[cfg_attr(
        target_arch = "aarch64",
        allow(dead_code, reason = "frame pointers are found without it")
    )]
    pub(super) fn start(&self) -> u64 {
        self.entry.initial_address()
    }

    /// The rules for the caller's registers while the function is at `address`.
    pub(super) fn row<'context, S: UnwindContextStorage<usize>>(
        &self,
        context: &'context mut UnwindContext<usize, S>,
        address: u64,
    ) -> Option<&'context UnwindTableRow<usize, S>> {
        self.entry.unwind_info_for_address(&self.frames, &self.bases, context, address).ok()
    }

    /// The operations of an expression among the rules.
    pub(super) fn operations(
        &self,
        expression: &UnwindExpression<usize>,
    ) -> Option<OperationIter<Bytes<'_>>> {
        let expression = expression.get(&self.frames).ok()?;
        Some(expression.operations(self.entry.cie().encoding()))
    }

    /// The register that stands for the return address.
    pub(super) fn return_register(&self) -> Register {
        self.entry.cie().return_address_register()
    }

    /// Whether the function was entered for a signal and not called: then it returns to an
    /// instruction that has not run yet.
    pub(super) fn is_signal_trampoline(&self) -> bool {
        self.entry.is_signal_trampoline()
    }
}

/// A program header.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    /// Bytes that come from the file.
    length: u64,
}

impl Segment {
    const LOAD: u32 = 1;
    const NOTES: u32 = 4;
    const EH_FRAME: u32 = 0x6474_e550;

    fn parse(bytes: &[u8]) -> Option<Segment> {
        Some(Segment {
            kind: i32_at(bytes, 0)? as u32,
            offset: u64_at(bytes, 8)?,
            address: u64_at(bytes, 16)?,
            length: u64_at(bytes, 32)?,
        })
    }
}

/// The build id among notes. Each note is three lengths and kinds, an owner and a content, both
/// padded to 4 bytes.
fn build_id(mut notes: &[u8]) -> Option<Vec<u8>> {
    const BUILD_ID: i32 = 3;
    loop {
        let (owner, content) = (i32_at(notes, 0)? as usize, i32_at(notes, 4)? as usize);
        let kind = i32_at(notes, 8)?;
        let begin = owner.checked_next_multiple_of(4)?.checked_add(12)?;
        let end = begin.checked_add(content)?;
        if kind == BUILD_ID && notes.get(12..12 + owner)? == b"GNU\0" {
            return Some(notes.get(begin..end)?.to_vec());
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..)?;
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_grouped_into_images() {
        let maps = "\
55a0-55b0 r--p 00000000 fd:00 77       /bin/program
55b0-55c0 r-xp 00000010 fd:00 77       /bin/program
55c0-55d0 rw-p 00000020 fd:00 77       /bin/program
6000-7000 rw-p 00000000 00:00 0        [heap]
7f00-7f10 r--p 00000000 fd:00 78       /lib/with space.so (deleted)
7f10-7f20 r-xp 00000010 fd:00 78       /lib/with space.so (deleted)
7f30-7f40 r--p 00000000 fd:00 79       /data/file
7f50-7f60 r-xp 00000000 00:00 0        [vdso]
";
        let images = parse_maps(maps);
        assert_eq!(images.len(), 3);
        assert_eq!(images[0].addresses, 0x55a0..0x55d0);
        assert_eq!(images[0].code.len(), 1);
        assert_eq!(images[0].code[0], 0x55b0..0x55c0);
        assert_eq!(images[1].addresses, 0x7f00..0x7f20);
        assert_eq!(images[2].addresses, 0x7f50..0x7f60);
        assert_eq!(images[0].file(), Some((77, "/bin/program")));
        assert_eq!(images[1].file(), Some((78, "/lib/with space.so (deleted)")));
    }

    #[test]
    fn the_build_id_is_found_among_other_notes() {
        let note = |owner: &[u8], kind: u32, content: &[u8]| {
            let mut note = Vec::new();
            for word in [owner.len() as u32, content.len() as u32, kind] {
                note.extend(word.to_le_bytes());
            }
            for part in [owner, content] {
                note.extend(part);
                note.resize(note.len().next_multiple_of(4), 0);
            }
            note
        };
        let abi = note(b"GNU\0", 1, &[0; 16]);
        let other = note(b"me\0", 3, &[1]);
        let id = note(b"GNU\0", 3, &[7, 8, 9]);
        let all = [abi.clone(), other.clone(), id].concat();
        assert_eq!(build_id(&all), Some(vec![7, 8, 9]));
        assert_eq!(build_id(&[abi, other].concat()), None);
        for length in 0..all.len() - 1 {
            assert_eq!(build_id(&all[..length]), None);
        }
        assert_eq!(build_id(&[0xff; 12]), None);
    }

    #[test]
    fn the_program_itself_has_tables_that_know_its_functions() {
        let function = maps_are_grouped_into_images as fn() as usize as u64;
        let image = images().unwrap().into_iter().find(|i| i.addresses.contains(&function));
        let image = image.expect("the program is mapped");
        let image_start = image.addresses.start;
        let tables = Tables::read(&image).expect("unwind tables");
        let start = |address| tables.description(address).map(|description| description.start());
        assert_eq!(start(function + 1), Some(function));
        assert_eq!(start(image_start), None);
    }
}
