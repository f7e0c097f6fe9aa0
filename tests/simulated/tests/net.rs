//! What is promised about the network, under the simulation.

#[macro_use(test)]
extern crate runtime_sim;

#[path = "../../tests/net_accept_survives_want_of_descriptors.rs"]
mod net_accept_survives_want_of_descriptors;
#[path = "../../tests/net_lookup_finds_addresses.rs"]
mod net_lookup_finds_addresses;
#[path = "../../tests/net_sockets_wait_or_say_that_they_would.rs"]
mod net_sockets_wait_or_say_that_they_would;
#[path = "../../tests/net_tcp_streams_carry_every_byte.rs"]
mod net_tcp_streams_carry_every_byte;
#[path = "../../tests/net_udp_delivers_datagrams_whole.rs"]
mod net_udp_delivers_datagrams_whole;
#[path = "../../tests/net_unix_paths_mean_what_they_say.rs"]
mod net_unix_paths_mean_what_they_say;
#[path = "../../tests/net_unix_sockets_and_pipes_carry_every_byte.rs"]
mod net_unix_sockets_and_pipes_carry_every_byte;
