"""What people say of single images, whatever runs look at them. Functions of a connection."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from dmf.errors import ConfigError
from dmf.runs.engine import one_at_a_time
from dmf.runs.managing import checked_tags
from dmf.runs.schema import case_tags

LONGEST_TAG = 60  # characters
MOST_TAGS = 20  # of one image


def tags_of(connection: Connection, images: str) -> dict[str, tuple[str, ...]]:
    """See ``RunStore.case_tags``."""
    query = select(case_tags.c.case, case_tags.c.tags).where(case_tags.c.images == images).order_by(case_tags.c.case)
    return {row.case: tuple(row.tags) for row in connection.execute(query)}


def replace_tags(connection: Connection, images: str, case: str, tags: Sequence[str], now: float) -> tuple[str, ...]:
    """See ``RunStore.tag_case``."""
    checked = checked_tags(tags)
    if len(checked) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in checked):
        raise ConfigError(
            f"An image has at most {MOST_TAGS} tags of at most {LONGEST_TAG} characters, got {len(checked)} of at most "
            f"{max(map(len, checked))}. Leave some out, or shorten them.",
            "tags",
        )
    one_at_a_time(connection, "case_tags")  # so that of two who tag one image at once both are heard, one after another
    connection.execute(delete(case_tags).where(case_tags.c.images == images, case_tags.c.case == case))
    if checked:
        connection.execute(case_tags.insert().values(images=images, case=case, tags=checked, changed=now))
    return tuple(checked)
