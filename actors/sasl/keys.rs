//! The functions of RFC 5802 over either hash: `Hi`, `HMAC`, `H`, and the keys made of them.

use crate::types::{ScramMechanism, Secret};
use hmac::{Hmac, Mac};
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// Fewest rounds of hashing that a credential may have (`ScramMechanism.minIterations`).
pub const ITERATIONS_MIN: u32 = 4096;
/// Most rounds of hashing that a credential may have (`ScramControlManager.MAX_ITERATIONS`).
pub const ITERATIONS_MAX: u32 = 16384;

/// `Hi(password, salt, iterations)`: all that a client needs to prove that it knows the password.
#[must_use]
pub fn salted_password(
    mechanism: ScramMechanism,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
) -> Secret {
    let mut salted = vec![0; hash_bytes(mechanism)];
    match mechanism {
        ScramMechanism::Sha256 => pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted),
        ScramMechanism::Sha512 => pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted),
    }
    Secret::new(salted)
}

/// What follows from a salted password.
#[derive(Clone, Debug)]
pub struct ScramKeys {
    mechanism: ScramMechanism,
    client_key: Secret,
    server_key: Secret,
}

impl ScramKeys {
    /// The keys of a salted password.
    #[must_use]
    pub fn of(mechanism: ScramMechanism, salted_password: &Secret) -> Self {
        let key = |text: &[u8]| Secret::new(hmac(mechanism, salted_password.bytes(), text));
        Self { mechanism, client_key: key(b"Client Key"), server_key: key(b"Server Key") }
    }

    /// What the server keeps to check proofs.
    #[must_use]
    pub fn stored_key(&self) -> Vec<u8> {
        hash(self.mechanism, self.client_key.bytes())
    }

    /// What the server keeps to prove itself.
    #[must_use]
    pub fn server_key(&self) -> &[u8] {
        self.server_key.bytes()
    }

    /// The client's proof for an exchange.
    #[must_use]
    pub fn client_proof(&self, auth_message: &[u8]) -> Vec<u8> {
        let signature = hmac(self.mechanism, &self.stored_key(), auth_message);
        xor(self.client_key.bytes(), &signature)
    }

    /// The server's proof for an exchange.
    #[must_use]
    pub fn server_signature(&self, auth_message: &[u8]) -> Vec<u8> {
        hmac(self.mechanism, self.server_key(), auth_message)
    }
}

/// Bytes of a hash, and so of every key and proof.
pub(super) const fn hash_bytes(mechanism: ScramMechanism) -> usize {
    match mechanism {
        ScramMechanism::Sha256 => 32,
        ScramMechanism::Sha512 => 64,
    }
}

pub(super) fn hash(mechanism: ScramMechanism, bytes: &[u8]) -> Vec<u8> {
    match mechanism {
        ScramMechanism::Sha256 => Sha256::digest(bytes).to_vec(),
        ScramMechanism::Sha512 => Sha512::digest(bytes).to_vec(),
    }
}

pub(super) fn hmac(mechanism: ScramMechanism, key: &[u8], message: &[u8]) -> Vec<u8> {
    match mechanism {
        ScramMechanism::Sha256 => mac(Hmac::<Sha256>::new_from_slice(key), message),
        ScramMechanism::Sha512 => mac(Hmac::<Sha512>::new_from_slice(key), message),
    }
}

fn mac<M: Mac, E>(keyed: Result<M, E>, message: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = keyed else { unreachable!("HMAC takes keys of any length") };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn xor(first: &[u8], second: &[u8]) -> Vec<u8> {
    first.iter().zip(second).map(|(first, second)| first ^ second).collect()
}

/// Whether both are the same, in a time that does not tell how much of them is. Lengths may be
/// told: those of hashes are known.
pub(super) fn are_equal(first: &[u8], second: &[u8]) -> bool {
    first.ct_eq(second).into()
}
