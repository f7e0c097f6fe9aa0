//! Files.

use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};

use super::errno::{Errno, Result};
use super::stream::Stream;
use super::{DiskSpec, HostId, Nanos, ObjectId, Os, Unsynced};

pub(super) struct OpenFile;

pub(super) struct Files {
    sockets: BTreeMap<Vec<u8>, ObjectId>,
    abstracts: BTreeMap<Vec<u8>, ObjectId>,
}

impl Files {
    pub(super) fn new(_: Stream) -> Files {
        Files { sockets: BTreeMap::new(), abstracts: BTreeMap::new() }
    }

    pub(super) fn crash(&mut self, _: Unsynced) {}

    pub(super) fn abstract_socket(&self, name: &[u8]) -> Option<ObjectId> {
        self.abstracts.get(name).copied()
    }

    pub(super) fn bind_abstract(&mut self, name: &[u8], id: ObjectId) -> Result<()> {
        if self.abstracts.contains_key(name) {
            return Err(Errno::EADDRINUSE);
        }
        self.abstracts.insert(name.to_vec(), id);
        Ok(())
    }

    pub(super) fn socket_at(&self, path: &[u8]) -> Result<Option<ObjectId>> {
        self.sockets.get(path).map(|&id| Some(id)).ok_or(Errno::ENOENT)
    }

    pub(super) fn bind_socket(&mut self, path: &[u8], id: ObjectId, _: Nanos) -> Result<()> {
        if self.sockets.contains_key(path) {
            return Err(Errno::EADDRINUSE);
        }
        self.sockets.insert(path.to_vec(), id);
        Ok(())
    }

    pub(super) fn unbind_socket(&mut self, id: ObjectId) {
        self.abstracts.retain(|_, bound| *bound != id);
    }
}

impl Os {
    pub(super) fn read_file(
        &mut self,
        _: HostId,
        _: ObjectId,
        _: &mut [IoSliceMut<'_>],
        _: Option<u64>,
    ) -> Result<usize> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn write_file(
        &mut self,
        _: HostId,
        _: ObjectId,
        _: &[IoSlice<'_>],
        _: Option<u64>,
    ) -> Result<usize> {
        Err(Errno::ENOSYS)
    }

    pub(super) fn left_in_file(&mut self, _: HostId, _: ObjectId) -> Result<usize> {
        Err(Errno::ENOSYS)
    }

    pub(crate) fn set_disk(&mut self, host: HostId, spec: DiskSpec) {
        let _ = (host, spec);
    }
}
