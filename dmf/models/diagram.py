"""A network drawn: which blocks it has, what goes from which into which, and the layers in them.

Nothing is known of any network: one image goes through it, and torch says which operation reads and makes which tensor.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

IMAGE, LOGITS = "image", "output"
"""The two nodes of a diagram that are no blocks."""

LEVELS = 2  # of the module tree whose parts are blocks; containers that only hold others do not count
CONTAINERS = (nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class Part:
    """A block or a layer of a network.

    Attributes:
        name: Where it is in the network, e.g. ``decoder.0``.
        kind: Its class; of a chain, those of its layers, at most three.
        shape: Of the first tensor that it gave last, without the batch, e.g. (C, H, W); None where it was not called.
        parameters: How many it has; those that several share are counted at the first.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int

    @property
    def size(self) -> str:
        """The shape as people write it, e.g. ``16 × 64 × 64``; a dash where there is none."""
        return _written(self.shape)


@dataclass(frozen=True)
class Diagram:
    """The blocks of a network, and its layers.

    Attributes:
        image: Shape (C, H, W) of the input.
        output: Shape of what the network makes of it.
        blocks: Parts with parameters, in the order in which they are called.
        edges: From which into which, of the names of blocks, :data:`IMAGE` and :data:`LOGITS`. What has no parameters,
            such as pooling and concatenation, is no node: edges lead through it.
        layers: Modules that hold no others or have parameters of their own, in the order of the module tree.
    """

    image: tuple[int, ...]
    output: tuple[int, ...]
    blocks: tuple[Part, ...]
    edges: tuple[tuple[str, str], ...]
    layers: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """Of the whole network."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def skips(self) -> tuple[tuple[str, str], ...]:
        """The edges beside which a longer way leads through other blocks."""
        following: dict[str, list[str]] = {}
        for start, end in self.edges:
            following.setdefault(start, []).append(end)

        def reached(name: str) -> set[str]:
            seen, ahead = {name}, [name]
            while ahead:
                new = [each for each in following.get(ahead.pop(), ()) if each not in seen]
                seen.update(new)
                ahead += new
            return seen

        beyond = {name: reached(name) for name in following}
        return tuple(
            (start, end)
            for start, end in self.edges
            if any(end in beyond.get(other, ()) for other in following[start] if other not in (start, end))
        )

    def dot(self) -> str:
        """The diagram in the language of Graphviz, without colours; skips are dashed."""
        skips = set(self.skips)
        labels = {
            IMAGE: (IMAGE, _written(self.image)),
            **{block.name: (block.name, block.kind, f"{block.size}  ·  {block.parameters:,}") for block in self.blocks},
            LOGITS: (LOGITS, _written(self.output)),
        }
        line = r"\n"
        nodes = [f'"{name}" [label="{line.join(lines)}"]' for name, lines in labels.items()]
        arrows = [
            f'"{start}" -> "{end}"' + (" [style=dashed]" if (start, end) in skips else "") for start, end in self.edges
        ]
        look = [
            'bgcolor="transparent"',
            "ranksep=0.3",
            'node [shape=box, style="rounded", fontname="sans-serif", fontsize=12, height=0.3]',
        ]
        return "digraph network {\n" + "".join(f"  {line};\n" for line in (*look, *nodes, *arrows)) + "}\n"


def diagram_of(network: nn.Module, in_channels: int, image_size: int) -> Diagram:
    """Trace a network by one black image.

    Args:
        network: From (B, in_channels, H, W) to one tensor. Its weights do not matter; it is left in evaluation mode.
        in_channels: Channels of the input.
        image_size: Side of the square image in pixels.
    """
    modules = dict(network.named_modules())
    names = [name for name in _blocks(network) if name in modules]  # one module may have several names
    layers = [name for name, module in modules.items() if _is_layer(module)]
    own = _parameters(modules, layers)
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    image = torch.zeros(1, in_channels, image_size, image_size, device=device)
    counts = {name: sum(own[layer] for layer in layers if _is_within(layer, name)) for name in names}
    trace = _Trace({id(each): name for name in names for each in modules[name].parameters()})
    trace.sources[image] = {IMAGE: None}
    with ExitStack() as hooks:
        for name in dict.fromkeys((*names, *layers)):
            is_block = counts.get(name, 0) > 0
            for handle in _follow(modules[name], name, trace, is_block=is_block):
                hooks.callback(handle.remove)
        network.eval()
        with torch.no_grad(), trace:
            output = network(image)
    for source in trace.sources.get(output, {}):
        trace.edges[source, LOGITS] = None

    def part(name: str, parameters: int) -> Part:
        return Part(name, _kind(modules[name]), trace.shapes.get(name), parameters)

    return Diagram(
        image=tuple(image.shape[1:]),
        output=tuple(output.shape[1:]),
        blocks=tuple(part(name, counts[name]) for name in trace.called),
        edges=tuple(trace.edges),
        layers=tuple(part(name, own[name]) for name in layers),
    )


class _Trace(TorchFunctionMode):
    """What torch computes, by the block that computes it; dicts for sets, which keep an order.

    Args:
        owners: Id of a parameter to the block that has it.
    """

    def __init__(self, owners: Mapping[int, str]) -> None:
        super().__init__()
        self.owners = owners
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.called: dict[str, None] = {}
        self.edges: dict[tuple[str, str], None] = {}
        self.inside: list[str] = []
        # Weak: otherwise all features of the network would stay in memory at once.
        self.sources: Any = WeakTensorKeyDictionary()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        inputs = _tensors((args, kwargs))
        result = func(*args, **(kwargs or {}))
        results = _tensors(result)
        # A block whose layers are called one by one, past its forward, is known by its parameters.
        owner = next((self.owners[id(tensor)] for tensor in inputs if id(tensor) in self.owners), None)
        block = self.inside[-1] if self.inside else owner
        if block is not None:
            self.record(block, inputs, results)
        else:
            sources = {name: None for tensor in inputs for name in self.sources.get(tensor, {})}
            self.sources.update((tensor, sources) for tensor in results)
        return result

    def record(self, block: str, inputs: Sequence[Tensor], results: Sequence[Tensor]) -> None:
        """Write down that a block makes tensors of others."""
        self.called[block] = None
        sources = {name: None for tensor in inputs for name in self.sources.get(tensor, {})}
        self.edges |= {(source, block): None for source in sources if source != block}
        self.sources.update((tensor, {block: None}) for tensor in results)
        self.shape(block, results)

    def shape(self, name: str, results: Sequence[Tensor]) -> None:
        """Write down the shape of the first of the tensors that a part gives."""
        if results:
            self.shapes[name] = tuple(results[0].shape[1:])


def _follow(module: nn.Module, name: str, trace: _Trace, *, is_block: bool) -> Iterator[Any]:
    """Hooks that write down what a module gives, and when torch is inside of a block."""

    def enter(*_: object) -> None:
        trace.inside.append(name)

    def leave(_module: nn.Module, _inputs: object, output: object) -> None:
        results = _tensors(output)
        trace.shape(name, results)
        if is_block:
            trace.inside.pop()
            trace.record(name, (), results)  # what it reads, its operations say

    if is_block:
        yield module.register_forward_pre_hook(enter)
    yield module.register_forward_hook(leave)


def _tensors(nested: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor)]


def _blocks(module: nn.Module, name: str = "", level: int = 0) -> Iterator[str]:
    """The parts that become nodes: stages are, neither the encoder as a whole nor each of their convolutions."""
    children = dict(module.named_children())
    wraps = len(children) == 1 and not isinstance(module, CONTAINERS)
    for child_name, child in children.items():
        path = f"{name}.{child_name}" if name else child_name
        if isinstance(child, CONTAINERS) or (wraps and list(child.children())):
            yield from _blocks(child, path, level)  # what only holds others is no level
        elif level + 1 < LEVELS and _is_opened(child):
            yield from _blocks(child, path, level + 1)
        else:
            yield path


def _is_opened(module: nn.Module) -> bool:
    """Whether its parts have parts themselves, and are more than a chain; its own parameters would be lost."""
    is_deep = any(list(child.children()) for child in module.children())
    return is_deep and not isinstance(module, nn.Sequential) and not list(module.parameters(recurse=False))


def _is_layer(module: nn.Module) -> bool:
    return not list(module.children()) or bool(list(module.parameters(recurse=False)))


def _kind(module: nn.Module) -> str:
    if not isinstance(module, nn.Sequential):
        return type(module).__name__
    kinds = list(dict.fromkeys(type(each).__name__ for each in module.modules() if not list(each.children())))
    return ", ".join(kinds[:3]) + (", …" if len(kinds) > 3 else "")


def _is_within(name: str, block: str) -> bool:
    return name == block or name.startswith(f"{block}.")


def _parameters(modules: Mapping[str, nn.Module], layers: Sequence[str]) -> dict[str, int]:
    """How many parameters each layer has of its own, every one counted once."""
    counted: set[int] = set()
    counts = {}
    for name in layers:
        own = [one for one in modules[name].parameters(recurse=False) if id(one) not in counted]
        counted |= {id(one) for one in own}
        counts[name] = sum(one.numel() for one in own)
    return counts


def _written(shape: Sequence[int] | None) -> str:
    return " × ".join(map(str, shape)) if shape is not None else "–"
