//! The server that takes mails: how it is reached, and how one says who one is.

use std::{fs, net::IpAddr, path::PathBuf, time::Duration};

use lettre::{
    AsyncSmtpTransport, Tokio1Executor,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};

use super::super::Failure;
use crate::config::{SmtpConfig, SmtpTls};

/// Longest time a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Largest file of certificates.
const CA_BYTES_MAX: u64 = 1024 * 1024;

/// The ports of RFC 5321, RFC 6409 and RFC 8314.
const PORT_RELAY: u16 = 25;
const PORT_SUBMISSION: u16 = 587;
const PORT_IMPLICIT: u16 = 465;

/// Who takes mails.
pub(super) struct Server {
    host: String,
    pub(super) port: u16,
    tls: SmtpTls,
    login: Option<Credentials>,
    ca_file: Option<PathBuf>,
    checks: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let server = format!("{}:{}", self.host, self.port);
        f.debug_tuple("Server").field(&server).finish()
    }
}

impl Server {
    pub(super) fn new(config: &SmtpConfig) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("smtp: {what}"));
        let login = match (&config.username, &config.password) {
            (Some(username), Some(password)) => {
                Some(Credentials::new(username.clone(), password.0.clone()))
            }
            (None, None) => None,
            _ => return wrong("username and password stand together or not at all"),
        };
        let tls = config.tls.unwrap_or(match &login {
            Some(_) => SmtpTls::Required,
            None => SmtpTls::Opportunistic,
        });
        let is_safe = matches!(tls, SmtpTls::Required | SmtpTls::Implicit);
        if login.is_some() && !is_safe && !is_here(&config.server) {
            return wrong(
                "a password leaves this host only inside TLS: set tls to required or implicit",
            );
        }
        if config.ca_file.is_some() && tls == SmtpTls::None {
            return wrong("ca_file: there is no TLS");
        }
        if config
            .ca_file
            .as_ref()
            .is_some_and(|path| !path.is_absolute())
        {
            return wrong("ca_file: give the whole path, from / on");
        }
        let port = config.port.unwrap_or(match (tls, &login) {
            (SmtpTls::Implicit, _) => PORT_IMPLICIT,
            (_, Some(_)) => PORT_SUBMISSION,
            (_, None) => PORT_RELAY,
        });
        Ok(Self {
            host: config.server.clone(),
            port,
            tls,
            login,
            ca_file: config.ca_file.clone(),
            checks: config.check_certificate,
        })
    }

    /// The way there. Made for each mail: certificates that were renewed meanwhile count.
    pub(super) fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
        let tls = match self.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::Opportunistic => Tls::Opportunistic(self.parameters()?),
            SmtpTls::Required => Tls::Required(self.parameters()?),
            SmtpTls::Implicit => Tls::Wrapper(self.parameters()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .timeout(Some(CONNECT_TIME_MAX))
            .tls(tls);
        if let Some(login) = &self.login {
            builder = builder
                .credentials(login.clone())
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(builder.build())
    }

    /// Whom to believe. Without a demand for TLS whoever stands in between can take it away: then a
    /// certificate is looked at only where somebody says which one to expect (RFC 7435 §3).
    fn parameters(&self) -> Result<TlsParameters, Failure> {
        let unreachable = |what: String| Failure::Unreachable(format!("TLS: {what}"));
        let mut parameters = TlsParameters::builder(self.host.clone());
        let is_checked =
            self.checks && (self.tls != SmtpTls::Opportunistic || self.ca_file.is_some());
        if !is_checked {
            parameters = parameters
                .certificate_store(CertificateStore::None)
                .dangerous_accept_invalid_certs(true)
                .dangerous_accept_invalid_hostnames(true);
        } else if let Some(path) = &self.ca_file {
            let named =
                |error: &dyn std::fmt::Display| unreachable(format!("{}: {error}", path.display()));
            let size = fs::metadata(path).map_err(|error| named(&error))?.len();
            if size > CA_BYTES_MAX {
                return Err(named(&"it is too large for certificates"));
            }
            let pem = fs::read(path).map_err(|error| named(&error))?;
            let roots = Certificate::from_pem(&pem).map_err(|error| named(&error))?;
            parameters = parameters
                .certificate_store(CertificateStore::None)
                .add_root_certificate(roots);
        }
        parameters
            .build()
            .map_err(|error| unreachable(error.to_string()))
    }
}

/// Whether a server is on this host, so that nobody stands in between.
fn is_here(server: &str) -> bool {
    server == "localhost"
        || server
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
