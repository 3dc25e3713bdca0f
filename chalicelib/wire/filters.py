"""What lists of things with a name can be narrowed by."""

from chalicelib.wire.described import sent
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import SearchText


class NameFilters(Wire):
    """What such a list can be narrowed by."""

    q: SearchText = sent("A part of the name, however it is capitalised.")
