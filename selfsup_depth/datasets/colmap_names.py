"""Names of a project's images as sequences in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from selfsup_depth.datasets.frame_names import ONE_SEQUENCE, WITH_NUMBER, WITH_SCENE
from selfsup_depth.datasets.frame_order import FrameOrder
from selfsup_depth.errors import UserError


@dataclass(frozen=True, order=True)
class ImagePlace:
    """Where in which sequence an image stands: `cam0/walk_0012.jpg` is number 12 of `cam0/walk`."""

    sequence: str
    number: int

    @classmethod
    def of(cls, name: str) -> ImagePlace:
        """A name without a number at its end is a sequence of its own; one that is a number alone belongs to `-`."""
        folder, slash, file = name.rpartition("/")
        stem = file.rpartition(".")[0] or file
        found = WITH_SCENE.fullmatch(stem) or WITH_NUMBER.fullmatch(stem)
        before, number = (found[1] or ONE_SEQUENCE, int(found[2])) if found else (stem, 0)
        return cls(folder + slash + before, number)


class OrderedImages:
    """Registered images by sequence and number, every so many of them, and who is left out.

    `registered` and `on_disk` are names below the folder of images. Raises UserError when two registered images are
    the same frame.
    """

    def __init__(self, registered: Iterable[str], on_disk: Iterable[str], *, every: int) -> None:
        self._names: dict[ImagePlace, str] = {}
        for name in sorted(registered):
            place = ImagePlace.of(name)
            if place in self._names:
                raise UserError(
                    f"images/{self._names[place]} and images/{name} are both frame {place.number} of "
                    f"'{place.sequence}', so nobody knows which comes first: number them, or leave one of them out of "
                    "the model."
                )
            self._names[place] = name
        self.unregistered = sorted(set(on_disk) - set(self._names.values()))
        by_sequence: dict[str, list[ImagePlace]] = {}
        for place in sorted(self._names):
            by_sequence.setdefault(place.sequence, []).append(place)
        self._sequences = {name: _Sequence(places, every) for name, places in by_sequence.items()}
        self.taken = [place for sequence in self._sequences.values() for place in sequence.taken]
        kept = set(self.taken)
        self.passed_over = [name for place, name in self._names.items() if place not in kept]

    def name(self, place: ImagePlace) -> str | None:
        """The registered image at a place."""
        return self._names.get(place)

    def neighbour(self, place: ImagePlace, offset: int) -> ImagePlace | None:
        """The image taken `offset` frames later (earlier when negative) in the same sequence."""
        return self._sequences[place.sequence].neighbour(place, offset)


class _Sequence:
    def __init__(self, places: list[ImagePlace], every: int) -> None:
        self._places = places
        self._index = {place: index for index, place in enumerate(places)}
        self._order = FrameOrder([place.number for place in places], every=every)
        self.taken = [places[index] for index in self._order.taken]

    def neighbour(self, place: ImagePlace, offset: int) -> ImagePlace | None:
        index = self._order.neighbour(self._index[place], offset)
        return None if index is None else self._places[index]
