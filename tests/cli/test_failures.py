"""The command line: every failure is one line and its exit code, and nothing is half-written."""

from __future__ import annotations

import os
import pickle
import re
import shlex
import shutil
from pathlib import Path

import pytest
from cli.commands import RECIPE, Run, change, listing
from PIL import Image

pytestmark = pytest.mark.usefixtures("here")


# {model} is a weights folder, {run} a finished run; {here} is the test's own folder, filled by `things`.
FAILURES: dict[int, list[tuple[str, str]]] = {
    2: [
        ("", "the following arguments are required: COMMAND"),
        ("frobnicate", "no command is named 'frobnicate'; there are .*sample"),
        ("list --models --datasets", "not allowed with"),
        ("plugins frobnicate", "invalid choice"),
        ("sample {model}", "required: -o"),
        ("sample {model} -o a.png --frobnicate", "unrecognized arguments: --frobnicate"),
        ("sample {model} -o a.png -n 0", "n is 0; it must be a whole number from 1"),
        ("sample {model} -o a.png -n -1", "n is -1"),
        ("sample {model} -o a.png -n 1.5", "invalid int value: '1.5'"),
        ("sample {model} -o a.png -n 1000000", "1,000,000 samples at scale 3 do not fit in one picture"),
        ("sample {model} -o a.png -n 99999999999999999999 --scale 1", "do not fit in one picture"),
        ("sample {model} -o a.png --seed -1", "seed is -1; it must be a whole number from 0"),
        ("sample {model} -o a.png --seed 9223372036854775808", "seed is 9223372036854775808"),
        ("sample {model} -o a.png --seed x", "invalid int value: 'x'"),
        ("sample {model} -o a.png --truncation nan", "truncation is nan; it must be a number above 0"),
        ("sample {model} -o a.png --truncation -1", "truncation is -1"),
        ("sample {model} -o a.png --truncation 0", "truncation is 0"),
        ("sample {model} -o a.png --truncation nan", "truncation is nan"),
        ("sample {model} -o a.png --scale 0", "scale is -?[02]; it must be a whole number from 1"),
        ("sample {model} -o a.png --scale -2", "scale is -?[02]; it must be a whole number from 1"),
        ("sample {model} -o a.png --scale 1000000", "do not fit in one picture"),
        ("sample {model} -o a.png --columns 0", "columns is (0|-3); it must be a whole number from 1"),
        ("sample {model} -o a.png --columns -3", "columns is (0|-3); it must be a whole number from 1"),
        ("sample {model} -o a.png --columns 100000000", "too big"),
        ("sample {model} -o a.png --columns 1000000000", "columns is 1000000000; it must be"),
        ("sample {model} -o a.txt", "a.txt must end in one of .png"),
        ("sample {model} -o a", "a must end in one of .png"),
        ("sample {model} -o a.mp4", "a.mp4 would be an animation"),
        ("sample {model} -o a.tiff", "a.tiff must end in one of .png, .jpg, .jpeg, .webp, .bmp, .npz"),
        ("sample {model} -o - --show", "-o - and --show both want standard output"),
        ("sample {model} -o a.png --format webp", "a.png ends in .png, and --format is webp; leave one of them out"),
        ("sample {model} -o new/ --format gif", "--format is 'gif'; it must be one of png, jpg, jpeg, webp, bmp, npz"),
        ("interpolate {model} -o - --format npz", "--format is 'npz'; it must be one of png, .*, gif, apng, mp4"),
        ("manifold {model} -o a.npz", "a.npz must end in one of .png"),
        ("help frobnicate", "no command is named 'frobnicate'"),
        ("completion", "which shell. bash, zsh, fish, powershell, tcsh"),
        ("completion ksh", "invalid choice: 'ksh'"),
        ("train tiny.toml --log wandb,", "--log is 'wandb,'; name trackers"),
        ("train tiny.toml --log none,wandb", "--log is 'none,wandb'; name trackers"),
        (
            "sample {model} -o a.gif",
            "a.gif would be an animation, and a sheet stands still: end in .png, or zoo inter",
        ),
        ("sample {model} -o A.GIF", "A.GIF would be an animation"),
        ("sample {model} -o a.apng", "a.apng would be an animation"),
        ("manifold {model} -o a.gif", "a.gif would be an animation"),
        ("scatter {model} -o a.gif", "a.gif must end in one of .png"),
        ("interpolate {model} -o a.mkv", "must end in one of .png, .*, or for an animation .gif, .webp, .apng, .mp4"),
        (
            "interpolate {model} -o a.gif --duration 5",
            "--duration is 5; it must be a whole number of milliseconds",
        ),
        ("sample {model} -o a.png --device cuda", "device 'cuda' cannot be used here .*; there are auto, cpu"),
        ("verify {model} --device cuda:1", "device 'cuda:1' cannot be used here .*; there are auto, cpu"),
        ("interpolate {model} -o a.png --device gpu", "device 'gpu' cannot be used here; there are auto, cpu"),
        ("eval {model} --device meta", "device 'meta' cannot be used here"),
        ("sample {model} -o .png", "must end in one of .png"),
        ("sample '' -o a.png", "'' is no model name"),
        ("sample 'x y' -o a.png", "'x y' is no model name"),
        ("sample a/b/c -o a.png", "'a/b/c' is no model name"),
        ("sample hf://bad -o a.png", "'hf://bad' is malformed; write hf://org/repo"),
        ("sample hf:// -o a.png", "malformed"),
        ("sample hf://a/../b -o a.png", "malformed"),
        ("sample hf://a/b@c@d -o a.png", "malformed"),
        ("verify hf://bad", "malformed"),
        ("info ''", "'' is no model name"),
        ("interpolate {model} -o a.png --steps 1", "steps is 1; it must be a whole number from 2"),
        ("interpolate {model} -o a.png --steps 0", "steps is 0"),
        ("interpolate {model} -o a.png --steps 1000000000", "do not fit in one picture"),
        ("interpolate {model} -o a.png --rows 0", "--rows is 0; it must be a whole number from 1"),
        ("interpolate {model} -o a.png --rows -1", "--rows is -1"),
        ("interpolate {model} -o a.png --rows 1001", "--rows is 1001"),
        ("interpolate {model} -o a.png --scale 0", "scale is -?[02]; it must be a whole number from 1"),
        ("interpolate {model} -o a.png --seed -1", "seed is -1"),
        ("interpolate {model} -o a.tiff", "must end in one of .png"),
        ("eval {model} --samples x", "invalid int value"),
        ("train tiny.toml --threads 0", "--threads is 0; it must be a whole number from 1 to 1024"),
        ("train tiny.toml --threads -1", "--threads is -1"),
        ("train tiny.toml --threads 1000000", "--threads is 1000000"),
        ("train tiny.toml --set examples", "write KEY=VALUE"),
        ("train tiny.toml --set =3", "write KEY=VALUE"),
        ("train tiny.toml --set frob.nicate=3", "config.KEY=VALUE or settings.KEY=VALUE or doctor.KEY=VALUE"),
        ("train tiny.toml --set settings.=3", "write KEY=VALUE"),
        ("train tiny.toml --data images", "write images:PATH"),
        ("train tiny.toml --data ''", "--data is empty; say what is meant, or leave it out"),
        ("train tiny.toml --out ''", "--out is empty"),
        ("train tiny.toml --data shapes[", "cannot be read; write NAME"),
        ("train outside.toml", "name '../outside' cannot name a folder; give one with --out"),
        ("train tiny.toml --out {run}", "holds a run already; add --resume"),
    ],
    3: [
        ("sample dcgan-shapse -o a.png", "no model is named 'dcgan-shapse'; did you mean 'dcgan-shapes'"),
        ("sample acme/model -o a.png", "no model is named 'acme/model'"),
        ("sample dcgan-shapes -o a.png", "no published weights; train it: `zoo train dcgan-shapes`"),
        ("sample './x y' -o a.png", "there is no folder"),
        ("sample '../x y' -o a.png", "there is no folder"),
        ("sample empty/ -o a.png", "empty is an empty folder"),
        ("info dcgan-shapse", "did you mean 'dcgan-shapes'"),
        ("info ../x", "there is no folder"),
        ("verify ./nothing", "there is no folder nothing"),
        ("verify no-golden/", "golden.safetensors is missing"),
        ("interpolate dcgan-shapse -o a.png", "did you mean"),
        ("eval dcgan-shapse", "did you mean"),
        ("eval no-data/", "no dataset is named"),
        ("train missing.toml", "there is no recipe file missing.toml"),
        ("train folder.toml", "there is no recipe file folder.toml"),
        ("train dcgan-shapse", "did you mean 'dcgan-shapes'"),
        ("train tiny.toml --data shapes[circel]", "did you mean 'circle'"),
        ("train tiny.toml --data cifar11", "did you mean 'cifar10'"),
        ("train tiny.toml --data images:nothing", "nothing: no such folder or tar"),
        ("train tiny.toml --set split=validation", "no split of shapes is named 'validation'"),
        ("train tiny.toml --set architecture=dcgam", "did you mean 'dcgan'"),
        ("train tiny.toml --set trainer=nothing", "no trainer is named 'nothing'"),
        ("train tiny.toml --out nothing --resume", "nothing is no run folder"),
        ("export nothing -o out", "nothing is no run folder"),
    ],
    4: [
        ("train tiny.toml --examples 0", "examples = 0 is not allowed; it takes a whole number from 1"),
        ("train tiny.toml --examples -5", "examples = -5"),
        ("train tiny.toml --set seed=-1", "seed = -1"),
        ("train tiny.toml --set batch_size=1", "batch_size = 1"),
        ("train tiny.toml --set batch_size=5000", "fewer than .* 5000"),
        ("train tiny.toml --set frobnicate=1", "unknown key 'frobnicate'"),
        ("train tiny.toml --set config.latent=1", "unknown key 'latent'; did you mean 'latent_size'"),
        ("train tiny.toml --set settings.los=hinge", "unknown key 'los'; did you mean 'loss'"),
        ("train tiny.toml --set config=3", "config = 3"),
        ("train tiny.toml --set config.generator_widths=[-1]", "a list of a whole number from 1 to 1024"),
        ("train tiny.toml --set config.generator_widths=[1000000000]", "a list of a whole number from 1 to 1024"),
        ("train tiny.toml --set config.generator_widths=[]", "generator_widths = "),
        ("train tiny.toml --set config.image_size=9", "not a power of two"),
        ("train tiny.toml --set preset=nothing", "no preset 'nothing'"),
        ("train tiny.toml --set settings.loss=hingee", "'non_saturating' or 'minimax' or 'hinge'"),
        ("train tiny.toml --set settings.generator_lr=nan", "generator_lr = "),
        ("train bad.toml", "bad.toml is no TOML: .*line 2"),
        ("train bytes.toml", "bytes.toml is no UTF-8 text"),
        ("train unknown.toml", "unknown key 'architekture'; did you mean 'architecture'"),
        ("train tiny.toml --data images:texts", "texts"),
        ("train tiny.toml --data images:fakes", "fakes"),
        ("train tiny.toml --data images:tiny.toml", "tiny.toml: cannot be read as a tar"),
        ("train tiny.toml --out {run} --resume --set seed=9", r"holds another run \(seed: 0 -> 9\)"),
        ("sample no-json/ -o a.png", "config.json is no JSON"),
        ("sample no-json/ -o a.png --seed 3", "config.json is no JSON"),
        ("sample cut/ -o a.png", "model.safetensors"),
        ("sample pickled/ -o a.png", "model.safetensors is no safetensors file"),
        ("verify pickled/", "model.safetensors is no safetensors file"),
        ("sample other/ -o a.png", "model.safetensors: .*the architecture needs"),
    ],
    6: [
        ("verify altered/", "golden samples differ by"),
        ("export damaged -o out", "every checkpoint in damaged/checkpoints is damaged"),
        ("train tiny.toml --out damaged --resume", "every checkpoint in damaged/checkpoints is damaged"),
    ],
    7: [
        (
            "sample {model} -n 1 -o nothing/a.png",
            "cannot write nothing/a.png: there is no folder nothing; make",
        ),
        ("sample {model} -n 1 -o tiny.toml/a.png", "cannot write tiny.toml/a.png: there is no folder tiny.toml"),
        (
            "manifold {model} -o folder.png",
            "cannot write folder.png: it is a folder; name a file in it",
        ),
        ("interpolate {model} -o nothing/a.png", "cannot write nothing/a.png"),
        ("sample {model} -n 1 -o nothing/new/", "cannot write nothing/new: there is no folder nothing; make it first"),
        ("sample {model} -n 1 -o tiny.toml/", "cannot write tiny.toml/: tiny.toml is a file; name another folder"),
        ("train tiny.toml --out tiny.toml", "cannot write into tiny.toml"),
        ("train tiny.toml --out tiny.toml/run", "cannot write into tiny.toml/run"),
        ("export {run} -o texts", "texts exists and is not empty"),
        ("export {run} -o tiny.toml", "cannot write tiny.toml"),
        ("export {run} -o tiny.toml/out", "cannot write tiny.toml/out"),
    ],
}
CASES = [(code, command, says) for code, cases in FAILURES.items() for command, says in cases]


