//! Apache with an access and an error log of the tests' own, and requests to it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Process, Root, until};

const PORT: &str = "8080";
const MODULES: &[&str] = &["mpm_event", "authz_core", "dir", "mime"];

/// A running Apache.
#[derive(Debug)]
pub struct Apache {
    _process: Process,
    access: PathBuf,
    error: PathBuf,
}

impl Apache {
    /// Starts it inside the root with one page, `/index.html`, and one forbidden folder, `/secret/`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(root: &Root) -> Result<Self> {
        let shared = root.shared();
        fs::create_dir_all(shared.join("www/secret"))?;
        fs::write(shared.join("www/index.html"), "hello\n")?;
        let apache = Self {
            access: shared.join("access.log"),
            error: shared.join("error.log"),
            _process: Self::spawn(root)?,
        };
        until("apache's port", READY_WITHIN, || {
            let probe = format!("exec 3<>/dev/tcp/127.0.0.1/{PORT}");
            root.run("bash", &["-c", &probe]).ok()
        })
        .with_context(|| fs::read_to_string(apache.error_log()).unwrap_or_default())?;
        Ok(apache)
    }

    fn spawn(root: &Root) -> Result<Process> {
        let shared = root.shared().to_string_lossy().into_owned();
        let modules = MODULES.iter().map(|module| {
            format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n")
        });
        let config = format!(
            "{}ServerRoot /etc/apache2\nServerName web.test\nListen {PORT}\nPidFile /run/apache.pid\n\
             Mutex file:/run default\nUser www-data\nGroup www-data\nDocumentRoot {shared}/www\n\
             TypesConfig /etc/mime.types\nDirectoryIndex index.html\n\
             LogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{{Referer}}i\\\" \\\"%{{User-Agent}}i\\\"\" combined\n\
             CustomLog {shared}/access.log combined\nErrorLog {shared}/error.log\n\
             <Directory {shared}/www>\nRequire all granted\n</Directory>\n\
             <Directory {shared}/www/secret>\nRequire all denied\n</Directory>\n",
            modules.collect::<String>()
        );
        let config = root.write("apache.conf", &config)?;
        let args = ["-D", "FOREGROUND", "-f", &config.to_string_lossy()];
        root.spawn(None, "/usr/sbin/apache2", &args)
    }

    /// The access log, in the combined format.
    #[must_use]
    pub fn access_log(&self) -> &Path {
        &self.access
    }

    /// The error log.
    #[must_use]
    pub fn error_log(&self) -> &Path {
        &self.error
    }

    /// One request from `from`; the status it was answered with.
    ///
    /// # Errors
    /// When curl got no answer at all.
    pub fn request(&self, root: &Root, from: &str, method: &str, path: &str) -> Result<u16> {
        let url = format!("http://127.0.0.1:{PORT}{path}");
        let args = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method];
        let status = root.run("curl", &[&args[..], &["--interface", from, &url]].concat())?;
        status.trim().parse().context("curl printed no status")
    }

    /// Waits until the access log holds `lines` lines: Apache writes them after the answer.
    ///
    /// # Errors
    /// When they do not come.
    pub fn settle(&self, lines: usize) -> Result<()> {
        until("the access log's last line", READY_WITHIN, || {
            let text = fs::read_to_string(&self.access).unwrap_or_default();
            (text.lines().count() >= lines).then_some(())
        })
    }
}
