"""What every weighting that comes with the program was published as, and what it looks at."""

from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """A weighting in a line.

    Attributes:
        looks_at: What the weights follow from.
        title: Of its paper; empty where there is none.
        where: Where it appeared.
        url: Where it can be read.
    """

    looks_at: str
    title: str = ""
    where: str = ""
    url: str = ""


def _arxiv(looks_at: str, title: str, where: str, number: str) -> About:
    return About(looks_at, title, where, f"https://arxiv.org/abs/{number}")


_DMF = (
    "Adaptive real-time multi-loss function optimization using dynamic memory fusion framework",
    "Biomed. Signal Process. Control 111",
    "https://arxiv.org/abs/2410.19745",
)
_IMTL = ("Towards Impartial Multi-task Learning", "ICLR 2021", "https://openreview.net/forum?id=IMPnRXEWpvr")

ABOUT = {
    "fixed": About("nothing"),
    "variance": About("variance of each loss's last values, scaled", *_DMF),
    "mad": About("median absolute deviation of each loss's last values, scaled", *_DMF),
    "bayesian": About("the same as MAD, as evidence against a prior", *_DMF),
    "cov": _arxiv(
        "spread of each loss beside its mean, over all steps so far",
        "Multi-Loss Weighting with Coefficient of Variations",
        "WACV 2021",
        "2009.01717",
    ),
    "softadapt": _arxiv(
        "slope of each loss over its last few values",
        "SoftAdapt: Techniques for Adaptive Loss Weighting of Neural Networks with Multi-Part Loss Functions",
        "arXiv 2019",
        "1912.12355",
    ),
    "dwa": _arxiv(
        "each loss's mean over the last block of steps, beside the block before",
        "End-to-End Multi-Task Learning with Attention",
        "CVPR 2019",
        "1803.10704",
    ),
    "random": _arxiv(
        "nothing: weights are drawn anew at every step",
        "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning",
        "TMLR 2022",
        "2111.10603",
    ),
    "geometric": _arxiv(
        "each loss's own value: the higher, the less weight",
        "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy for Multi-Task Learning",
        "CVPR Workshops 2019",
        "1904.08492",
    ),
    "tchebycheff": _arxiv(
        "which loss is the worst",
        "Smooth Tchebycheff Scalarization for Multi-Objective Optimization",
        "ICML 2024",
        "2402.19078",
    ),
    "famo": _arxiv(
        "how far the last step lowered each loss on its own batch",
        "FAMO: Fast Adaptive Multitask Optimization",
        "NeurIPS 2023",
        "2306.03792",
    ),
    "uncertainty": _arxiv(
        "each loss's own value, through a parameter that is trained",
        "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics",
        "CVPR 2018",
        "1705.07115",
    ),
    "imtl-l": About("each loss's own value, through a parameter that is trained", *_IMTL),
    "gradnorm": _arxiv(
        "length of each loss's gradient, and how far the loss has fallen",
        "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks",
        "ICML 2018",
        "1711.02257",
    ),
    "upgrad": _arxiv(
        "inner products of the losses' gradients",
        "Jacobian Descent for Multi-Objective Optimization",
        "arXiv 2024",
        "2406.16232",
    ),
    "mgda": _arxiv(
        "inner products of the losses' gradients",
        "Multi-Task Learning as Multi-Objective Optimization",
        "NeurIPS 2018",
        "1810.04650",
    ),
    "pcgrad": _arxiv(
        "inner products of the losses' gradients, in an order that is drawn",
        "Gradient Surgery for Multi-Task Learning",
        "NeurIPS 2020",
        "2001.06782",
    ),
    "imtl-g": About("inner products of the losses' gradients", *_IMTL),
    "aligned-mtl": _arxiv(
        "inner products of the losses' gradients",
        "Independent Component Alignment for Multi-Task Learning",
        "CVPR 2023",
        "2305.19000",
    ),
    "dualproj": _arxiv(
        "inner products of the losses' gradients",
        "Gradient Episodic Memory for Continual Learning",
        "NeurIPS 2017",
        "1706.08840",
    ),
}
"""Name to what is known of it; a test holds that every weighting has a line."""
