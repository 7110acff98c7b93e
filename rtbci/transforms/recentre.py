"""Recentring: samples are whitened by the running mean of a session's own covariances, so that sessions resemble each other.

A decoder trained on recentred sessions meets a new one whose covariances lie around the identity as well (Zanini et al.,
IEEE Trans. Biomed. Eng. 65(5), 2018). Live, the mean is a recursion over what is past (Kumar, Yger and Lotte, Int. Winter
Conf. on Brain-Computer Interface, 2019: each window moves it along the geodesic by 1/n). With the arithmetic mean it is
Euclidean alignment (He and Wu, IEEE Trans. Biomed. Eng. 67(2), 2020).
"""

from __future__ import annotations

from rtbci.transforms.arguments import number, refuse
from rtbci.transforms.reference import METRICS, Reference, Shrink
from rtbci.transforms.running_covariance import RunningCovariance
from rtbci.transforms.spd import Matrix, shrunk
from rtbci.transforms.whitening import Whitening


class Recentre(Whitening):
    """Whitens the channels measured on the brain by the inverse square root of the running mean of their past covariances.

    Best after a band-pass, with the band of the decoder. Windows of ``window`` seconds follow each other on the absolute
    grid; when one ends, the mean takes it in, and the samples *after* it are multiplied by the new matrix. What comes out
    has no unit ("a.u."), a covariance near the identity, and as many channels as went in, of the same kinds. Data without
    full rank (average reference, SSP, a channel that stands still) are whitened within their true rank; directions without
    signal come out as 0. Until the first window has ended, the samples are divided by one number, their root mean square so
    far about the first sample. Channels of other kinds and channels known to be bad pass as they are.

    ``settle_seconds`` is the signal a fresh start needs before its output is representative: ten windows, or the memory
    where that is shorter.

    Parameters
    ----------
    window : length of the windows whose covariances are averaged, in seconds; at least two samples for each channel.
    memory : seconds of windows that the mean remembers; from then on it tracks, each new window with weight window/memory.
    metric : the mean: "riemann" (recursive geodesic), "logeuclid" (of the logarithms), "euclid" (arithmetic: Euclidean
        alignment).
    shrinkage : share, from 0 up to but without 1, of the identity that is mixed into each window's covariance.
    freeze : windows of more than this many times the variance of the mean are left out as artefacts; 0: none is. After
        ``memory`` of them running, the mean begins anew.
    keep_over_gaps : whether the mean outlives missing samples. Otherwise it is forgotten with all else, as a
        transform's contract has it, and the output depends on nothing before the gap.
    """

    def __init__(
        self,
        window: float = 2.0,
        memory: float = 60.0,
        metric: str = "riemann",
        shrinkage: float = 0.01,
        freeze: float = 0.0,
        keep_over_gaps: bool = False,
    ) -> None:
        super().__init__(window, freeze, keep_over_gaps)
        self.memory = number("memory", memory, above=0, right="a duration in seconds")
        if self.memory < self.window:
            raise refuse("memory", memory, f"must be at least one window, {self.window:g} s")
        if metric not in METRICS:
            raise refuse("metric", metric, f"must be one of {', '.join(METRICS)}")
        self.metric = metric
        self.shrinkage = number("shrinkage", shrinkage, at_least=0, right="a share from 0 up to, but without, 1")
        if self.shrinkage >= 1:
            raise refuse("shrinkage", shrinkage, "must be below 1, which would leave nothing of the covariance")

    def _first_reference(self) -> Reference:
        return Reference(self.metric, max(1, round(self.memory / self.window)), self.freeze)

    def _taken(self, window: RunningCovariance) -> tuple[Matrix, Shrink]:
        return window.covariance(), lambda inner, basis: shrunk(inner, self.shrinkage)
