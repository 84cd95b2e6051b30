"""TorchScript, looked through before anybody loads it: its operators are listed, and all but arithmetic is refused.

Needs no torch and runs nothing. A .pt is a zip of code and pickles; libtorch runs both when it loads the file. The code
is Python's grammar, so Python's own parser reads it, and every name in it must be one that computes: there are others
that open files (`torch.from_file`), write them (`torch.save`) or call what a library has registered (`ops.*`).
Reference: torch 2.13, torch/csrc/jit/serialization.

    NAME/data.pkl, constants.pkl, traced_inputs.pkl    NAME/code/__torch__/**.py    NAME/data/0 ... (values)
"""

from __future__ import annotations

import ast
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

from core_model.errors import CheckpointError, UnsafeFileError, VoiceError
from core_model.upstream.container import OriginalMagic, require_small_directory
from core_model.upstream.pickle_scan import Budget, scan_pickle

_MOST_CODE_bytes = 4 << 20  # a voice has 0.5 MB
_MOST_PICKLES_bytes = 4 << 20
_MOST_ENTRIES = 16_384
_OPERATORS = frozenset(
    """
    __and__ __contains__ __derive_index __getitem__ __is__ __isnot__ __not__ __or__ __range_length _convolution abs
    add add_ addmm append arange argmax atan2 avg_pool1d batch_norm bitwise_not bmm cat ceil chunk clamp clamp_max
    clamp_min clone complex constant_pad_nd contiguous conv1d conv2d conv_transpose1d cos cumsum detach device div
    div_ dropout elu embedding eq erf exp expand expand_as eye fill_ flatten flip floor floor_divide format full
    full_like gather ge gelu glu group_norm gt hann_window index index_put_ index_select instance_norm irfft isinf
    isnan item layer_norm le leaky_relu len linear linspace log log_softmax logical_and logical_not logical_or lt
    masked_fill masked_fill_ matmul max max_pool1d mean min mish mul mul_ narrow ne neg nonzero norm numel ones
    ones_like pad permute pow reciprocal relu relu_ remainder repeat repeat_interleave reshape rfft roll rsqrt rsub
    scaled_dot_product_attention select sigmoid sign silu sin size slice softmax softplus split split_with_sizes
    sqrt squeeze stack sub sub_ sum tan tanh tensor tile to topk transpose tril triu type_as unbind unfold unsqueeze
    upsample_linear1d upsample_nearest1d view view_as_complex view_as_real warn where zeros zeros_like
    """.split()  # noqa: SIM905  a list of hundred lines would hide what it leaves out
)
_PRIM = frozenset(("ops.prim.NumToTensor", "ops.prim.RaiseException", "ops.prim.data", "ops.prim.device"))
_PRIM |= frozenset(("ops.prim.dtype", "ops.prim.max", "ops.prim.min", "ops.prim.unchecked_cast"))
_WORDS = frozenset(  # of the language: what code may name without having bound it
    """
    AssertionError CONSTANTS Device Dict Exception Final List Module NoneType Optional Tensor Tuple Union
    __annotations__ __torch__ annotate bool complex dict float getattr inf int isinstance len list nan number ops
    range str torch tuple unchecked_cast uninitialized
    """.split()  # noqa: SIM905  a list of hundred lines would hide what it leaves out
)
_METHOD = re.compile(
    r"(?:forward|_conv_forward|read|reverse)[0-9]*"
)  # of our networks and torch's; none is an operator
_PICKLED = re.compile(r"__torch__\.[\w.]+|torch\.(?:[A-Z][a-z]+Storage|_utils\._rebuild_tensor_v2|jit\._pickle\.\w+)")
_DAMAGE = (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, IndexError)


def require_script(path: Path, place: str) -> tuple[str, ...]:
    """The operators of the TorchScript at *path*, sorted. UnsafeFileError(place, why) if it may do harm."""
    try:
        with OriginalMagic(path) as file:
            if file.head != "PK":
                raise UnsafeFileError(place, "begins with a code over its zip's PK, which no TorchScript does")
            require_small_directory(file, to_the_end=True)
            with zipfile.ZipFile(file) as archive:
                return tuple(sorted(_operators(archive, file.length, place)))
    except (CheckpointError, *_DAMAGE) as error:
        raise VoiceError(place, f"is no TorchScript: {error}") from None


