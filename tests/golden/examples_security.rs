//! Requests about users and how they authenticate, one of each at every version.

use super::{Example, add, text};
use bytes::Bytes;
use kafka_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use kafka_protocol::messages::describe_user_scram_credentials_request::UserName;
use kafka_protocol::messages::{
    AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};

pub(super) fn add_all(all: &mut Vec<Example>) {
    add(all, sasl_handshake);
    add(all, sasl_authenticate);
    add(all, describe_user_scram_credentials);
    add(all, alter_user_scram_credentials);
}

fn sasl_handshake(_: i16) -> SaslHandshakeRequest {
    SaslHandshakeRequest::default().with_mechanism(text("SCRAM-SHA-256"))
}

fn sasl_authenticate(_: i16) -> SaslAuthenticateRequest {
    SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from_static(b"n,,n=alice,r=nonce"))
}

fn describe_user_scram_credentials(_: i16) -> DescribeUserScramCredentialsRequest {
    let user = UserName::default().with_name(text("alice"));
    DescribeUserScramCredentialsRequest::default().with_users(Some(vec![user.clone(), user]))
}

fn alter_user_scram_credentials(_: i16) -> AlterUserScramCredentialsRequest {
    let deletion = ScramCredentialDeletion::default().with_name(text("alice")).with_mechanism(1);
    let upsertion = ScramCredentialUpsertion::default()
        .with_name(text("bob"))
        .with_mechanism(2)
        .with_iterations(4096)
        .with_salt(Bytes::from_static(b"salt"))
        .with_salted_password(Bytes::from_static(b"salted"));
    AlterUserScramCredentialsRequest::default()
        .with_deletions(vec![deletion.clone(), deletion])
        .with_upsertions(vec![upsertion.clone(), upsertion])
}
