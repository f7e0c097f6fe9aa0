//! gRPC over HTTP/2: a call is a POST with one message. Its answer is any number of messages, and a
//! status in the trailers.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use runtime::sync::mpsc;

use runtime_insight::protobuf::Message;

/// The longest message of a client: the console's are a few bytes.
const LONGEST_REQUEST: usize = 4096;
/// The bytes in front of each message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// How many messages may wait for a client that does not read. No more are made meanwhile.
const WAITING: usize = 2;

/// Why a call fails, by the numbers of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok = 0,
    InvalidArgument = 3,
    Unimplemented = 12,
}

impl Status {
    fn put(self, headers: &mut HeaderMap) {
        let name = HeaderName::from_static("grpc-status");
        headers.insert(name, HeaderValue::from(self as u16));
    }
}

/// The message of a call.
pub(super) async fn read(body: Incoming) -> Result<Bytes, Status> {
    let whole = Limited::new(body, LONGEST_REQUEST).collect().await;
    message_of(whole.map_err(|_| Status::InvalidArgument)?.to_bytes())
}

fn message_of(framed: Bytes) -> Result<Bytes, Status> {
    let (prefix, message) = framed.split_at_checked(PREFIX).ok_or(Status::InvalidArgument)?;
    let [compressed, length @ ..] = prefix else { return Err(Status::InvalidArgument) };
    if *compressed != 0 {
        // The client may compress only if this side offers it, which it does not.
        return Err(Status::Unimplemented);
    }
    let length = u32::from_be_bytes(length.try_into().map_err(|_| Status::InvalidArgument)?);
    if usize::try_from(length) != Ok(message.len()) {
        return Err(Status::InvalidArgument);
    }
    Ok(framed.slice(PREFIX..))
}

/// Whether this is a call at all. A browser on a foreign page does not get so far: it first asks
/// whether it may send this content type.
pub(super) fn is_call(request: &Request<Incoming>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.method() == hyper::Method::POST
        && kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// The sender of an answer's messages. The answer ends when this is dropped.
pub(super) struct Messages(mpsc::Sender<Bytes>);

impl Messages {
    /// Waits until the client has read enough. Returns `false` if it has gone.
    pub(super) async fn send(&self, message: Message) -> bool {
        self.0.send(framed(message)).await.is_ok()
    }

    /// Waits until the client has gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

fn framed(message: Message) -> Bytes {
    let message = message.into_bytes();
    let length = u32::try_from(message.len()).expect("messages are cut into pieces before");
    let mut framed = Vec::with_capacity(PREFIX + message.len());
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&message);
    framed.into()
}

/// The body of an answer.
pub(super) struct Answer {
    messages: Option<mpsc::Receiver<Bytes>>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
        messages.poll_recv(cx).map(|message| {
            Some(Ok(match message {
                Some(message) => Frame::data(message),
                None => {
                    self.messages = None;
                    let mut trailers = HeaderMap::new();
                    Status::Ok.put(&mut trailers);
                    Frame::trailers(trailers)
                }
            }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.messages.is_none()
    }
}

/// An answer, with the sender of its messages.
pub(super) fn answer() -> (Messages, Response<Answer>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Messages(sender), respond(Some(receiver)))
}

/// The answer that says that a call fails.
pub(super) fn failure(status: Status) -> Response<Answer> {
    let mut response = respond(None);
    status.put(response.headers_mut());
    response
}

/// The answer to a request that is no call.
pub(super) fn no_call() -> Response<Answer> {
    let mut response = respond(None);
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

fn respond(messages: Option<mpsc::Receiver<Bytes>>) -> Response<Answer> {
    let mut response = Response::new(Answer { messages });
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        let message = || Message::with(|message| message.text(1, "text"));
        let read = message_of(framed(message())).unwrap();
        assert_eq!(read, message().into_bytes());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let refused = |bytes: &'static [u8]| message_of(Bytes::from_static(bytes)).unwrap_err();
        assert_eq!(refused(&[0, 0, 0, 0]), Status::InvalidArgument);
        assert_eq!(refused(&[0, 0, 0, 0, 2, 1]), Status::InvalidArgument);
        assert_eq!(refused(&[0, 0, 0, 0, 0, 1]), Status::InvalidArgument);
        assert_eq!(refused(&[1, 0, 0, 0, 1, 1]), Status::Unimplemented);
    }
}
