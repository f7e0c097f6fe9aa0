//! The names of a host's Unix sockets.
//!
//! Files are the real system's, and a simulated socket leaves none there. So a path is a name like
//! any other here: it is free again when its socket is closed, and nobody has to remove a file
//! first. On a real system the file would stay, and a second `bind` would be `EADDRINUSE`.

use std::collections::BTreeMap;

use super::ObjectId;
use super::addr::UnixName;
use super::errno::{Errno, Result};

#[derive(Default)]
pub(super) struct SocketNames(BTreeMap<UnixName, ObjectId>);

impl SocketNames {
    /// The socket that has the name: `ENOENT` for a path, `ECONNREFUSED` for an abstract name that
    /// nobody has, as the kernel says it.
    pub(super) fn find(&self, name: &UnixName) -> Result<ObjectId> {
        match (self.0.get(name), name) {
            (Some(&id), _) => Ok(id),
            (None, UnixName::Path(_)) => Err(Errno::ENOENT),
            (None, UnixName::Abstract(_)) => Err(Errno::ECONNREFUSED),
            (None, UnixName::Unnamed) => Err(Errno::EINVAL),
        }
    }

    pub(super) fn insert(&mut self, name: &UnixName, id: ObjectId) -> Result<()> {
        if self.0.contains_key(name) {
            return Err(Errno::EADDRINUSE);
        }
        self.0.insert(name.clone(), id);
        Ok(())
    }

    /// The socket is gone, and its name with it.
    pub(super) fn remove(&mut self, id: ObjectId) {
        self.0.retain(|_, holder| *holder != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_until_its_socket_is_gone() {
        let mut names = SocketNames::default();
        let (a, b) = (ObjectId(1), ObjectId(2));
        let path = UnixName::Path(b"/run/x".to_vec());
        assert_eq!(names.find(&path), Err(Errno::ENOENT));
        assert_eq!(names.insert(&path, a), Ok(()));
        assert_eq!(names.insert(&path, b), Err(Errno::EADDRINUSE));
        assert_eq!(names.find(&path), Ok(a));
        names.remove(a);
        assert_eq!(names.insert(&path, b), Ok(()));
        let other = UnixName::Abstract(b"/run/x".to_vec());
        assert_eq!(names.find(&other), Err(Errno::ECONNREFUSED));
    }
}