@pytest.fixture
def things(here: Path, made: Path, recipe: str) -> Path:
    """Recipes, folders of pictures and weights folders that are wrong, each in its own way."""
    for name, content in {
        "bad.toml": b'name = "x"\nname == 3\n',
        "bytes.toml": b'name = "\xff\xfe"\n',
        "unknown.toml": RECIPE.replace("architecture", "architekture").encode(),
        "outside.toml": RECIPE.replace('"tiny"', '"../outside"').encode(),
    }.items():
        (here / name).write_bytes(content)
    for name in ("empty", "folder.toml", "folder.png", "texts", "fakes"):
        (here / name).mkdir()
    for index in range(3):
        (here / "texts" / f"{index}.txt").write_text("text")
        (here / "fakes" / f"{index}.png").write_text("text")
    for name in ("no-golden", "no-data", "no-json", "cut", "pickled", "other", "altered"):
        shutil.copytree(made / "tiny", here / name)
    (here / "no-golden/golden.safetensors").unlink()
    change(here / "no-data/config.json", lambda data: data["data"].update(name="nothing"))
    (here / "no-json/config.json").write_text('{"format": 1')
    os.truncate(here / "cut/model.safetensors", 1000)
    (here / "pickled/model.safetensors").write_bytes(pickle.dumps({"generator.head.bias": [0.0]}))
    change(here / "other/config.json", lambda data: data["config"].update(latent_size=5))
    content = bytearray((here / "altered/model.safetensors").read_bytes())
    content[-3:] = bytes([content[-3] ^ 0x40, 0x80, 0x3F])
    (here / "altered/model.safetensors").write_bytes(content)
    shutil.copytree(made / "run", here / "damaged")
    for path in (here / "damaged" / "checkpoints").rglob("state.safetensors"):
        os.truncate(path, 100)
    return here


