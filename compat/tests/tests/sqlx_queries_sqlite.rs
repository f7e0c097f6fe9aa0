//! sqlx with SQLite: a pool, a transaction, rows as they come.

use ecosystem::in_time;
use futures::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_in_and_come_out() {
    let folder = std::env::temp_dir().join(format!("sqlx-{}", std::process::id()));
    tokio::fs::create_dir_all(&folder).await.unwrap();
    let options = SqliteConnectOptions::new().filename(folder.join("db")).create_if_missing(true);
    let pool = in_time(SqlitePoolOptions::new().max_connections(4).connect_with(options)).await;
    let pool = pool.unwrap();
    sqlx::query("create table numbers (n integer not null, square integer not null)")
        .execute(&pool)
        .await
        .unwrap();

    let mut transaction = pool.begin().await.unwrap();
    for n in 0..500_i64 {
        let insert = sqlx::query("insert into numbers values (?, ?)").bind(n).bind(n * n);
        insert.execute(&mut *transaction).await.unwrap();
    }
    in_time(transaction.commit()).await.unwrap();
    let mut forgotten = pool.begin().await.unwrap();
    sqlx::query("delete from numbers").execute(&mut *forgotten).await.unwrap();
    drop(forgotten);

    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let pool = pool.clone();
        readers.spawn(async move {
            let mut rows = sqlx::query("select n, square from numbers order by n").fetch(&pool);
            let mut count = 0_i64;
            while let Some(row) = rows.try_next().await.unwrap() {
                assert_eq!((row.get::<i64, _>(0), row.get::<i64, _>(1)), (count, count * count));
                count += 1;
            }
            assert_eq!(count, 500);
        });
    }
    in_time(readers.join_all()).await;
    in_time(pool.close()).await;
    tokio::fs::remove_dir_all(&folder).await.unwrap();
}
