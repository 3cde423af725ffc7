//! The token endpoint, the bearer check and service-account files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::error::ApiError;

use super::quota::CallKind;
use super::wire;

/// Seconds a token is said to live.
const TOKEN_SECONDS: u64 = 3599;

const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SCOPES: &str = "https://www.googleapis.com/auth/";
const SIGN_IN: &str = "Expected OAuth 2 access token, login cookie or other valid authentication \
                       credential. See \
                       https://developers.google.com/identity/sign-in/web/devconsole-project.";

#[derive(Debug)]
struct Grant {
    account: String,
    scopes: BTreeSet<String>,
    expires: Duration,
}

/// The tokens given out and not yet revoked.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    grants: BTreeMap<String, Grant>,
    chance: u64,
}

/// A refusal of the token endpoint, in the envelope of OAuth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRefused {
    error: &'static str,
    description: String,
}

impl TokenRefused {
    fn grant(description: impl Into<String>) -> Self {
        Self { error: "invalid_grant", description: description.into() }
    }

    pub(crate) fn body(&self) -> Value {
        json!({"error": self.error, "error_description": self.description})
    }

    pub(crate) fn sentence(&self) -> String {
        format!("{}: {}", self.error, self.description)
    }
}

impl Tokens {
    /// Gives a token to `account` for the space-separated `scopes`.
    pub(crate) fn issue(&mut self, account: &str, scopes: &str, now: Duration) -> String {
        use std::hash::{BuildHasher as _, RandomState};
        self.chance = self.chance.wrapping_add(1);
        let (first, second) = (RandomState::new(), RandomState::new());
        let token = format!(
            "ya29.emulator-{:016x}{:016x}",
            first.hash_one(self.chance),
            second.hash_one(self.chance)
        );
        let grant = Grant {
            account: account.to_owned(),
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            expires: now + Duration::from_secs(TOKEN_SECONDS),
        };
        self.grants.retain(|_, grant| grant.expires > now);
        self.grants.insert(token.clone(), grant);
        token
    }

    /// Forgets all tokens: every bearer is answered 401 from now on.
    pub(crate) fn revoke_all(&mut self) {
        self.grants.clear();
    }

    /// Answers the form of a token call, or says why not.
    pub(crate) fn exchange(
        &mut self,
        form: &[(String, String)],
        accounts: &[String],
        now: Duration,
    ) -> Result<(String, Value), TokenRefused> {
        let field =
            |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match field("grant_type") {
            Some(JWT_GRANT) => {}
            other => {
                return Err(TokenRefused {
                    error: "unsupported_grant_type",
                    description: format!("Invalid grant_type: {}", other.unwrap_or_default()),
                });
            }
        }
        let claims = claims(field("assertion").unwrap_or_default())?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let (account, scope) = (text("iss"), text("scope"));
        if account.is_empty() || text("aud").is_empty() {
            return Err(TokenRefused::grant("Invalid JWT: it needs the claims iss and aud."));
        }
        if !accounts.is_empty() && !accounts.iter().any(|known| known == account) {
            return Err(TokenRefused::grant("Invalid grant: account not found"));
        }
        if scope.split_whitespace().next().is_none() {
            return Err(TokenRefused {
                error: "invalid_scope",
                description: "Empty or missing scope not allowed.".to_owned(),
            });
        }
        let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
        match (seconds("iat"), seconds("exp")) {
            (Some(from), Some(to)) if from < to && to - from <= 3600 => {}
            _ => {
                return Err(TokenRefused::grant(
                    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a \
                     reasonable timeframe. Check your iat and exp values in the JWT claim.",
                ));
            }
        }
        let token = self.issue(account, scope, now);
        let answer = json!({
            "access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"
        });
        Ok((account.to_owned(), answer))
    }

    /// The account behind a bearer token that is good for a call of `kind`.
    pub(crate) fn account(
        &self,
        bearer: Option<&str>,
        kind: CallKind,
        get: bool,
        now: Duration,
    ) -> Result<String, ApiError> {
        let Some(bearer) = bearer else {
            return Err(anonymous(get));
        };
        let grant = self
            .grants
            .get(bearer)
            .filter(|grant| grant.expires > now)
            .ok_or_else(bad_credentials)?;
        let allowed: &[&str] = match (kind, get) {
            (CallKind::Drive, true) => &["drive", "drive.file", "drive.readonly"],
            (CallKind::Drive, false) => &["drive", "drive.file"],
            (CallKind::Read, true) => {
                &["spreadsheets", "drive", "drive.file", "spreadsheets.readonly", "drive.readonly"]
            }
            _ => &["spreadsheets", "drive", "drive.file"],
        };
        let covered =
            |scope: &String| scope.strip_prefix(SCOPES).is_some_and(|name| allowed.contains(&name));
        if grant.scopes.iter().any(covered) {
            Ok(grant.account.clone())
        } else {
            Err(insufficient_scope())
        }
    }
}

