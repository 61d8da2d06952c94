"""Reads a recogniser's network in any of OpenVINO's formats, and fits it to crops of photos."""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13
from openvino.preprocess import ColorFormat, PrePostProcessor

from index.base.errors import ModelUnavailableError
from ingest.networks.prelu import join_prelus
from ingest.networks.recogniser import Recogniser
from ingest.networks.runtime import core

IMAGES = 4  # axes of a batch of images
COLOURS = 3


def read(path: Path, recogniser: Recogniser) -> ov.Model:
    """The network from uint8 RGB crops (n, edge, edge, 3), for any n, to embeddings (n, d).

    Raises:
        ModelUnavailableError: it cannot be read, or has another input or output.
    """
    try:
        model = core().read_model(path)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelUnavailableError(f"{path} is no network that can be read: {reason}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelUnavailableError(
            f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs, not one each"
        )
    layout = _layout(model, path, recogniser.input_px)
    try:
        _free_batch(model, layout, recogniser.input_px)
        join_prelus(model)
        model = _fed_with_crops(model, layout, recogniser)
    except RuntimeError as error:
        raise ModelUnavailableError(f"{path} takes no batches of any size") from error
    embedding_length(model)
    return model


def embedding_length(model: ov.Model) -> int:
    """The number of numbers that the network gives for a face.

    Raises:
        ModelUnavailableError: it does not give a list of numbers for each.
    """
    shape = model.outputs[0].partial_shape
    if len(shape) != 2 or shape[1].is_dynamic:  # noqa: PLR2004 - faces and numbers
        raise ModelUnavailableError(
            f"the network's output is {shape}; it must be a list of numbers for each face"
        )
    return int(shape[1].get_length())


def _layout(model: ov.Model, path: Path, edge: int) -> str:
    """NHWC or NCHW, by the axis of the colours."""
    shape = model.inputs[0].partial_shape
    if len(shape) == IMAGES:
        for layout in ("NHWC", "NCHW"):
            fits = {"H": edge, "W": edge, "C": COLOURS}
            sizes = zip(layout[1:], list(shape)[1:], strict=True)
            if all(size.is_dynamic or size.get_length() == fits[axis] for axis, size in sizes):
                return layout
    raise ModelUnavailableError(
        f"{path} takes input {shape}, not {COLOURS} colours of {edge} x {edge} pixels"
    )


def _free_batch(model: ov.Model, layout: str, edge: int) -> None:
    """Let the network take any number of faces.

    Some exports also write their own batch size into their reshapes.
    """
    batch = model.inputs[0].partial_shape[0]
    if batch.is_static:
        for node in model.get_ops():
            if node.get_type_name() == "Reshape":
                _free_reshape(node, batch.get_length())
    sizes = {"N": -1, "H": edge, "W": edge, "C": COLOURS}
    model.reshape([sizes[axis] for axis in layout])


def _free_reshape(node: ov.Node, batch: int) -> None:
    """Replace *batch* at the front of a constant target shape by -1, for any number.

    A -1 behind it, for what is left, becomes the size that this is.
    """
    target = node.input_value(1).get_node()
    shape = node.output(0).get_partial_shape()
    if target.get_type_name() != "Constant" or shape.is_dynamic:
        return
    written = np.array(target.data, np.int64).ravel()
    if len(written) > 1 and written[0] == batch:
        sizes = np.array([-1, *(size.get_length() for size in list(shape)[1:])], np.int64)
        node.input(1).replace_source_output(opset13.constant(sizes).output(0))


def _fed_with_crops(model: ov.Model, layout: str, recogniser: Recogniser) -> ov.Model:
    """Put the steps in front of the network that turn crops into its described input."""
    steps = PrePostProcessor(model)
    given = steps.input()
    given.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    given.tensor().set_color_format(ColorFormat.RGB)
    given.model().set_layout(ov.Layout(layout))
    given.preprocess().convert_element_type(ov.Type.f32)
    if recogniser.channels == "BGR":
        given.preprocess().convert_color(ColorFormat.BGR)
    given.preprocess().mean(_numbers(recogniser.mean)).scale(_numbers(recogniser.scale))
    steps.output().tensor().set_element_type(ov.Type.f32)
    return steps.build()


def _numbers(value: float | tuple[float, ...]) -> float | list[float]:
    return list(value) if isinstance(value, tuple) else value
