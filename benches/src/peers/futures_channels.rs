//! A broadcast channel for the peers that have none of their own: the crate of smol's makers.

use async_broadcast::{InactiveReceiver, Receiver, Sender};

/// A receiver must be kept or the channel closes; the sender's keeps it open.
pub(super) type Tx = (Sender<u64>, InactiveReceiver<u64>);

pub(super) fn broadcast(capacity: usize, receivers: usize) -> (Tx, Vec<Receiver<u64>>) {
    let (tx, rx) = async_broadcast::broadcast(capacity);
    let inactive = rx.clone().deactivate();
    let more: Vec<_> = (1..receivers).map(|_| rx.clone()).collect();
    ((tx, inactive), more.into_iter().chain([rx]).collect())
}

pub(super) fn broadcast_send(tx: &Tx, value: u64) {
    let _ = tx.0.try_broadcast(value).unwrap();
}

pub(super) async fn broadcast_recv(rx: &mut Receiver<u64>) -> u64 {
    rx.recv().await.unwrap()
}
