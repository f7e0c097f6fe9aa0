//! The lines of one module's addresses, from the debug information of its file.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use addr2line::gimli::{DwarfSections, EndianSlice, RunTimeEndian, SectionId};
use addr2line::{Context, demangle_auto};
use object::{CompressionFormat, Object, ObjectSection, ObjectSymbol, SymbolKind};

/// A function that an address is in, with the line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) name: Option<String>,
    /// `FILE:LINE`.
    pub(super) place: Option<String>,
}

/// What was found of a module.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// The calls at an address: where some were inlined several, the innermost first.
    pub(super) calls: HashMap<u64, Vec<Call>>,
    /// Why there are no lines, or none of some addresses.
    pub(super) why: Option<String>,
    /// Even where another module has lines: the reader expects some of this one.
    pub(super) must_be_told: bool,
}

/// Looks the addresses up in the first of the files that is of the right build and has debug
/// information.
pub(super) fn look_up(
    candidates: &[PathBuf],
    build_id: Option<&str>,
    addresses: &BTreeSet<u64>,
) -> Lookup {
    let mut best = Lookup::default();
    let mut why_not = None;
    for path in candidates {
        match look_into(path, build_id, addresses) {
            Ok(lookup) => {
                if lookup.why.is_none() {
                    return lookup;
                }
                if best.why.is_none() {
                    best = lookup;
                }
            }
            // Only what is there, and is another, has to be told.
            Err(Refusal::Missing(why)) => why_not = why_not.or(Some((why, false))),
            Err(Refusal::Other(why)) => {
                if !matches!(why_not, Some((_, true))) {
                    why_not = Some((why, true));
                }
            }
        }
    }
    if best.why.is_none() {
        if let Some((why, must_be_told)) = why_not {
            (best.why, best.must_be_told) = (Some(why), must_be_told);
        }
    }
    best
}

/// Why a file is not used.
enum Refusal {
    /// It cannot be read.
    Missing(String),
    /// It is another build, or no program.
    Other(String),
}

fn look_into(
    path: &Path,
    build_id: Option<&str>,
    addresses: &BTreeSet<u64>,
) -> Result<Lookup, Refusal> {
    let shown = path.display();
    let bytes = read(path).map_err(|error| Refusal::Missing(format!("{shown}: {error}")))?;
    let no_program = |error| Refusal::Other(format!("{shown} is no program: {error}"));
    let file = object::File::parse(&*bytes).map_err(no_program)?;
    let its_id = file.build_id().ok().flatten().map(hex);
    if let (Some(wanted), its_id) = (build_id, its_id) {
        if its_id.as_deref() != Some(wanted) {
            let its_id = its_id.map_or("no build id".to_owned(), |id| format!("build id {id}"));
            return Err(Refusal::Other(format!(
                "{shown} has {its_id}, so it is another build; `--program FILE` takes the right one"
            )));
        }
    }
    let mut lookup = Lookup::default();
    if file.section_by_name(".debug_line").is_none() {
        lookup.why = Some(format!(
            "{shown} has no debug information; `debug = \"line-tables-only\"` in its profile adds it"
        ));
        lookup.calls = by_symbols(&file, addresses);
        return Ok(lookup);
    }
    match by_debug_information(&file, addresses) {
        Ok(calls) => lookup.calls = calls,
        Err(why) => {
            lookup.why = Some(format!("{shown}: {why}"));
            lookup.must_be_told = true;
        }
    }
    for (address, calls) in by_symbols(&file, addresses) {
        lookup.calls.entry(address).or_insert(calls);
    }
    Ok(lookup)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe or a device would not end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    fs::read(path)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Bytes<'a> = EndianSlice<'a, RunTimeEndian>;

fn by_debug_information(
    file: &object::File<'_>,
    addresses: &BTreeSet<u64>,
) -> Result<HashMap<u64, Vec<Call>>, String> {
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let sections = DwarfSections::load(|id: SectionId| section(file, id.name()))?;
    let dwarf = sections.borrow(|bytes| EndianSlice::new(bytes, endian));
    let context: Context<Bytes<'_>> =
        Context::from_dwarf(dwarf).map_err(|error| error.to_string())?;
    let mut found = HashMap::new();
    for &address in addresses {
        let mut frames =
            context.find_frames(address).skip_all_loads().map_err(|error| error.to_string())?;
        let mut calls = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|function| function.demangle().ok());
            let place = frame.location.and_then(|at| {
                let line = at.line.map_or(String::new(), |line| format!(":{line}"));
                Some(format!("{}{line}", at.file?))
            });
            calls.push(Call { name: name.map(|name| shortened(&name)), place });
        }
        if calls.iter().any(|call| call.place.is_some()) {
            found.insert(address, calls);
        }
    }
    Ok(found)
}

/// The content of a section, empty if there is none.
fn section<'a>(file: &object::File<'a>, name: &str) -> Result<Cow<'a, [u8]>, String> {
    let Some(section) = file.section_by_name(name) else { return Ok(Cow::Borrowed(&[])) };
    let data = section.compressed_data().map_err(|error| format!("{name}: {error}"))?;
    match data.format {
        CompressionFormat::None => Ok(Cow::Borrowed(data.data)),
        CompressionFormat::Zlib => {
            let most = usize::try_from(data.uncompressed_size).unwrap_or(usize::MAX);
            miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(data.data, most)
                .map(Cow::Owned)
                .map_err(|error| format!("{name} cannot be unpacked: {error}"))
        }
        other => Err(format!(
            "{name} is compressed in a way that this command does not know ({other:?}); \
             `objcopy --decompress-debug-sections` unpacks it"
        )),
    }
}

/// The names of functions. Where a name is all that is known, and the report has it, nothing is
/// won; but a program that was stripped has reports without names.
fn by_symbols(file: &object::File<'_>, addresses: &BTreeSet<u64>) -> HashMap<u64, Vec<Call>> {
    let mut found = HashMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let end = symbol.address().saturating_add(symbol.size());
        for &address in addresses.range(symbol.address()..end) {
            let Ok(name) = symbol.name() else { continue };
            let name = shortened(&demangle_auto(Cow::Borrowed(name), None));
            found.entry(address).or_insert_with(|| vec![Call { name: Some(name), place: None }]);
        }
    }
    found
}

/// A longer list of type arguments says nothing to a reader.
const LONGEST_ARGUMENTS: usize = 60;

/// A name with `<..>` in place of long type arguments.
fn shortened(name: &str) -> String {
    let mut short = String::new();
    let mut rest = name;
    while let Some(begin) = rest.find('<') {
        let is_list =
            rest[..begin].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let mut depth = 0;
        let mut before = ' ';
        let end = rest[begin..].char_indices().find_map(|(at, c)| {
            match c {
                '<' => depth += 1,
                // `->` is no end.
                '>' if before != '-' => depth -= 1,
                _ => {}
            }
            before = c;
            (depth == 0).then_some(begin + at + 1)
        });
        match end {
            Some(end) if is_list && end - begin > LONGEST_ARGUMENTS => {
                short.push_str(&rest[..begin]);
                short.push_str("<..>");
                rest = &rest[end..];
            }
            _ => {
                short.push_str(&rest[..=begin]);
                rest = &rest[begin + 1..];
            }
        }
    }
    short + rest
}
