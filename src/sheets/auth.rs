//! Service-account credentials: the key file, tokens, and keeping both out of logs.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use google_sheets4::{
    api::Scope,
    common::GetToken,
    hyper_rustls::HttpsConnector,
    hyper_util::client::legacy::{Client, connect::HttpConnector},
};
use tokio::sync::{Mutex, MutexGuard};
use yup_oauth2::{
    AccessToken, CustomHyperClientBuilder, Error as OauthError, ServiceAccountAuthenticator,
    ServiceAccountKey, authenticator::Authenticator, error::AuthErrorCode,
};

use crate::{fault::Fault, ports::Ask};

/// The only right ever asked for: spreadsheets the account was given, no other file of the drive.
pub(super) const SCOPE: Scope = Scope::Spreadsheet;

pub(super) type Connector = HttpsConnector<HttpConnector>;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenFault {
    /// Weather: the token endpoint did not answer sensibly.
    #[error("{0}")]
    Transient(String),
    /// Google or the key file says no; a sentence with the cure.
    #[error("{0}")]
    Refused(String),
}

/// Credentials of one service account. Clones share tokens.
#[derive(Clone)]
pub struct Credentials {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    email: String,
    token_uri: String,
    client: Client<Connector, String>,
    patience: Duration,
    /// Held while a token is fetched, so that an expiry leads to one request and not to one for each caller.
    session: Mutex<Session>,
}

struct Session {
    authenticator: Authenticator<Connector>,
    /// Fingerprint of the key file, to notice a rotated key without keeping the old one.
    fingerprint: u64,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("path", &self.inner.path)
            .field("email", &self.inner.email)
            .finish_non_exhaustive()
    }
}

/// A key file that was read and understood. Never printed.
pub(super) struct KeyFile {
    key: ServiceAccountKey,
    fingerprint: u64,
}

impl KeyFile {
    /// Reads a key file. Errors name the file and the cure, never its content.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let place = path.display();
        let text = std::fs::read(path).map_err(|error| {
            format!(
                "cannot read the service account key {place}: {error}; \
                 set sheets.credentials_file to the JSON key of the service account"
            )
        })?;
        warn_if_readable_by_others(path);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        // The parser's own sentence may quote the file, so only its place is told.
        let key: ServiceAccountKey = serde_json::from_slice(&text).map_err(|error| {
            format!(
                "{place} is not a service account key (line {}, column {}); \
                 download a JSON key of the service account from the Google Cloud console",
                error.line(),
                error.column()
            )
        })?;
        if key.key_type.as_deref().is_some_and(|kind| kind != "service_account") {
            return Err(format!(
                "{place} holds other credentials than a service account's; \
                 download a JSON key of a service account from the Google Cloud console"
            ));
        }
        Ok(Self { key, fingerprint: hasher.finish() })
    }

    /// Where tokens are asked for.
    pub(super) fn token_uri(&self) -> &str {
        &self.key.token_uri
    }
}

/// A private key that others can read is worth a warning, not a refusal: containers mount secrets as they like.
fn warn_if_readable_by_others(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            tracing::warn!(
                path = %path.display(),
                mode = format_args!("{:04o}", mode & 0o7777),
                "the service account key can be read by other users; run chmod 0600 on it"
            );
        }
    }
}

