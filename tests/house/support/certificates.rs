//! A private certificate authority and a server certificate for 127.0.0.1 and `localhost`, made with openssl.

use std::{fs, path::Path, process::Command};

use super::installed::must_succeed;

/// Writes `ca.pem`, `server-cert.pem` and `server-key.pem` into `folder`.
pub fn make(folder: &Path) {
    let file = |name: &str| folder.join(name).display().to_string();
    fs::write(file("san.cnf"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let mut authority = openssl();
    authority.args(["req", "-x509", "-days", "3650", "-subj", "/CN=sheetwire test authority"]);
    authority.args(key).args(["-keyout", &file("ca-key.pem"), "-out", &file("ca.pem")]);
    must_succeed(&mut authority);
    let mut request = openssl();
    request.args(["req", "-new", "-subj", "/CN=localhost"]).args(key);
    request.args(["-keyout", &file("server-key.pem"), "-out", &file("server.csr")]);
    must_succeed(&mut request);
    let mut signing = openssl();
    signing.args(["x509", "-req", "-days", "3650", "-in", &file("server.csr")]);
    signing.args(["-CA", &file("ca.pem"), "-CAkey", &file("ca-key.pem"), "-CAcreateserial"]);
    signing.args(["-extfile", &file("san.cnf"), "-out", &file("server-cert.pem")]);
    must_succeed(&mut signing);
}

fn openssl() -> Command {
    Command::new("openssl")
}
