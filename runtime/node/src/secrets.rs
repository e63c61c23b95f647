//! Secrets that a directive refers to, resolved when an agent starts.

use std::{env, fs, path::PathBuf};

use serde_json::Value;

/// Largest secret in a file, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret that is not there. Its value never stands in an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment has no such variable.
    #[error("the secret env:{name} is not set in the environment")]
    Env {
        /// The variable.
        name: String,
    },
    /// The file cannot be read, or is too large.
    #[error("the secret file {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The reference has another form.
    #[error("{reference:?} is no secret reference: write env:NAME, file:PATH or cred:NAME")]
    Form {
        /// The reference.
        reference: String,
    },
}

/// The config with every `{"$secret": "…"}` replaced by what it refers to.
///
/// `cred:NAME` is a file in `$CREDENTIALS_DIRECTORY`, as systemd's `LoadCredential=` provides it. A
/// final line break is not part of a secret in a file.
///
/// # Errors
/// The first secret that is not there.
pub(crate) fn resolve(config: &Value) -> Result<Value, SecretError> {
    match config {
        Value::Object(map) => {
            if let Some(reference) = map.get("$secret").and_then(Value::as_str) {
                return secret(reference).map(Value::String);
            }
            let resolved = map
                .iter()
                .map(|(key, value)| Ok((key.clone(), resolve(value)?)));
            resolved.collect::<Result<_, _>>().map(Value::Object)
        }
        Value::Array(values) => values
            .iter()
            .map(resolve)
            .collect::<Result<_, _>>()
            .map(Value::Array),
        plain => Ok(plain.clone()),
    }
}

/// Whether a reference (`env:NAME`, `file:PATH`, `cred:NAME`) leads to a secret from here; its value
/// is dropped.
///
/// # Errors
/// Why it does not.
pub fn find_secret(reference: &str) -> Result<(), SecretError> {
    secret(reference).map(drop)
}

fn secret(reference: &str) -> Result<String, SecretError> {
    match reference.split_once(':') {
        Some(("env", name)) => env::var(name).map_err(|_| SecretError::Env {
            name: name.to_owned(),
        }),
        Some(("file", path)) => from_file(path.into()),
        Some(("cred", name)) => {
            let folder = env::var_os("CREDENTIALS_DIRECTORY").unwrap_or_default();
            from_file(PathBuf::from(folder).join(name))
        }
        _ => Err(SecretError::Form {
            reference: reference.to_owned(),
        }),
    }
}

fn from_file(path: PathBuf) -> Result<String, SecretError> {
    let read = || {
        if fs::metadata(&path)?.len() > SECRET_BYTES_MAX {
            return Err(std::io::Error::other("it is larger than a secret may be"));
        }
        fs::read_to_string(&path)
    };
    match read() {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(source) => Err(SecretError::File { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_put_in_wherever_they_stand() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "s3cret\n").unwrap();
        let reference = format!("file:{}", path.display());
        let config = json!({ "a": [{ "key": { "$secret": reference } }], "b": 1 });
        let expected = json!({ "a": [{ "key": "s3cret" }], "b": 1 });
        assert_eq!(resolve(&config).unwrap(), expected);
    }

    #[test]
    fn a_missing_secret_is_named() {
        let check = |reference: &str, part: &str| {
            let error = resolve(&json!({ "$secret": reference }))
                .unwrap_err()
                .to_string();
            assert!(error.contains(part), "{error}");
        };
        check("env:SKEP_TEST_NO_SUCH_NAME", "env:SKEP_TEST_NO_SUCH_NAME");
        check("file:/no/such/file", "/no/such/file");
        check("plain text", "no secret reference");
    }
}
