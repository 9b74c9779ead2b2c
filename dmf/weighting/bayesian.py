"""DMF's Bayesian rule, with three kinds of prior."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from dmf.errors import ConfigError
from dmf.facts import Paper
from dmf.options import Fraction, Positive, slider
from dmf.registry import unknown
from dmf.weighting import arithmetic, functional, papers
from dmf.weighting.base import per_loss
from dmf.weighting.host import Count, Flag, choose
from dmf.weighting.mad import MADOptions, MADWeighting
from dmf.weighting.options import StartOptions
from dmf.weighting.plain import HostState, HostStep
from dmf.weighting.stages import Normalisation, Stage, stage

_PRIORS = {"tempered": 0, "fixed": 0, "compound": 0}
_NEXT_PRIOR = {
    "tempered": (
        "q ∝ p(last)^ρ · q₀^(1 − ρ)",
        r"q \propto p_{\text{last}}^{\rho}\; q_0^{1 - \rho}",
        "Made of the last posterior and the prior at the start, so that it forgets (ρ = {rho:g}).",
    ),
    "fixed": ("q = q₀", "q = q_0", "It stays as it was at the start."),
    "compound": (
        "q ∝ p(last)",
        r"q \propto p_{\text{last}}",
        "It is the last posterior, so that the evidence of all steps multiplies and nothing is forgotten.",
    ),
}


class BayesianOptions(MADOptions):
    """Options of the Bayesian rule."""

    prior: Literal["tempered", "fixed", "compound"] = Field(
        "tempered",
        description="A tempered prior forgets slowly, a fixed one never moves (uniform: equal to MAD), "
        "a compound one (the notebook) never forgets.",
    )
    prior_weights: tuple[Positive, ...] | None = Field(
        None,
        description="How much each loss counts before any history; equal when not given.",
        json_schema_extra=slider(0.01, 1, 0.01, each=1.0),
    )
    rho: Fraction = Field(
        0.9,
        title="Prior memory ρ",
        description="Memory of the tempered prior: 0 is fixed, towards 1 is compound.",
        json_schema_extra=slider(0, 0.999, 0.001, only_if=("prior", "tempered")),
    )


class BayesianWeighting(MADWeighting):
    r"""Updates a prior over the losses with the likelihood 1/MAD.

    .. math:: w_k \propto l_k q_k

    What the prior q becomes after an adaptive step:

    - ``fixed``: it stays at its start. With a uniform prior this *is* the MAD rule: eq. (8) becomes eq. (6).
    - ``compound``: it becomes w (the authors' notebook). The evidence of every step multiplies, so one weight ends
      above 0.999, typically within 150 adaptive steps. In logarithms, so the others shrink but never vanish for good.
    - ``tempered`` (default): :math:`q \propto w^\rho q_0^{1-\rho}`, which forgets: constant likelihoods end at
      :math:`w \propto q_0\, l^{1/(1-\rho)}`. ``rho = 0`` is fixed, towards 1 is compound.

    Losses that are absent keep their prior: the others' posterior shares what these had together.

    Args:
        prior: The kind of prior.
        prior_weights: (K,) the prior at the start, above 0; equal when not given.
        rho: Memory of the tempered prior, 0 <= rho < 1.

    Shape:
        - window: (K, T); returns (K,), non-negative, sums to ``sum_to``.

    Reference:
        Golnari & Diba, arXiv 2410.19745, eq. (7)-(8).
    """

    title: ClassVar[str] = "Bayesian"
    looks_at: ClassVar[str] = "the same as MAD, as evidence against a prior"
    paper: ClassVar[Paper] = papers.DMF
    declares: ClassVar[type[StartOptions]] = BayesianOptions
    proportions: ClassVar[Mapping[str, str]] = {**MADWeighting.proportions, "log_prior": "", "log_initial": ""}

    normalisation: ClassVar[Normalisation] = (
        "w = p / Σ p",
        r"w_k = \frac{p_k}{\sum_j p_j}",
        "The posterior, brought to its sum.",
    )

    log_prior: Tensor
    log_initial: Tensor

    def __init__(
        self,
        count: int,
        *,
        prior: str = "tempered",
        prior_weights: Sequence[float] | None = None,
        rho: float = 0.9,
        dtype: torch.dtype = torch.float64,
        **options: Any,
    ) -> None:
        super().__init__(count, dtype=dtype, **options)
        if prior not in _PRIORS:
            raise ConfigError(unknown("prior", prior, _PRIORS), "prior")
        if not 0 <= rho < 1:
            raise ConfigError(f"`rho` must be at least 0 and below 1, got {rho}.", "rho")
        start = per_loss("prior_weights", prior_weights, count, dtype)
        if not bool((start > 0).all()):
            raise ConfigError(f"`prior_weights` must all be above 0, got {start.tolist()}.", "prior_weights")
        self.prior, self.rho = prior, rho
        self.register_buffer("log_initial", torch.log(functional.proportional(start)))
        self.register_buffer("log_prior", self.log_initial.clone())

    def propose(self, statistic: Tensor) -> Tensor:
        return (statistic + self.log_prior).softmax(-1)

    def learn(self, statistic: Tensor, adapting: Flag) -> None:
        log_posterior = (statistic + self.log_prior).log_softmax(-1)
        if isinstance(adapting, Tensor) and adapting.ndim:  # evidence of some says nothing of what all have together
            among = torch.where(torch.isneginf(statistic), -torch.inf, self.log_prior)
            log_posterior = log_posterior + among.logsumexp(-1) - self.log_prior.logsumexp(-1)
        following = functional.next_log_prior(log_posterior, self.log_initial, self.prior, self.rho)
        self.log_prior = choose(adapting, following, self.log_prior)

    def propose_all(self, statistics: Tensor) -> Tensor:
        if self.prior == "fixed":
            return self.propose(statistics)
        priors = functional.log_priors(statistics, self.log_prior, self.log_initial, self.prior, self.rho)
        self.log_prior = priors[-1]
        self.learn(statistics[-1], True)
        return (statistics + priors).softmax(-1)

    def on_host(self, state: HostState) -> HostStep | None:
        """As :meth:`forward`, in plain numbers."""
        likelihood = self._likelihood_on_host(state)
        if not isinstance(likelihood, Tensor):
            return likelihood
        evidence = likelihood + self.held("log_prior")
        self._buffers["log_prior"] = functional.next_log_prior(
            evidence.log_softmax(-1), self.held("log_initial"), self.prior, self.rho
        )
        return HostStep(self._summing(evidence.softmax(-1)))

    def statistic_stages(self, scaled: Tensor, filled: Count, statistic: Tensor) -> tuple[Stage, ...]:
        log_posterior = (statistic + self.log_prior).log_softmax(-1)
        following = functional.next_log_prior(log_posterior, self.log_initial, self.prior, self.rho)
        prior = stage(
            "prior",
            "Prior",
            _NEXT_PRIOR[self.prior][0],
            _NEXT_PRIOR[self.prior][1],
            _NEXT_PRIOR[self.prior][2].format(rho=self.rho),
            self.log_prior.softmax(-1),
            numbers={"at the start, q₀": self.log_initial.softmax(-1), "for the next step": following.softmax(-1)},
        )
        posterior = stage(
            "posterior",
            "Posterior",
            "p = l · q",
            r"p_k = l_k\, q_k",
            "What the window says times what was believed before it.",
            statistic.exp() * self.log_prior.softmax(-1),
            worked=arithmetic.lines("{l} · {q}", l=statistic.exp(), q=self.log_prior.softmax(-1)),
        )
        return (*super().statistic_stages(scaled, filled, statistic), prior, posterior)
