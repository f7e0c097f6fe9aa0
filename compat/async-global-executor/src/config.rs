//! Settings of the runtime of the process.

use std::env;
use std::fmt;

use process_runtime::Settings;

/// The variable that sets the number of threads if no other one is named.
const THREADS: &str = "ASYNC_GLOBAL_EXECUTOR_THREADS";

/// Settings for [`init_with_config`](crate::init_with_config).
///
/// # Examples
///
/// ```
/// use async_global_executor::GlobalExecutorConfig;
///
/// let config = GlobalExecutorConfig::default()
///     .with_env_var("NUMBER_OF_THREADS")
///     .with_min_threads(4)
///     .with_thread_name_fn(|| "worker".to_string());
/// async_global_executor::init_with_config(config);
/// ```
#[derive(Default)]
pub struct GlobalExecutorConfig {
    env_var: Option<&'static str>,
    min_threads: Option<usize>,
    max_threads: Option<usize>,
    thread_name: Option<Box<dyn Fn() -> String + Send + Sync>>,
}

impl GlobalExecutorConfig {
    /// The variable of the environment that sets the number of workers. It wins over
    /// [`with_min_threads`](Self::with_min_threads).
    pub fn with_env_var(mut self, env_var: &'static str) -> Self {
        self.env_var = Some(env_var);
        self
    }

    /// The number of workers.
    pub fn with_min_threads(mut self, min_threads: usize) -> Self {
        self.min_threads = Some(min_threads);
        self
    }

    /// Is taken note of: how many spare workers come is the runtime's to say.
    pub fn with_max_threads(mut self, max_threads: usize) -> Self {
        self.max_threads = Some(max_threads);
        self
    }

    /// The name of each thread.
    pub fn with_thread_name_fn(
        mut self,
        thread_name_fn: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        self.thread_name = Some(Box::new(thread_name_fn));
        self
    }

    pub(crate) fn settings(self) -> Settings {
        let set = env::var(self.env_var.unwrap_or(THREADS)).ok();
        let workers = set.and_then(|count| count.parse().ok()).or(self.min_threads);
        Settings { workers, thread_name: self.thread_name }
    }
}

impl fmt::Debug for GlobalExecutorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobalExecutorConfig")
            .field("env_var", &self.env_var)
            .field("min_threads", &self.min_threads)
            .field("max_threads", &self.max_threads)
            .finish_non_exhaustive()
    }
}
