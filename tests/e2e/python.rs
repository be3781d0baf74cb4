//! The tests that Python clients make: each is a function of a script in `python/`.

use crate::harness::{functions, run};

/// A test for each function named, with the settings its broker needs beside the usual ones, and
/// one test that the script holds no function which is not named here.
macro_rules! scripts {
    ($script:ident: $($function:ident $([$($setting:literal),*])?;)*) => {
        mod $script {
            $(#[test]
            fn $function() {
                super::run(stringify!($script), stringify!($function), &[$($($setting),*)?]);
            })*

            #[test]
            fn every_function_of_the_script_is_a_test() {
                let listed = [$(stringify!($function)),*];
                for function in super::functions(stringify!($script)) {
                    assert!(listed.contains(&&*function), "{function} is not listed");
                }
            }
        }
    };
}

scripts! { kafka_python:
    records_come_back_with_keys_headers_and_timestamps;
    each_codec_comes_back;
    every_acks_setting_stores_the_record;
    a_hundred_thousand_records_go_in_and_out;
    a_missing_topic_is_created_by_its_first_record;
    a_record_over_the_limit_is_refused_and_the_next_is_stored;
    records_of_nearly_a_mebibyte_come_back;
    a_topic_with_log_append_time_stamps_by_the_brokers_clock;
    positions_are_found_at_both_ends_and_by_time;
    an_offset_past_the_end_resets_as_the_consumer_asks;
    an_idle_fetch_is_woken_by_a_record;
    a_consumer_goes_on_at_its_committed_offset;
    closing_a_consumer_commits_what_it_read;
    a_consumer_outlives_a_restart_of_the_broker;
    two_members_share_partitions_and_one_takes_over_eagerly;
    two_members_share_partitions_and_one_takes_over_cooperatively;
    a_leaving_member_hands_over_at_once;
    a_static_member_comes_back_without_a_rebalance;
    the_default_producer_writes_each_record_once_across_a_restart;
    topics_are_created_described_grown_and_deleted;
    a_deleted_topic_comes_back_empty;
    configs_are_described_and_altered;
    groups_are_listed_and_described;
    a_compacted_topic_keeps_the_last_value_of_each_key
        ["log.cleaner.backoff.ms=200", "log.retention.check.interval.ms=300"];
    retention_by_size_removes_the_oldest_segments
        ["log.retention.check.interval.ms=300"];
    retention_by_time_removes_old_records
        ["log.retention.check.interval.ms=300"];
    a_client_beyond_its_quota_is_told_to_pause_and_loses_nothing;
}

scripts! { confluent:
    records_come_back_with_keys_headers_and_timestamps;
    each_codec_comes_back;
    a_hundred_thousand_records_go_in_and_out;
    a_missing_topic_is_created_by_its_first_record;
    no_topic_is_created_where_that_is_switched_off ["auto.create.topics.enable=false"];
    positions_are_found_at_both_ends_and_by_time;
    an_idle_fetch_is_woken_by_a_record;
    a_consumer_goes_on_at_its_committed_offset;
    two_members_share_partitions_and_one_takes_over_eagerly;
    two_members_share_partitions_and_one_takes_over_cooperatively;
    a_static_member_comes_back_without_a_rebalance;
    an_idempotent_producer_writes_each_record_once_across_a_restart;
    topics_are_created_described_grown_and_deleted;
    configs_are_described_and_altered;
    groups_are_listed_and_described;
}

scripts! { together:
    each_client_reads_what_the_other_compressed;
    the_two_clients_share_a_group;
}

scripts! { crash:
    what_was_acknowledged_is_there_once_after_a_kill;
    what_was_acknowledged_is_there_once_after_a_stop;
    what_was_acknowledged_is_there_once_after_many_kills;
}
