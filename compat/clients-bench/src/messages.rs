//! NATS: requests and their answers.

use bytes::Bytes;
use futures_util::StreamExt;

use crate::count::Operations;
use crate::{Outcome, task};

/// So many tasks ask on one connection, each for its answer before it asks again. They are answered
/// on another connection of this program.
pub(crate) async fn requests(address: &str, operations: &Operations, tasks: usize) -> Outcome {
    let server = async_nats::connect(address).await?;
    let mut questions = server.subscribe("questions").await?;
    server.flush().await?;
    task(async move {
        while let Some(question) = questions.next().await {
            if let Some(to) = question.reply {
                server.publish(to, question.payload).await?;
            }
        }
        Ok(())
    });
    let client = async_nats::connect(address).await?;
    for number in 0..tasks {
        let (client, operations) = (client.clone(), operations.clone());
        let payload = Bytes::from(format!("question {number:07}"));
        task(async move {
            loop {
                let answer = client.request("questions", payload.clone()).await?;
                if answer.payload != payload {
                    return Err("the answer is to another question".into());
                }
                operations.add(1);
            }
        });
    }
    Ok(())
}
