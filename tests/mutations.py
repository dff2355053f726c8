"""Break the code on purpose, one place at a time, and see whether the test that should notice does.

`make mutations` copies the tree to a temporary folder for each mutation, changes one text there, and runs the test that
must fail with the copy's own packages. A mutation that no test notices is an invariant that nobody guards: the exit
status is 1 then. Words on the command line choose the mutations whose description or test holds one of them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
COPIED: Final = ("services", "simulator", "operator", "tools", "tests", "k8s", "pyproject.toml")
AT_ONCE: Final = 2
SECONDS: Final = 900
"""A mutation may make a test wait for what never comes; pytest's own timeout ends it long before."""

LUA: Final = "services/rotavatar/redis/lua"
STORE: Final = "tests/integration/test_store.py"
CHANGES: Final = "tests/integration/test_store_changes.py"
LOST: Final = "tests/integration/test_lost_leases.py"
INSTALLING: Final = "tests/integration/test_store_installing.py"
SUSPENSION: Final = "tests/integration/test_suspension.py"
POLICY: Final = "tests/integration/test_policy_changes.py"
ROTATION: Final = "tests/integration/test_rotation.py"
LATE: Final = "tests/integration/test_late_workers.py"
ACKING: Final = "tests/unit/test_ingress_acking.py"
PACING: Final = "tests/faults/test_pacing_and_fairness.py"
MACHINE: Final = "tests/unit/test_member_machine.py"
SWEEPING: Final = "tests/integration/test_sweeping.py"
COMMANDS: Final = "tests/unit/test_redis_commands.py"
DEATHS: Final = "tests/faults/test_deaths.py"
DYING: Final = "tests/cluster/test_operator_deaths.py::test_death_at_every_write"
HEARSAY: Final = "tests/cluster/test_operator_hearsay.py"
CANARY: Final = "tests/cluster/test_operator_canary.py::test_nothing_leaks"
RECONCILING: Final = "operator/slacktenant_operator/reconciling.py"
RELEASING: Final = "operator/slacktenant_operator/releasing.py"
CONSUMER: Final = f"{STORE}::test_a_consumer_does_jobs_buries_bad_ones_and_leaves_nothing[valkey]"


class Mutation(NamedTuple):
    """One way to break an invariant of docs/invariants.md: `text` occurs once in `file`."""

    invariant: int
    what: str
    file: str
    text: str
    replacement: str
    test: str


