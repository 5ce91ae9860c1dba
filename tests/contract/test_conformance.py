"""The zoo's own plugins keep what the conformance kit asks of everybody's."""

from __future__ import annotations

from zoo.testing import conformance

test_gan = conformance("zoo_gan")
test_vae = conformance("zoo_vae")
test_images = conformance("zoo_images")
test_trainers = conformance("training")
test_families = conformance("nn")
test_pictures = conformance("images")
test_sequences = conformance("sequences")
test_evaluation = conformance("evaluation")
test_text = conformance("zoo_text")
test_music = conformance("zoo_music")
test_audio = conformance("zoo_audio")
test_diffusers = conformance("zoo_diffusers")
test_dream = conformance("zoo_dream")
test_gallery = conformance("zoo_gallery")
