//! The etcd that all planes of a set share.

use std::path::Path;

use http::Uri;
use kube::Config;

use crate::assets::{Assets, Program};
use crate::error::Error;
use crate::flags;
use crate::port::HeldPort;
use crate::process::{Folder, Server};
use crate::ready::{Deadline, probing_client, wait_for};

/// A running etcd and the folder that it and the planes write into.
///
/// The order of the fields is the order in which they are dropped: the folder goes last.
#[derive(Debug)]
pub(crate) struct Store {
    server: Server,
    endpoint: String,
    _ports: [HeldPort; 2],
    folder: Folder,
}

impl Store {
    pub(crate) async fn start(assets: &Assets, keep_folder: bool, deadline: Deadline) -> Result<Self, Error> {
        let ports = [HeldPort::any()?, HeldPort::any()?];
        let folder = Folder::new(keep_folder)?;
        let [client_port, peer_port] = [ports[0].number(), ports[1].number()];
        let server = Server::new(
            "etcd".to_owned(),
            assets.program(Program::Etcd),
            flags::etcd(&folder.path().join("etcd"), client_port, peer_port),
            folder.path().join("etcd.log"),
        );
        let endpoint = format!("http://127.0.0.1:{client_port}");
        let store = Self { server, endpoint, _ports: ports, folder };
        store.server.start(&store.folder)?;

        let address = Uri::builder().scheme("http").authority(format!("127.0.0.1:{client_port}"));
        let address = address.path_and_query("/").build().map_err(kube::Error::HttpError)?;
        let client = probing_client(Config::new(address))?;
        wait_for(&store.server, &client, "/health", deadline).await?;
        Ok(store)
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn log(&self) -> &Path {
        self.server.log()
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn process_id(&self) -> Option<u32> {
        self.server.process_id()
    }
}
