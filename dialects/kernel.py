"""
How a layer is computed, and how near its output may come to its inputs.

Both are decisions about memory that passes write on a layer (`tinyml.kernel`,
`tinyml.reuse`); lowering honours them.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, IntAttr, IntegerAttr, StringAttr
from xdsl.ir import Operation, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

KERNEL = "tinyml.kernel"
REUSE = "tinyml.reuse"
UNROLL = "tinyml.unroll"
SHARED = "tinyml.shared"
"""The attributes of a layer that hold these decisions."""


class Traversal(StrEnum):
    """In which order a kernel makes its output."""

    FORWARD = "forward"
    """From the first element to the last."""
    BACKWARD = "backward"
    """From the last element to the first."""
    EITHER = "either"
    """Not decided yet: the memory plan chooses one of the two."""
    CHANNELS = "channels"
    """
    A few channels of all pixels at a time; rows that would overwrite what is still to
    be read wait in scratch memory. The output takes exactly the input's place.
    """


class Method(StrEnum):
    """What a kernel computes its output from."""

    PLAIN = "plain"
    """The buffers as they are, one element after the other."""
    DOT = "dot"
    """
    Windows that are widened into scratch memory, and packed weights: dot products of
    words, for two pixels and four channels at a time.
    """
    DIRECT = "direct"
    """
    Packed weights, and words of the buffers as they are, without scratch memory: eight
    channels of a row at a time.
    """
    PLANAR = "planar"
    """Rows of single channels that are widened into scratch memory."""
    WINOGRAD = "winograd"
    """
    Tiles that are transformed into scratch memory, and transformed weights: fewer
    products, for two tiles and four channels at a time.
    """


@irdl_attr_definition
class KernelAttr(ParametrizedAttribute):
    """
    How a layer is computed: `#tinyml.kernel<either>`. The traversal by channels says
    how many at a time: `#tinyml.kernel<channels, 4>`. A method that is not the plain
    one is named: `#tinyml.kernel<forward, dot>`, `#tinyml.kernel<channels, 4, planar>`.
    """

    name = "tinyml.kernel"

    order: StringAttr
    block: IntAttr
    way: StringAttr

    @staticmethod
    def get(
        traversal: Traversal, channels: int = 0, method: Method = Method.PLAIN
    ) -> KernelAttr:
        return KernelAttr(StringAttr(traversal), IntAttr(channels), StringAttr(method))

    @property
    def traversal(self) -> Traversal:
        return Traversal(self.order.data)

    @property
    def channels(self) -> int:
        """How many channels are computed at a time; 0 means all."""
        return self.block.data

    @property
    def method(self) -> Method:
        return Method(self.way.data)

    def verify(self) -> None:
        known = [str(traversal) for traversal in Traversal]
        if self.order.data not in known:
            raise VerifyException(
                f"traversal {self.order.data!r} is not one of {known}"
            )
        by_channels = self.order.data == Traversal.CHANNELS
        if by_channels != (self.channels > 0):
            raise VerifyException(
                f"traversal {self.order.data} with {self.channels} channels at a time"
            )

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(self.order.data)
            if self.channels:
                printer.print_string(f", {self.channels}")
            if self.method is not Method.PLAIN:
                printer.print_string(f", {self.method}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[StringAttr | IntAttr]:
        channels, method = 0, Method.PLAIN
        with parser.in_angle_brackets():
            traversal = parser.parse_str_enum(Traversal)
            while parser.parse_optional_punctuation(","):
                found = parser.parse_optional_str_enum(Method)
                if found is None:
                    channels = parser.parse_integer(allow_boolean=False)
                else:
                    method = found
        return (StringAttr(traversal), IntAttr(channels), StringAttr(method))


@irdl_attr_definition
class ReuseAttr(ParametrizedAttribute):
    """
    Where in the arena a layer's output may start, seen from an input that nobody reads
    later, in bytes: `#tinyml.reuse<in 0, below 560, above 640>` allows 560 bytes or
    more below the input's start, if the kernel runs forwards, and 640 or more above it,
    if it runs backwards; `#tinyml.reuse<in 0, at 0>` the same place, and no other that
    shares a byte.
    """

    name = "tinyml.reuse"

    index: IntAttr
    low: IntAttr
    high: IntAttr
    exact: IntAttr
    """1 where the input's own place is allowed."""

    @staticmethod
    def get(index: int, below: int, above: int, exact: bool = False) -> ReuseAttr:
        return ReuseAttr(
            IntAttr(index), IntAttr(below), IntAttr(above), IntAttr(int(exact))
        )

    @property
    def below(self) -> int:
        return self.low.data

    @property
    def above(self) -> int:
        return self.high.data

    @property
    def in_place(self) -> bool:
        return bool(self.exact.data)

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string(f"in {self.index.data}, below {self.below}")
            printer.print_string(f", above {self.above}")
            if self.in_place:
                printer.print_string(", at 0")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[IntAttr]:
        with parser.in_angle_brackets():
            parser.parse_keyword("in")
            index = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            parser.parse_keyword("below")
            below = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            parser.parse_keyword("above")
            above = parser.parse_integer(allow_boolean=False)
            exact = False
            if parser.parse_optional_punctuation(","):
                parser.parse_keyword("at")
                if parser.parse_integer(allow_boolean=False) != 0:
                    parser.raise_error("expected 0")
                exact = True
        return (IntAttr(index), IntAttr(below), IntAttr(above), IntAttr(int(exact)))


FORWARD = KernelAttr.get(Traversal.FORWARD)


def kernel_of(op: Operation) -> KernelAttr:
    """The kernel of a layer; what nobody chose runs forwards."""
    attr = op.attributes.get(KERNEL, FORWARD)
    if not isinstance(attr, KernelAttr):
        raise VerifyException(f"{KERNEL} of {op.name} is not a #tinyml.kernel: {attr}")
    return attr


def unroll_of(op: Operation, most: int) -> int:
    """Words that a turn of the layer's innermost loop takes at most."""
    attr = op.attributes.get(UNROLL)
    return min(attr.value.data, most) if isinstance(attr, IntegerAttr) else most


def is_shared(op: Operation) -> bool:
    """Whether a layer's sizes are arguments of hot loops, so that layers share them."""
    return SHARED in op.attributes


def reuses_of(op: Operation) -> tuple[ReuseAttr, ...]:
    """What a layer says about the place of its output, at most once per input."""
    attr = op.attributes.get(REUSE, ArrayAttr[ReuseAttr]([]))
    if isinstance(attr, ArrayAttr):
        found = [item for item in attr if isinstance(item, ReuseAttr)]
        if len(found) == len(attr):
            return tuple(found)
    raise VerifyException(
        f"{REUSE} of {op.name} is not a list of #tinyml.reuse: {attr}"
    )