/// The claims of a signed JWT; the signature itself is not verified, any key will do here.
fn claims(assertion: &str) -> Result<Value, TokenRefused> {
    let malformed = || TokenRefused::grant("Invalid JWT: it cannot be read.");
    let parts: Vec<&str> = assertion.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else {
        return Err(malformed());
    };
    let read = |part: &str| -> Result<Value, TokenRefused> {
        let bytes = wire::base64url(part).ok_or_else(malformed)?;
        serde_json::from_slice(&bytes).map_err(|_| malformed())
    };
    if read(head)?.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(TokenRefused::grant("Invalid JWT: the algorithm must be RS256."));
    }
    if wire::base64url(signature).is_none_or(|bytes| bytes.is_empty()) {
        return Err(TokenRefused::grant("Invalid JWT Signature."));
    }
    read(claims)
}

fn refusal(http: u16, status: &'static str, message: impl Into<String>) -> ApiError {
    ApiError { http, status, message: message.into(), details: Vec::new() }
}

/// Sheets answers a GET without credentials differently from a POST.
fn anonymous(get: bool) -> ApiError {
    if get {
        refusal(
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). \
             Please use API Key or other form of API consumer identity to call this API.",
        )
    } else {
        let message = format!("Request is missing required authentication credential. {SIGN_IN}");
        refusal(401, "UNAUTHENTICATED", message)
    }
}

/// The 401 of a token that is unknown or has expired.
pub(crate) fn bad_credentials() -> ApiError {
    let message = format!("Request had invalid authentication credentials. {SIGN_IN}");
    refusal(401, "UNAUTHENTICATED", message)
}

fn insufficient_scope() -> ApiError {
    ApiError {
        details: vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": {"service": "sheets.googleapis.com"},
        })],
        ..refusal(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
    }
}

/// Why a service-account file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServiceAccountError {
    /// `openssl` makes the key.
    #[error("no RSA key could be made: {0}; install the openssl command line tool")]
    Key(String),
    /// The file system refused.
    #[error("the service-account file {path:?} cannot be written: {source}")]
    File {
        /// Where it should have gone.
        path: String,
        /// What the file system said.
        source: std::io::Error,
    },
}

/// A service account in the shape of Google's key files, with a fresh RSA key.
///
/// `token_uri` is where clients will ask for tokens. The value holds a private key: never log it.
pub fn service_account(email: &str, token_uri: &str) -> Result<Value, ServiceAccountError> {
    let args = ["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let made = Command::new("openssl")
        .args(args)
        .output()
        .map_err(|error| ServiceAccountError::Key(error.to_string()))?;
    if !made.status.success() {
        let reason = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(ServiceAccountError::Key(reason));
    }
    let key = String::from_utf8_lossy(&made.stdout).into_owned();
    Ok(json!({
        "type": "service_account",
        "project_id": "sheets-emulator",
        "private_key_id": "0000000000000000000000000000000000000001",
        "private_key": key,
        "client_email": email,
        "client_id": "100000000000000000001",
        "auth_uri": token_uri.replace("/token", "/auth"),
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": token_uri.replace("/token", "/certs"),
        "client_x509_cert_url": token_uri.replace("/token", "/certs"),
        "universe_domain": "googleapis.com",
    }))
}

/// Writes [`service_account`] to `path`, readable by its owner only; an existing file is replaced.
pub fn write_service_account(
    path: &Path,
    email: &str,
    token_uri: &str,
) -> Result<(), ServiceAccountError> {
    let account = service_account(email, token_uri)?;
    write_private(path, format!("{account:#}\n").as_bytes())
        .map_err(|source| ServiceAccountError::File { path: path.display().to_string(), source })
}

/// The file never exists with wider rights, nor half written.
fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = path.with_file_name(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&draft)?;
    let written = file.write_all(content).and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        // The draft holds a key; the first error is the one worth telling.
        let _ = std::fs::remove_file(&draft);
    }
    written
}
