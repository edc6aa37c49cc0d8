//! From a `KubeFedCluster` and its token to clients (spec 8.4).

use http::{HeaderValue, Uri, header};
use kube::Config;
use kubefed_core::api::KubeFedCluster;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::SecretString;

use super::client::{ClientError, Clients};

/// Makes clients of member clusters. The one that reaches out over the network is [`HttpsConnector`]; tests put another
/// in its place.
pub trait Connector: Send + Sync + 'static {
    /// Clients of a member.
    ///
    /// # Errors
    ///
    /// If the object or the token cannot be used; names the field.
    fn connect(&self, cluster: &KubeFedCluster, token: &str) -> Result<Clients, ClientError>;
}

/// Reaches members at their `spec.apiEndpoint`.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpsConnector;

impl Connector for HttpsConnector {
    fn connect(&self, cluster: &KubeFedCluster, token: &str) -> Result<Clients, ClientError> {
        Clients::from_config(&member_config(cluster, token)?)
    }
}

/// What requests of ours are known as in the members' logs.
pub(crate) const USER_AGENT: &str = concat!("kubefed/", env!("CARGO_PKG_VERSION"));

/// The client configuration that a `KubeFedCluster` describes.
///
/// # Errors
///
/// If a field cannot be used.
pub fn member_config(cluster: &KubeFedCluster, token: &str) -> Result<Config, ClientError> {
    let spec = &cluster.spec;
    let mut config = Config::new(endpoint(&spec.api_endpoint)?);
    if let Some(bundle) = spec.ca_bundle.as_ref().filter(|bundle| !bundle.0.is_empty()) {
        config.root_cert = Some(certificates(&bundle.0)?);
    }
    config.auth_info.token = Some(SecretString::from(token.to_owned()));
    config.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
    config.default_retry = false;
    if let Some(proxy) = spec.proxy_url.as_deref().filter(|proxy| !proxy.is_empty()) {
        return Err(ClientError::Field {
            field: "spec.proxyURL",
            problem: format!("`{proxy}`: members are not reached through proxies yet; leave it empty"),
        });
    }
    match spec.disabled_tls_validations.as_deref().unwrap_or_default() {
        [] => {}
        [all] if all == "*" => config.accept_invalid_certs = true,
        others => {
            return Err(ClientError::Field {
                field: "spec.disabledTLSValidations",
                problem: format!(
                    "{others:?} cannot be served; write [\"*\"] to leave out all checks, or nothing to make them all"
                ),
            });
        }
    }
    Ok(config)
}

/// An endpoint without a scheme means HTTPS.
fn endpoint(text: &str) -> Result<Uri, ClientError> {
    let invalid = |problem: String| ClientError::Field { field: "spec.apiEndpoint", problem };
    if text.is_empty() {
        return Err(invalid("it is empty; write the URL of the member's API server".to_owned()));
    }
    let url = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let uri: Uri = url.parse().map_err(|error| {
        invalid(format!("`{text}` is neither a URL nor host and port ({error}); write https://HOST:PORT"))
    })?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.authority().is_some() => Ok(uri),
        _ => Err(invalid(format!("`{text}` must be an http or https URL, or host and port"))),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, ClientError> {
    let invalid = |problem: String| ClientError::Field { field: "spec.caBundle", problem };
    let certificates = CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(format!("it is not PEM ({error})")))?;
    if certificates.is_empty() {
        return Err(invalid(
            "it holds no certificate; put in the PEM of the member's certificate authority".to_owned(),
        ));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_kubefed_reads_them() {
        assert_eq!(endpoint("example.com").unwrap().to_string(), "https://example.com/");
        assert_eq!(endpoint("http://example.com:80/p").unwrap().path(), "/p");
        assert_eq!(endpoint("[2001:db8::1]:6443").unwrap().port_u16(), Some(6443));
        for bad in ["", "tcp://example.com", "https://", "exa mple"] {
            assert!(endpoint(bad).unwrap_err().to_string().starts_with("spec.apiEndpoint: "), "{bad}");
        }
    }
}
