//! From a raw copy to a trace.
//!
//! The call frame information of each image tells how to get from a frame to its caller's; the
//! `framehop` crate interprets it, reading from the copy alone. Registers that the capture does not
//! know hold [`UNKNOWN`], an address no stack has: when the unwinder asks for the word there, the
//! frame pointer is needed, and is derived from the function's code ([`arch::frame_pointer`]). It is
//! needed once at most: from then on each frame restores its caller's. A function that is described
//! nowhere (assembly, the C library of a musl target) is left by the nearest return address that
//! follows a call of it ([`arch::return_address`]).

use std::fmt;

use framehop::{FrameAddress, Unwinder as _};

use super::capture::Capture;
use super::modules::{self, Image, Tables};
use super::symbols::Symbols;
use super::{Address, Frame, Trace, arch, lines};

/// Stands for a register that the kernel does not tell: far above any address of a process, and far
/// enough below the largest number for the sums that the unwinder makes.
const UNKNOWN: u64 = 0x7fff_ff00_0000_0000;
/// How far from the register a word may be that is asked for.
const NEAR: u64 = 1 << 32;

/// More frames than that are a loop in damaged data.
const MOST_FRAMES: usize = 256;

/// Knows the unwind tables of what is loaded. Owned by whoever makes the reports.
pub(crate) struct Unwinder {
    native: arch::Native,
    cache: arch::Cache,
    images: Vec<(Image, Option<Tables>)>,
}

impl Default for Unwinder {
    fn default() -> Unwinder {
        Unwinder::new()
    }
}

impl fmt::Debug for Unwinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwinder").field("images", &self.images.len()).finish_non_exhaustive()
    }
}

impl Unwinder {
    /// An unwinder that has read nothing yet.
    pub(crate) fn new() -> Unwinder {
        let (native, cache) = (arch::Native::new(), arch::Cache::new());
        Unwinder { native, cache, images: Vec::new() }
    }

    pub(super) fn trace(&mut self, capture: &Capture) -> Trace {
        self.refresh();
        let (addresses, complete) = self.unwind(capture);
        let mut symbols = Symbols::of(&self.images);
        let frames = addresses.into_iter().flat_map(|address| {
            let mut frames = lines::at(address);
            if frames.is_empty() {
                let name = symbols.name(address.inside());
                frames.push(Frame { name, file: None, line: None, address: address.pc });
            }
            frames
        });
        Trace::new(frames.collect(), complete)
    }

    /// Reads the tables of what was loaded since, and forgets what was unloaded.
    fn refresh(&mut self) {
        let Ok(now) = modules::images() else { return };
        self.images.retain(|(image, tables)| {
            let stays = now.contains(image);
            if !stays && tables.is_some() {
                self.native.remove_module(image.addresses.start);
            }
            stays
        });
        for image in now {
            if self.images.iter().any(|(known, _)| *known == image) {
                continue;
            }
            let mut tables = Tables::read(&image);
            if let Some(tables) = &mut tables {
                self.native.add_module(tables.module(&image));
            }
            self.images.push((image, tables));
        }
    }

    /// The addresses of the frames, the innermost first, and whether the last one is the thread's
    /// beginning.
    fn unwind(&mut self, capture: &Capture) -> (Vec<Address>, bool) {
        let mut registers = arch::unwind_registers(&capture.registers, UNKNOWN);
        let mut at = FrameAddress::from_instruction_pointer(capture.registers.pc);
        let mut found =
            vec![Address { pc: capture.registers.pc, exact: capture.registers.interrupted }];
        while found.len() < MOST_FRAMES {
            let before = registers;
            let place = Place { capture, images: &self.images, pc: at.address_for_lookup() };
            let sp = arch::stack_pointer(&before);
            let step = if let Some((next, sp)) = arch::return_address(&place, sp) {
                registers = arch::with_stack_pointer(before, sp);
                Ok(Some(next))
            } else {
                match Self::step(&self.native, &mut self.cache, capture, at, &mut registers) {
                    Step::To(step) => step,
                    Step::NeedsFramePointer => {
                        let Some(fp) = arch::frame_pointer(&place, sp) else {
                            return (found, false);
                        };
                        registers = arch::with_frame_pointer(before, fp);
                        match Self::step(&self.native, &mut self.cache, capture, at, &mut registers)
                        {
                            Step::To(step) => step,
                            Step::NeedsFramePointer => return (found, false),
                        }
                    }
                }
            };
            let next = match step {
                Ok(Some(next)) => next,
                Ok(None) => return (found, true),
                Err(_) => return (found, false),
            };
            let Some(next) = FrameAddress::from_return_address(next) else {
                return (found, true);
            };
            found.push(Address { pc: next.address(), exact: false });
            at = next;
        }
        (found, false)
    }

    fn step(
        native: &arch::Native,
        cache: &mut arch::Cache,
        capture: &Capture,
        at: FrameAddress,
        registers: &mut arch::UnwindRegisters,
    ) -> Step {
        let mut unknown = false;
        let mut read = |address: u64| {
            unknown |= address.abs_diff(UNKNOWN) < NEAR;
            capture.word(address).ok_or(())
        };
        let step = native.unwind_frame(at, registers, cache, &mut read);
        // The link register, where there is one, may be what is not known.
        if unknown || matches!(step, Ok(Some(next)) if next.abs_diff(UNKNOWN) < NEAR) {
            return Step::NeedsFramePointer;
        }
        Step::To(step)
    }
}

/// How an attempt to get to the caller's frame went.
enum Step {
    /// The return address, or the beginning of the thread, or a failure.
    To(Result<Option<u64>, framehop::Error>),
    /// A register was wanted that is not known.
    NeedsFramePointer,
}

/// A frame whose frame pointer is wanted.
pub(super) struct Place<'a> {
    capture: &'a Capture,
    images: &'a [(Image, Option<Tables>)],
    pc: u64,
}

impl Place<'_> {
    /// Where the frame is.
    pub(super) fn pc(&self) -> u64 {
        self.pc
    }

    /// The first instruction of the frame's function, if the tables describe it.
    pub(super) fn function(&self) -> Option<u64> {
        let (_, tables) = self.images.iter().find(|(i, _)| i.addresses.contains(&self.pc()))?;
        tables.as_ref()?.function(self.pc())
    }

    /// A word of the stack.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        self.capture.word(address)
    }

    /// Whether there is code at the address.
    pub(super) fn is_code(&self, address: u64) -> bool {
        self.images.iter().any(|(i, _)| i.code.iter().any(|code| code.contains(&address)))
    }

    /// Whether the address is in the copy of the stack.
    pub(super) fn is_stack(&self, address: u64) -> bool {
        (self.capture.start..self.capture.end()).contains(&address)
    }
}
