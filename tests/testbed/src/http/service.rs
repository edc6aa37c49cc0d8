//! The API server as a tower service: what `kube::Client` can sit on without a socket.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tower::Service;

use super::ApiServer;
use super::body::ResponseBody;
use crate::authentication::Identity;

/// The API server of an embedded control plane as a [`tower::Service`].
///
/// It needs no socket and works under tokio's paused clock. A clone is cheap and serves the same plane.
#[derive(Debug, Clone)]
pub struct ApiService {
    pub(crate) server: Arc<ApiServer>,
    /// Who requests without a token are from.
    pub(crate) identity: Option<Identity>,
}

impl<B> Service<Request<B>> for ApiService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.server.clone();
        let identity = self.identity.clone();
        Box::pin(async move { Ok(server.handle(request, identity).await) })
    }
}
