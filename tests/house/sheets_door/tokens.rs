//! Tokens: a key that is rotated, and a token endpoint in bad weather.

use serde_json::json;
use sheetwire::{
    ports::SheetSink,
    sheets::{CallLimits, SheetsClient},
};
use sheetwire_engine::batch::{ReadFailure, WriteOutcome};

use super::{BOOK, KeyFile, batch, stub::Stub};

const REFUSED: (u16, &str) =
    (400, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#);
const TOKEN: (u16, &str) =
    (200, r#"{"access_token":"ya29.canary","expires_in":3599,"token_type":"Bearer"}"#);
const EMPTY: (u16, &str) = (200, r#"{"properties":{"title":"Accounts"}}"#);

async fn client_of(stub: &Stub) -> (SheetsClient, KeyFile) {
    let key = KeyFile::new(&format!("{}/token", stub.url));
    let client = super::client(&stub.url, &key, CallLimits::default()).await;
    (client, key)
}

#[tokio::test]
async fn a_rotated_key_is_taken_from_its_file_without_a_restart() {
    let stub = Stub::saying(&[REFUSED, REFUSED, TOKEN, EMPTY]).await;
    let (client, key) = client_of(&stub).await;
    let failure = client.open(BOOK).await;
    assert!(matches!(failure, Err(ReadFailure::Denied { .. })), "{failure:?}");
    assert_eq!(stub.left(), 3, "the same key is not tried again");

    let mut rotated = KeyFile::content(&format!("{}/token", stub.url));
    rotated["private_key_id"] = json!("2");
    key.put(&rotated);
    assert_eq!(client.open(BOOK).await.unwrap().title, "Accounts");
    assert_eq!(stub.left(), 0);
}

#[tokio::test]
async fn the_key_of_another_account_is_not_taken_on_the_way() {
    let stub = Stub::saying(&[REFUSED]).await;
    let (client, key) = client_of(&stub).await;
    let mut foreign = KeyFile::content(&format!("{}/token", stub.url));
    foreign["client_email"] = json!("other@project.example");
    key.put(&foreign);
    let failure = client.open(BOOK).await;
    let Err(ReadFailure::Denied { message }) = failure else { panic!("{failure:?}") };
    assert!(
        message.contains("another service account") && message.contains("restart"),
        "{message}"
    );
}

#[tokio::test]
async fn a_token_endpoint_in_bad_weather_is_no_denial() {
    for answer in [
        (503, "<html>busy</html>"),
        (200, "{\"access_token\":\"ya29.cana"),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (200, "{}"),
    ] {
        let stub = Stub::saying(&[answer, answer]).await;
        let (client, _key) = client_of(&stub).await;
        let failure = client.open(BOOK).await;
        let Err(ReadFailure::Transient { reason }) = failure else { panic!("{failure:?}") };
        assert!(!reason.contains("ya29"), "{reason}");
        let outcome = client.write(&batch(None, 1, Vec::new())).await;
        assert!(matches!(outcome, WriteOutcome::NotSent { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_page_of_a_proxy_proves_nothing() {
    let page = "<html>blocked</html>";
    for status in [302, 400, 401, 403, 404, 407] {
        let stub = Stub::saying(&[TOKEN, (status, page), EMPTY, (status, page)]).await;
        let (client, _key) = client_of(&stub).await;
        let failure = client.open(BOOK).await;
        assert!(matches!(failure, Err(ReadFailure::Transient { .. })), "{status}: {failure:?}");
        let outcome = client.write(&batch(None, 1, Vec::new())).await;
        super::unknown(&outcome);
        assert_eq!(stub.left(), 0, "{status}");
    }
}

#[tokio::test]
async fn success_without_a_journal_is_not_success() {
    for said in
        ["{}", "", r#"{"updatedSpreadsheet":{}}"#, r#"{"updatedSpreadsheet":{"sheets":[]}}"#]
    {
        let stub = Stub::saying(&[TOKEN, EMPTY, (200, said)]).await;
        let (client, _key) = client_of(&stub).await;
        super::unknown(&client.write(&batch(None, 1, Vec::new())).await);
    }
}