@pytest.mark.parametrize(("code", "command", "says"), CASES, ids=[f"{code} {text}" for code, text, _ in CASES])
def test_a_failure_is_one_line_and_its_exit_code(
    code: int, command: str, says: str, run: Run, made: Path, things: Path
) -> None:
    """Each failure gives its exit code and one line that says what is wrong; no file appears, changes or goes."""
    before, ready = listing(things), listing(made)
    argv = shlex.split(command.format(model=made / "tiny", run=made / "run"))
    found, out, err = run(*argv)
    assert found == code, err
    *skipped, line = err.splitlines()
    assert all(text.startswith("zoo: skipped: ") for text in skipped)
    assert re.match(rf"zoo: .*{says}", line), line
    assert "Traceback" not in err
    assert out == "" or (argv[0] == "verify" and "False" in out)  # its report says which model failed
    assert listing(things) == before
    assert listing(made) == ready


def test_a_failed_command_succeeds_when_the_fault_is_gone(run: Run, recipe: str, here: Path, model: str) -> None:
    """After a failure the same command works once its cause is gone, with nothing to clean up."""
    assert run("sample", model, "-n", "1", "-o", "new/a.png")[0] == 7
    (here / "new").mkdir()
    assert run("sample", model, "-n", "1", "-o", "new/a.png")[0] == 0
    assert run("train", recipe, "--data", "images:photos")[0] == 3
    (here / "photos").mkdir()
    assert run("train", recipe, "--data", "images:photos")[0] == 4
    for index in range(8):
        Image.new("RGB", (8, 8), (index * 30, 0, 0)).save(here / "photos" / f"{index}.png")
    assert run("train", recipe, "--data", "images:photos")[0] == 0


def test_the_network_is_exit_code_5(run: Run, here: Path) -> None:
    """A Hub that cannot be reached is exit code 5, in one line that names it and a model that needs no network."""
    code, out, err = run("sample", "hf://org/repo", "-o", "a.png")
    assert (code, out) == (5, "")
    assert re.match(r"zoo: https://huggingface\.co cannot be reached .*'dcgan-cifar-frog' is bundled", err)
    assert err.count("\n") == 1
    assert list(here.iterdir()) == []


def test_memory_that_is_not_there_is_one_line(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system has no memory for what was asked, it is exit code 7 and a line that says what to do."""
    import torch

    from zoo.nn.gan import GAN

    def greedy(*_: object, **__: object) -> object:
        return torch.empty(2**56)

    monkeypatch.setattr(GAN, "sample", greedy)
    code, _, err = run("sample", model, "-o", "a.png")
    assert (code, err) == (7, "zoo: out of memory; ask for fewer samples, a smaller batch or a smaller config\n")


def test_a_fault_of_the_zoo_itself_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no announced failure keeps its traceback."""

    def faulty(arguments: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("zoo.cli.catalogue.list_names", faulty)
    with pytest.raises(RuntimeError, match="a fault"):
        run("list")
