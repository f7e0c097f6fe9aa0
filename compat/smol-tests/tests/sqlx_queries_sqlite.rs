//! sqlx with SQLite on async-std: a pool, a transaction, rows as they come.

use async_std::stream::StreamExt;
use async_std::task;
use smol_ecosystem::in_time;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

#[test]
fn rows_go_in_and_come_out() {
    in_time(|| task::block_on(queries()));
}

async fn queries() {
    let folder = std::env::temp_dir().join(format!("sqlx-async-std-{}", std::process::id()));
    async_std::fs::create_dir_all(&folder).await.unwrap();
    let options = SqliteConnectOptions::new().filename(folder.join("db")).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
    let create = "create table numbers (n integer not null, square integer not null)";
    sqlx::query(create).execute(&pool).await.unwrap();

    let mut transaction = pool.begin().await.unwrap();
    for n in 0..500_i64 {
        let insert = sqlx::query("insert into numbers values (?, ?)").bind(n).bind(n * n);
        insert.execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let mut forgotten = pool.begin().await.unwrap();
    sqlx::query("delete from numbers").execute(&mut *forgotten).await.unwrap();
    drop(forgotten);

    let readers: Vec<_> = (0..8)
        .map(|_| {
            let pool = pool.clone();
            task::spawn(async move {
                let mut rows = sqlx::query("select n, square from numbers order by n").fetch(&pool);
                let mut count = 0_i64;
                while let Some(row) = rows.next().await {
                    let row = row.unwrap();
                    assert_eq!(
                        (row.get::<i64, _>(0), row.get::<i64, _>(1)),
                        (count, count * count)
                    );
                    count += 1;
                }
                assert_eq!(count, 500);
            })
        })
        .collect();
    for reader in readers {
        reader.await;
    }
    pool.close().await;
    async_std::fs::remove_dir_all(&folder).await.unwrap();
}