def _operators(archive: zipfile.ZipFile, length: int, place: str) -> set[str]:
    found: set[str] = set()
    code_bytes = pickle_bytes = 0
    budget = Budget()
    for info in _entries(archive, length, place):
        inner = info.filename.partition("/")[2]
        if inner.startswith(("data/", "constants/", "traced_inputs/")):
            continue  # values
        if inner.startswith("code/") and inner.endswith(".py"):
            code_bytes += info.file_size
            _require(code_bytes <= _MOST_CODE_bytes, place, "holds more code than any voice")
            found |= set(_names(archive.read(info), place))
        elif inner.endswith(".pkl"):
            pickle_bytes += info.file_size
            _require(pickle_bytes <= _MOST_PICKLES_bytes, place, "holds a larger pickle than any voice")
            _require_harmless_pickle(archive.read(info), budget, place)
        else:
            known = inner in ("version", "byteorder", ".data/version", ".data/serialization_id") or "." not in inner
            _require(known and info.file_size <= 64, place, f"holds {inner[:60]!r}, which is no part of TorchScript")
    return found


def _entries(archive: zipfile.ZipFile, length: int, place: str) -> list[zipfile.ZipInfo]:
    """All of them, each as it lies there: stored, once, below one root, apart from each other."""
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    _require(0 < len(infos) <= _MOST_ENTRIES, place, "holds no files, or more than any TorchScript")
    _require(not archive.comment and infos[0].header_offset == 0, place, "has bytes before or behind its archive")
    root, names = infos[0].filename.partition("/")[0], set()
    for info, following in zip(infos, [*(info.header_offset for info in infos[1:]), length], strict=True):
        _require(info.filename.startswith(f"{root}/"), place, f"has {info.filename[:60]!r}, which lies outside of it")
        _require(info.filename not in names, place, "has two files of one name")
        names.add(info.filename)
        _require(info.compress_type == zipfile.ZIP_STORED, place, "is compressed, so that it could be a bomb")
        _require(not info.flag_bits & 0x2061, place, "is encrypted")
        end = info.header_offset + 30 + len(info.filename) + info.file_size
        _require(info.compress_size == info.file_size and end <= following, place, "has files that overlap")
    return infos


def _require_harmless_pickle(data: bytes, budget: Budget, place: str) -> None:
    scan = scan_pickle(data, budget)
    _require(scan.complete, place, f"holds a pickle that cannot be followed: {scan.trouble}")
    strange = [n for n in scan.names if n != "collections.OrderedDict" and not _PICKLED.fullmatch(n)]
    _require(not strange, place, f"holds a pickle that asks for {', '.join(strange[:3])}")
    _require(scan.end == len(data), place, "hides something behind a pickle")


def _names(source: bytes, place: str) -> Iterator[str]:
    """The operators that one file of code names; UnsafeFileError for a name that is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a parser's doubts about literals
            tree = ast.parse(source.decode("utf-8"))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise UnsafeFileError(place, "holds code that cannot be read") from None
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    known = _WORDS | set(_bound(tree))
    for node in ast.walk(tree):
        dotted = _dotted(node)
        root = (dotted or "").split(".")[0]
        if dotted is not None and root not in known:
            raise UnsafeFileError(place, f"names {root[:80]!r} in its code, which no voice does")
        if dotted is not None and id(node) not in inner and root in ("torch", "ops"):
            harmless = dotted in _PRIM or (root == "torch" and dotted[6:] in _OPERATORS)
            _require(harmless, place, f"has the operator {dotted[:80]}, which no voice needs")
            yield dotted
        elif isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            _require_known_call(node.func, place)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            raise UnsafeFileError(place, "imports something into its code")


def _bound(tree: ast.AST) -> Iterator[str]:
    """The names that a file of code gives to what it computes, takes or defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name


def _require_known_call(called: ast.AST, place: str) -> None:
    """Methods are operators too: what is called is an operator by its name, other code of the file, or a forward."""
    root = (_dotted(called) or "").split(".")[0]
    if root not in ("torch", "ops", "__torch__"):
        method = called.attr if isinstance(called, ast.Attribute) else "a value"
        _require(bool(_METHOD.fullmatch(method)), place, f"calls {method[:80]!r} in its code, which no voice does")


def _dotted(node: ast.AST) -> str | None:
    """`torch.nn.x` of such a chain of names; None for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def _require(condition: bool, place: str, problem: str) -> None:
    if not condition:
        raise UnsafeFileError(place, problem)
