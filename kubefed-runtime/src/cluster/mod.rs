//! Member clusters: how they are reached, whether they are well, how they join.
//!
//! * [`Connector`] turns a `KubeFedCluster` and its token into [`Clients`].
//! * The controller in `members` keeps one connection per cluster and probes its health (spec 8).
//! * [`join`] makes a cluster a member (spec 11.4).

mod client;
mod connection;
mod connector;
mod health;
mod join;
mod members;
mod request;

pub use client::{ClientError, Clients, connect};
pub(crate) use connection::{Connection, NamespaceList, REQUEST_TIMEOUT, is_system_namespace};
pub(crate) use connector::USER_AGENT;
pub use connector::{Connector, HttpsConnector, member_config};
pub use join::{JoinError, JoinOptions, MemberRights, join};
pub(crate) use members::{
    ClusterController, Member, Members, MembersReceiver, NamespaceEvent, Way, watch_pause,
};
pub(crate) use request::{Answer, Objects, RequestError, with_causes};
