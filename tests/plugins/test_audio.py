"""zoo_audio: sound read from files, seen as spectrograms, learnt and written."""

from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import zoo
from zoo.cli.main import main
from zoo.data import load_dataset
from zoo.errors import DataError, IntegrityError, NotFoundError, UsageError
from zoo.nn.bounds import bits_per_dim
from zoo.nn.vae import VAE
from zoo_audio.configs import SpectrogramVAEConfig
from zoo_audio.html import html
from zoo_audio.judges import sound_classifier
from zoo_audio.networks import SpectrogramDecoder, SpectrogramEncoder, likelihood
from zoo_audio.sounds import placed, sounds
from zoo_audio.spectrogram import from_spectrogram, log_spectrogram
from zoo_audio.wav import Sound, as_rate, read_wav, wav_bytes

ROOTS = [Path(root) for root in os.environ.get("ZOO_DATA", "").split(os.pathsep) if root]
needs_digits = pytest.mark.skipif(
    not any((root / "fsdd.tar").exists() for root in ROOTS), reason="no fsdd.tar in ZOO_DATA"
)
GUID = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """A chunk of a RIFF file, padded to an even length."""
    stated = len(content) if size is None else size
    return name + struct.pack("<I", stated) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    """A WAV file of chunks."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def form(tag: int, bits: int, channels: int = 1, rate: int = 8000, extra: bytes = b"") -> bytes:
    """A format chunk."""
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + extra)


def extensible(tag: int, bits: int, channels: int) -> bytes:
    """The 40-byte format of the extensible kind."""
    return form(0xFFFE, bits, channels, 192_000, struct.pack("<HHIH", 22, bits, 0, tag) + GUID)


WAVE = np.array([0.0, 0.5, -0.5, -1.0])
STEREO = np.stack([WAVE, WAVE], axis=1)
I16 = (WAVE * 32767).round().astype("<i2").tobytes()
EIGHT = np.repeat(WAVE * 32767, 8).round().astype("<i2").tobytes()  # channels
I24 = b"".join(struct.pack("<i", round(v * (2**23 - 1)))[:3] for v in WAVE)
FORMS = {
    "8 bits": riff(form(1, 8), chunk(b"data", (WAVE * 127 + 128).round().astype("u1").tobytes())),
    "16 bits": riff(form(1, 16), chunk(b"data", I16)),
    "24 bits": riff(form(1, 24), chunk(b"data", I24)),
    "32 bits": riff(form(1, 32), chunk(b"data", (WAVE * (2**31 - 1)).astype("<i4").tobytes())),
    "float": riff(form(3, 32), chunk(b"fact", b"\4\0\0\0"), chunk(b"data", WAVE.astype("<f4").tobytes())),
    "double": riff(form(3, 64), chunk(b"data", WAVE.astype("<f8").tobytes())),
    "JUNK before": riff(chunk(b"JUNK", b"\0" * 27), form(1, 16), chunk(b"LIST", b"odd"), chunk(b"data", I16)),
    "40 bytes, PCM": riff(form(1, 16, extra=b"\0" * 24), chunk(b"data", I16)),
    "40 bytes, float": riff(form(3, 32, extra=b"\0" * 24), chunk(b"data", WAVE.astype("<f4").tobytes())),
    "extensible": riff(
        extensible(1, 16, 8), chunk(b"data", np.repeat(WAVE * 32767, 8).round().astype("<i2").tobytes())
    ),
    "extensible float": riff(extensible(3, 32, 2), chunk(b"data", STEREO.astype("<f4").tobytes())),
    "size never written": riff(form(1, 16), chunk(b"data", I16, size=0xFFFFFFFF)),
    "a value cut off": riff(form(1, 16), chunk(b"data", I16 + b"\1")),
}


@pytest.mark.parametrize("kind", FORMS)
def test_wav_files_of_many_kinds_are_read(tmp_path: Path, kind: str) -> None:
    """Every way to store these four values gives them back, channels averaged."""
    file = tmp_path / "sound.wav"
    file.write_bytes(FORMS[kind])
    found = read_wav(file)
    assert found.values == pytest.approx(WAVE, abs=0.01 if kind == "8 bits" else 1e-4)
    assert found.whole == 4
    assert found.rate == (192_000 if "extensible" in kind else 8000)
    assert read_wav(file, seconds=1 / found.rate).values == pytest.approx(WAVE[:2], abs=0.01)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"ID3\x04" + b"\0" * 40, "is an MP3; convert it: ffmpeg"),
        (b"\xff\xfb\x90\x00" * 9, "is an MP3"),
        (b"fLaC" + b"\0" * 40, "is a FLAC"),
        (b"", "is no WAV file"),
        (riff(form(1, 16)), "no sound in it; it may be cut off"),
        (riff(chunk(b"data", I16)), "no format in it"),
        (riff(form(1, 16), chunk(b"data", b"")), "has no sound: 0 values"),
        (riff(form(1, 16), chunk(b"data", b"\1")), "has no sound"),
        (riff(chunk(b"fmt ", b"\1\0"), chunk(b"data", I16)), "its format has 2 bytes"),
        (riff(form(7, 8), chunk(b"data", I16)), r"coded \(tag 7, 8 bits\); convert it"),
        (riff(form(1, 20), chunk(b"data", I16)), "20 bits"),
        (riff(form(1, 16, channels=0), chunk(b"data", I16)), "0 channels"),
        (riff(form(1, 16, rate=0), chunk(b"data", I16)), "0 values a second"),
        (riff(form(3, 32), chunk(b"data", np.array([np.nan], "<f4").tobytes())), "values that are no numbers"),
        (riff(form(1, 16), b"data"), "no sound in it"),
    ],
)
def test_what_is_no_wav_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    """A renamed file of another kind, a cut one, one without a value: one line that says which."""
    file = tmp_path / "sound.wav"
    file.write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_wav(file)
    with pytest.raises(NotFoundError, match="no sound file"):
        read_wav(tmp_path / "absent.wav")


def test_a_tone_stays_the_tone_at_another_rate() -> None:
    """Its frequency and loudness stay; what the new rate cannot carry is gone, not mirrored."""
    times = np.arange(44_100) / 44_100
    low, high = (np.sin(2 * np.pi * pitch * times).astype(np.float32) / 2 for pitch in (440, 6_000))
    found = as_rate(Sound(values=low, rate=44_100, whole=44_100), 8_000)
    assert len(found) == 8_000
    assert found[500:7500] == pytest.approx(np.sin(2 * np.pi * 440 * np.arange(500, 7500) / 8_000) / 2, abs=2e-3)
    assert np.abs(as_rate(Sound(values=high, rate=44_100, whole=44_100), 8_000)[500:7500]).max() < 2e-3
    up = as_rate(Sound(values=found, rate=8_000, whole=8_000), 16_000)
    assert up[1000:15_000] == pytest.approx(np.sin(2 * np.pi * 440 * np.arange(1000, 15_000) / 16_000) / 2, abs=2e-3)
    assert as_rate(Sound(values=low, rate=44_100, whole=44_100), 44_100) is low


# --- spectrograms --------------------------------------------------------------------------------------------------


def chirps(n: int, length: int = 8_128) -> Tensor:
    """Rising tones in a swelling envelope, (n, 1, length) in [0, 1]."""
    times = torch.arange(length) / 8_000
    pitch = 300 + 200 * torch.arange(n)[:, None] + 600 * times
    return (torch.sin(2 * torch.pi * pitch * times) * torch.sin(3 * times) * 0.4 + 0.5)[:, None]


def test_a_sine_is_one_line_of_its_loudness() -> None:
    """The loudest sine is 1 where its frequency is; silence is 0 everywhere."""
    times = torch.arange(8_128) / 8_000
    sine = (torch.sin(2 * torch.pi * 1_000 * times) + 1) / 2
    seen = log_spectrogram(sine[None, None], 256, 64)
    assert seen.shape == (1, 1, 128, 128)
    assert int(seen[0, 0, :, 64].argmax()) == 32  # 1,000 Hz in steps of 31.25
    assert float(seen.max()) == pytest.approx(1, abs=1e-3)
    softer = log_spectrogram((sine[None, None] - 0.5) / 10 + 0.5, 256, 64)
    assert float(softer.max()) == pytest.approx(1 - 20 / 80, abs=1e-3)  # 20 dB less
    assert float(log_spectrogram(torch.full((1, 1, 8_128), 0.5), 256, 64).abs().max()) < 1e-6


def test_sound_comes_back_from_its_spectrogram() -> None:
    """The sound that is found has that spectrogram but for a few hundredths; silence is silence; it is always the same,
    whatever is beside it, and uses up no random numbers.
    """
    x = chirps(3)
    before = torch.random.get_rng_state()
    seen = log_spectrogram(x, 256, 64)
    found = from_spectrogram(seen, 256, 64)
    assert found.shape == x.shape
    loud, again = (10 ** (4 * (s - 1)) for s in (seen, log_spectrogram(found, 256, 64)))
    assert float((loud - again).norm() / loud.norm()) < 0.1
    assert torch.allclose(from_spectrogram(seen[1:2], 256, 64), found[1:2], atol=1e-5)
    assert torch.equal(from_spectrogram(torch.zeros(1, 1, 128, 128), 256, 64), torch.full((1, 1, 8_128), 0.5))
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_likelihood_is_that_of_the_spectrogram() -> None:
    """log p of a sound is the Gaussian density of its log spectrogram, summed over it; bits are those of its values."""
    config = SpectrogramVAEConfig(length=31 * 32, widths=(4, 4), blocks=(1, 1), n_fft=64, hop=32)
    of = likelihood(config)
    x = chirps(2, config.length)
    seen = log_spectrogram(x, config.n_fft, config.hop)
    assert of.parameters_shape == tuple(seen.shape[1:]) == (1, config.frequencies, config.frames)
    parameters = torch.rand(3, 2, *seen.shape[1:])
    expected = torch.distributions.Normal(parameters, 0.1).log_prob(seen).flatten(2).sum(2)
    assert torch.allclose(of.log_prob(parameters, x), expected, rtol=1e-4)
    assert of.mean(parameters).shape == (3, 2, 1, config.length)
    assert bits_per_dim(1.0, 1, of) - of.bits_offset == pytest.approx(1 / (seen[0].numel() * np.log(2)))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"length": 8_100}, "multiple of hop"),
        ({"length": 8_064}, "127 frames"),
        ({"blocks": (1,)}, "one count for each"),
        ({"hop": 200, "length": 25_400}, "at most n_fft / 2"),
    ],
)
def test_sides_that_cannot_be_halved_are_refused(wrong: dict[str, object], told: str) -> None:
    """With the numbers that would have to fit."""
    with pytest.raises(ValueError, match=told):
        SpectrogramVAEConfig(**wrong)  # type: ignore[arg-type]


# --- the modality --------------------------------------------------------------------------------------------------


def test_values_and_levels() -> None:
    """Every level comes back from [0, 1] and from [-1, 1]; silence is exactly the middle; bad values are refused."""
    kind = sounds({"rate": 8_000})
    levels = torch.arange(-32_768, 32_768).to(torch.int16)[None, None]
    assert torch.equal(kind.stored(kind.values(levels)), levels)
    assert torch.equal(kind.stored((kind.ready(levels, (-1.0, 1.0)) + 1) / 2), levels)
    assert float(kind.values(torch.zeros(1, 1, 1, dtype=torch.int16))) == 0.5
    assert kind.stored(levels) is levels
    for bad in (
        torch.full((1, 1, 4), 1.1),
        torch.full((1, 1, 4), torch.nan),
        torch.zeros(1, 4),
        torch.zeros(1, 1, 4).int(),
    ):
        with pytest.raises(DataError):
            kind.stored(bad)
    with pytest.raises(DataError, match="int16"):
        kind.check(torch.zeros(1, 1, 4))
    for rate in ("8000", 10, 10**7):
        with pytest.raises(DataError, match="the rate is"):
            sounds({"rate": rate})


def test_files_are_written_and_read_again(tmp_path: Path) -> None:
    """A WAV of one sound is read back to the level; of several, with a rest between; spectrograms as a picture."""
    kind = sounds({"rate": 8_000})
    x = chirps(3, 4_000)
    kind.write(x[:1], tmp_path / "one.wav")
    assert torch.equal(kind.stored(kind.read(tmp_path / "one.wav", (1, 4_000))), kind.stored(x[:1]))
    assert torch.equal(kind.read(tmp_path / "one.wav", (1, 5_000))[:, :, 4_000:], torch.full((1, 1, 1_000), 0.5))
    kind.write(x, tmp_path / "three.wav")
    with wave.open(str(tmp_path / "three.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (8_000, 3 * 4_000 + 2 * 2_400)
    kind.write(x, tmp_path / "three.png", columns=3, scale=2)
    with Image.open(tmp_path / "three.png") as picture:
        assert picture.size == (2 * (3 * (63 + 4) + 4), 2 * (128 + 2 * 4))
        pixels = np.asarray(picture.convert("L")).astype(int)
    assert pixels[8:264, 8:134].max() > 120  # a bright line
    for file, mark in (("one.wav", "<audio controls"), ("one.wav", "<img"), ("three.png", "<img")):
        assert mark in html(tmp_path / file)
    with pytest.raises(UsageError, match="minutes"):
        kind.fits(10_000, (1, 8_000))


def test_a_sound_is_cut_or_followed_by_silence() -> None:
    """And its loudest value does not turn over."""
    values = np.array([1.0, -1.0, 0.5], np.float32)
    assert placed(values, 5).tolist() == [[32_767, -32_768, 16_384, 0, 0]]
    assert placed(values, 2).tolist() == [[32_767, -32_768]]


# --- data ----------------------------------------------------------------------------------------------------------


def test_own_recordings(tmp_path: Path) -> None:
    """Of any rate; the usual length is the median; every tenth is the test; what cannot be read is named."""
    for index in range(20):
        values = (np.sin(np.arange(4_000 + 100 * index)) * 9_000).astype(np.int16)
        (tmp_path / f"{index:02}.wav").write_bytes(wav_bytes(values, 8_000))
    found = load_dataset(f"audio:{tmp_path}")
    assert found.data.shape == (18, 1, 9_984)  # at 16,000 values a second, a multiple of 64
    assert found.about == {"rate": 16_000}
    assert "9 of 18 recordings are longer than 0.62 s" in found.notes[0]
    assert load_dataset(f"audio:{tmp_path}#rate=8000", split="test").data.shape == (2, 1, 4_992)
    (tmp_path / "03.wav").write_bytes(b"ID3" + b"\0" * 50)
    found = load_dataset(f"audio:{tmp_path}")
    assert len(found.data) == 17
    assert "03.wav is an MP3" in found.skipped[0]
    with pytest.raises(DataError, match="has 1 recordings; at least 2"):
        load_dataset(f"audio:{tmp_path / '01.wav'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no WAV file in"):
        load_dataset(f"audio:{tmp_path / 'empty'}")


def test_another_tar_is_refused(tmp_path: Path) -> None:
    """By its digest; none at all by name."""
    with pytest.raises(NotFoundError, match=r"no fsdd\.tar"):
        load_dataset("spoken-digits", env={"ZOO_CACHE": str(tmp_path)})
    (tmp_path / "fsdd.tar").write_bytes(b"other")
    with pytest.raises(IntegrityError, match="fetch it anew"):
        load_dataset("spoken-digits", env={"ZOO_DATA": str(tmp_path), "ZOO_CACHE": str(tmp_path)})


@needs_digits
def test_spoken_digits() -> None:
    """2,700 and 300, ten of each digit and speaker alike; a digit can be selected; Griffin-Lim suits speech."""
    train, test = (load_dataset("spoken-digits", split=split) for split in ("train", "test"))
    assert train.data.shape == (2_700, 1, 8_128)
    assert train.labels is not None
    assert train.labels.bincount().tolist() == [270] * 10
    assert test.factors["speaker"].bincount().tolist() == [50] * 6
    seven = load_dataset("spoken-digits[seven]", split="test")
    assert torch.equal(seven.data, test.data[test.factors["digit"] == 7])
    x = sounds(train.about).values(test.data[::30])
    seen = log_spectrogram(x, 256, 64)
    loud, again = (10 ** (4 * (s - 1)) for s in (seen, log_spectrogram(from_spectrogram(seen, 256, 64), 256, 64)))
    assert float(((loud - again).flatten(1).norm(dim=1) / loud.flatten(1).norm(dim=1)).mean()) < 0.06


@needs_digits
@pytest.mark.slow
def test_the_judge_knows_real_digits() -> None:
    """A classifier of real recordings tells at least 95 % of the test's apart."""
    train, test = (load_dataset("spoken-digits", split=split) for split in ("train", "test"))
    assert train.labels is not None
    assert test.labels is not None
    found = sound_classifier((train.data, train.labels), (test.data, test.labels), 10)
    assert found.accuracy >= 0.95


