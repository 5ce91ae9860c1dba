"""Sound -> log spectrogram, and back by the fast Griffin-Lim algorithm."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["from_spectrogram", "log_spectrogram"]

FLOOR = 1e-4  # of the loudest sine: -80 dB
DECADES = -math.log10(FLOOR)
ROUNDS, MOMENTUM = 48, 0.99


def log_spectrogram(x: Tensor, n_fft: int, hop: int) -> Tensor:
    """Sounds (N, 1, T) in [0, 1], silence at 0.5 -> (N, 1, n_fft / 2, 1 + T / hop): 0 is silence, 1 the loudest sine.

    1 + log10(|X| / S + 1e-4) / 4 of the short-time Fourier transform X by Hann windows of `n_fft` values, `hop` apart,
    with S half the window's sum. Frequencies rise with the index; half the rate itself is left out.
    """
    window = _window(n_fft, x)
    found = torch.stft(x.float()[:, 0] * 2 - 1, n_fft, hop, window=window, return_complex=True)
    loudness = found.abs()[:, :-1] / (window.sum() / 2)
    return (1 + torch.log10(loudness + FLOOR) / DECADES)[:, None]


def from_spectrogram(s: Tensor, n_fft: int, hop: int) -> Tensor:
    """Log spectrograms (N, 1, F, L), as `log_spectrogram` gives them -> sounds (N, 1, (L - 1) hop) in [0, 1].

    The phases are found from the same random ones for all by the fast Griffin-Lim algorithm (Perraudin, Balazs and
    Søndergaard 2013), 48 rounds with momentum 0.99.
    """
    window, length = _window(n_fft, s), (s.shape[-1] - 1) * hop
    loudness = (10 ** ((s.float()[:, 0].clamp(0, 1) - 1) * DECADES) - FLOOR).clamp(min=0) * (window.sum() / 2)
    size = F.pad(loudness, (0, 0, 0, 1))  # half the rate is silent
    start = torch.rand(size.shape[1:], generator=torch.Generator().manual_seed(0)).to(size.device) * (2 * math.pi)
    turned, before = torch.polar(torch.ones_like(start), start).expand_as(size), torch.zeros_like(size)
    for _ in range(ROUNDS):
        sound = torch.istft(size * turned, n_fft, hop, window=window, length=length)
        seen = torch.stft(sound, n_fft, hop, window=window, return_complex=True)
        ahead = seen - MOMENTUM / (1 + MOMENTUM) * before
        turned, before = ahead / (ahead.abs() + 1e-12), seen
    sound = torch.istft(size * turned, n_fft, hop, window=window, length=length)
    return (sound[:, None] + 1).clamp(0, 2) / 2


def _window(n_fft: int, like: Tensor) -> Tensor:
    return torch.hann_window(n_fft, device=like.device)
