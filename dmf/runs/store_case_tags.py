"""The part of the run store that keeps what people say of single images."""

from collections.abc import Sequence

from dmf.runs import case_tags
from dmf.runs.database import Database


class CaseTags(Database):
    """Tags of images; they belong to the images and stay when runs are deleted."""

    def case_tags(self, images: str) -> dict[str, tuple[str, ...]]:
        """Tags by the name of the image, of those that have any.

        Args:
            images: Which images, as :func:`dmf.image_sets.image_set` says.
        """
        with self._reading() as connection:
            return case_tags.tags_of(connection, images)

    def tag_case(self, images: str, case: str, tags: Sequence[str]) -> tuple[str, ...]:
        """Give an image these tags in place of those that it has; returns them, each once and without blanks around.

        Args:
            images: Which images, as :func:`dmf.image_sets.image_set` says.
            case: Name of the image.
            tags: All of its tags; none at all is no tag.

        Raises:
            ConfigError: If a tag is empty, too long, or there are too many; nothing is changed then.
        """
        with self._writing() as connection:
            return case_tags.replace_tags(connection, images, case, tags, self._clock())
