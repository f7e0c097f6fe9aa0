//! The options to open a file.

/// The options to open a file: to read, to write, to create. By default all are off.
///
/// # Examples
///
/// ```
/// use runtime::fs::OpenOptions;
/// use runtime::io::AsyncWriteExt;
///
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("runtime-doc-open-options-{}", std::process::id()));
/// for line in ["one\n", "two\n"] {
///     let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///     log.write_all(line.as_bytes()).await?;
///     log.flush().await?;
/// }
/// assert_eq!(runtime::fs::read_to_string(&path).await?, "one\ntwo\n");
/// # runtime::fs::remove_file(path).await?;
/// # Ok(())
/// # }
/// ```
///
/// The combinations that are used most:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::fs::OpenOptions;
///
/// # let path = std::env::temp_dir().join(format!("doc-combinations-{}", std::process::id()));
/// // A new file, or an error if there is one.
/// let new = OpenOptions::new().write(true).create_new(true).open(&path).await?;
/// // Empty, whether it was there or not.
/// let empty = OpenOptions::new().write(true).create(true).truncate(true).open(&path).await?;
/// // At the end of what is there.
/// let log = OpenOptions::new().append(true).open(&path).await?;
/// // To change some bytes in the middle.
/// let both = OpenOptions::new().read(true).write(true).open(&path).await?;
/// # drop((new, empty, log, both));
/// # runtime::fs::remove_file(path).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub(super) std: std::fs::OpenOptions,
}

impl OpenOptions {
    /// Everything off: switch on at least one of `read`, `write` and `append`.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn new() -> OpenOptions {
        OpenOptions { std: std::fs::OpenOptions::new() }
    }

    /// Whether the file can be read.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.std.read(read);
        self
    }

    /// Whether the file can be written. Existing content is overwritten from the start.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.std.write(write);
        self
    }

    /// Whether the file can be written at its end only, wherever that is at the time of the write.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.std.append(append);
        self
    }

    /// Whether an existing file loses its content. Needs `write`.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.std.truncate(truncate);
        self
    }

    /// Whether a file that is missing is created. Needs `write` or `append`.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.std.create(create);
        self
    }

    /// Whether the file must be created: it is an error if anything exists there, also a dangling
    /// link. The check and the creation are one atomic step. Needs `write` or `append`; `create`
    /// and `truncate` are ignored then.
    ///
    /// # Examples
    ///
    /// See [`OpenOptions`].
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.std.create_new(create_new);
        self
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(std: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions { std }
    }
}
