//! SCRAM credentials as command lines have them.

use ottla_actors::sasl::{ITERATIONS_MIN, salted_password};
use ottla_actors::types::{ScramMechanism, Secret};
use uuid::Uuid;

use super::problem::ToolError;

/// A credential, without the password that it was made of.
#[derive(Debug)]
pub(super) struct Credential {
    /// Rounds of hashing.
    pub(super) iterations: u32,
    /// What the password was salted with.
    pub(super) salt: Vec<u8>,
    /// The password, salted and hashed.
    pub(super) salted_password: Secret,
}

/// The mechanism of this name.
pub(super) fn mechanism(name: &str) -> Option<ScramMechanism> {
    ScramMechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name)
}

/// Makes a credential of `iterations=4096,password=…`. The password itself does not leave this process.
pub(super) fn credential(
    mechanism: ScramMechanism,
    given: Vec<(String, String)>,
) -> Result<Credential, ToolError> {
    let (mut iterations, mut password) = (ITERATIONS_MIN, None);
    // What is wrong is not shown: it may hold a password, or the rest of one.
    for (name, value) in given {
        match name.as_str() {
            "password" => password = Some(value),
            "iterations" => {
                iterations = value.parse().map_err(|_| {
                    ToolError::Argument("iterations= of a SCRAM credential is a number".to_owned())
                })?;
            }
            _ => {
                return Err(ToolError::Argument(
                    "a SCRAM credential has iterations= and password= alone".to_owned(),
                ));
            }
        }
    }
    if iterations < ITERATIONS_MIN {
        return Err(ToolError::Argument(format!(
            "iterations is {iterations}, {ITERATIONS_MIN} is the least"
        )));
    }
    let password = password
        .ok_or_else(|| ToolError::Argument("a SCRAM credential has a password=".to_owned()))?;
    // Two random ids are as good a salt as any.
    let salt = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let salted_password = salted_password(mechanism, password.as_bytes(), &salt, iterations);
    Ok(Credential { iterations, salt, salted_password })
}

#[cfg(test)]
mod tests {
    use super::super::arguments::pairs;
    use super::*;

    #[test]
    fn a_credential_has_a_password_and_enough_iterations() {
        let made = credential(ScramMechanism::Sha512, pairs("password=secret").unwrap()).unwrap();
        assert_eq!((made.iterations, made.salted_password.bytes().len()), (4096, 64));

        for wrong in
            ["iterations=5000", "iterations=1,password=p", "word=p", "iterations=x,password=p"]
        {
            assert!(credential(ScramMechanism::Sha256, pairs(wrong).unwrap()).is_err(), "{wrong}");
        }
        for wrong in ["password=abc,secret=g", "iterations=4096;password=secret"] {
            let said = credential(ScramMechanism::Sha256, pairs(wrong).unwrap()).unwrap_err();
            assert!(!said.to_string().contains("secret"), "{said}");
        }
    }
}
