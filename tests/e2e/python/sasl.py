"""SASL as both Python clients do it: by each mechanism, with right and wrong passwords, and without it.

The broker has one listener, with SASL, and the users `admin` and `alice` of PLAIN.
"""
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialDeletion, UserScramCredentialUpsertion
from kafka import KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors

from common import BOOTSTRAP, same, until

SCRAM = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}


def _rd(user, password, mechanism="PLAIN", **more):
    more = {name.replace("_", "."): value for name, value in more.items()}
    return {"bootstrap.servers": BOOTSTRAP, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password, **more}


def _py(user, password, mechanism="PLAIN", **more):
    return {"bootstrap_servers": BOOTSTRAP, "security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": mechanism, "sasl_plain_username": user, "sasl_plain_password": password, **more}


def _set(user, mechanism, password, iterations=4096):
    change = UserScramCredentialUpsertion(user, ScramCredentialInfo(SCRAM[mechanism], iterations), password.encode())
    _change(change)


def _change(change):
    admin = AdminClient(_rd("admin", "admin-secret"))
    for future in admin.alter_user_scram_credentials([change]).values():
        future.result(30)


def _send_rd(topic, value, **settings):
    producer, errors = Producer(settings), []
    producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    same(producer.flush(30), 0, "records not delivered")
    same(errors, [None], "errors")


def _read_rd(topic, **settings):
    consumer = Consumer({**settings, "group.id": "g-" + topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    record = until(lambda: consumer.poll(1), "a record")
    assert record.error() is None, record.error()
    consumer.close()
    return record.value()


def _refusal_rd(settings):
    """The error by which librdkafka says that it gets in nowhere."""
    told = []
    client = AdminClient({**settings, "error_cb": told.append, "socket.timeout.ms": 10000})
    until(lambda: client.poll(0.5) or [error for error in told if error.code() == KafkaError._AUTHENTICATION], "an authentication error")
    return [error for error in told if error.code() == KafkaError._AUTHENTICATION][0].str()


def _is_in_rd(settings):
    AdminClient(settings).list_topics(timeout=20)


def librdkafka_gets_in_by_each_mechanism():
    _set("bob", "SCRAM-SHA-256", "bob-secret")
    _set("carol", "SCRAM-SHA-512", "carol=secret,", iterations=8192)

    for user, password, mechanism in (("alice", "alice-secret", "PLAIN"), ("bob", "bob-secret", "SCRAM-SHA-256"), ("carol", "carol=secret,", "SCRAM-SHA-512")):
        settings = _rd(user, password, mechanism)
        _send_rd(user, user.encode(), **settings)
        same(_read_rd(user, **settings), user.encode())


def kafka_python_gets_in_by_each_mechanism():
    _set("bob", "SCRAM-SHA-256", "bob-secret")
    _set("carol", "SCRAM-SHA-512", "carol=secret,", iterations=8192)

    for user, password, mechanism in (("alice", "alice-secret", "PLAIN"), ("bob", "bob-secret", "SCRAM-SHA-256"), ("carol", "carol=secret,", "SCRAM-SHA-512")):
        producer = KafkaProducer(**_py(user, password, mechanism))
        producer.send(user, user.encode()).get(30)
        producer.close()
        consumer = KafkaConsumer(user, **_py(user, password, mechanism, group_id="g", auto_offset_reset="earliest"))
        same(next(consumer).value, user.encode())
        consumer.close()


def wrong_passwords_and_unknown_users_get_in_nowhere():
    _set("bob", "SCRAM-SHA-256", "bob-secret")

    for mechanism, wrong in (("PLAIN", "Invalid username or password"), ("SCRAM-SHA-256", "invalid credentials with SASL mechanism SCRAM-SHA-256")):
        user = {"PLAIN": "alice", "SCRAM-SHA-256": "bob"}[mechanism]
        for settings in (_rd(user, "wrong", mechanism), _rd("nobody", "alice-secret", mechanism)):
            said = _refusal_rd(settings)
            assert wrong in said, said
        try:
            KafkaProducer(**_py(user, "wrong", mechanism, bootstrap_timeout_ms=5000))
            raise AssertionError("a wrong password got in")
        except kafka_errors.KafkaError:
            pass


def a_password_that_was_changed_or_deleted_gets_in_no_more():
    _set("bob", "SCRAM-SHA-256", "first")
    _is_in_rd(_rd("bob", "first", "SCRAM-SHA-256"))

    _set("bob", "SCRAM-SHA-256", "second")
    _is_in_rd(_rd("bob", "second", "SCRAM-SHA-256"))
    _refusal_rd(_rd("bob", "first", "SCRAM-SHA-256"))
    _refusal_rd(_rd("bob", "second", "SCRAM-SHA-512"))

    _change(UserScramCredentialDeletion("bob", ScramMechanism.SCRAM_SHA_256))
    _refusal_rd(_rd("bob", "second", "SCRAM-SHA-256"))


def a_mechanism_that_is_not_enabled_gets_in_nowhere():
    said = _refusal_rd(_rd("alice", "alice-secret", "SCRAM-SHA-512"))
    assert "SCRAM-SHA-512" in said and "PLAIN" in said, said


def a_client_without_sasl_is_not_served():
    try:
        AdminClient({"bootstrap.servers": BOOTSTRAP}).list_topics(timeout=3)
    except KafkaException as error:
        assert error.args[0].code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT), error
    else:
        raise AssertionError("somebody got in without a name")


def users_are_described_without_their_secrets():
    _set("bob", "SCRAM-SHA-256", "bob-secret")
    _set("bob", "SCRAM-SHA-512", "bob-secret", iterations=5000)
    admin = AdminClient(_rd("admin", "admin-secret"))

    users = admin.describe_user_scram_credentials().result(30)

    infos = [(info.mechanism, info.iterations) for info in users["bob"].scram_credential_infos]
    same((list(users), infos), (["bob"], [(ScramMechanism.SCRAM_SHA_256, 4096), (ScramMechanism.SCRAM_SHA_512, 5000)]))
    try:
        _set("bob", "SCRAM-SHA-256", "bob-secret", iterations=100)
        raise AssertionError("100 iterations were taken")
    except KafkaException as error:
        same(error.args[0].code(), KafkaError.UNACCEPTABLE_CREDENTIAL)


def a_session_is_renewed_while_records_go_through():
    told = []
    producer = Producer({**_rd("alice", "alice-secret"), "error_cb": told.append})
    deadline, sent = time.monotonic() + 6, []
    while time.monotonic() < deadline:
        producer.produce("t", b"x", on_delivery=lambda error, _: sent.append(error))
        same(producer.flush(20), 0, "records not delivered")
    same(set(sent), {None}, "errors of records")
    same(told, [], "errors of connections")
