//! Who signed it, and when.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// A request is refused when its time is further away from ours than this, seconds.
pub(super) const WINDOW_S: i64 = 300;
/// A request id is no longer than this.
const ID_BYTES_MAX: usize = 64;

/// What the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    /// Seconds since the Unix epoch, as it was signed.
    pub(super) stamp: &'a str,
    /// The same as a number.
    pub(super) at_s: i64,
    /// The request's own id.
    pub(super) id: &'a str,
    /// The signature's bytes.
    mac: [u8; 32],
}

impl<'a> Claim<'a> {
    /// Reads the three headers; `None` where one is no header of ours.
    pub(super) fn read(stamp: &'a str, id: &'a str, signature: &str) -> Option<Self> {
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
        let known = !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(plain);
        let digits = (1..=12).contains(&stamp.len()) && stamp.bytes().all(|b| b.is_ascii_digit());
        let mac = unhex(signature.strip_prefix("v1=")?)?;
        if !known || !digits {
            return None;
        }
        Some(Self { stamp, at_s: stamp.parse().ok()?, id, mac })
    }

    /// Whether it was signed about now.
    pub(super) fn is_fresh(&self, now_s: i64) -> bool {
        (self.at_s - now_s).abs() <= WINDOW_S
    }

    /// Whether one of these secrets signed this body. Takes as long for a wrong signature as for a right one.
    pub(super) fn is_signed(&self, body: &[u8], secrets: &[Secret<String>]) -> bool {
        let mut signed = false;
        for secret in secrets {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
                continue;
            };
            for part in [self.stamp.as_bytes(), b".", self.id.as_bytes(), b".", body] {
                mac.update(part);
            }
            signed |= mac.verify_slice(&self.mac).is_ok();
        }
        signed
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|letter| letter.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Computed with `printf '1700000000.id-1.{}' | openssl dgst -sha256 -hmac 'sixteen bytes or more'`.
    const SIGNATURE: &str = "v1=5d734d68e047c22919131dc5a0295f8b93435b524c00bba5d9982de6f9f00f73";

    fn secrets(texts: &[&str]) -> Vec<Secret<String>> {
        texts.iter().map(|text| Secret::new((*text).to_owned())).collect()
    }

    #[test]
    fn a_signature_holds_for_its_secret_time_id_and_body_only() {
        let claim = Claim::read("1700000000", "id-1", SIGNATURE).unwrap();
        let right = secrets(&["sixteen bytes or more"]);
        assert!(claim.is_signed(b"{}", &right));
        assert!(claim.is_signed(b"{}", &secrets(&["another one, newer", "sixteen bytes or more"])));
        assert!(!claim.is_signed(b"{ }", &right) && !claim.is_signed(b"{}", &secrets(&["x", ""])));
        assert!(!claim.is_signed(b"{}", &[]));
        let other = |stamp, id| Claim::read(stamp, id, SIGNATURE).unwrap().is_signed(b"{}", &right);
        assert!(!other("1700000001", "id-1") && !other("1700000000", "id-2"));
    }

    #[test]
    fn headers_that_are_none_of_ours_are_no_claim() {
        assert_eq!(Claim::read("1700000000", "id-1", &SIGNATURE[3..]), None);
        assert_eq!(Claim::read("1700000000", "id-1", &SIGNATURE[..66]), None);
        assert_eq!(Claim::read("1700000000", "id-1", &SIGNATURE.replace('6', "g")), None);
        for stamp in ["", "-1", "1e9", "1700000000000000", " 1700000000", "+170000000"] {
            assert_eq!(Claim::read(stamp, "id-1", SIGNATURE), None, "{stamp}");
        }
        for id in ["", "a b", "a\nb", "a.b", &"a".repeat(65)] {
            assert_eq!(Claim::read("1700000000", id, SIGNATURE), None, "{id}");
        }
    }

    #[test]
    fn what_is_older_or_newer_than_the_window_is_stale() {
        let claim = Claim::read("1700000000", "id-1", SIGNATURE).unwrap();
        let fresh = |by: i64| claim.is_fresh(1_700_000_000 + by);
        assert!(fresh(0) && fresh(WINDOW_S) && fresh(-WINDOW_S));
        assert!(!fresh(WINDOW_S + 1) && !fresh(-WINDOW_S - 1));
    }
}
