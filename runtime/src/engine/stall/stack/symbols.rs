//! Names of functions, from the symbol tables of loaded images.
//!
//! # Problem
//!
//! Programs in production mostly have no debug information, but do have a symbol table: names,
//! without files and lines. The crates that read both cost a program more than 300 KiB. The table
//! alone is an array, and needs some lines of code and a demangler
//! (`docs/decisions/0012-stacks-by-symbol-table.md`).
//!
//! # How
//!
//! The loader does not load these tables, so they are read from the files that `/proc/self/maps`
//! lists. A file that was replaced meanwhile has another inode; then there are no names. The
//! program's own file is readable through `/proc/self/exe` even then. A stripped file still has the
//! symbols for the dynamic loader. Reports are rare, so nothing is cached between them.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::modules::{Image, MOST_TABLE_BYTES, Tables, i32_at, u16_at, u64_at};

/// No name is longer than this; a longer one is a misreading.
const LONGEST_NAME: u64 = 64 << 10;

/// The symbol tables of the images that were asked for.
pub(super) struct Symbols<'a> {
    images: &'a [(Image, Option<Tables>)],
    /// The table of each image, once it was looked for.
    tables: Vec<Option<Option<Table>>>,
}

impl<'a> Symbols<'a> {
    pub(super) fn of(images: &'a [(Image, Option<Tables>)]) -> Symbols<'a> {
        Symbols { images, tables: images.iter().map(|_| None).collect() }
    }

    /// The name of the function that the address is in.
    pub(super) fn name(&mut self, address: u64) -> Option<String> {
        let at = self.images.iter().position(|(image, _)| image.addresses.contains(&address))?;
        let (image, tables) = &self.images[at];
        let address = address.wrapping_sub(tables.as_ref()?.bias());
        let table = self.tables[at].get_or_insert_with(|| Table::read(image));
        let name = table.as_ref()?.name(address)?;
        Some(format!("{:#}", rustc_demangle::demangle(&name)))
    }
}

struct Table {
    file: File,
    functions: Vec<Function>,
    /// The range of the names in the file.
    names: Range<u64>,
}

struct Function {
    addresses: Range<u64>,
    /// Where the function's name begins.
    name: u32,
}

/// A header of a section of the file.
struct Section {
    kind: u32,
    offset: u64,
    length: u64,
    /// The section with the names.
    link: u32,
}

impl Section {
    const BYTES: usize = 64;
    /// All symbols.
    const SYMBOLS: u32 = 2;
    /// The symbols that the dynamic loader needs.
    const DYNAMIC: u32 = 11;

    fn parse(bytes: &[u8]) -> Option<Section> {
        Some(Section {
            kind: i32_at(bytes, 4)? as u32,
            offset: u64_at(bytes, 24)?,
            length: u64_at(bytes, 32)?,
            link: i32_at(bytes, 40)? as u32,
        })
    }
}

impl Function {
    const BYTES: usize = 24;

    /// `None` if the symbol is no function, or is defined elsewhere.
    fn parse(symbol: &[u8]) -> Option<Function> {
        let kind = symbol.get(4)? & 15;
        let (section, start, length) =
            (u16_at(symbol, 6)?, u64_at(symbol, 8)?, u64_at(symbol, 16)?);
        // A function, or an indirect one that the loader resolves.
        let is_function = (kind == 2 || kind == 10) && section != 0;
        let addresses = start..start.checked_add(length)?;
        is_function.then_some(Function { addresses, name: i32_at(symbol, 0)? as u32 })
    }
}

impl Table {
    fn read(image: &Image) -> Option<Table> {
        let (inode, path) = image.file()?;
        let same = |path: &str| {
            let file = File::open(path).ok()?;
            (file.metadata().ok()?.ino() == inode).then_some(file)
        };
        let file = same(path).or_else(|| same("/proc/self/exe"))?;
        let elf = bytes_at(&file, 0, 64)?;
        // Only 64-bit files in the processor's byte order.
        if elf[..6] != [0x7f, b'E', b'L', b'F', 2, 1] || cfg!(target_endian = "big") {
            return None;
        }
        let (size, count) = (usize::from(u16_at(&elf, 58)?), usize::from(u16_at(&elf, 60)?));
        if size < Section::BYTES {
            return None;
        }
        let sections = bytes_at(&file, u64_at(&elf, 40)?, (size * count) as u64)?;
        let sections: Vec<Section> =
            sections.chunks_exact(size).filter_map(Section::parse).collect();
        let find = |kind: u32| sections.iter().find(|section| section.kind == kind);
        let symbols = find(Section::SYMBOLS).or_else(|| find(Section::DYNAMIC))?;
        let names = sections.get(symbols.link as usize)?;
        let names = names.offset..names.offset.checked_add(names.length)?;
        let symbols = bytes_at(&file, symbols.offset, symbols.length)?;
        let functions = symbols.chunks_exact(Function::BYTES).filter_map(Function::parse).collect();
        Some(Table { file, functions, names })
    }

    fn name(&self, address: u64) -> Option<String> {
        let here = |function: &&Function| function.addresses.contains(&address);
        let function = self.functions.iter().find(here)?;
        let start = self.names.start.checked_add(function.name.into())?;
        let length = self.names.end.checked_sub(start)?.min(LONGEST_NAME);
        let mut name = bytes_at(&self.file, start, length)?;
        name.truncate(name.iter().position(|&byte| byte == 0)?);
        String::from_utf8(name).ok()
    }
}

/// A part of a file, if all of it is there.
fn bytes_at(file: &File, offset: u64, length: u64) -> Option<Vec<u8>> {
    if length > MOST_TABLE_BYTES {
        return None;
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::modules;
    use super::*;

    #[test]
    fn functions_of_the_program_and_of_a_library_have_names() {
        let images = modules::images().unwrap();
        let images: Vec<_> = images
            .into_iter()
            .map(|image| {
                let tables = Tables::read(&image);
                (image, tables)
            })
            .collect();
        let mut symbols = Symbols::of(&images);
        let own = functions_of_the_program_and_of_a_library_have_names as fn() as usize as u64;
        let name = symbols.name(own).unwrap();
        assert!(name.ends_with("functions_of_the_program_and_of_a_library_have_names"), "{name}");
        let foreign = libc::getppid as *const () as usize as u64;
        let name = symbols.name(foreign).unwrap_or_default();
        assert!(name.ends_with("getppid"), "{name}");
        assert_eq!(symbols.name(1), None);
    }
}
