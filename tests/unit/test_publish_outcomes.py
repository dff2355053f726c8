"""What becomes of a tab after each answer that Slack can give."""

import pytest

from publisher.outcomes import BROKEN_SECONDS, EXPIRED_SECONDS, Form, Result, result_of
from rotavatar.slack.classification import TABLE, error_for

METHOD = "views.publish"


def after(code: str, *, form: Form = Form.FULL, pictures: bool = True, retry_after: float | None = None) -> Result:
    return result_of(error_for(method=METHOD, code=code, retry_after=retry_after), form=form, pictures=pictures)


def test_slacks_own_time_is_kept_on_the_schedules_clock_and_ours_in_real_time() -> None:
    assert after("ratelimited", retry_after=7) == Result(outcome="again", again=True, hold=7, limit=True)
    assert after("ratelimited").hold > 0
    assert after("internal_error") == Result(outcome="again", again=True, hold=BROKEN_SECONDS)
    assert after("token_expired") == Result(outcome="again", again=True, hold=EXPIRED_SECONDS)
    assert after("team_added_to_org").hold >= 60


def test_a_conflict_forgets_the_hash_and_a_timeout_does_not_make_others_wait() -> None:
    assert after("hash_conflict") == Result(outcome="conflict", again=True, view_hash="-")
    assert after("timeout") == Result(outcome="again", again=True)


@pytest.mark.parametrize("code", ["invalid_arguments", "invalid_blocks", "image_download_failed", "view_too_large"])
def test_what_is_refused_shrinks_step_by_step_and_ends(code: str) -> None:
    form, pictures, tries = Form.FULL, True, 0
    while (result := after(code, form=form, pictures=pictures)).again:
        assert result.form is not None and result.form > form
        form, pictures, tries = result.form, False, tries + 1
    assert tries == 2
    assert result.outcome == "refused"
    assert after(code, pictures=False).form is Form.NOTICE


@pytest.mark.parametrize("code", [code for code in TABLE if ":" not in code])
def test_every_known_error_ends_waits_or_shrinks(code: str) -> None:
    """Nothing is repeated at once and unchanged, except after the wait that a timeout was itself."""
    result = after(code)
    if result.again:
        assert result.hold or result.form or result.view_hash or code == "timeout"
    else:
        assert result.outcome in {"dead", "forbidden", "not_enabled"}
        assert result.dead == (result.outcome == "dead")
