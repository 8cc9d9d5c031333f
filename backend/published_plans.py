"""
What others have published of networks in little memory: arena and recomputed work.

Data for the picture of `tinyml pareto`. A network is known by the size of its image and
its multiply-accumulates, not by a name. Bytes are as the source counts them, and the
sources differ: `counted` says how. kB are read as 1000 bytes, but for MCUNetV2, whose
1372 kB for MobileNetV2 can only be KiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

KB = 1000
KIB = 1024

TOLERANCE = 0.02
"""Multiply-accumulates that differ by so much are those of the same network."""


@dataclass(frozen=True)
class Published:
    """Points of one system: bytes, and work done more than once in percent."""

    system: str
    note: str
    """What was done, in a few words."""
    points: tuple[tuple[float, float], ...]
    source: str
    counted: str


@dataclass(frozen=True)
class PublishedNetwork:
    """A network that several have compiled."""

    name: str
    image: tuple[int, int, int]
    macs: tuple[int, ...]
    """Of its variants."""
    plans: tuple[Published, ...]


MCUNETV2 = "Lin et al., NeurIPS 2021, arXiv:2110.15352, table 1"
MSF_CNN = "arXiv:2505.11483, result.json of its repository"
TINYENGINE = "README of github.com/mit-han-lab/tinyengine, December 2022, STM32H743"
ST = "ST model zoo, STM32H7"
VMCU = "arXiv:2406.06542"

ANALYTIC = "inputs and outputs of the largest layer, computed; without the image"
MEASURED_MODEL = "compiled; without the image, and no residual additions"
SRAM = "SRAM of the program"


def readme(tinyengine: int, x_cube_ai: int, cmsis_nn: int) -> tuple[Published, ...]:
    """A row of TinyEngine's table, kB."""
    columns = {
        "TinyEngine": tinyengine,
        "X-CUBE-AI": x_cube_ai,
        "TFLM with CMSIS-NN": cmsis_nn,
    }
    notes = {"X-CUBE-AI": "7.3"}
    return tuple(
        Published(system, notes.get(system, ""), ((kb * KB, 0.0),), TINYENGINE, SRAM)
        for system, kb in columns.items()
    )


def msf_cnn(*points: tuple[float, float]) -> Published:
    """Bytes and the factor of the work."""
    found = tuple((size, 100 * (factor - 1)) for size, factor in points)
    return Published("msf-CNN", "", found, MSF_CNN, MEASURED_MODEL)


NETWORKS = (
    PublishedNetwork(
        "MobileNetV2 1.0, 224x224",
        (224, 224, 3),
        (300_774_272,),
        (
            Published(
                "MCUNetV2", "4x4 patches", ((172 * KIB, 10),), MCUNETV2, ANALYTIC
            ),
            Published(
                "MCUNetV2",
                "MbV2-RD, another network",
                ((172 * KIB, 3),),
                MCUNETV2,
                ANALYTIC,
            ),
            Published(
                "MCUNetV2", "layer by layer", ((1372 * KIB, 0),), MCUNETV2, ANALYTIC
            ),
            Published(
                "X-CUBE-AI",
                "10.0",
                ((1727.02 * KIB, 0),),
                ST,
                "activations with the image",
            ),
        ),
    ),
    PublishedNetwork(
        "MobileNetV2 0.35, 144x144",
        (144, 144, 3),
        (23_499_152, 26_660_752),
        (
            # Their network has other widths: 18.9M multiply-accumulates.
            msf_cnn(
                (8_560, 1.679),
                (14_132, 1.563),
                (15_199, 1.382),
                (21_389, 1.298),
                (67_996, 1.097),
                (194_400, 1.0),
            ),
            Published(
                "TinyEngine",
                "",
                ((308 * KB, 0),),
                "model zoo of github.com/mit-han-lab/mcunet, STM32F746",
                SRAM,
            ),
        ),
    ),
    PublishedNetwork(
        "MCUNet-320K (in3), 176x176",
        (176, 176, 3),
        (81_785_520,),
        (
            msf_cnn(
                (51_164, 2.695),
                (63_456, 2.019),
                (94_224, 1.455),
                (156_864, 1.369),
                (217_891, 1.041),
                (309_760, 1.0),
            ),
            Published(
                "vMCU", "largest module", ((102.7 * KB, 0),), VMCU, "module B1 alone"
            ),
            *readme(260, 243, 493),
        ),
    ),
    PublishedNetwork(
        "MCUNet-VWW-5fps (vww1), 80x80",
        (80, 80, 3),
        (11_578_816,),
        (
            msf_cnn(
                (15_368, 1.957),
                (17_904, 1.345),
                (20_568, 1.296),
                (26_240, 1.113),
                (45_283, 1.023),
                (96_000, 1.0),
            ),
            *readme(92, 113, 220),
        ),
    ),
    PublishedNetwork(
        "MCUNet-VWW (vww0), 64x64", (64, 64, 3), (5_958_400,), readme(59, 88, 163)
    ),
    PublishedNetwork(
        "MCUNet-VWW (vww2), 144x144",
        (144, 144, 3),
        (55_771_280,),
        readme(174, 201, 390),
    ),
)


def published_network(image: Sequence[int], macs: int) -> PublishedNetwork | None:
    """The network of an image of this shape, channels last or first, and this work."""
    size = sorted(n for n in image if n != 1)
    for network in NETWORKS:
        near = any(abs(macs - known) <= TOLERANCE * known for known in network.macs)
        if near and size == sorted(network.image):
            return network
    return None
