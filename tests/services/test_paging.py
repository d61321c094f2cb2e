"""Promise: a page token leads exactly to where its page ended, and works for no other query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import paging
from services.errors import InvalidArgument

texts = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(texts, min_size=1, max_size=4), texts)
def test_a_token_gives_back_the_position_it_was_made_from(position: list[str], binding: str) -> None:
    token = paging.token(position, binding=binding)
    assert paging.request(0, token, binding=binding).after == tuple(position)


@given(texts, texts)
def test_a_token_of_another_filter_is_refused(one: str, other: str) -> None:
    if one == other:
        return
    with pytest.raises(InvalidArgument, match="another filter") as caught:
        paging.request(0, paging.token(["x"], binding=one), binding=other)
    assert caught.value.violations[0].field == "page_token"


@given(st.text())
def test_any_other_text_is_refused_with_the_field_named(garbage: str) -> None:
    if not garbage:
        return
    with pytest.raises(InvalidArgument) as caught:
        paging.request(0, garbage, binding="")
    assert caught.value.violations[0].field == "page_token"


@pytest.mark.parametrize(("asked", "given"), [(0, 50), (1, 1), (200, 200), (201, 200), (2**31 - 1, 200)])
def test_the_page_size_is_bounded(asked: int, given: int) -> None:
    assert paging.request(asked, "", binding="").size == given


def test_the_first_page_starts_at_the_beginning() -> None:
    assert paging.request(10, "", binding="x").after is None
