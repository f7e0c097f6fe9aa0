//! Redis: pings, one connection that many tasks share, messages.

use futures_util::StreamExt;
use redis::AsyncCommands;

use crate::count::Operations;
use crate::{Outcome, task};

fn client(address: &str) -> Outcome<redis::Client> {
    Ok(redis::Client::open(format!("redis://{address}"))?)
}

/// One ping after the other.
pub(crate) async fn pings(address: &str, operations: &Operations) -> Outcome {
    let mut connection = client(address)?.get_multiplexed_async_connection().await?;
    let operations = operations.clone();
    task(async move {
        loop {
            let _: String = redis::cmd("PING").query_async(&mut connection).await?;
            operations.add(1);
        }
    });
    Ok(())
}

/// So many tasks write and read their keys on one connection.
pub(crate) async fn shared(address: &str, operations: &Operations, tasks: usize) -> Outcome {
    let connection = client(address)?.get_multiplexed_async_connection().await?;
    for number in 0..tasks {
        let (mut connection, operations) = (connection.clone(), operations.clone());
        task(async move {
            let key = format!("key {number}");
            for round in 0_u64.. {
                let _: () = connection.set(&key, round).await?;
                let read: u64 = connection.get(&key).await?;
                if read != round {
                    return Err("another value came back than was set".into());
                }
                operations.add(2);
            }
            Ok(())
        });
    }
    Ok(())
}

/// Tasks publish on one connection, and a task receives on another; messages received are counted.
pub(crate) async fn published(address: &str, operations: &Operations) -> Outcome {
    const PUBLISHERS: usize = 50;
    let client = client(address)?;
    let mut messages = client.get_async_pubsub().await?;
    messages.subscribe("news").await?;
    let received = operations.clone();
    task(async move {
        let mut messages = messages.into_on_message();
        while let Some(message) = messages.next().await {
            let _: String = message.get_payload()?;
            received.add(1);
        }
        Err("the messages have ended".into())
    });
    let connection = client.get_multiplexed_async_connection().await?;
    for _ in 0..PUBLISHERS {
        let mut connection = connection.clone();
        task(async move {
            loop {
                let receivers: u64 = connection.publish("news", "something has happened").await?;
                if receivers != 1 {
                    return Err("nobody has received a message".into());
                }
            }
        });
    }
    Ok(())
}
