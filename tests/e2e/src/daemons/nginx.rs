//! nginx with access logs in three forms and an error log of the tests' own, and requests to it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::READY_WITHIN;
use crate::{Process, Root, until};

const PORT: &str = "8081";

/// The forms in which every request is logged, and how nginx is told to.
const FORMS: [(&str, &str); 3] = [
    (
        "common",
        r#"'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'"#,
    ),
    (
        "combined_as_well",
        r#"'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'"#,
    ),
    (
        "json",
        r#"escape=json '{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request_method":"$request_method","request_uri":"$request_uri","status":$status,"body_bytes_sent":$body_bytes_sent,"http_user_agent":"$http_user_agent","host":"$host"}'"#,
    ),
];

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    _process: Process,
    folder: PathBuf,
}

impl Nginx {
    /// Starts it inside the root with one page, `/index.html`.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(root: &Root) -> Result<Self> {
        let shared = root.shared();
        fs::create_dir_all(shared.join("nginx"))?;
        fs::write(shared.join("nginx/index.html"), "hello\n")?;
        let formats: String = FORMS
            .iter()
            .map(|(name, form)| {
                let log = log(shared, name);
                format!(
                    "log_format {name} {form};\naccess_log {} {name};\n",
                    log.display()
                )
            })
            .collect();
        let config = format!(
            "daemon off;\nuser root;\npid /run/nginx.pid;\nerror_log {} error;\n\
             events {{ worker_connections 64; }}\nhttp {{\n{formats}\
             server {{ listen 127.0.0.1:{PORT}; root {}/nginx; }}\n}}\n",
            log(shared, "error").display(),
            shared.display()
        );
        let config = root.write("nginx.conf", &config)?;
        let args = ["-c", &config.to_string_lossy()];
        let mut process = root.spawn(None, "/usr/sbin/nginx", &args)?;
        process.wait_until("nginx's port", READY_WITHIN, || {
            let probe = format!("exec 3<>/dev/tcp/127.0.0.1/{PORT}");
            root.run("bash", &["-c", &probe]).is_ok()
        })?;
        Ok(Self {
            _process: process,
            folder: shared.to_owned(),
        })
    }

    /// The access logs, of the same requests in different forms.
    #[must_use]
    pub fn access_logs(&self) -> Vec<PathBuf> {
        let names = FORMS.iter().map(|(name, _)| name);
        names.map(|name| log(&self.folder, name)).collect()
    }

    /// The error log.
    #[must_use]
    pub fn error_log(&self) -> PathBuf {
        log(&self.folder, "error")
    }

    /// One request from `from`; the status it was answered with.
    ///
    /// # Errors
    /// When curl got no answer at all.
    pub fn request(&self, root: &Root, from: &str, path: &str) -> Result<u16> {
        let url = format!("http://127.0.0.1:{PORT}{path}");
        let args = ["-s", "-o", "/dev/null", "-w", "%{http_code}"];
        let status = root.run("curl", &[&args[..], &["--interface", from, &url]].concat())?;
        status.trim().parse().context("curl printed no status")
    }

    /// Waits until each access log holds `lines` lines: nginx writes them after the answer.
    ///
    /// # Errors
    /// When they do not come.
    pub fn settle(&self, lines: usize) -> Result<()> {
        until("nginx's last line", READY_WITHIN, || {
            let count =
                |path: PathBuf| fs::read_to_string(path).unwrap_or_default().lines().count();
            let mut counts = self.access_logs().into_iter().map(count);
            counts.all(|count| count >= lines).then_some(())
        })
    }
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("nginx-{name}.log"))
}