# --- the whole way -------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*few examples:UserWarning")
def test_a_vae_of_sounds_from_data_to_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained on a folder, exported, verified, sampled, walked and judged; a file of the wrong kind is refused."""
    monkeypatch.chdir(tmp_path)
    Path("tones").mkdir()
    for index in range(40):
        values = (np.sin(np.arange(2_000) * (0.1 + index / 100)) * 9_000).astype(np.int16)
        Path(f"tones/{index:02}.wav").write_bytes(wav_bytes(values, 8_000))
    small = ["--set", "config.widths=[2,2,2,2,2]", "--set", "config.latent_size=2", "--set", "batch_size=4"]
    small += ["--set", "config.n_fft=64", "--set", "config.hop=32"]
    trained = ["train", "spectrogram-vae", "--data", "./tones", "--out", "run", "--examples", "16", *small]
    assert main([*trained, "--set", "config.length=992"]) == 0
    assert main(["export", "run", "-o", "model"]) == 0
    assert main(["verify", "./model"]) == 0
    capsys.readouterr()
    assert main(["sample", "./model", "-n", "3", "--seed", "1", "-o", "out.wav"]) == 0
    with wave.open("out.wav") as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 3 * 992 + 2 * 4_800)
    assert main(["interpolate", "./model", "--rows", "1", "--steps", "3", "-o", "walk.png"]) == 0
    assert main(["eval", "./model", "--samples", "8", "--write"]) == 0
    assert Path("model/neighbours.wav").is_file()
    assert main(["verify", "./model"]) == 0
    assert main(["sample", "./model", "-o", "out.mid"]) == 2
    assert ".wav" in capsys.readouterr().err
    model = zoo.load("./model")
    x = model.sample(2, seed=3)
    assert x.shape == (2, 1, 992)
    assert torch.equal(model.sample(1, seed=3), x[:1])
    assert model.encode("tones/00.wav").mean.shape == (1, 2)  # type: ignore[attr-defined]


def test_a_walk_goes_from_one_class_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shares of classes are labels: whole ones are the classes, and halves lie between; what is no share is refused."""
    torch.manual_seed(0)
    config = SpectrogramVAEConfig(
        length=31 * 32, widths=(4, 4), blocks=(1, 1), n_fft=64, hop=32, latent_size=2, num_classes=3
    )
    model = VAE(SpectrogramEncoder(config), SpectrogramDecoder(config), likelihood(config)).eval()
    z = model.latents(2, seed=0)
    whole = torch.nn.functional.one_hot(torch.tensor([2, 0]), 3).float()
    assert torch.equal(model.decoder(z, whole), model.decoder(z, torch.tensor([2, 0])))
    halves = model.decode(z, torch.tensor([[0.5, 0.5, 0.0]] * 2))
    assert not torch.equal(halves, model.decode(z, 0))
    for bad in (torch.rand(2, 3) + 1, torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[1.5, -0.5, 0.0]] * 2)):
        with pytest.raises(UsageError, match="shares of classes are"):
            model.decode(z, bad)
    monkeypatch.chdir(tmp_path)
    assert main(["interpolate", "vae-mnist", "--label", "3", "--to-label", "8", "-o", "walk.png"]) == 2
    assert "classes" in capsys.readouterr().err
