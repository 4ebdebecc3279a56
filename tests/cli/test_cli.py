#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the command line; prints TAP.

    test_cli.py PROGRAM MODEL
"""
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import time

from harness import MODEL, PROGRAM, check_complaint, main, run
from png import chunks, read

QUICK = ["--model", MODEL, "--prompt", "a red star", "--steps", "2", "--size", "128x128", "--seed", "7"]
ENDLESS = ["--model", MODEL, "--prompt", "a red star", "--steps", "1000", "--size", "512x512"]


def test_version(folder):
    result = run(folder, "--version")
    assert result.returncode == 0 and result.stdout.startswith("hidiffusion ")


def test_help(folder):
    for command in ([], ["generate"], ["transform"], ["fill"], ["upscale"], ["models"], ["devices"], ["inspect"], ["estimate"], ["bench"]):
        result = run(folder, *command, "--help")
        assert result.returncode == 0 and result.stdout.startswith("Usage:") and result.stderr == ""
    everything = run(folder, "generate", "--help-all").stdout
    for word in ("--control-net", "--rau-net", "--precision", "--weights", "dpmpp_2m_sde", "trailing", "lightning", "bfloat16"):
        assert word in everything, word


def test_devices(folder):
    lines = run(folder, "devices").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["auto", "cpu", "cuda"]
    assert all(len(line) > 8 for line in lines)
    environment = {**os.environ, "HIDIFFUSION_CUDA_MODULE": os.path.join(folder, "none.so")}
    assert "none.so" in run(folder, "devices", env=environment).stdout
    check_complaint(run(folder, "generate", *QUICK, "--device", "cuda", env=environment), 1, "none.so")
    assert run(folder, "generate", *QUICK, "--device", "auto", "-o", "auto.png", env=environment).returncode == 0


def test_usage_errors(folder):
    check_complaint(run(folder), 2, "expected a command")
    check_complaint(run(folder, "paint"), 2, '"paint"')
    check_complaint(run(folder, "generate", "--prompt", "x"), 2, "--model")
    check_complaint(run(folder, "generate", "--model", MODEL), 2, "--prompt")
    check_complaint(run(folder, "generate", *QUICK, "left over"), 2, '"left over"')
    for option, value, part in [("--size", "10x10", "64 to 8192"), ("--size", "128", "WIDTHxHEIGHT"), ("--steps", "0", "1 to 1000"), ("--steps", "x", "whole number"),
                                ("--guidance", "nan", "0 to 100"), ("--sampler", "euler2", "euler_a"), ("--seed", "4294967296", "whole number"), ("--hidiffusion", "maybe", "auto, on, off"),
                                ("--device", "tpu", "cpu"), ("--precision", "int8", "float32"), ("--weights", "int4", "int8"), ("--threads", "-1", "whole number"), ("--unknown", "1", "--unknown"),
                                ("--memory-budget", "x", "as 8G or 6000M"), ("--memory-budget", "8T", "as 8G or 6000M"), ("--memory-budget", "-1", "as 8G or 6000M"), ("--memory-budget", "nan", "as 8G"),
                                ("--size", "64x", "WIDTHxHEIGHT"), ("--count", "0", "1 to 1000"), ("--schedule", "x", "karras"), ("--eta", "2", "0 to 1"), ("--t1", "-1", "0 to 1"),
                                ("--rau-net", "x", "auto, on, off"), ("--prediction", "x", "epsilon"), ("--distillation", "x", "turbo"), ("--clip-skip", "-1", "whole number"),
                                ("--guidance-rescale", "x", "0 to 1"), ("--lora", "x:y", "weight"), ("--lora", "x:nan", "-10 to 10"), ("--lora", ":1", "NAME"), ("--strength", "1", "--strength"),
                                ("--control-preprocessor", "x", "none, canny"), ("--control-strength", "11", "0 to 10"), ("--control-end", "x", "auto")]:
        check_complaint(run(folder, "generate", *QUICK, option, value), 2, part)
    check_complaint(run(folder, "inspect"), 2, "MODEL")
    check_complaint(run(folder, "bench", "--model", MODEL, "--what", "tokenizer"), 2, "unet")


def test_failures(folder):
    check_complaint(run(folder, "inspect", "nowhere"), 1, "nowhere")
    check_complaint(run(folder, "inspect", folder), 1, "unet")
    check_complaint(run(folder, "generate", *QUICK, "--model", "nowhere"), 1, "nowhere")
    check_complaint(run(folder, "generate", *QUICK, "--output", "no/such/folder.png"), 1, "no/such")
    check_complaint(run(folder, "generate", *QUICK, "--output", folder), 1, "found a folder")
    check_complaint(run(folder, "estimate", "--model", "nowhere"), 1, "nowhere")
    assert os.listdir(folder) == []


def test_damaged_model(folder):
    for name in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        os.makedirs(os.path.join(folder, name))
    for source in pathlib.Path(MODEL).rglob("*"):
        if source.is_file():
            target = pathlib.Path(folder) / source.relative_to(MODEL)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(source.read_bytes())
    path = next((pathlib.Path(folder) / "unet").glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-1000])
    check_complaint(run(folder, "inspect", folder), 1, str(path.name))
    check_complaint(run(folder, "generate", *QUICK, "--model", folder, "--output", "out.png"), 1, str(path.name))
    assert not os.path.exists(os.path.join(folder, "out.png"))


def test_inspect(folder):
    result = run(folder, "inspect", MODEL)
    assert result.returncode == 0 and result.stderr == ""
    for word in ("fingerprint", "unet", "vae", "text_encoder", "scheduler", "hidiffusion", "parameters", "128 x 128"):
        assert word in result.stdout, word


def test_inspect_json(folder):
    result = run(folder, "inspect", "--json", "--prediction", "v", "--distillation", "lcm", MODEL)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    told = json.loads(result.stdout)
    assert (told["family"], told["native_size"], told["layout"]) == ("Stable Diffusion 1", 128, "diffusers folder"), told
    assert (told["prediction"], told["prediction_known"], told["distillation"]) == ("v", True, "lcm"), told
    assert set(told["components"]) == {"unet", "vae", "text_encoder"}
    assert told["components"]["unet"]["dtypes"] == ["F16"] and told["components"]["unet"]["tensors"] > 600
    check_complaint(run(folder, "inspect", "--prediction", "x", MODEL), 1, "epsilon, v, sample")


def write_tensors(path, header):
    text = json.dumps(header).encode()
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text)


def test_inspect_additions(folder):
    empty = {"dtype": "F16", "shape": [0, 768], "data_offsets": [0, 0]}
    path = os.path.join(folder, "x.safetensors")
    for name, kind in [("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", "a LoRA"), ("emb_params", "a textual inversion embedding"),
                       ("decoder.mid_block.resnets.0.conv1.weight", "a VAE alone"), ("text_model.embeddings.token_embedding.weight", "a text encoder alone")]:
        write_tensors(path, {name: empty})
        result = run(folder, "inspect", path)
        assert result.returncode == 0 and kind in result.stdout, (result.stdout, result.stderr)
        assert json.loads(run(folder, "inspect", "--json", path).stdout)["kind"] == kind
    for name, kind in [("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "Stable Diffusion 3"), ("double_blocks.0.img_attn.qkv.weight", "Flux"), ("anything", "no model that is known")]:
        write_tensors(path, {name: {**empty, "shape": [0]}})
        check_complaint(run(folder, "inspect", path), 1, kind)


def test_models(folder):
    empty = {"dtype": "F16", "shape": [0, 768], "data_offsets": [0, 0]}
    home = os.path.join(folder, "home")
    environment = {**os.environ, "HOME": home, "XDG_DATA_HOME": os.path.join(home, "data"), "XDG_DATA_DIRS": "/nowhere", "HF_HOME": "/nowhere"}
    write_tensors(os.path.join(home, "data/hidiffusion/loras/mine.safetensors"), {"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": empty})
    result = run(folder, "models", "--folder", os.path.dirname(MODEL), env=environment)
    assert result.returncode == 0 and "Stable Diffusion 1\n" in result.stdout and "  demo-model" in result.stdout, result.stdout
    (entry,) = json.loads(run(folder, "models", "--kind", "loras", "--json", env=environment).stdout)
    assert (entry["name"], entry["family"]) == ("mine", "Stable Diffusion 1"), entry
    assert "No embeddings found" in run(folder, "models", "--kind", "embeddings", env=environment).stdout
    check_complaint(run(folder, "models", "--kind", "poems"), 2, "poems")


def test_estimate(folder):
    result = run(folder, "estimate", "--model", MODEL, "--size", "512x512")
    assert result.returncode == 0 and result.stderr == ""
    for word in ("memory", "TFLOP", "time"):
        assert word in result.stdout, word


def test_memory_budget(folder):
    size = ["--model", MODEL, "--size", "256x256", "--device", "cpu", "--precision", "float32"]
    told = {budget: run(folder, "estimate", *size, "--memory-budget", budget).stdout for budget in ("0", "1G", "24M", "1M")}
    assert "split" not in told["0"] and "unsplit" not in told["1G"], told
    assert re.search(r"^unsplit +[0-9.]+\sMiB\n^available +24.0\sMiB\n^split +\w", told["24M"], re.MULTILINE), told["24M"]
    assert re.search(r"^at least +[0-9.]+\sMiB", told["1M"], re.MULTILINE), told["1M"]

    picture = ["--prompt", "a red star", "--steps", "2", "--seed", "7"]
    complaint = run(folder, "generate", *size, *picture, "--memory-budget", "18M", "-o", "none.png")
    check_complaint(complaint, 1, "the budget is 18.0")
    assert "would fit" in complaint.stderr and not (pathlib.Path(folder) / "none.png").exists()

    # Above what is said to be the least: the same picture, as 8 bits show it.
    assert run(folder, "generate", *size, *picture, "-o", "whole.png").returncode == 0
    assert run(folder, "generate", *size, *picture, "--memory-budget", "0.024G", "-o", "split.png").returncode == 0
    whole, split = (read(pathlib.Path(folder) / name)[4] for name in ("whole.png", "split.png"))
    assert max(abs(a - b) for rows in zip(whole, split, strict=True) for a, b in zip(*rows, strict=True)) <= 1
    # It is a matter of the machine, and no part of the picture's settings.
    assert b"memory" not in (pathlib.Path(folder) / "split.png").read_bytes()


def test_generate(folder):
    result = run(folder, "generate", *QUICK, "--output", "out.png")
    assert result.returncode == 0 and result.stderr == "", result.stderr
    lines = result.stdout.splitlines()
    assert any(line.startswith("Step 2 of 2") for line in lines) and lines[-1].startswith("out.png: 128 x 128, seed 7")
    assert "\r" not in result.stdout and "\x1b" not in result.stdout
    found = chunks(os.path.join(folder, "out.png"))
    assert struct.unpack(">IIBB", found[0][1][:10]) == (128, 128, 8, 2)
    (text,) = [content for kind, content in found if kind == b"iTXt"]
    key, rest = text.split(b"\0", 1)
    request = json.loads(rest.split(b"\0", 4)[4])
    assert key == b"hidiffusion-request"
    assert (request["prompt"], request["seed"], request["steps"], request["width"]) == ("a red star", 7, 2, 128), request
    assert os.listdir(folder) == ["out.png"]


def test_seed(folder):
    for name in ("a.png", "b.png"):
        assert run(folder, "generate", *QUICK, "--output", name).returncode == 0
    assert run(folder, "generate", *QUICK, "--seed", "8", "--output", "c.png").returncode == 0
    a, b, c = (dict(chunks(os.path.join(folder, name)))[b"IDAT"] for name in ("a.png", "b.png", "c.png"))
    assert a == b and a != c


def test_names(folder):
    path = os.path.join(folder, "hidiffusion-0001.png")
    pathlib.Path(path).write_text("mine")
    result = run(folder, "generate", *QUICK)
    assert result.returncode == 0 and result.stdout.splitlines()[-1].startswith("hidiffusion-0002.png:")
    assert pathlib.Path(path).read_text() == "mine"
    assert run(folder, "generate", *QUICK, "--output", path).returncode == 0
    chunks(path)
    assert sorted(os.listdir(folder)) == ["hidiffusion-0001.png", "hidiffusion-0002.png"]


def test_device_file(folder):
    assert run(folder, "generate", *QUICK, "--output", "/dev/null").returncode == 0
    assert not os.path.isfile("/dev/null")


def test_interrupt(folder):
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen([PROGRAM, "generate", *ENDLESS, "--output", "out.png"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not process.stdout.readline().startswith("Step"):
            assert process.poll() is None
        start = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        took = time.monotonic() - start
        assert process.returncode == -number, process.returncode
        assert errors == "hidiffusion: Cancelled\n", errors
        assert took < 5, took
        assert os.listdir(folder) == []


def test_terminal(folder):
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ["TERM"] = "xterm"
        os.execv(PROGRAM, [PROGRAM, "generate", *QUICK, "--output", "out.png"])
    output = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        output += data
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"\rStep 2 of 2" in output and b"#" in output and b"\r\x1b[Kout.png" in output, output


def test_bench(folder):
    result = run(folder, "bench", "--model", MODEL, "--size", "256x256", "--hidiffusion", "on", "--steps", "10", "--repetitions", "1", "--json", "bench.json")
    assert result.returncode == 0 and result.stderr == "", result.stderr
    measured = json.loads((pathlib.Path(folder) / "bench.json").read_text())
    assert sum(phase["n_steps"] for phase in measured["unet"]["phases"]) == 10
    assert len(measured["unet"]["phases"]) > 1 and measured["vae"]["seconds"] > 0
    assert measured["unet"]["phases"][0]["operators"]["convolution"]["flops"] > 0
    assert measured["peak_resident_bytes"] > measured["tensor_bytes"]


if __name__ == "__main__":
    main(globals())
