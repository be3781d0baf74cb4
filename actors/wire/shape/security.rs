//! Shapes of requests about users and how they authenticate.

use super::table::{Shape, bytes, int8, int32, list, text};
use kafka_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use kafka_protocol::messages::describe_user_scram_credentials_request::UserName;
use kafka_protocol::messages::{
    AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest,
};

/// No version has compact lengths.
const NEVER: i16 = i16::MAX;

pub(super) const SHAPES: &[Shape] = &[
    Shape::of::<SaslHandshakeRequest>(NEVER, &[text("mechanism")]),
    Shape::of::<SaslAuthenticateRequest>(2, &[bytes("auth_bytes")]),
    Shape::of::<DescribeUserScramCredentialsRequest>(
        0,
        &[list::<UserName>("users", &[text("name")]).nullable(0)],
    ),
    Shape::of::<AlterUserScramCredentialsRequest>(
        0,
        &[
            list::<ScramCredentialDeletion>("deletions", &[text("name"), int8("mechanism")]),
            list::<ScramCredentialUpsertion>(
                "upsertions",
                &[
                    text("name"),
                    int8("mechanism"),
                    int32("iterations"),
                    bytes("salt"),
                    bytes("salted_password"),
                ],
            ),
        ],
    ),
];
