//! What is mapped into this process, and the unwind tables of it.
//!
//! The tables are copied from memory, where the loader has put them, not read from files: so the
//! vDSO, which has no file, and a program that was replaced on disk since it started are unwound
//! like any other.

use std::fs;
use std::io;
use std::ops::Range;

use framehop::{ExplicitModuleSectionInfo, Module};

use super::memory;

/// More than any table is large; a larger number is a misreading.
pub(super) const MOST_TABLE_BYTES: u64 = 256 << 20;

/// An ELF image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// From the first to the last mapping.
    pub(super) addresses: Range<u64>,
    /// Where code is.
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
            // The same file again from its beginning is another image of it.
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

/// An image's unwind tables.
pub(super) struct Tables {
    /// What is to be added to an address in the file.
    bias: u64,
    header: Range<u64>,
    header_bytes: Vec<u8>,
    frames: Range<u64>,
    frame_bytes: Vec<u8>,
}

impl Tables {
    /// Copies the tables of an image; `None` if it has none, or none of the usual form.
    pub(super) fn read(image: &Image) -> Option<Tables> {
        let base = image.addresses.start;
        let elf: [u8; 64] = memory::read_array(base)?;
        // 64 bits, in the processor's order.
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
        let start = header.address;
        let header_bytes = memory::read_all(bias.wrapping_add(start), header.length as usize)?;
        // Version 1; the address of the frames relative to here, in four bytes; the number of
        // entries in four bytes; entries of twice four bytes relative to the header.
        if header_bytes.get(..4)? != [1, 0x1b, 0x03, 0x3b] {
            return None;
        }
        let frames = (start + 4).wrapping_add_signed(i64::from(i32_at(&header_bytes, 4)?));
        // The header tells the beginning; the frames end with the segment at the latest.
        let segment = headers.iter().find(|s| {
            s.kind == Segment::LOAD && (s.address..s.address + s.length).contains(&frames)
        })?;
        let end = segment.address + segment.length;
        if end - frames > MOST_TABLE_BYTES {
            return None;
        }
        let frame_bytes = memory::read_all(bias.wrapping_add(frames), (end - frames) as usize)?;
        Some(Tables {
            bias,
            header: start..start + header_bytes.len() as u64,
            header_bytes,
            frames: frames..end,
            frame_bytes,
        })
    }

    /// What is to be added to an address in the file.
    pub(super) fn bias(&self) -> u64 {
        self.bias
    }

    /// The start of the function that `address` is in; `None` if the tables do not describe it.
    pub(super) fn function(&self, address: u64) -> Option<u64> {
        let at = address.wrapping_sub(self.bias).wrapping_sub(self.header.start) as i64;
        let count = u32::try_from(i32_at(&self.header_bytes, 8)?).ok()? as usize;
        let entries = self.header_bytes.get(12..12 + count * 8)?;
        let start_of = |entry: usize| i32_at(entries, entry * 8).map(i64::from);
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            if start_of(middle)? <= at { low = middle + 1 } else { high = middle }
        }
        let entry = low.checked_sub(1)?;
        let start = start_of(entry)?;
        // The entry's second half tells where the description is: its length, its kind, the start
        // again, and the length of the function, four bytes each in the usual form.
        let description = i64::from(i32_at(entries, entry * 8 + 4)?);
        let length = memory::read_array(self.address(description).wrapping_add(12));
        let within = at - start < i64::from(u32::from_le_bytes(length?));
        within.then(|| self.address(start))
    }

    /// The address of what is `offset` bytes from the header.
    fn address(&self, offset: i64) -> u64 {
        self.header.start.wrapping_add_signed(offset).wrapping_add(self.bias)
    }

    /// The tables in the unwinder's form; leaves behind what [`function`](Tables::function) needs.
    pub(super) fn module(&mut self, image: &Image) -> Module<Vec<u8>> {
        let base = image.addresses.start.wrapping_sub(self.bias);
        let sections = ExplicitModuleSectionInfo {
            base_svma: base,
            eh_frame_svma: Some(self.frames.clone()),
            eh_frame: Some(std::mem::take(&mut self.frame_bytes)),
            eh_frame_hdr_svma: Some(self.header.clone()),
            eh_frame_hdr: Some(self.header_bytes.clone()),
            ..ExplicitModuleSectionInfo::default()
        };
        let name = image.identity.clone();
        Module::new(name, image.addresses.clone(), image.addresses.start, sections)
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
    fn the_program_itself_has_tables_that_know_its_functions() {
        let function = maps_are_grouped_into_images as fn() as usize as u64;
        let image = images().unwrap().into_iter().find(|i| i.addresses.contains(&function));
        let image = image.expect("the program is mapped");
        let image_start = image.addresses.start;
        let tables = Tables::read(&image).expect("unwind tables");
        assert_eq!(tables.function(function + 1), Some(function));
        assert_eq!(tables.function(image_start), None);
    }
}
