//! Who sent a webhook: the signatures of GitHub, Gitea and GitLab over what was sent.

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use sha2::Sha256;

/// Where GitHub writes it, and Gitea too: `sha256=` and the HMAC in hexadecimal digits.
const HUB: &str = "x-hub-signature-256";
/// Where Gitea writes it: the digits alone.
const GITEA: &str = "x-gitea-signature";
/// Where GitLab writes the secret itself.
const GITLAB: &str = "x-gitlab-token";

/// What a sender gives a delivery to know it by. GitLab's last one is older, and shared by webhooks that set off one
/// another.
const DELIVERY: &[&str] = &["x-github-delivery", "x-gitea-delivery", "idempotency-key", "x-gitlab-event-uuid"];

/// The longest name of a delivery that is remembered, in bytes.
const MAX_DELIVERY: usize = 200;

/// A secret that senders share with us.
pub(super) struct Secret(Vec<u8>);

/// A delivery, by its name and its content.
pub(super) type Delivery = [u8; 32];

impl Secret {
    /// Takes what a file has; the end of its line is none of it. Short ones are refused: whoever has seen one delivery
    /// can try them all.
    pub(super) fn new(file: &[u8]) -> Option<Self> {
        let secret = file.trim_ascii_end();
        (secret.len() >= 16).then(|| Self(secret.to_owned()))
    }

    /// Whether headers prove that the sender of a body has the secret: there is a signature, and none that is wrong.
    pub(super) fn signed(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let mut proven = false;
        for name in [HUB, GITEA, GITLAB] {
            for value in headers.get_all(name) {
                let good = match name {
                    HUB => value.as_bytes().strip_prefix(b"sha256=").is_some_and(|hex| self.is_of(hex, body)),
                    GITEA => self.is_of(value.as_bytes(), body),
                    _ => self.is(value.as_bytes()),
                };
                if !good {
                    return false;
                }
                proven = true;
            }
        }
        proven
    }

    /// What a delivery is known by, if its sender names it. The name is not signed, so that somebody who has seen a
    /// delivery could send it under another one; together with the content it keeps two deliveries of the same name
    /// apart.
    pub(super) fn delivery(&self, headers: &HeaderMap, body: &[u8]) -> Option<Delivery> {
        let name = DELIVERY.iter().find_map(|name| headers.get(*name))?.as_bytes();
        if name.len() > MAX_DELIVERY {
            return None;
        }
        self.mac(&[&self.mac(&[body])?, name])
    }

    /// In constant time.
    fn is_of(&self, hex: &[u8], body: &[u8]) -> bool {
        let (Some(given), Some(mut mac)) = (decoded(hex), self.empty()) else { return false };
        mac.update(body);
        mac.verify_slice(&given).is_ok()
    }

    /// In constant time, whatever the lengths: the codes are compared, of which nobody outside can guess one.
    fn is(&self, token: &[u8]) -> bool {
        let (Some(own), Some(mut mac)) = (self.mac(&[&self.0]), self.empty()) else { return false };
        mac.update(token);
        mac.verify_slice(&own).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Option<[u8; 32]> {
        let mut mac = self.empty()?;
        for part in parts {
            mac.update(part);
        }
        Some(mac.finalize().into_bytes().into())
    }

    /// `None` never happens: HMAC takes keys of any length.
    fn empty(&self) -> Option<Hmac<Sha256>> {
        Hmac::new_from_slice(&self.0).ok()
    }
}

fn decoded(hex: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if hex.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    const SECRET: &[u8] = b"It's a Secret to Everybody\n";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn each_senders_signature_is_known() {
        let secret = Secret::new(SECRET).unwrap();
        let signed = |pairs: &[(&'static str, &str)]| secret.signed(&headers(pairs), BODY);
        let hub = format!("sha256={SIGNATURE}");
        assert!(signed(&[(HUB, &hub)]));
        assert!(signed(&[(GITEA, SIGNATURE)]));
        assert!(signed(&[(GITLAB, "It's a Secret to Everybody")]));
        assert!(signed(&[(HUB, &hub), (GITEA, SIGNATURE)]));
    }

    #[test]
    fn nothing_else_is() {
        let secret = Secret::new(SECRET).unwrap();
        let hub = format!("sha256={SIGNATURE}");
        let refused: &[&[(&'static str, &str)]] = &[
            &[],
            &[(HUB, SIGNATURE)],
            &[(HUB, "sha256=")],
            &[(HUB, "sha1=757107ea0eb2509fc211221cce984b8a37570b6d")],
            &[(HUB, &hub[..hub.len() - 1])],
            &[(HUB, &hub.replace('7', "8"))],
            &[(HUB, &hub), (HUB, "sha256=0")],
            &[(HUB, &hub), (GITEA, "0")],
            &[(GITLAB, "")],
            &[(GITLAB, "It's a Secret to Everybody ")],
            &[(GITLAB, "it's a secret to everybody")],
            &[("x-hub-signature", &hub)],
        ];
        for pairs in refused {
            assert!(!secret.signed(&headers(pairs), BODY), "{pairs:?}");
        }
        assert!(!secret.signed(&headers(&[(HUB, &hub)]), b"Hello, World"));
        assert!(Secret::new(b"too short\n").is_none());
    }

    #[test]
    fn a_delivery_is_its_name_and_its_content() {
        let secret = Secret::new(SECRET).unwrap();
        let delivery = |id: &str, body: &[u8]| secret.delivery(&headers(&[("x-github-delivery", id)]), body);
        assert_eq!(delivery("1", BODY), delivery("1", BODY));
        assert_ne!(delivery("1", BODY), delivery("2", BODY));
        assert_ne!(delivery("1", BODY), delivery("1", b"other"));
        assert_eq!(secret.delivery(&headers(&[]), BODY), None);
        assert_eq!(delivery(&"1".repeat(201), BODY), None);
    }
}
