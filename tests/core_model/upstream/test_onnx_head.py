"""The outermost fields of an ONNX file, against the library that writes them."""

from __future__ import annotations

import io

import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from core_model.upstream.onnx_head import onnx_sign, read_head


def model(ir_version: int = 8, opsets: tuple[tuple[str, int], ...] = (("", 17),), producer: str = "pytorch") -> bytes:
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])])
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    made = helper.make_model(graph, opset_imports=imports, producer_name=producer, ir_version=ir_version)
    return bytes(made.SerializeToString())


@given(st.integers(1, 100), st.integers(0, 2**31), st.text(alphabet="abc.", min_size=1, max_size=9))
def test_versions_are_what_the_library_wrote(ir_version: int, opset: int, domain: str) -> None:
    data = model(ir_version, (("", opset), (domain, 3)))
    head = read_head(io.BytesIO(data), len(data))
    assert head is not None
    assert (head.ir_version, head.producer, head.cut) == (ir_version, "pytorch", False)
    assert head.opsets == {"": opset, domain: 3}
    assert onnx.load_from_string(data).ir_version == ir_version


def test_a_file_without_its_end_says_so_and_knows_no_opset() -> None:
    data = model()
    head = read_head(io.BytesIO(data[:40]), 40)
    assert head is not None and head.cut and head.opsets == {}
    sign = onnx_sign(io.BytesIO(data[:40]), 40)
    assert sign is not None and sign.kind == "truncated"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_none(data: bytes) -> None:
    read_head(io.BytesIO(data), len(data))
    read_head(io.BytesIO(b"\x08\x08" + data), len(data) + 2)
