//! TCP ports that stay ours.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;

/// A free port on loopback, bound but not listened on by us.
///
/// Asking the system for a free port and letting go of it again leaves a moment in which somebody else, an outgoing
/// connection included, can take it; and a server that is stopped and started again would have to hope for its old
/// port. So the port stays bound here with `SO_REUSEPORT`, and the server, told to set the same option, listens
/// beside. While it does not, connections are refused as they should be.
#[derive(Debug)]
pub(crate) struct HeldPort {
    number: u16,
    _socket: Socket,
}

impl HeldPort {
    /// Takes any free port of 127.0.0.1.
    pub(crate) fn any() -> Result<Self, Error> {
        let bind = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_port(true)?;
            socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
            let number = socket.local_addr()?.as_socket_ipv4().map_or(0, |address| address.port());
            Ok(Self { number, _socket: socket })
        };
        bind().map_err(Error::io("bind a port of", "127.0.0.1"))
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_held_port_refuses_connections_until_a_server_listens_beside() {
        let port = HeldPort::any().expect("a port");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
        let refused = TcpStream::connect(address).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

        let server = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        server.set_reuse_port(true).expect("the option");
        server.bind(&address.into()).expect("the same port");
        server.listen(1).expect("to listen");
        TcpStream::connect(address).expect("a connection to the server");
    }
}
