//! The list of all questions, once, as tests. Owns the list; a host's test file calls [`crate::exam!`].

/// Makes one test of each question. `$start` is an async function that gives a fresh host.
///
/// A host says whether its clock can be moved and whether it restarts; a question that needs what the host has not
/// got must say so, so that nothing is left out unseen.
#[macro_export]
macro_rules! exam {
    ($start:path, moves_clock: $clock:literal, restarts: $restarts:literal) => {
        $crate::exam! { @chunks $start, $restarts; }
        $crate::exam! { @questions $start;
            access::everybody_may_what_the_table_says,
            bad_arguments::hostile_texts_are_kept_as_they_are,
            bad_arguments::what_is_no_method_is_rejected,
            bad_arguments::a_query_answers_as_an_update_too,
            blobs::reads_are_clipped_and_bounded,
            blobs::a_referenced_blob_stays,
            blobs::deleting_a_memory_takes_its_blobs_where_told,
            blobs::a_memory_takes_no_blob_of_another_capsule,
            memories::pages_are_stable_and_newest_first,
            memories::keys_make_memories_and_assets_once,
            memories::changes_keep_what_they_do_not_name,
            memories::stored_facts_win_over_what_clients_say,
            memories::bulk_deletes_say_what_they_did,
            capsules::an_anonymous_guest_makes_a_capsule_public,
            capsules::ones_own_capsule_is_made_once,
            capsules::roles_count_from_the_next_message_on,
            capsules::deleting_a_capsule_removes_all_of_it,
            capsules::counters_are_right_at_each_step,
            http::a_known_etag_is_not_sent_again,
            http::head_is_get_without_the_body,
            http::ranges_are_cut_as_the_rfc_says,
            http::names_and_types_cannot_harm,
            http::uploaded_files_never_run,
            http::an_asset_kept_elsewhere_is_no_redirect,
            http::other_methods_and_paths_are_refused,
            http::a_token_covers_what_it_names,
            http::a_changed_token_opens_nothing,
            http::a_token_ends_with_its_minters_rights,
            http::public_assets_need_no_token,
            http::tokens_in_bulk_are_as_single_ones,
            site::the_site_changes_as_a_whole,
            site::a_site_that_breaks_a_rule_changes_nothing,
            site::what_the_site_takes_is_its_own,
            objects::bytes_elsewhere_are_announced_whole,
            objects::only_the_gate_says_what_is_there,
            objects::a_publish_is_whole_over_both_places,
            objects::a_blob_moves_into_the_bucket,
            objects::what_may_be_in_the_bucket_is_charged_for,
            people::a_device_is_its_account,
            people::a_removed_device_is_shut_out_on_every_road,
            people::a_ticket_ends_with_its_key,
            people::a_first_key_can_be_removed,
            people::a_key_brings_along_what_it_has,
            people::a_key_brings_along_no_capsule_that_it_lost,
            people::what_a_key_made_is_its_accounts,
            people::passkeys_are_found_again,
            people::names_are_seen_by_whom_they_are_for,
            people::a_code_opens_once,
            people::an_invitation_gives_a_role_so_often,
            people::only_who_is_invited_comes_in,
            people::a_link_shows_what_it_covers,
            people::a_link_to_some_memories_shows_no_other,
            people::a_link_ends_with_its_makers_right,
            people::a_link_without_download_shows_no_original,
            people::a_link_tells_what_it_shows_where_its_owner_allows,
            people::operators_see_to_their_host,
            people::a_capsule_that_others_gave_is_marked_and_can_be_left,
        }
        $crate::exam! { @needs $start, $clock;
            uploads::a_pending_session_expires_alone,
            blobs::unreferenced_blobs_are_collected,
            http::a_token_expires,
            objects::objects_go_with_what_they_were_for,
            people::a_code_ends_with_its_time,
            people::a_link_ends_with_its_time,
        }
    };
    // For a host that has a bucket, beside one without that takes the whole exam.
    (bucket: $start:path, moves_clock: $clock:literal) => {
        $crate::exam! { @questions $start;
            objects::bytes_elsewhere_are_announced_whole,
            objects::only_the_gate_says_what_is_there,
            objects::a_publish_is_whole_over_both_places,
            objects::a_blob_moves_into_the_bucket,
            objects::what_may_be_in_the_bucket_is_charged_for,
        }
        $crate::exam! { @needs $start, $clock;
            objects::objects_go_with_what_they_were_for,
        }
    };
    // For another road that chunks come by to a host which takes the whole exam on the first one.
    (chunks: $start:path, restarts: $restarts:literal) => {
        $crate::exam! { @chunks $start, $restarts; }
        $crate::exam! { @questions $start;
            access::chunks_come_from_whom_the_table_says,
        }
    };
    // All that has to do with chunks, and what becomes of them.
    (@chunks $start:path, $restarts:literal;) => {
        $crate::exam! { @needs $start, $restarts;
            uploads::one_session_goes_on_after_a_restart,
        }
        $crate::exam! { @questions $start;
            access::a_session_outlives_its_callers_role,
            bad_arguments::calls_in_the_wrong_order_are_refused,
            bad_arguments::what_is_not_the_methods_candid_is_rejected,
            bad_arguments::what_is_longer_than_its_method_needs_is_rejected,
            bad_arguments::each_bad_argument_has_its_error,
            bad_arguments::hostile_ids_name_nothing,
            uploads::chunks_come_in_any_order,
            uploads::an_abort_is_final_and_repeatable,
            uploads::two_sessions_take_chunks_in_turn,
            uploads::late_duplicates_are_harmless,
            uploads::chunk_lengths_are_held,
            uploads::the_last_chunk_may_come_first,
            uploads::a_begin_is_idempotent,
            uploads::status_tells_what_is_missing,
            uploads::a_failed_finish_leaves_the_session_to_go_on,
            uploads::a_repeated_finish_is_the_same,
            uploads::sessions_do_not_touch_each_other,
            uploads::a_host_says_whether_chunks_come_without_envelopes,
            publish::what_is_published_is_there_at_once,
            publish::a_photo_comes_in_one_message,
            publish::a_publish_happens_whole_or_not_at_all,
            publish::a_publish_is_idempotent,
            contents::a_file_is_found_by_its_hash_as_long_as_it_is_an_original,
            contents::every_road_keeps_the_index_true,
            contents::a_file_that_is_there_is_published_once,
            barrier::retrieval_right_after_finish,
        }
    };
    (@questions $start:path; $($part:ident :: $question:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $question() {
                let host = $start().await;
                $crate::$part::$question(&host).await;
            }
        )*
    };
    (@needs $start:path, $able:literal; $($part:ident :: $question:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $question() {
                let host = $start().await;
                let asked = $crate::$part::$question(&host).await;
                assert_eq!(asked, $able, "the host said that it is able, or not, to be asked this");
            }
        )*
    };
}