impl Credentials {
    /// Credentials out of a key file, with a client for the token endpoint and the patience for one token.
    pub(super) fn open(
        path: PathBuf,
        file: KeyFile,
        client: Client<Connector, String>,
        patience: Duration,
    ) -> Ask<'static, Result<Self, Fault>> {
        Box::pin(async move {
            let email = file.key.client_email.clone();
            let token_uri = file.key.token_uri.clone();
            let session = session(&path, file, &client).await.map_err(Fault::Configuration)?;
            let session = Mutex::new(session);
            let inner = Inner { path, email, token_uri, client, patience, session };
            Ok(Self { inner: Arc::new(inner) })
        })
    }

    /// E-mail address of the service account: spreadsheets are shared with it.
    pub fn email(&self) -> &str {
        &self.inner.email
    }

    /// A token that is valid now. With `fresh`, one that was fetched for this call.
    pub(super) async fn token(&self, fresh: bool) -> Result<String, TokenFault> {
        let mut session = self.inner.session.lock().await;
        match self.ask(&session, fresh).await {
            Err(TokenFault::Refused(message)) => {
                if self.reload(&mut session).await? {
                    self.ask(&session, true).await
                } else {
                    Err(TokenFault::Refused(message))
                }
            }
            answer => answer,
        }
    }

    async fn ask(
        &self,
        session: &MutexGuard<'_, Session>,
        fresh: bool,
    ) -> Result<String, TokenFault> {
        let scopes = [SCOPE.as_ref()];
        let ask: Ask<'_, Result<AccessToken, OauthError>> = if fresh {
            Box::pin(session.authenticator.force_refreshed_token(&scopes))
        } else {
            Box::pin(session.authenticator.token(&scopes))
        };
        // The crate drops the time limit of a client that is handed to it, so it is kept here.
        let answer = tokio::time::timeout(self.inner.patience, ask).await.map_err(|_| {
            TokenFault::Transient(format!(
                "no token from Google: {} does not answer",
                self.inner.token_uri
            ))
        })?;
        let token = answer.map_err(|error| self.explain(&error))?;
        let missing = || {
            TokenFault::Transient(format!(
                "no token from Google: {} gave none",
                self.inner.token_uri
            ))
        };
        token.token().map(str::to_owned).ok_or_else(missing)
    }

    /// Takes the key file again, since keys are rotated by replacing it. Answers whether it had changed.
    async fn reload(&self, session: &mut Session) -> Result<bool, TokenFault> {
        let file = KeyFile::read(&self.inner.path).map_err(TokenFault::Refused)?;
        if file.fingerprint == session.fingerprint {
            return Ok(false);
        }
        if file.key.client_email != self.inner.email || file.key.token_uri != self.inner.token_uri {
            return Err(TokenFault::Refused(format!(
                "{} now holds the key of another service account than {}; restart to use it",
                self.inner.path.display(),
                self.inner.email
            )));
        }
        *session = self::session(&self.inner.path, file, &self.inner.client)
            .await
            .map_err(TokenFault::Refused)?;
        Ok(true)
    }

    fn explain(&self, error: &OauthError) -> TokenFault {
        let place = &self.inner.token_uri;
        let OauthError::AuthError(refusal) = error else {
            return TokenFault::Transient(format!(
                "no token from Google ({place}): {}; see that this machine may connect to that address",
                kind_of(error)
            ));
        };
        if let AuthErrorCode::Other(code) = &refusal.error
            && matches!(
                code.as_str(),
                "internal_failure" | "server_error" | "temporarily_unavailable"
            )
        {
            return TokenFault::Transient(format!("no token from Google ({place}): {code}"));
        }
        TokenFault::Refused(format!(
            "Google refuses the service account key {}: {refusal}; create a new key for {} in the Google Cloud \
             console, put it in that place, and check the clock of this machine",
            self.inner.path.display(),
            self.inner.email
        ))
    }
}

/// What kind of fault it is, without a word of the answer: an answer of this endpoint may hold a token.
fn kind_of(error: &OauthError) -> &'static str {
    match error {
        OauthError::HttpError(_) | OauthError::HttpClientError(_) => "the connection failed",
        OauthError::JSONError(_) => "the answer is not a token",
        OauthError::MissingAccessToken => "the answer holds no token",
        _ => "the key could not be used",
    }
}

async fn session(
    path: &Path,
    file: KeyFile,
    client: &Client<Connector, String>,
) -> Result<Session, String> {
    let fingerprint = file.fingerprint;
    let client = CustomHyperClientBuilder::from(client.clone());
    let builder = ServiceAccountAuthenticator::with_client(file.key, client);
    let authenticator = builder.build().await.map_err(|_| {
        format!(
            "the private key in {} cannot be used; \
             download a JSON key of the service account from the Google Cloud console",
            path.display()
        )
    })?;
    Ok(Session { authenticator, fingerprint })
}

impl GetToken for Credentials {
    fn get_token<'a>(
        &'a self,
        scopes: &'a [&str],
    ) -> Ask<'a, Result<Option<String>, Box<dyn std::error::Error + Send + Sync>>> {
        Box::pin(async move {
            // The crate asks for the whole drive where a call names no scope.
            assert!(scopes == [SCOPE.as_ref()], "every call names the one scope");
            self.token(false).await.map(Some).map_err(Into::into)
        })
    }
}
