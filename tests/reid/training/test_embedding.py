"""Networks of files, whatever their input, and the embeddings of crops."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest

from reid.crops import HEIGHT, WIDTH
from reid.errors import DataError, HandoffError, WeightsError
from reid.openvino_import import openvino_core
from reid.pictures import read_picture
from reid.runtimes import TorchRuntime
from reid.training.data import read_crops
from reid.training.embedding import embed_crops, load_network
from tests.reid.training.colour_network import Colours, write_model
from tests.reid.training.people import write_people
from tests.shared_data import SHARED, needs_shared


def pictures(count, height=16, width=8):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((-1, 3, 16, 8), {}),
        ((1, 3, 16, 8), {}),
        ((1, 3, 16, 8), {"fixed": (1, 3)}),
        ((3, 3, 16, 8), {"fixed": (3, 3)}),
        ((-1, 3, 16, 8), {"fixed": (1, -1)}),
        ((1, 16, 8, 3), {}),
        ((1, 3, 16, 8), {"number": np.uint8}),
        ((-1, 16, 8, 3), {"number": np.uint8}),
    ],
    ids=[
        "any batch",
        "one",
        "one, in its layers",
        "three, in its layers",
        "all in one row",
        "colours last",
        "integers",
        "as exported here",
    ],
)
@pytest.mark.parametrize("count", [1, 4, 7])
def test_a_model_is_given_bgr_in_its_own_layout_and_size(tmp_path, shape, options, count):
    network = load_network(str(write_model(tmp_path / "colours.xml", shape, **options)))
    assert network.size == (16, 8)
    assert network.name == "colours"
    assert "16x8" in network.description
    batch = pictures(count)
    np.testing.assert_allclose(network.embed(batch), batch.mean(axis=(1, 2)) - 128, atol=1e-3)


def test_a_model_of_any_size_gets_the_size_of_osnet(tmp_path):
    network = load_network(str(write_model(tmp_path / "open.xml", (-1, 3, -1, -1))))
    assert network.size == (HEIGHT, WIDTH)
    batch = pictures(2, HEIGHT, WIDTH)
    np.testing.assert_allclose(network.embed(batch), batch.mean(axis=(1, 2)) - 128, atol=1e-2)


def test_an_onnx_model_is_read_too(tmp_path):
    pictures_in = onnx.helper.make_tensor_value_info("pictures", onnx.TensorProto.FLOAT, [1, 3, 16, 8])
    rows_out = onnx.helper.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, [1, 3, 1, 1])
    node = onnx.helper.make_node("GlobalAveragePool", ["pictures"], ["rows"])
    graph = onnx.helper.make_graph([node], "colours", [pictures_in], [rows_out])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "colours.onnx")
    batch = pictures(5)
    rows = load_network(str(tmp_path / "colours.onnx")).embed(batch)
    np.testing.assert_allclose(rows, batch.mean(axis=(1, 2)), atol=1e-3)


def test_a_checkpoint_gives_the_rows_of_torch(network, checkpoint_file):
    loaded = load_network(str(checkpoint_file), device="cpu")
    batch = pictures(3, HEIGHT, WIDTH)
    np.testing.assert_allclose(loaded.embed(batch), TorchRuntime(network, "cpu").embed(batch), atol=2e-5)
    assert loaded.description.startswith("osnet_x0_25, OpenVINO")


def test_a_checkpoint_takes_pictures_of_another_size_a_model_does_not(network, checkpoint_file, tmp_path):
    loaded = load_network(str(checkpoint_file), device="cpu", size=(128, 64))
    batch = pictures(3, 128, 64)
    np.testing.assert_allclose(loaded.embed(batch), TorchRuntime(network, "cpu").embed(batch), atol=2e-5)
    assert loaded.size == (128, 64)
    assert loaded.description.endswith("input 128x64")
    with pytest.raises(HandoffError, match="takes pictures of 16x8 only; leave --size out"):
        load_network(str(write_model(tmp_path / "colours.xml")), size=(128, 64))


def test_what_is_no_embedder_is_named(tmp_path):
    with pytest.raises(WeightsError, match="not an embedder"):
        load_network(str(write_model(tmp_path / "grey.xml", (1, 1, 16, 8))))
    (tmp_path / "broken.onnx").write_bytes(b"broken")
    with pytest.raises(WeightsError, match=r"broken\.onnx: OpenVINO cannot read it"):
        load_network(str(tmp_path / "broken.onnx"))
    path = write_model(tmp_path / "half.xml")
    path.with_suffix(".bin").unlink()
    with pytest.raises(WeightsError, match=r"half\.bin beside it"):
        load_network(str(path))
    with pytest.raises(WeightsError, match=r"absent\.pth.*--weights"):
        load_network(str(tmp_path / "absent.pth"))
    with pytest.raises(HandoffError, match="run on the CPU"):
        load_network(str(write_model(tmp_path / "colours.xml")), device="cuda")


def test_rows_have_length_1_and_the_order_of_the_pictures(tmp_path):
    crops = read_crops(write_people(tmp_path, people=12, images=3))
    told = []
    rows = embed_crops(Colours(), crops, progress=lambda *what: told.append(what))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    last = cv2.resize(read_picture(crops.paths[-1]), (8, 16), interpolation=cv2.INTER_LINEAR)
    alone = Colours().embed(last[None])[0]
    np.testing.assert_allclose(rows[-1], alone / np.linalg.norm(alone), atol=1e-6)
    assert [done for _, done, _ in told] == [64, 72]


def test_flip_averages_with_the_mirror_image(tmp_path):
    class LeftHalf(Colours):
        def embed(self, batch):
            return np.asarray(batch[:, :, :4], np.float32).mean(axis=(1, 2))

    picture = np.zeros((16, 8, 3), np.uint8)
    picture[:, :4], picture[:, 4:] = (200, 0, 0), (0, 0, 100)
    cv2.imwrite(str(tmp_path / "0001_c1_0.png"), picture)
    crops = read_crops(tmp_path)
    np.testing.assert_allclose(embed_crops(LeftHalf(), crops), [[1, 0, 0]], atol=1e-6)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(embed_crops(LeftHalf(), crops, flip=True), [[half, 0, half]], atol=1e-6)


def test_what_cannot_be_embedded_is_named(tmp_path):
    class Nothing(Colours):
        def embed(self, batch):
            rows = np.ones((len(batch), 4), np.float32)
            rows[1] = 0
            return rows

    folder = write_people(tmp_path, people=2, images=1)
    crops = read_crops(folder)
    with pytest.raises(WeightsError, match=rf"{crops.paths[1].name} is zero or not finite"):
        embed_crops(Nothing(), crops)
    crops.paths[2].write_bytes(b"no picture")
    with pytest.raises(DataError, match=rf"{crops.paths[2].name}: not a picture"):
        embed_crops(Colours(), crops)


@needs_shared
@pytest.mark.shared
def test_a_model_of_open_model_zoo_sees_what_its_documentation_says():
    """The model by itself: (1, 3, 256, 128) float, BGR, 0 to 255."""
    path = SHARED / "weights/omz/person-reidentification-retail-0288/person-reidentification-retail-0288.xml"
    crops = read_crops(f"{SHARED / 'reid/cuhk01'}:486-486")
    rows = embed_crops(load_network(str(path)), crops)
    model = openvino_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for place, row in enumerate(rows):
        resized = cv2.resize(read_picture(crops.paths[place]), (WIDTH, HEIGHT)).astype(np.float32)
        alone = model([np.ascontiguousarray(resized.transpose(2, 0, 1))[None]])[0][0]
        assert float(row @ alone) / np.linalg.norm(alone) > 0.99999
