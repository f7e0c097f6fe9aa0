//! What the network between the hosts is like.

use std::time::Duration;

use crate::os::{Latency, LinkSpec};

/// The links between hosts: how long a packet takes, and what becomes of it.
///
/// A value describes one direction between two hosts. [`Sim::network`](crate::Sim::network) sets it
/// for all pairs, [`Sim::link`](crate::Sim::link) for one. Within a host packets take no time and
/// none is lost.
///
/// ```
/// use runtime_sim::Network;
/// use std::time::Duration;
///
/// let far = Network::wan().loss(0.01);
/// let near = Network::lan().latency(Duration::from_micros(50), Duration::from_micros(80));
/// # let _ = (far, near);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub(crate) spec: LinkSpec,
}

impl Network {
    /// A data centre: 50 to 250 µs one way, nothing is lost. The default.
    pub fn lan() -> Network {
        Network { spec: LinkSpec::lan() }
    }

    /// Between cities: 20 ms and more one way, 100 Mbit/s.
    pub fn wan() -> Network {
        Network { spec: LinkSpec::wan() }
    }

    /// How long a packet takes: anything from `least` to `most`, all equally likely.
    #[must_use]
    pub fn latency(mut self, least: Duration, most: Duration) -> Network {
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.spec.latency = Latency::Uniform { low: ns(least), high: ns(most).max(ns(least)) };
        self
    }

    /// How likely a packet is lost, from 0 to 1. A stream sends it again, which takes time; a
    /// datagram is gone.
    ///
    /// # Panics
    ///
    /// If it is not from 0 to 1.
    #[must_use]
    pub fn loss(mut self, probability: f64) -> Network {
        self.spec.loss = checked("loss", probability);
        self
    }

    /// How likely a datagram arrives twice, from 0 to 1.
    ///
    /// # Panics
    ///
    /// If it is not from 0 to 1.
    #[must_use]
    pub fn duplication(mut self, probability: f64) -> Network {
        self.spec.duplication = checked("duplication", probability);
        self
    }

    /// How likely a datagram overtakes others, from 0 to 1.
    ///
    /// # Panics
    ///
    /// If it is not from 0 to 1.
    #[must_use]
    pub fn reordering(mut self, probability: f64) -> Network {
        self.spec.reordering = checked("reordering", probability);
        self
    }

    /// How likely a segment of a stream is cut in two, so that a reader sees a part of what was
    /// written, from 0 to 1. A parser that trusts the borders of segments does not survive it.
    ///
    /// # Panics
    ///
    /// If it is not from 0 to 1.
    #[must_use]
    pub fn cuts(mut self, probability: f64) -> Network {
        self.spec.cuts = checked("cuts", probability);
        self
    }

    /// Bytes a second; packets wait for those before them. Without limit by default in
    /// [`lan`](Self::lan).
    #[must_use]
    pub fn bandwidth(mut self, bytes_per_second: u64) -> Network {
        self.spec.bandwidth = Some(bytes_per_second.max(1));
        self
    }
}

fn checked(what: &str, probability: f64) -> f64 {
    assert!(
        (0.0..=1.0).contains(&probability),
        "the probability of {what} is {probability}: it must be from 0 to 1",
    );
    probability
}
