//! Unwinds the raw copy of a stack into a trace.
//!
//! The call frame information of each image says how to get from a frame to its caller's: where the
//! frame begins, and where the caller's registers are saved in it. The `gimli` crate reads it; this
//! file applies it, with words from the copy alone. An unknown register matters only when a rule
//! needs it. The frame pointer can then be derived from the function's code
//! ([`arch::frame_pointer`]), at most once, since from then on each frame restores its caller's.
//! For a function without description (assembly, the C library of a musl target) the nearest return
//! address that follows a call of it is used ([`arch::return_address`]).

use std::fmt;

use gimli::{
    CfaRule, Operation, Register, RegisterRule, UnwindContext, UnwindContextStorage,
    UnwindExpression, UnwindTableRow,
};

use super::capture::Capture;
use super::frame::{Place, Values};
use super::modules::{self, Description, Image, Tables};
use super::symbols::Symbols;
use super::{Address, Frame, Module, Registers, Trace, arch, lines, registers};

/// The most frames. More would be a loop in damaged data.
const MOST_FRAMES: usize = 256;

/// Holds the unwind tables of the loaded images. Owned by the code that makes the reports.
#[derive(Default)]
pub(crate) struct Unwinder {
    images: Vec<(Image, Option<Tables>)>,
}

impl fmt::Debug for Unwinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unwinder").field("images", &self.images.len()).finish()
    }
}

impl Unwinder {
    /// An unwinder that has read nothing yet.
    pub(crate) fn new() -> Unwinder {
        Unwinder::default()
    }

    fn trace(&mut self, capture: &Capture) -> Trace {
        self.refresh();
        let (addresses, complete) = self.unwind(capture);
        let mut symbols = Symbols::of(&self.images);
        let mut frames = Vec::with_capacity(addresses.len());
        // The images that were met, each with the module that stands for it.
        let (mut met, mut modules) = (Vec::new(), Vec::new());
        for address in addresses {
            let known = frames.len();
            frames.extend(lines::at(address));
            if frames.len() == known {
                let (name, address) = (symbols.name(address.inside()), address.pc);
                frames.push(Frame { name, file: None, line: None, address, place: None });
            }
            let place = self.in_module(address.inside()).map(|(image, module, at)| {
                let number = met.iter().position(|&other| other == image).unwrap_or_else(|| {
                    met.push(image);
                    modules.push(module());
                    met.len() - 1
                });
                (number, at)
            });
            frames[known..].iter_mut().for_each(|frame| frame.place = place);
        }
        Trace::new(frames, modules, complete)
    }

    /// The number of the image that the address is in, its module, and the address in its file.
    fn in_module(&self, address: u64) -> Option<(usize, impl FnOnce() -> Module + '_, u64)> {
        let is_it = |(image, _): &(Image, Option<Tables>)| image.addresses.contains(&address);
        let number = self.images.iter().position(is_it)?;
        let (image, tables) = &self.images[number];
        let (tables, (_, path)) = (tables.as_ref()?, image.file()?);
        let module =
            || Module { path: path.to_owned(), build_id: tables.build_id().map(<[u8]>::to_vec) };
        Some((number, module, address.wrapping_sub(tables.bias())))
    }

    /// Reads the tables of images that were loaded since, and drops those of unloaded ones.
    fn refresh(&mut self) {
        let Ok(now) = modules::images() else { return };
        self.images.retain(|(image, _)| now.contains(image));
        for image in now {
            if !self.images.iter().any(|(known, _)| *known == image) {
                let tables = Tables::read(&image);
                self.images.push((image, tables));
            }
        }
    }

    /// The addresses of the frames, the innermost first, and whether the last one is the thread's
    /// first frame.
    fn unwind(&self, capture: &Capture) -> (Vec<Address>, bool) {
        let Registers { pc, interrupted: exact, .. } = capture.registers;
        let mut at = Address { pc, exact };
        let mut values = arch::values(&capture.registers);
        let mut found = vec![at];
        while found.len() < MOST_FRAMES {
            let may_be_leaf = at.exact || found.len() == 1;
            let place = Place { capture, images: &self.images, at, may_be_leaf };
            let caller = match place.caller(&values) {
                Err(Stop::NeedsFramePointer) => {
                    let fp =
                        values.get(registers::SP).and_then(|sp| arch::frame_pointer(&place, sp));
                    let Some(fp) = fp else { return (found, false) };
                    values.set(registers::FP, Some(fp));
                    place.caller(&values)
                }
                caller => caller,
            };
            match caller {
                Ok((caller, callers)) if caller.pc != 0 => {
                    found.push(caller);
                    (at, values) = (caller, callers);
                }
                Ok(_) | Err(Stop::Beginning) => return (found, true),
                Err(Stop::NeedsFramePointer | Stop::Lost) => return (found, false),
            }
        }
        (found, false)
    }
}

