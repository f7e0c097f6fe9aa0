//! The tests of `compat/tests`, as they are, under the simulation.

#[macro_use(test)]
extern crate runtime_sim;

#[path = "../../tests/tests/a_tokio_program_runs_unchanged.rs"]
mod a_tokio_program_runs_unchanged;
#[path = "../../tests/tests/actix_runs_its_arbiters.rs"]
mod actix_runs_its_arbiters;
#[path = "../../tests/tests/axum_serves_reqwest.rs"]
mod axum_serves_reqwest;
#[path = "../../tests/tests/bb8_lends_connections.rs"]
mod bb8_lends_connections;
#[path = "../../tests/tests/hyper_speaks_http2.rs"]
mod hyper_speaks_http2;
#[path = "../../tests/tests/one_binary_holds_all_ways_in.rs"]
mod one_binary_holds_all_ways_in;
#[path = "../../tests/tests/quic_streams_echo.rs"]
mod quic_streams_echo;
#[path = "../../tests/tests/redis_talks_to_mini_redis.rs"]
mod redis_talks_to_mini_redis;
#[path = "../../tests/tests/sqlx_queries_sqlite.rs"]
mod sqlx_queries_sqlite;
#[path = "../../tests/tests/tls_round_trip.rs"]
mod tls_round_trip;
#[path = "../../tests/tests/tokio_stream_wraps_everything.rs"]
mod tokio_stream_wraps_everything;
#[path = "../../tests/tests/tokio_util_parts_work.rs"]
mod tokio_util_parts_work;
#[path = "../../tests/tests/tonic_calls_go_both_ways.rs"]
mod tonic_calls_go_both_ways;
#[path = "../../tests/tests/tower_layers_wait_and_refuse.rs"]
mod tower_layers_wait_and_refuse;
#[path = "../../tests/tests/websockets_echo.rs"]
mod websockets_echo;