MUTATIONS: Final = (
    Mutation(
        1,
        "Slack is told 200 before Redis has answered",
        "services/ingress_api/acking.py",
        "await self._store(reading.job)",
        '__import__("asyncio").ensure_future(self._store(reading.job))',
        f"{ACKING}::test_nothing_is_acknowledged_before_it_is_stored",
    ),
    Mutation(
        1,
        "Slack is told 200 although Redis is away",
        "services/ingress_api/acking.py",
        'self._closed_until = now + FAIL_FAST_SECONDS\n        return Outcome("shed", "redis", AWAY)',
        'self._closed_until = now + FAIL_FAST_SECONDS\n        return Outcome("accepted", "redis", answer(200))',
        f"{ACKING}::test_after_a_failure_nobody_waits_for_redis_until_it_is_tried_again",
    ),
    Mutation(
        1,
        "every request asks a Redis that has just failed",
        "services/ingress_api/acking.py",
        "self._closed_until = now + FAIL_FAST_SECONDS",
        "self._closed_until = now",
        f"{ACKING}::test_after_a_failure_nobody_waits_for_redis_until_it_is_tried_again",
    ),
    Mutation(
        2,
        "a job is acked before its effect",
        "services/rotavatar/consumer.py",
        "finished = await handle(entry, job)",
        "await self._jobs.finish(entry.partition, entry.stream, [entry.id])\n"
        "                finished = await handle(entry, job)",
        CONSUMER,
    ),
    Mutation(
        2,
        "a job that failed is acked",
        "services/rotavatar/consumer.py",
        "        finally:\n            hands.release()\n        return None",
        "        finally:\n            hands.release()\n        return entry",
        CONSUMER,
    ),
    Mutation(
        2,
        "a job that nobody can read is dropped without a dead letter",
        f"{LUA}/bury.lua",
        "redis.call('XADD', KEYS[2],",
        "tostring(",
        CONSUMER,
    ),
    Mutation(
        2,
        "jobs that only wait in a process are counted as tried",
        "services/rotavatar/consumer.py",
        "count = min(BATCH, free // len(group))",
        "count = BATCH",
        f"{STORE}::test_an_attempt_is_counted_only_of_what_somebody_began[valkey]",
    ),
    Mutation(
        2,
        "an installation is stored without its job",
        f"{LUA}/install.lua",
        "redis.call('XADD', prefix .. 'jobs:schedule', '*', 'j', ARGV[at])",
        "",
        f"{STORE}::test_an_installation_stores_both_credentials_and_queues_both_jobs[valkey]",
    ),
    Mutation(
        3,
        "a commit overwrites what changed since it was decided",
        f"{LUA}/commit.lua",
        "if (redis.call('HGET', key, 'v') or '') ~= version or (record[1] or '0') ~= seen then",
        "if (record[1] or '0') ~= seen then",
        f"{STORE}::test_a_commit_on_an_old_version_changes_nothing[valkey]",
    ),
    Mutation(
        3,
        "what was decided under an older policy counts",
        f"{LUA}/commit.lua",
        " or (record[1] or '0') ~= seen then",
        " then",
        f"{POLICY}::test_a_choice_that_was_read_under_the_old_policy_does_not_count[valkey]",
    ),
    Mutation(
        3,
        "an older choice of frequency overwrites a newer one",
        "services/rotator/choices.py",
        "if choice.at <= member.frequency_at or not",
        "if not",
        f"{ROTATION}::test_an_older_choice_never_overwrites_a_newer_one[valkey]",
    ),
    Mutation(
        3,
        "a shuffle that is delivered twice is done twice",
        "services/rotator/choices.py",
        "if at <= max(member.wish_at, member.credential_at) or",
        "if at <= member.credential_at or",
        f"{MACHINE}::TestMember::runTest",
    ),
    Mutation(
        3,
        "a second worker takes a member whose lease still lasts",
        f"{LUA}/claim.lua",
        "call('ZRANGE', flight, '-inf', now, 'BYSCORE', 'LIMIT', 0, granted)",
        "call('ZRANGE', flight, '-inf', '+inf', 'BYSCORE', 'LIMIT', 0, granted)",
        f"{STORE}::test_a_claim_moves_due_members_to_in_flight_within_grants_and_cap[valkey]",
    ),
    Mutation(
        3,
        "a worker whose lease was taken over goes on",
        "services/rotator/rotation.py",
        "seen.member.fence != claim.fence or seen.lease is None",
        "seen.lease is None",
        f"{LATE}::test_who_lost_the_lease_writes_no_photo_and_no_result",
    ),
    Mutation(
        4,
        "a workspace may fill all hands",
        f"{LUA}/claim.lua",
        "math.min(granted - lost, cap - in_flight)",
        "granted - lost",
        f"{STORE}::test_a_claim_moves_due_members_to_in_flight_within_grants_and_cap[valkey]",
    ),
    Mutation(
        4,
        "a workspace may fill all publishes under way",
        f"{LUA}/claim_publish.lua",
        "math.min(want - #claimed / 4, most, cap - under_way,",
        "math.min(want - #claimed / 4, most,",
        "tests/integration/test_publisher_pacing.py::test_workspaces_that_answer_slowly_delay_no_other",
    ),
    Mutation(
        4,
        "Slack's Retry-After does not move the workspace",
        f"{LUA}/hold.lua",
        "rescore(prefix .. 'ready', prefix, w,",
        "tostring(prefix,",
        f"{STORE}::test_a_hold_moves_the_workspace[valkey]",
    ),
    Mutation(
        5,
        "who comes back loses their choice",
        "services/rotator/joining.py",
        "policy.default_frequency if unchosen else member.frequency",
        "policy.default_frequency",
        f"{ROTATION}::test_leaving_restores_revokes_and_keeps_the_choices_for_a_return[valkey]",
    ),
    Mutation(
        5,
        "a revocation that is older than the credential ends it",
        "services/rotator/revocations.py",
        "if at < credential_at - DOUBT_MS:\n            return False",
        "if at < credential_at - DOUBT_MS:\n            return True",
        f"{ROTATION}::test_a_revocation_older_than_the_credential_is_ignored[valkey]",
    ),
    Mutation(
        5,
        "a consent that is overtaken replaces the newer credential",
        f"{LUA}/install.lua",
        "if #values == 0 or (time and time < tonumber(redis.call('HGET', key, 'ca') or 0)) then",
        "if #values == 0 then",
        f"{LATE}::test_a_consent_that_is_stored_after_a_newer_one_replaces_nothing",
    ),
    Mutation(
        6,
        "who left leaves their token behind",
        "services/rotator/results.py",
        'wish=Wish.NONE,\n        credential=b"",',
        "wish=Wish.NONE,",
        f"{ROTATION}::test_leaving_restores_revokes_and_keeps_the_choices_for_a_return[valkey]",
    ),
    Mutation(
        6,
        "a dead token is kept",
        "services/rotator/results.py",
        'without = replaced(member, credential=b"", refresh_at=0,',
        "without = replaced(member, refresh_at=0,",
        f"{ROTATION}::test_a_dead_token_asks_to_reconnect_and_choices_survive[valkey]",
    ),
    Mutation(
        6,
        "an uninstalled workspace keeps its members' tokens",
        f"{LUA}/wipe.lua",
        "redis.call('HDEL', key, 'c', 'ra')",
        "redis.call('HDEL', key, 'ra')",
        f"{ROTATION}::test_uninstalling_destroys_credentials_and_after_the_retention_everything[valkey]",
    ),
    Mutation(
        6,
        "a purge leaves the pace of the workspace",
        f"{LUA}/purge.lua",
        "'pace:', ",
        "",
        f"{ROTATION}::test_uninstalling_destroys_credentials_and_after_the_retention_everything[valkey]",
    ),
    Mutation(
        6,
        "a purge leaves what the workspace used",
        f"{LUA}/purge.lua",
        "'use:', ",
        "",
        "tests/integration/test_store_usage.py::"
        "test_what_changes_no_photo_is_no_rotation_and_a_purge_leaves_no_count[valkey]",
    ),
    Mutation(
        6,
        "a purged workspace is still called changed",
        f"{LUA}/purge.lua",
        "redis.call('HEXISTS', KEYS[1], 't') == 1",
        "true",
        f"{CHANGES}::test_the_end_of_a_workspace_is_told_where_a_tenant_governs_it",
    ),
    Mutation(
        6,
        "who leaves waits until the workspace is resumed",
        "services/rotavatar/store/members.py",
        "return change.time_ms - LEAVING_MS if leaves else change.time_ms",
        "return change.time_ms",
        f"{SUSPENSION}::test_who_leaves_is_served_in_a_suspended_workspace_and_nobody_else[valkey]",
    ),
    Mutation(
        6,
        "photos that no record mentions stay",
        "services/rotator/sweeping.py",
        "if not free or await self._is_mentioned(ref) or not",
        "if free or not",
        f"{SWEEPING}::test_only_what_is_old_and_in_no_record_goes",
    ),
    Mutation(
        7,
        "a sweep deletes a photo that was written anew",
        "services/rotator/sweeping.py",
        " or not self._is_old(await self._photos.modified(ref)):",
        ":",
        f"{SWEEPING}::test_what_is_written_anew_between_the_look_and_the_deletion_stays",
    ),
    Mutation(
        7,
        "a photo is kept while it is being swept",
        "services/rotator/showing.py",
        "if not free:",
        "if free is None:",
        f"{SWEEPING}::test_nobody_keeps_a_photo_while_it_is_deleted_and_nobody_deletes_while_it_is_kept",
    ),
    Mutation(
        7,
        "a photo that was changed outside is overwritten",
        "services/rotator/judgement.py",
        "        return Verdict.WRITE\n    return Verdict.OUTSIDE",
        "        return Verdict.WRITE\n    return Verdict.WRITE",
        f"{ROTATION}::test_a_photo_changed_outside_stays_and_is_asked_about[valkey]",
    ),
    Mutation(
        7,
        "the own photo is replaced before it is kept",
        "services/rotator/judgement.py",
        "return Verdict.WRITE if _kept(member, profile) else Verdict.KEEP_FIRST",
        "return Verdict.WRITE",
        f"{ROTATION}::test_the_own_photo_is_kept_before_it_is_replaced_and_can_be_put_back[valkey]",
    ),
    Mutation(
        7,
        "no intent is written before a photo",
        "services/rotator/results.py",
        "return replaced(member, intent=Intent(picture=picture, previous_hash=shown, at=now_ms))",
        "return member",
        f"{DEATHS}::test_death_at_every_boundary[first_shuffle]",
    ),
    Mutation(
        8,
        "a script touches a key of another slot",
        f"{LUA}/install.lua",
        "redis.call('XADD', prefix .. 'jobs:publish', '*', 'j', ARGV[at + 1])",
        "redis.call('XADD', 'rv:{elsewhere}:jobs:publish', '*', 'j', ARGV[at + 1])",
        f"{STORE}::test_an_installation_stores_both_credentials_and_queues_both_jobs[cluster]",
    ),
    Mutation(
        8,
        "the keys of a workspace have no hash tag",
        "services/rotavatar/keys.py",
        'return f"{tag(partition_of(workspace))}{kind}:{workspace}"',
        'return f"rv:{kind}:{workspace}"',
        f"{STORE}::test_a_commit_on_an_old_version_changes_nothing[cluster]",
    ),
    Mutation(
        8,
        "all chores that are due are taken at once",
        f"{LUA}/claim_chore.lua",
        "'BYSCORE', 'LIMIT', 0, ARGV[3])",
        "'BYSCORE')",
        f"{COMMANDS}::test_every_command_of_a_store_or_script_has_a_bounded_answer",
    ),
    Mutation(
        8,
        "the members of a workspace are read without a page",
        "services/rotavatar/store/members.py",
        '"SSCAN", keys.members(workspace), cursor, "COUNT", count',
        '"SSCAN", keys.members(workspace), cursor',
        f"{COMMANDS}::test_every_command_of_a_store_or_script_has_a_bounded_answer",
    ),
    Mutation(
        8,
        "as many lost jobs are taken over as there are",
        "services/rotavatar/consumer.py",
        "idle_ms=self._retry_idle_ms, count=SWEPT",
        "idle_ms=self._retry_idle_ms, count=1_000_000",
        "tests/faults/test_redis_answers.py::test_no_answer_in_a_whole_life_is_without_a_bound",
    ),
    Mutation(
        9,
        "what changes during a publish is not shown",
        f"{LUA}/published.lua",
        "redis.call('ZREM', prefix .. 'pubflight:' .. w, user)",
        "redis.call('ZREM', prefix .. 'pubflight:' .. w, user)\nredis.call('ZREM', prefix .. 'want:' .. w, user)",
        "tests/integration/test_publisher_faults.py::test_a_change_during_a_publish_is_shown_by_another",
    ),
    Mutation(
        9,
        "after a hash conflict the tab is given up",
        "services/publisher/outcomes.py",
        'return Result(outcome="conflict", again=True, view_hash="-")',
        'return Result(outcome="conflict", view_hash="-")',
        "tests/integration/test_publisher_faults.py::"
        "test_a_hash_that_slack_no_longer_knows_is_forgotten_and_the_tab_published",
    ),
    Mutation(
        9,
        "only the member whom Slack refused is told when it takes calls again",
        f"{LUA}/snapshot.lua",
        "redis.call('HMGET', KEYS[5], 'photo!', 'profile!')",
        "{}",
        f"{STORE}::test_a_hold_moves_the_workspace[valkey]",
    ),
    Mutation(
        10,
        "a tab that shows the present state is published again",
        "services/publisher/marking.py",
        "zip(told, shows, strict=True) if same)",
        "zip(told, shows, strict=True) if same is None)",
        "tests/integration/test_steady.py::test_opening_a_tab_again_and_again_costs_no_publish",
    ),
    Mutation(
        10,
        "events about strangers cause publishes",
        "services/rotator/jobs.py",
        "if not isinstance(job, ProfileChanged):\n            await self._jobs.add(_look(job))",
        "await self._jobs.add(_look(job))",
        "tests/faults/test_meanwhile.py::test_strangers_profiles_publish_nothing",
    ),
    Mutation(
        10,
        "a change of policy writes every member",
        "services/rotator/policing.py",
        "if change.member == seen.member and change.place is Place.STAY:",
        "if change.member is None:",
        f"{POLICY}::test_a_suspension_and_its_end_are_told_to_everybody_when_nobody_else_wants_a_publish[valkey]",
    ),
    Mutation(
        10,
        "the operator is woken by its own change",
        f"{LUA}/commit_workspace.lua",
        "if ARGV[at + 5] == '1' then mark_changed",
        "if true then mark_changed",
        f"{CHANGES}::test_a_change_by_anybody_but_the_operator_is_told[valkey]",
    ),
    Mutation(
        11,
        "who is due again stays in flight too",
        f"{LUA}/commit.lua",
        "  redis.call('ZADD', due, time, user)\n  redis.call('ZREM', flight, user)",
        "  redis.call('ZADD', due, time, user)",
        f"{ROTATION}::test_the_photo_changes_when_it_is_due_and_not_before[valkey]",
    ),
    Mutation(
        11,
        "who is claimed stays due too",
        f"{LUA}/claim.lua",
        "call('ZREMRANGEBYRANK', due, 0, #users - 1)",
        "",
        f"{STORE}::test_a_claim_moves_due_members_to_in_flight_within_grants_and_cap[valkey]",
    ),
    Mutation(
        11,
        "who waits for nothing has no reason",
        "services/rotator/placement.py",
        "    member = with_idle(member, idle)\n",
        "",
        f"{MACHINE}::TestMember::runTest",
    ),
    Mutation(
        11,
        "who lost a lease in a suspended workspace is nowhere",
        f"{LUA}/claim.lua",
        "if m[1] then put_back(w, user, key, leaving, wait) end",
        "",
        f"{SUSPENSION}::test_a_lease_that_is_lost_in_a_suspended_workspace_waits_unless_its_member_leaves[valkey]",
    ),
    Mutation(
        12,
        "a lease in Redis has no expiry",
        "services/rotavatar/store/leases.py",
        '"NX", "PX", int(seconds * 1000)',
        '"NX"',
        f"{LATE}::test_the_leases_of_who_died_end",
    ),
    Mutation(
        12,
        "nobody looks at leases that run out",
        f"{LUA}/_rotation.lua",
        "earlier(head, lease)",
        "head",
        f"{STORE}::test_a_lost_lease_is_taken_over_with_a_new_fence[valkey]",
    ),
    Mutation(
        12,
        "a member whom each worker dies of is tried for ever",
        f"{LUA}/claim.lua",
        "if losses >= GIVEN_UP then return REST end",
        "if losses >= GIVEN_UP then return 0 end",
        f"{LOST}::test_whoever_each_worker_dies_of_is_given_up_and_tried_rarely[valkey]",
    ),
    Mutation(
        12,
        "who was given up is not brought back by a click",
        "services/rotator/choices.py",
        "return replaced(member, wish=wish, wish_at=at, attempt=0, lost=0)",
        "return replaced(member, wish=wish, wish_at=at, attempt=0)",
        f"{LOST}::test_a_click_brings_back_who_was_given_up",
    ),
    Mutation(
        12,
        "a chore is gone once somebody began it",
        f"{LUA}/claim_chore.lua",
        "redis.call('ZADD', KEYS[1], ARGV[2], chore)",
        "redis.call('ZREM', KEYS[1], chore)",
        f"{DEATHS}::test_death_at_every_boundary[uninstall]",
    ),
    Mutation(
        13,
        "several claims are charged as one",
        f"{LUA}/claim.lua",
        "+ n * limits.photo[1]",
        "+ math.min(n, 1) * limits.photo[1]",
        "tests/integration/test_pacing.py::test_no_minute_at_slack_holds_more_calls_than_the_limit",
    ),
    Mutation(
        13,
        "a lowered limit forgets the calls that have left",
        f"{LUA}/commit_workspace.lua",
        "if before ~= record[3] then",
        "if false then",
        f"{POLICY}::test_limits_act_at_once_in_both_directions[valkey]",
    ),
    Mutation(
        13,
        "a takeover needs no grant",
        f"{LUA}/claim.lua",
        "  if n > 0 then\n",
        "  n = started\n  if n > 0 then\n",
        "tests/integration/test_pacing.py::test_no_minute_at_slack_holds_more_calls_than_the_limit",
    ),
    Mutation(
        13,
        "the wait of a grant is not counted",
        "services/rotavatar/pacing.py",
        "window = (WINDOW_SECONDS + GRANT_SECONDS) * 1000",
        "window = WINDOW_SECONDS * 1000",
        "tests/integration/test_pacing.py::test_the_worst_minute_begins_with_all_that_waited",
    ),
    Mutation(
        13,
        "a second look at a profile needs no grant",
        "services/rotator/rotation.py",
        'if self._ends_soon(seen) or await self._grant(claim, "profile") > self._clock.now():',
        "if self._ends_soon(seen):",
        f"{ROTATION}::test_where_no_second_look_is_granted_the_next_claim_looks[valkey]",
    ),
    Mutation(
        13,
        "a grant that waited too long is used",
        "services/publisher/publishing.py",
        "if self._clock.now() * 1000 - claimed_ms > self._clock.span(GRANT_SECONDS) * 1000:",
        "if claimed_ms < 0:",
        "tests/integration/test_publisher_faults.py::test_a_grant_that_waited_too_long_goes_back_without_a_call",
    ),
    Mutation(
        14,
        "one member more than policy allows is let in",
        f"{LUA}/install.lua",
        "redis.call('SCARD', left) < most",
        "redis.call('SCARD', left) <= most",
        f"{INSTALLING}::test_no_more_members_than_policy_allows_however_many_come_at_once[valkey]",
    ),
    Mutation(
        14,
        "who left keeps their place",
        f"{LUA}/install.lua",
        "redis.call('SCARD', members) - redis.call('SCARD', left)",
        "redis.call('SCARD', members)",
        f"{INSTALLING}::test_who_leaves_gives_up_their_place_and_who_lost_their_token_does_not[valkey]",
    ),
    Mutation(
        14,
        "a workspace that nobody declared is stored",
        f"{LUA}/install.lua",
        "then return 'UNDECLARED' end",
        "then rule = 'open' end",
        f"{INSTALLING}::test_only_declared_workspaces_install_and_those_that_are_here_stay[valkey]",
    ),
    Mutation(
        14,
        "a new workspace does not wait for approval",
        f"{LUA}/install.lua",
        "rule == 'approve' and not known[1]",
        "rule == 'approve' and false",
        f"{INSTALLING}::test_a_new_workspace_waits_for_approval_and_one_that_is_known_does_not[valkey]",
    ),
    Mutation(
        14,
        "who waits for approval is let in by installing again",
        f"{LUA}/install.lua",
        "'s', 'sa', 'ra', 'so')",
        "'s', 'sa', 'ra', 'so', 'su')",
        f"{INSTALLING}::test_a_new_workspace_waits_for_approval_and_one_that_is_known_does_not[valkey]",
    ),
    Mutation(
        15,
        "the finalizer goes before what it waits for is done",
        RECONCILING,
        "        holder = governing(tenants)\n",
        "        for each in tenants:\n"
        "            if each.metadata.deletion_timestamp is not None:\n"
        "                await self._releasing.finalize(each, wanted=False)\n"
        "        holder = governing(tenants)\n",
        f"{DYING}[deleted with members]",
    ),
    Mutation(
        15,
        "a tenant that the operator does not know yet is taken for gone",
        RELEASING,
        "if record.tenant not in seen and not await self._is_gone(record.tenant):",
        "if record.tenant not in seen and False:",
        f"{HEARSAY}::test_a_restart_that_is_told_what_was[declared]",
    ),
    Mutation(
        15,
        "a status that met a conflict counts as written",
        "operator/slacktenant_operator/reporting.py",
        "        body = await self._cluster.patch_status(named(tenant), tenant.metadata.uid, patch)\n",
        "        try:\n"
        "            body = await self._cluster.patch_status(named(tenant), tenant.metadata.uid, patch)\n"
        "        except RotavatarError:\n"
        "            return False\n",
        f"{HEARSAY}::test_refused_and_lost_writes[suspended]",
    ),
    Mutation(
        15,
        "a change of which no event told is never found",
        "operator/slacktenant_operator/comparing.py",
        "if self._is_behind(metadata))",
        "if False)",
        f"{HEARSAY}::test_what_nobody_tells_is_found_out[the policy is another]",
    ),
    Mutation(
        15,
        "a deletion of which no event told is never found",
        "operator/slacktenant_operator/comparing.py",
        "if at not in listed or listed[at].uid != uid:",
        "if not at:",
        f"{HEARSAY}::test_what_nobody_tells_is_found_out[deleted]",
    ),
    Mutation(
        15,
        "a token that is no longer declared stays in use",
        "operator/slacktenant_operator/decision.py",
        "if tenant.spec.bot_token is None and present.source:",
        "if False:",
        f"{HEARSAY}::test_after_any_way_the_last_spec_counts[the app of the settings]",
    ),
    Mutation(
        15,
        "a Redis that takes no writes holds a deletion for ever",
        RELEASING,
        "            await self._without_redis(tenants)\n",
        "",
        f"{HEARSAY}::test_a_redis_without_writes_is_told_and_holds_nobody_for_ever",
    ),
    Mutation(
        16,
        "a client secret is logged",
        "operator/slacktenant_operator/own_apps.py",
        'log.info("slack app stored", ',
        'log.info("slack app stored", read=wanted.client_secret.reveal(), ',
        CANARY,
    ),
    Mutation(
        16,
        "a client secret stands in Redis in clear",
        "operator/slacktenant_operator/own_apps.py",
        "seal_app(self._vault, wanted), source=source)",
        "seal_app(self._vault, wanted), source=source + wanted.client_secret.reveal())",
        CANARY,
    ),
)


