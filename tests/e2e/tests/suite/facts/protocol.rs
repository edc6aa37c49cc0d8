//! How an API server answers.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use kubefed_e2e::{FIRST, Patch};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{US, config_map, fact, ours, owns};

#[test]
fn the_status_code_of_an_apply_tells_whether_the_object_was_there() -> Result<()> {
    fact(async |plane| {
        let us = plane.config_maps(US);
        us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "1"}))).await?.with_code(201)?;
        us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "2"}))).await?.with_code(200)?;
        us.patch("x", Patch::ForcedApply, &config_map(&json!({"a": "2"}))).await?.with_code(200)?;
        Ok(())
    })
}

#[test]
fn an_apply_can_be_answered_with_the_metadata_alone_managed_fields_included() -> Result<()> {
    fact(async |plane| {
        let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        let object = config_map(&json!({"a": "1"}));
        let us = plane.config_maps(US);
        for code in [201, 200] {
            let answer = us.patch_as("x", Patch::ForcedApply, &object, accept).await?.with_code(code)?;
            ensure!(answer["kind"] == "PartialObjectMetadata" && answer["data"].is_null(), "{answer}");
            ensure!(owns(&ours(&answer), "/f:data/f:a"), "{answer}");
        }
        Ok(())
    })
}

#[test]
fn one_connection_carries_a_hundred_streams() -> Result<()> {
    fact(async |plane| {
        let plane = plane.federation.member(FIRST).plane();
        let settings = http2_settings(&plane.endpoint(), &plane.ca_pem()).await?;
        let streams = settings.iter().find(|(id, _)| *id == MAX_CONCURRENT_STREAMS);
        ensure!(streams == Some(&(MAX_CONCURRENT_STREAMS, 100)), "{settings:?}");
        Ok(())
    })
}

/// RFC 9113, sections 3.4, 4.1 and 6.5.2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];
const SETTINGS: u8 = 4;
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// The settings that a server sends first on a new connection.
async fn http2_settings(endpoint: &str, ca: &str) -> Result<Vec<(u16, u32)>> {
    let mut stream = connect(endpoint, ca).await?;
    stream.write_all(PREFACE).await?;
    stream.write_all(&EMPTY_SETTINGS).await?;
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    ensure!(head[3] == SETTINGS, "the first frame is of type {}", head[3]);
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length)?];
    stream.read_exact(&mut payload).await?;
    let setting = |bytes: &[u8]| {
        let id = u16::from_be_bytes([bytes[0], bytes[1]]);
        (id, u32::from_be_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]))
    };
    Ok(payload.chunks_exact(6).map(setting).collect())
}

async fn connect(endpoint: &str, ca: &str) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate.context("the certificate authority")?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = endpoint.trim_start_matches("https://").trim_end_matches('/');
    let socket = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(connector.connect(ServerName::try_from("127.0.0.1")?.to_owned(), socket).await?)
}
