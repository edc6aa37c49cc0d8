//! The command lines of the servers.

use std::path::Path;

use crate::credentials::Credentials;

/// What the controller manager runs: what tests and examples see the effects of. The scheduler's and the nodes' work
/// is nobody's here, so pods stay pending; a test that wants them ready writes their status.
const CONTROLLERS: [&str; 8] = [
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "deployment-controller",
    "replicaset-controller",
    "job-controller",
];

const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n";

/// What the audit policy file holds: every request, without its body.
pub(crate) const fn audit_policy() -> &'static str {
    AUDIT_POLICY
}

pub(crate) fn etcd(data: &Path, client_port: u16, peer_port: u16) -> Vec<String> {
    let client = format!("http://127.0.0.1:{client_port}");
    vec![
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
        // The ports are held for it; see `port`.
        "--socket-reuse-port".to_owned(),
        // The data dies with the test: nothing is gained by waiting for the disk.
        "--unsafe-no-fsync".to_owned(),
    ]
}

/// What tells one API server from another.
pub(crate) struct ApiServer<'a> {
    pub(crate) name: &'a str,
    pub(crate) port: u16,
    pub(crate) etcd: &'a str,
    pub(crate) credentials: &'a Credentials,
    /// The policy file and the log, where requests are to be logged.
    pub(crate) audit: Option<(&'a Path, &'a Path)>,
    pub(crate) further: &'a [String],
}

impl ApiServer<'_> {
    pub(crate) fn flags(&self) -> Vec<String> {
        let file = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
        let credentials = self.credentials;
        let mut flags = vec![
            format!("--etcd-servers={}", self.etcd),
            format!("--etcd-prefix=/{}", self.name),
            format!("--secure-port={}", self.port),
            // The port is held for it; see `port`.
            "--permit-port-sharing".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            file("tls-cert-file", &credentials.certificate_file()),
            file("tls-private-key-file", &credentials.key_file()),
            file("client-ca-file", &credentials.ca_file()),
            file("token-auth-file", &credentials.token_file()),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            file("service-account-key-file", &credentials.service_account_public_key_file()),
            file("service-account-signing-key-file", &credentials.service_account_key_file()),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            // The first would refuse pods until a controller made the account, the second blocks the deletion of
            // volumes for a controller that does not run.
            "--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection".to_owned(),
            "--allow-privileged=true".to_owned(),
            // Under load the default limits would measure priority and fairness, not the client.
            "--max-requests-inflight=2000".to_owned(),
            "--max-mutating-requests-inflight=1000".to_owned(),
        ];
        if let Some((policy, log)) = self.audit {
            flags.push(file("audit-policy-file", policy));
            flags.push(file("audit-log-path", log));
        }
        flags.extend_from_slice(self.further);
        flags
    }
}

pub(crate) fn controller_manager(kubeconfig: &Path, credentials: &Credentials) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=false".to_owned(),
        "--secure-port=0".to_owned(),
        format!("--service-account-private-key-file={}", credentials.service_account_key_file().display()),
        format!("--root-ca-file={}", credentials.ca_file().display()),
        format!("--controllers={}", CONTROLLERS.join(",")),
    ]
}
