//! What a world is like: links and crashes. Plain data that the simulation's user describes.

use super::Nanos;

const MICROSECOND: Nanos = 1_000;
const MILLISECOND: Nanos = 1_000_000;

/// How long a packet is under way, without what bandwidth adds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Latency {
    /// Always the same.
    Constant(Nanos),
    /// Anything of `low..=high`, all equally likely.
    Uniform { low: Nanos, high: Nanos },
    /// At least `low`, `mean` more on average, the further the rarer: what queues do.
    Exponential { low: Nanos, mean: Nanos },
}

/// One direction between two hosts.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LinkSpec {
    pub(crate) latency: Latency,
    /// Bytes a second; `None` is without limit. A packet waits for those before it.
    pub(crate) bandwidth: Option<u64>,
    /// How likely a packet is lost.
    pub(crate) loss: f64,
    /// How likely a packet arrives twice.
    pub(crate) duplication: f64,
    /// How likely a packet overtakes, or is overtaken; others stay in order.
    pub(crate) reordering: f64,
    /// How likely a segment of a byte stream is cut in two at a random place, so that a reader
    /// sees a part of what was written.
    pub(crate) cuts: f64,
    /// The largest packet, headers included.
    pub(crate) mtu: usize,
}

impl LinkSpec {
    /// Within a host: nothing takes time or is lost, and a call that sends has delivered when it
    /// returns. The MTU is that of Linux's `lo` (65,536).
    pub(crate) fn loopback() -> LinkSpec {
        LinkSpec { latency: Latency::Constant(0), mtu: 65_536, ..LinkSpec::lan() }
    }

    /// A data centre: 50 to 250 us one way, nothing is lost. The MTU is Ethernet's (1,500).
    pub(crate) fn lan() -> LinkSpec {
        LinkSpec {
            latency: Latency::Uniform { low: 50 * MICROSECOND, high: 250 * MICROSECOND },
            bandwidth: None,
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            cuts: 0.0,
            mtu: 1_500,
        }
    }

    /// Between cities: 20 ms and more one way, 100 Mbit/s.
    pub(crate) fn wan() -> LinkSpec {
        LinkSpec {
            latency: Latency::Exponential { low: 20 * MILLISECOND, mean: 5 * MILLISECOND },
            bandwidth: Some(12_500_000),
            ..LinkSpec::lan()
        }
    }
}

/// What a partition does to packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// They vanish; the sender learns nothing.
    Silent,
    /// A router says that the host is unreachable: `EHOSTUNREACH`.
    #[cfg_attr(not(test), allow(dead_code, reason = "no fault asks for it, only tests do"))]
    Unreachable,
}

/// What becomes of the writes of a host that goes down before they were synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unsynced {
    /// The kernel lives, and has them.
    Kept,
    /// Some are there and some are not, in no order.
    Lost,
}

/// What becomes of the sockets of a host that crashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crash {
    /// The process dies, the kernel lives: sockets are closed as at the end of a process (FIN, or
    /// RST where data was unread), and connections to it are refused.
    Closed,
    /// Every peer gets a reset, and connections to it are refused.
    Reset,
    /// The machine loses its power: nobody hears anything, packets to it vanish. After a restart
    /// packets of old connections are answered by resets.
    Silent,
}
