//! The terminal while it shows a table that refreshes.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use runtime::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

/// A second screen, without cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// The byte that Ctrl-C sends.
const CTRL_C: u8 = 3;

/// A screen of its own on the terminal. When it is dropped the terminal is as it was before.
pub(super) struct Screen {
    /// The settings of the keyboard before, if keys come from a terminal.
    keys: Option<Termios>,
}

impl Screen {
    /// Whether the output is a terminal.
    pub(super) fn is_to_be_had() -> bool {
        io::stdout().is_terminal()
    }

    pub(super) fn enter() -> io::Result<Screen> {
        let keys = if io::stdin().is_terminal() { Some(tcgetattr(io::stdin())?) } else { None };
        let screen = Screen { keys };
        if let Some(before) = &screen.keys {
            // Keys come at once, are not shown, and raise no signal: they are all read here.
            let mut now = before.clone();
            now.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
            now.special_codes[SpecialCodeIndex::VMIN] = 1;
            now.special_codes[SpecialCodeIndex::VTIME] = 0;
            tcsetattr(io::stdin(), OptionalActions::Flush, &now)?;
        }
        write(ENTER)?;
        Ok(screen)
    }

    /// The keys as they are pressed, if they come from a terminal. A thread reads them; it ends
    /// with the process.
    pub(super) fn keys(&self) -> UnboundedReceiver<u8> {
        let (send, keys) = unbounded_channel();
        if self.keys.is_some() {
            std::thread::spawn(move || {
                let mut keys = [0; 64];
                while let Ok(read @ 1..) = io::stdin().read(&mut keys) {
                    if keys[..read].iter().any(|key| send.send(*key).is_err()) {
                        return;
                    }
                }
            });
        }
        keys
    }

    /// The number of columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        match tcgetwinsize(io::stdout().as_fd()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.into(), size.ws_row.into())
            }
            _ => (80, 24),
        }
    }

    /// Shows these lines and nothing else.
    pub(super) fn show(&self, lines: &[String]) -> io::Result<()> {
        let mut all = String::from(HOME);
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                all.push_str("\r\n");
            }
            all.push_str(line);
            all.push_str(CLEAR_LINE);
        }
        all.push_str(CLEAR_BELOW);
        write(&all)
    }

    /// Whether the key is q or Ctrl-C.
    pub(super) fn is_way_out(key: u8) -> bool {
        matches!(key, b'q' | b'Q' | CTRL_C)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = write(LEAVE);
        if let Some(before) = &self.keys {
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, before);
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