impl Capture {
    /// Unwinds and symbolises: slow (the first time it reads the program's debug information),
    /// allocates, and takes the locks of the allocator and of the dynamic loader.
    pub(crate) fn trace(&self, unwinder: &mut Unwinder) -> Trace {
        unwinder.trace(self)
    }
}

/// Why unwinding stops.
enum Stop {
    /// There is no caller.
    Beginning,
    /// The frame pointer is needed and not known.
    NeedsFramePointer,
    /// The tables, or the copy, do not tell.
    Lost,
}

/// The limits for the rules of one function: how many registers are saved, and how deep the stack
/// of remembered rules is.
struct Room;

impl UnwindContextStorage<usize> for Room {
    type Rules = [(Register, RegisterRule<usize>); 64];
    type Stack = [UnwindTableRow<usize, Self>; 4];
}

impl Place<'_> {
    /// The caller's address and registers.
    fn caller(&self, values: &Values) -> Result<(Address, Values), Stop> {
        let Some(description) = self.description() else { return self.search(values) };
        let mut context = UnwindContext::<usize, Room>::new_in();
        let row = description.row(&mut context, self.pc()).ok_or(Stop::Lost)?;
        let expression = |expression: &UnwindExpression<usize>, first: Option<u64>| {
            self.evaluate(&description, expression, values, first)
        };
        let frame = match row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => match values.get(*register) {
                Some(value) => value.wrapping_add_signed(*offset),
                None if *register == registers::FP => return Err(Stop::NeedsFramePointer),
                None => return Err(Stop::Lost),
            },
            CfaRule::Expression(rule) => match expression(rule, None) {
                Some(value) => value,
                None => return self.search(values),
            },
        };
        // Without a rule, registers that a function preserves keep their values; the others are
        // unknown.
        let mut callers = Values::default();
        for register in registers::PRESERVED {
            callers.set(register, values.get(register));
        }
        callers.set(registers::SP, Some(frame));
        for (register, rule) in row.registers() {
            let value = match rule {
                RegisterRule::SameValue => values.get(*register),
                RegisterRule::Offset(offset) => self.word(frame.wrapping_add_signed(*offset)),
                RegisterRule::ValOffset(offset) => Some(frame.wrapping_add_signed(*offset)),
                RegisterRule::Register(other) => values.get(*other),
                RegisterRule::Expression(rule) => {
                    expression(rule, Some(frame)).and_then(|address| self.word(address))
                }
                RegisterRule::ValExpression(rule) => expression(rule, Some(frame)),
                RegisterRule::Constant(value) => Some(*value),
                _ => None,
            };
            callers.set(*register, value);
        }
        let register = description.return_register();
        let is_saved = row.registers().any(|(ruled, _)| *ruled == register);
        let pc = match (is_saved, values.get(register)) {
            (true, _) => callers.get(register),
            (false, _) if !self.may_be_leaf => return Err(Stop::Beginning),
            (false, None) => return self.search(values),
            (false, link) => link,
        };
        let pc = registers::without_signature(pc.ok_or(Stop::Lost)?);
        callers.set(register, None);
        Ok((Address { pc, exact: description.is_signal_trampoline() }, callers))
    }

    /// As [`caller`](Place::caller), where there is no description.
    fn search(&self, values: &Values) -> Result<(Address, Values), Stop> {
        let found = values.get(registers::SP).and_then(|sp| arch::return_address(self, sp, values));
        let (pc, callers) = found.ok_or(Stop::Lost)?;
        Ok((Address { pc, exact: false }, callers))
    }

    /// Evaluates an expression of the tables, with `first` as its initial value. Supports what
    /// compilers and libraries emit (a register, an offset, following pointers); other expressions
    /// have no value.
    fn evaluate(
        &self,
        description: &Description<'_>,
        expression: &UnwindExpression<usize>,
        values: &Values,
        first: Option<u64>,
    ) -> Option<u64> {
        let mut stack: Vec<u64> = first.into_iter().collect();
        let mut operations = description.operations(expression)?;
        while let Some(operation) = operations.next().ok()? {
            let value = match operation {
                Operation::RegisterOffset { register, offset, .. } => {
                    values.get(register)?.wrapping_add_signed(offset)
                }
                Operation::UnsignedConstant { value } => value,
                Operation::PlusConstant { value } => stack.pop()?.wrapping_add(value),
                Operation::Plus => stack.pop()?.wrapping_add(stack.pop()?),
                Operation::Deref { size: 8, space: false, .. } => self.word(stack.pop()?)?,
                Operation::Nop => continue,
                _ => return None,
            };
            stack.push(value);
        }
        stack.pop()
    }
}
