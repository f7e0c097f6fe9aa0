mod blocking_pool;
