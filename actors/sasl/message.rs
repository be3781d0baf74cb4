//! Messages of SCRAM as texts (RFC 5802, section 7), as far as Kafka takes them (`ScramMessages`).
//!
//! ```text
//! client-first   n,[a=authzid],n=user,r=nonce[,name=value…]     the first two are the gs2 header
//! server-first   r=nonce of both,s=salt in base64,i=iterations
//! client-final   c=gs2 header in base64,r=nonce of both[,name=value…],p=proof in base64
//! server-final   v=signature in base64
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// An extension by which a client says that its user is the id of a delegation token.
const TOKEN_EXTENSION: &str = "tokenauth=true";

/// The first message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    /// With its comma.
    pub(super) gs2_header: &'a str,
    /// Everything behind that.
    pub(super) bare: &'a str,
    /// On whose behalf it acts; empty if it does not say.
    pub(super) authorization_id: String,
    pub(super) user: String,
    pub(super) nonce: &'a str,
    /// Whether the user is a delegation token.
    pub(super) is_token: bool,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let message = std::str::from_utf8(message).ok()?;
        // No channel binding: neither offered here nor known to Kafka.
        let rest = message.strip_prefix("n,")?;
        let (authorization_id, bare) = rest.split_once(',')?;
        let gs2_header = message.get(..message.len() - bare.len())?;
        let authorization_id = match authorization_id {
            "" => String::new(),
            given => unescaped(given.strip_prefix("a=")?)?,
        };
        let mut parts = bare.split(',');
        let user = unescaped(parts.next()?.strip_prefix("n=")?)?;
        let nonce = parts.next()?.strip_prefix("r=")?;
        if nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut is_token = false;
        for extension in parts {
            if !is_extension(extension) {
                return None;
            }
            is_token |= extension.eq_ignore_ascii_case(TOKEN_EXTENSION);
        }
        Some(Self { gs2_header, bare, authorization_id, user, nonce, is_token })
    }
}

/// The last message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    pub(super) without_proof: &'a str,
    /// The gs2 header once more.
    pub(super) channel: Vec<u8>,
    pub(super) nonce: &'a str,
    pub(super) proof: Vec<u8>,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let message = std::str::from_utf8(message).ok()?;
        let (without_proof, proof) = message.rsplit_once(",p=")?;
        let mut parts = without_proof.split(',');
        let channel = from_base64(parts.next()?.strip_prefix("c=")?)?;
        let nonce = parts.next()?.strip_prefix("r=")?;
        if !parts.all(is_extension) {
            return None;
        }
        Some(Self { without_proof, channel, nonce, proof: from_base64(proof)? })
    }
}

/// `name=value` of an extension that a server may pass over. `m` may not be passed over.
fn is_extension(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else { return false };
    let is_named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_named && name != "m" && !value.is_empty()
}

/// A name with its commas and equals signs; `None` if it is empty or not written as it has to be.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (escaped, rest) = part.split_at_checked(2)?;
        name.push(match escaped {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        name.push_str(rest);
    }
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

/// Base64, as SCRAM writes bytes.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a text in base64.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_is_taken_apart() {
        let first = ClientFirst::parse(b"n,a=b=2Cc,n=al=3Dice,r=nonce,x=y,tokenauth=true").unwrap();

        let expected = ClientFirst {
            gs2_header: "n,a=b=2Cc,",
            bare: "n=al=3Dice,r=nonce,x=y,tokenauth=true",
            authorization_id: "b,c".to_owned(),
            user: "al=ice".to_owned(),
            nonce: "nonce",
            is_token: true,
        };
        assert_eq!(first, expected);
    }

    #[test]
    fn what_is_no_first_message_is_refused() {
        let wrong = [
            "",
            "n",
            "n,,",
            "n,,n=,r=x",
            "n,,n=alice,r=",
            "n,,n=alice",
            "n,,n=a=b,r=x",
            "n,,n=a=2,r=x",
            "n,,n=a\0,r=x",
            "n,,n=alice,r=x y",
            "n,,n=alice,r=x,ext",
            "n,,n=alice,r=x,=v",
            "n,,n=alice,r=x,m=must",
            "n,,m=must,n=alice,r=x",
            "n,alice,n=alice,r=x",
            "y,,n=alice,r=x",
            "p=tls-unique,,n=alice,r=x",
        ];
        for message in wrong {
            assert_eq!(ClientFirst::parse(message.as_bytes()), None, "{message:?}");
        }
        assert_eq!(ClientFirst::parse(b"n,,n=\xff,r=x"), None);
    }

    #[test]
    fn a_final_message_is_taken_apart() {
        let last = ClientFinal::parse(b"c=biws,r=nonce,x=y,p=AAEC").unwrap();

        let expected = ClientFinal {
            without_proof: "c=biws,r=nonce,x=y",
            channel: b"n,,".to_vec(),
            nonce: "nonce",
            proof: vec![0, 1, 2],
        };
        assert_eq!(last, expected);
        for wrong in [
            "",
            "c=biws,r=x",
            "c=b,r=x,p=AAEC",
            "r=x,p=AAEC",
            "c=biws,r=x,p=A",
            "c=biws,r=x,y,p=AAEC",
        ] {
            assert_eq!(ClientFinal::parse(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
