# Torch and the rest of the `train` extra are not part of the development environment:
# pyright: basic, reportMissingImports=false
"""
Train, quantize and export the digits network that stands beside this file.

Data: scikit-learn's `load_digits`, 1797 handwritten digits of 8x8 pixels, carried by
the package itself, so nothing is fetched. See README.md for its source and licence.

    pip install -e '.[train]'
    python examples/digits/train.py

Writes `digits_int8.onnx` and `digits_test.npz` into this folder (or `--out`). Seeded;
the last bits of the weights still depend on torch's version and on the processor.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

SEED = 0
EPOCHS = 40
BATCH = 32
TEST_IMAGES = 360  # a fifth of the data, never trained on, never calibrated on
STORED_IMAGES = 160  # the first of these go into digits_test.npz
CALIBRATION_IMAGES = 256  # of the training images
OPSET = 13  # the first whose DequantizeLinear knows per-channel scales
IR_VERSION = 8


def conv(cin: int, cout: int, *, kernel: int = 3, stride: int = 1, groups: int = 1):
    """A convolution with "same" padding, and its batch normalization."""
    return nn.Sequential(
        nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(cout),
    )


def separable(cin: int, cout: int, *, stride: int = 1):
    """A depthwise and a pointwise convolution, as in MobileNet."""
    return nn.Sequential(
        conv(cin, cin, stride=stride, groups=cin),
        nn.ReLU(),
        conv(cin, cout, kernel=1),
        nn.ReLU(),
    )


class Digits(nn.Module):
    """Some 20,000 parameters: one of each layer that small CNNs are made of."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(1, 16), nn.ReLU())
        self.separable1 = separable(16, 32)
        self.pool = nn.MaxPool2d(2)
        self.residual = nn.Sequential(conv(32, 32), nn.ReLU(), conv(32, 32))
        self.relu = nn.ReLU()
        self.separable2 = separable(32, 64, stride=2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.separable1(self.stem(x)))
        x = self.relu(x + self.residual(x))
        x = self.average(self.separable2(x))
        return self.classifier(torch.flatten(x, 1))


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels; images are 1x8x8."""
    pixels, labels = load_digits(return_X_y=True)  # pixels are the integers 0 to 16
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=TEST_IMAGES, random_state=SEED, stratify=labels
    )
    return train_x, train_y, test_x, test_y


def shifted(images: torch.Tensor) -> torch.Tensor:
    """The images, each moved by up to one pixel along each axis."""
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    dy, dx = torch.randint(0, 3, (2, len(images)))
    return torch.stack(
        [image[:, y : y + 8, x : x + 8] for image, y, x in zip(padded, dy, dx)]
    )


def train(images: np.ndarray, labels: np.ndarray) -> Digits:
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    model = Digits()
    x, y = torch.from_numpy(images), torch.from_numpy(labels)
    steps = EPOCHS * -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                model(shifted(x[batch])), y[batch], label_smoothing=0.05
            )
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1}: loss {total / len(x):.4f}")
    return model.eval()


class Calibration(CalibrationDataReader):
    """Feeds training images to the quantizer."""

    def __init__(self, images: np.ndarray):
        self.images: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.images, None)
        return None if image is None else {"image": image[None]}


def export(model: Digits, calibration: np.ndarray, path: Path) -> Path:
    """Write the int8 model to `path`, each activation's range from `calibration`."""
    with tempfile.TemporaryDirectory() as scratch:
        raw, folded = Path(scratch, "float.onnx"), Path(scratch, "folded.onnx")
        torch.onnx.export(
            model,
            (torch.zeros(1, 1, 8, 8),),
            str(raw),
            input_names=["image"],
            output_names=["logits"],
            opset_version=OPSET,
            dynamo=False,
        )
        quant_pre_process(str(raw), str(folded))  # folds what is left to fold
        quantize_static(
            str(folded),
            str(path),
            Calibration(calibration),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
    quantized = onnx.load(path)
    quantized.ir_version = IR_VERSION
    del quantized.opset_import[:]  # onnxruntime lists every domain it knows
    quantized.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    quantized.producer_name = "tinyml examples/digits/train.py"
    onnx.checker.check_model(quantized, full_check=True)
    onnx.save(quantized, path)
    return path


def run(path: Path, images: np.ndarray) -> np.ndarray:
    """The model's logits, by onnxruntime without any graph optimization."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session: Any = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    return np.stack([session.run(None, {"image": image[None]})[0] for image in images])


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the digits example.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    out: Path = parser.parse_args().out

    train_x, train_y, test_x, test_y = load()
    model = train(train_x, train_y)
    path = export(model, train_x[:CALIBRATION_IMAGES], out / "digits_int8.onnx")

    with torch.no_grad():
        float_logits = model(torch.from_numpy(test_x)).numpy()
    int8_logits = run(path, test_x)
    np.savez_compressed(
        out / "digits_test.npz",
        inputs=test_x[:STORED_IMAGES, None],
        labels=test_y[:STORED_IMAGES].astype(np.int64),
        ort_noopt_outputs=int8_logits[:STORED_IMAGES],
    )

    float_right = int(np.sum(float_logits.argmax(-1) == test_y))
    int8_right = int(np.sum(int8_logits[:, 0].argmax(-1) == test_y))
    stored_right = int(
        np.sum(int8_logits[:STORED_IMAGES, 0].argmax(-1) == test_y[:STORED_IMAGES])
    )
    print(f"parameters: {sum(p.numel() for p in model.parameters())}")
    print(f"float: {float_right} of {len(test_y)} test images")
    print(f"int8:  {int8_right} of {len(test_y)} test images")
    print(f"int8:  {stored_right} of the {STORED_IMAGES} images in digits_test.npz")
    print(f"size:  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
