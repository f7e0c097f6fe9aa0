//! A frame that is being unwound: its place, and what is known of its registers.

use gimli::Register;

use super::capture::Capture;
use super::modules::{Description, Image, Tables};
use super::{Address, registers};

/// The known values of the registers, by their numbers in the unwind tables.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values([Option<u64>; registers::REGISTERS]);

impl Values {
    pub(super) fn get(&self, register: Register) -> Option<u64> {
        *self.0.get(usize::from(register.0))?
    }

    /// Registers that are not needed (those for floating-point numbers) are not stored.
    pub(super) fn set(&mut self, register: Register, value: Option<u64>) {
        if let Some(place) = self.0.get_mut(usize::from(register.0)) {
            *place = value;
        }
    }
}

/// A frame, and what is needed to unwind it.
pub(super) struct Place<'a> {
    pub(super) capture: &'a Capture,
    pub(super) images: &'a [(Image, Option<Tables>)],
    pub(super) at: Address,
    /// Whether its function may be a leaf, that is, may have made no call.
    pub(super) may_be_leaf: bool,
}

impl Place<'_> {
    /// The tables' description of the frame's function.
    pub(super) fn description(&self) -> Option<Description<'_>> {
        let (_, tables) = self.images.iter().find(|(i, _)| i.addresses.contains(&self.pc()))?;
        tables.as_ref()?.description(self.pc())
    }

    /// An address inside the frame's function.
    pub(super) fn pc(&self) -> u64 {
        self.at.inside()
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