class Verdict(StrEnum):
    """What became of a mutation."""

    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"
    """The text is not there once, or the test could not be run: that proves nothing."""


def mutated(text: str, mutation: Mutation) -> str:
    """`text` of the mutation's file with the mutation. Raises ValueError where its place is not there exactly once."""
    if text.count(mutation.text) != 1:
        raise ValueError(f"{mutation.file} holds {mutation.text!r} {text.count(mutation.text)} times")
    return text.replace(mutation.text, mutation.replacement)


def copy_tree(source: Path, target: Path) -> None:
    """What the tests need of the tree."""
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / name, target / name)


def run_tests(tree: Path, tests: Iterable[str]) -> tuple[int, str]:
    """Exit status and output of pytest over `tests` of the copy in `tree`, with the copy's packages."""
    packages = os.pathsep.join(str(tree / name) for name in ("services", "simulator", "operator", "tools"))
    environ = {**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=line", *tests]
    try:
        done = subprocess.run(
            command, cwd=tree, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return 1, f"did not end within {SECONDS} s"
    return done.returncode, done.stdout + done.stderr


def tried(source: Path, mutation: Mutation) -> tuple[Verdict, str]:
    """Apply one mutation to a copy of `source` and run its test."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        tree = Path(folder)
        copy_tree(source, tree)
        file = tree / mutation.file
        try:
            file.write_text(mutated(file.read_text(), mutation))
        except ValueError as error:
            return Verdict.BROKEN, str(error)
        status, output = run_tests(tree, [mutation.test])
    match status:
        case 0:
            return Verdict.SURVIVED, output
        case 1:
            return Verdict.CAUGHT, output
        case _:
            return Verdict.BROKEN, output


def chosen(words: list[str]) -> list[Mutation]:
    """The mutations that hold one of `words` in their description or test; all without words."""
    return [each for each in MUTATIONS if not words or any(word in each.what + each.test for word in words)]


def tries(source: Path, mutations: list[Mutation]) -> Iterator[tuple[Mutation, Verdict, str]]:
    """The outcome of each mutation, in their order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for mutation, (verdict, output) in zip(
            mutations, pool.map(lambda each: tried(source, each), mutations), strict=True
        ):
            yield mutation, verdict, output


def main(words: list[str]) -> int:
    """Try the chosen mutations; 0 when every one is caught."""
    mutations = chosen(words)
    if not mutations:
        sys.stdout.write("No mutation holds one of these words.\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="unbroken-") as folder:
        source = Path(folder)
        copy_tree(ROOT, source)  # the tree as it is now, whatever is edited meanwhile
        tests = sorted({mutation.test for mutation in mutations})
        sys.stdout.write(f"{len(tests)} tests on the code as it is …\n")
        sys.stdout.flush()
        status, output = run_tests(source, tests)
        if status:  # a test that only a busy machine failed passes now
            status, output = run_tests(source, tests)
        if status:
            sys.stdout.write(f"{output}\nThese must pass first.\n")
            return 1
        bad = 0
        for mutation, verdict, said in tries(source, mutations):
            bad += verdict is not Verdict.CAUGHT
            sys.stdout.write(f"{verdict:8} {mutation.invariant:2}  {mutation.what}\n")
            if verdict is not Verdict.CAUGHT:
                sys.stdout.write(f"            {mutation.test}\n{said[-2000:]}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(mutations) - bad} of {len(mutations)} caught\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
