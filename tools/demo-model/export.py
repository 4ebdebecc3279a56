#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the model folder in diffusers' layout, float16, from the checkpoints of the training.

    export.py FOLDER MODEL_DIR
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file

import configs
import vocabulary
from train_unet import SCALE, fold_scale

RATIOS = {"schema_version": 1, "normal": {"d4": 0.9, "p2": 0.0}, "large": {"d4": 1.0, "p2": 0.9}}


def write_json(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")


def write_tensors(path, tensors):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    half = {k: v.to(torch.float16).contiguous() for k, v in sorted(tensors.items())}
    bad = [k for k, v in half.items() if not v.isfinite().all()]
    if bad:
        raise SystemExit(f"export: not finite in float16: {', '.join(bad)}")
    save_file(half, path, metadata={"format": "pt"})


def autoencoder(folder):
    """The autoencoder's weights with the latents' scale folded in, with the decoder trained last."""
    data = torch.load(os.path.join(folder, "latents.pt"), weights_only=False)
    path = os.path.join(folder, "vae-decoder.pt")
    if not os.path.exists(path):
        return data["vae"]
    state = {k: v.clone() for k, v in torch.load(path, weights_only=False)["ema"].items()}
    fold_scale(state, data["mean"], data["std"])
    return state


def export(folder, target):
    vocab = vocabulary.vocabulary()
    trained = torch.load(os.path.join(folder, "unet.pt"), weights_only=False)["ema"]
    part = lambda prefix: {k[len(prefix):]: v for k, v in trained.items() if k.startswith(prefix)}
    write_json(f"{target}/model_index.json", configs.MODEL_INDEX)
    write_json(f"{target}/hidiffusion.json", RATIOS)
    write_json(f"{target}/scheduler/scheduler_config.json", configs.SCHEDULER)
    write_json(f"{target}/unet/config.json", configs.UNET)
    write_tensors(f"{target}/unet/diffusion_pytorch_model.safetensors", part("unet."))
    write_json(f"{target}/vae/config.json", dict(configs.VAE, scaling_factor=SCALE))
    write_tensors(f"{target}/vae/diffusion_pytorch_model.safetensors", autoencoder(folder))
    end = vocab[vocabulary.END]
    write_json(f"{target}/text_encoder/config.json", dict(configs.TEXT, vocab_size=len(vocab), bos_token_id=vocab[vocabulary.START], eos_token_id=end, pad_token_id=end))
    write_tensors(f"{target}/text_encoder/model.safetensors", part("text."))
    write_json(f"{target}/tokenizer/vocab.json", vocab)
    with open(f"{target}/tokenizer/merges.txt", "w", encoding="utf-8") as file:
        file.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in vocabulary.merges()))
    token = lambda text: {"content": text, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    start, stop = token(vocabulary.START), token(vocabulary.END)
    write_json(f"{target}/tokenizer/special_tokens_map.json", {"bos_token": start, "eos_token": stop, "pad_token": vocabulary.END, "unk_token": stop})
    write_json(f"{target}/tokenizer/tokenizer_config.json", {
        "add_prefix_space": False, "bos_token": dict(start, __type="AddedToken"), "clean_up_tokenization_spaces": False, "do_lower_case": True, "eos_token": dict(stop, __type="AddedToken"),
        "errors": "replace", "model_max_length": vocabulary.LENGTH, "pad_token": vocabulary.END, "tokenizer_class": "CLIPTokenizer", "unk_token": dict(stop, __type="AddedToken")})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    export(sys.argv[1], sys.argv[2])
