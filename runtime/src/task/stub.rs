//! (A stub.)
#![allow(missing_docs)]

use std::pin::Pin;
use std::task::{Context, Poll};

#[derive(Debug)]
pub struct JoinHandle<T>(Option<T>);
#[derive(Debug)]
pub struct JoinError;
impl From<JoinError> for std::io::Error {
    fn from(_: JoinError) -> Self {
        std::io::Error::other("task")
    }
}
impl<T: Unpin> std::future::Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.0.take().ok_or(JoinError))
    }
}
pub fn spawn_blocking<R>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    JoinHandle(Some(f()))
}
