//! dpkg and apt, with packages that the tests build.

use std::path::PathBuf;

use anyhow::Result;

use crate::Root;

/// dpkg's log and apt's history, which both tell of what apt does.
const LOGS: [&str; 2] = ["/var/log/dpkg.log", "/var/log/apt/history.log"];

/// Package managers whose logs hold only what a test has them do.
#[derive(Debug)]
pub struct Dpkg<'a>(&'a Root);

impl<'a> Dpkg<'a> {
    /// Forgets what the layer's packages left in the logs.
    ///
    /// # Errors
    /// When the logs cannot be written.
    pub fn start(root: &'a Root) -> Result<Self> {
        let script = "mkdir -p /var/log/apt && for log do : > \"$log\"; done";
        root.run("sh", &[&["-c", script, "sh"][..], &LOGS].concat())?;
        Ok(Self(root))
    }

    /// Builds an empty package and returns its file.
    ///
    /// # Errors
    /// When dpkg-deb refuses.
    pub fn build(&self, name: &str, version: &str) -> Result<String> {
        let folder = self.0.shared().join(format!("{name}-{version}"));
        std::fs::create_dir_all(folder.join("DEBIAN"))?;
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\n\
             Maintainer: Tests <tests@mail.test>\nDescription: nothing\n"
        );
        std::fs::write(folder.join("DEBIAN/control"), control)?;
        let folder = folder.to_string_lossy();
        let file = format!("{folder}.deb");
        let args = ["--root-owner-group", "--build", &folder, &file];
        self.0.run("dpkg-deb", &args)?;
        Ok(file)
    }

    /// Runs `dpkg` or `apt-get`.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<()> {
        self.0.run(program, args).map(|_said| ())
    }

    /// Copies of the logs outside of the root.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn logs(&self) -> Result<Vec<PathBuf>> {
        let shared = self.0.shared();
        let copy = |log: &&str| {
            let copy = shared.join(log.rsplit('/').next().unwrap_or(log));
            self.0.run("cp", &[log, &copy.to_string_lossy()])?;
            Ok(copy)
        };
        LOGS.iter().map(copy).collect()
    }
}
