//! A frame that is being left: where it is, and what is known of its registers.

use gimli::Register;

use super::capture::Capture;
use super::modules::{Description, Image, Tables};
use super::{Address, registers};

/// What the registers hold, as far as it is known, by the numbers that the tables give them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values([Option<u64>; registers::REGISTERS]);

impl Values {
    pub(super) fn get(&self, register: Register) -> Option<u64> {
        *self.0.get(usize::from(register.0))?
    }

    /// Registers that nobody asks for, those for floating-point numbers, are not kept.
    pub(super) fn set(&mut self, register: Register, value: Option<u64>) {
        if let Some(place) = self.0.get_mut(usize::from(register.0)) {
            *place = value;
        }
    }
}

/// A frame, and what is needed to leave it.
pub(super) struct Place<'a> {
    pub(super) capture: &'a Capture,
    pub(super) images: &'a [(Image, Option<Tables>)],
    pub(super) at: Address,
    /// Whether its function may have called nobody.
    pub(super) may_be_leaf: bool,
}

impl Place<'_> {
    /// What the tables tell of the frame's function.
    pub(super) fn description(&self) -> Option<Description<'_>> {
        let (_, tables) = self.images.iter().find(|(i, _)| i.addresses.contains(&self.pc()))?;
        tables.as_ref()?.description(self.pc())
    }

    /// Where the frame is.
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
