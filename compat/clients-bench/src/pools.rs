//! PostgreSQL: queries on one connection without waiting for the one before, and two pools.

use std::str::FromStr;
use std::sync::Arc;

use deadpool_postgres::{Manager, Pool};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio_postgres::{Config, NoTls};

use crate::count::Operations;
use crate::{Outcome, task};

const QUERY: &str = "SELECT $1::bigint + 1";

fn url(address: &str) -> String {
    format!("postgres://postgres@{address}/postgres")
}

/// So many tasks share one connection: their queries are sent before others are answered.
pub(crate) async fn pipelined(address: &str, operations: &Operations, tasks: usize) -> Outcome {
    let (client, connection) = tokio_postgres::connect(&url(address), NoTls).await?;
    task(async move { Ok(connection.await?) });
    let query = client.prepare(QUERY).await?;
    let client = Arc::new(client);
    for _ in 0..tasks {
        let (client, query, operations) = (Arc::clone(&client), query.clone(), operations.clone());
        task(async move {
            for number in 0_i64.. {
                let row = client.query_one(&query, &[&number]).await?;
                check(row.get(0), number)?;
                operations.add(1);
            }
            Ok(())
        });
    }
    Ok(())
}

fn check(answer: i64, number: i64) -> Outcome {
    if answer == number + 1 { Ok(()) } else { Err("the answer is to another query".into()) }
}

/// So many tasks take a connection of deadpool's for each query.
pub(crate) async fn deadpool(
    address: &str,
    operations: &Operations,
    tasks: usize,
    connections: usize,
) -> Outcome {
    let manager = Manager::new(Config::from_str(&url(address))?, NoTls);
    let pool = Pool::builder(manager).max_size(connections).build()?;
    for _ in 0..tasks {
        let (pool, operations) = (pool.clone(), operations.clone());
        task(async move {
            for number in 0_i64.. {
                let client = pool.get().await?;
                let query = client.prepare_cached(QUERY).await?;
                let row = client.query_one(&query, &[&number]).await?;
                check(row.get(0), number)?;
                operations.add(1);
            }
            Ok(())
        });
    }
    Ok(())
}

/// The same with sqlx's pool, which gives connections in the order of the requests.
pub(crate) async fn sqlx(
    address: &str,
    operations: &Operations,
    tasks: usize,
    connections: u32,
) -> Outcome {
    let options = PgConnectOptions::from_str(&url(address))?;
    let pool = PgPoolOptions::new().max_connections(connections).connect_with(options).await?;
    for _ in 0..tasks {
        let (pool, operations) = (pool.clone(), operations.clone());
        task(async move {
            for number in 0_i64.. {
                let answer: i64 = sqlx::query_scalar(QUERY).bind(number).fetch_one(&pool).await?;
                check(answer, number)?;
                operations.add(1);
            }
            Ok(())
        });
    }
    Ok(())
}
