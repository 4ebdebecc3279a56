#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the command line's tasks: pictures from prompts and from pictures, several, again; prints TAP.

    test_tasks.py PROGRAM MODEL
"""
import json
import os
import pathlib
import pty
import struct

import png
from harness import MODEL, PROGRAM, check_complaint, check_success, main, run

PICTURES = pathlib.Path(__file__).resolve().parent.parent / "unit" / "pictures"
SIDE = 128
QUICK = ["--model", MODEL, "--steps", "4", "--seed", "7"]
PROMPT = ["--prompt", "a red heart on a sky background"]


def request(folder, name):
    (text,) = [content for kind, content in png.chunks(os.path.join(folder, name)) if kind == b"iTXt"]
    key, rest = text.split(b"\0", 1)
    assert key == b"hidiffusion-request"
    return json.loads(rest.split(b"\0", 4)[4])


def content(folder, name):
    return (pathlib.Path(folder) / name).read_bytes()


def pixels(folder, name):
    width, height, _, colour, rows = png.read(os.path.join(folder, name))
    step = png.CHANNELS[colour]
    return width, height, [row[x * step:x * step + step] for row in rows for x in range(width)]


def distance(a, b):
    """The mean difference of two pictures' samples."""
    assert a[:2] == b[:2]
    return sum(abs(p - q) for one, other in zip(a[2], b[2]) for p, q in zip(one, other)) / len(a[2]) / 3


def make_picture(folder):
    check_success(run(folder, "generate", *QUICK, *PROMPT, "--steps", "12", "--output", "heart.png"))
    return os.path.join(folder, "heart.png")


def write_gray(folder, name, value, width=SIDE, height=SIDE):
    png.write(os.path.join(folder, name), width, height, lambda x, y: [value (x, y)], png.GRAY)


def test_generate_defaults(folder):
    check_success(run(folder, "generate", "--model", MODEL, *PROMPT, "--seed", "1", "--output", "out.png"))
    used = request(folder, "out.png")
    assert (used["task"], used["width"], used["height"], used["steps"], used["guidance_scale"]) == ("generate", 128, 128, 25, 7.5), used
    assert used["sampler"] != "auto" and used["model"] == "demo-model"


def test_short_options(folder):
    check_success(run(folder, "generate", "-m", MODEL, "-p", "a red star", "-n", "blue", "-s", "64x128", "-g", "3", "-c", "1", "-t", "1", "-d", "cpu", "--steps", "1", "-o", "out.png"))
    used = request(folder, "out.png")
    assert (used["prompt"], used["negative_prompt"], used["width"], used["height"], used["guidance_scale"]) == ("a red star", "blue", 64, 128, 3), used


def test_samplers(folder):
    seen = set()
    for name in ("ddim", "euler", "euler_a", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "lcm"):
        check_success(run(folder, "generate", *QUICK, *PROMPT, "--size", "64x64", "--sampler", name, "--schedule", "karras" if name == "heun" else "auto", "--output", "out.png"))
        seen.add(str(pixels(folder, "out.png")))
        assert request(folder, "out.png")["sampler"] == name
    assert len(seen) == 8


def test_expert_options(folder):
    options = {"schedule": "trailing", "eta": 0.5, "guidance_rescale": 0.25, "clip_skip": 2, "rau_net": "on", "msw_msa": "off", "t1": 0.5, "t2": 0.25, "prediction": "v", "distillation": "none",
               "precision": "float32", "hidiffusion": "on"}
    arguments = [part for name, value in options.items() for part in ("--" + name.replace("_", "-"), str(value))]
    check_success(run(folder, "generate", *QUICK, *PROMPT, "--sampler", "ddim", *arguments, "--output", "out.png"))
    used = request(folder, "out.png")
    assert all(used[name] == value for name, value in options.items()), used


def test_count(folder):
    lines = check_success(run(folder, "generate", *QUICK, *PROMPT, "--count", "3", "--output", "out.png"))
    assert [line.split(", in")[0] for line in lines if line.startswith("out")] == [f"out-{i}.png: 128 x 128, seed {6 + i}" for i in (1, 2, 3)], lines
    assert any(line.startswith("Picture 2 of 3, step 4 of 4: ") for line in lines) and any(line.startswith("Picture 3 of 3, decoding") for line in lines)
    assert sorted(os.listdir(folder)) == ["out-1.png", "out-2.png", "out-3.png"]
    assert [request(folder, f"out-{i}.png")["seed"] for i in (1, 2, 3)] == [7, 8, 9]
    check_success(run(folder, "generate", *QUICK, *PROMPT, "--seed", "8", "--output", "out.png"))
    assert content(folder, "out.png") == content(folder, "out-2.png")


def test_count_names(folder):
    pathlib.Path(folder, "hidiffusion-0002.png").write_text("mine")
    check_success(run(folder, "generate", *QUICK, *PROMPT, "--steps", "1", "--size", "64x64", "--count", "2"))
    assert sorted(os.listdir(folder)) == ["hidiffusion-0001.png", "hidiffusion-0002.png", "hidiffusion-0003.png"] and content(folder, "hidiffusion-0002.png") == b"mine"
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    check_success(run(folder, "generate", *QUICK, *PROMPT, "--steps", "1", "--size", "64x64", "--count", "10", "--output", "a.b"))
    assert sorted(os.listdir(folder)) == [f"a.b-{i:02}" for i in range(1, 11)]
    os.mkdir(os.path.join(folder, "c-2.png"))
    check_complaint(run(folder, "generate", *QUICK, *PROMPT, "--count", "2", "--output", "c.png"), 1, "c-2.png: expected the name of a file")


def test_count_terminal(folder):
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ["TERM"] = "xterm"
        os.execv(PROGRAM, [PROGRAM, "generate", *QUICK, *PROMPT, "--count", "2", "--output", "out.png"])
    output = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        output += data
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"\rPicture 2 of 2, step 4 of 4" in output and b"\r\x1b[Kout-1.png" in output and b"\r\x1b[Kout-2.png" in output, output


def test_again(folder):
    home = ["--folder", os.path.dirname(MODEL)]
    make_picture(folder)
    check_success(run(folder, "generate", "--again", "heart.png", *home, "--output", "again.png"))
    assert content(folder, "again.png") == content(folder, "heart.png")
    check_success(run(folder, "generate", "--again", "heart.png", "--seed", "8", "--steps", "4", "--model", MODEL, "--count", "2", "--output", "other.png"))
    used = request(folder, "other-2.png")
    assert (used["seed"], used["steps"], used["prompt"]) == (9, 4, PROMPT[1])
    for task, arguments in (("upscale", ["--scale", "1.5"]), ("transform", []), ("fill", ["--mask", "heart.png"])):
        check_success(run(folder, task, "heart.png", *QUICK, *PROMPT, *arguments, "--output", "out.png"))
        again = [argument for argument in arguments if task == "fill"]
        check_success(run(folder, task, "heart.png", "--again", "out.png", *home, *again, "--output", "again.png"))
        assert content(folder, "again.png") == content(folder, "out.png"), task
    check_complaint(run(folder, "generate", "--again", "out.png", *home), 1, 'found one by "fill"')


def test_again_errors(folder):
    empty = os.path.join(folder, "home")
    environment = {**os.environ, "HOME": empty, "XDG_DATA_HOME": empty, "XDG_DATA_DIRS": "/nowhere", "HF_HOME": "/nowhere"}
    write_gray(folder, "gray.png", lambda x, y: 0)
    check_complaint(run(folder, "generate", "--again", "gray.png"), 1, "gray.png: expected a picture with the settings")
    check_complaint(run(folder, "generate", "--again", "nowhere.png"), 1, "nowhere.png")
    good = {"schema_version": 2, "prompt": "x", "steps": 1, "model": "demo-model", "model_hash": "123"}
    for text, part in (("{", "text.png"), ("[]", "text.png"), ("{}", "--model"), ('{"schema_version": 99}', "99"), ('{"steps": "x"}', "steps"), ('{"task": "sing"}', "sing"), ("\xff", "text.png"),
                       (json.dumps({**good, "model": "nothing"}), "nothing"), (json.dumps(good), "another one of this name"), (json.dumps({**good, "steps": -5, "model_hash": None}), "steps")):
        # libpng would refuse this chunk's text in no other encoding than the one that it has.
        text = b"hidiffusion-request\0\0\0\0\0" + text.encode("latin-1")
        png.write(os.path.join(folder, "text.png"), 8, 8, lambda x, y: [0], png.GRAY, after=[(b"iTXt", text)])
        result = run(folder, "generate", "--again", "text.png", "--folder", os.path.dirname(MODEL), env=environment)
        check_complaint(result, result.returncode, part)
        assert result.returncode in (1, 2)
    png.write(os.path.join(folder, "text.png"), 8, 8, lambda x, y: [0], png.GRAY, after=[(b"iTXt", b"hidiffusion-request\0\0\0\0\0" + json.dumps(good).encode())])
    check_success(run(folder, "generate", "--again", "text.png", "--model", MODEL, "--output", "out.png"))
    assert request(folder, "out.png")["model_hash"] != "123"


def text_of(folder, name, kind, key):
    """The text of a picture's only chunk of that kind and key."""
    (text,) = [content for found, content in png.chunks(os.path.join(folder, name)) if found == kind and content.startswith(key + b"\0")]
    return text[len(key) + 1:]


def test_parameters(folder):
    """What other programs read: Latin-1 in tEXt, anything more in iTXt."""
    small = [*QUICK, "--steps", "1", "--size", "64x64", "--negative", "fog, \xe9", "--output", "out.png"]
    check_success(run(folder, "generate", *small, "--prompt", "a caf\xe9"))
    lines = text_of(folder, "out.png", b"tEXt", b"parameters").decode("latin-1").split("\n")
    assert lines[:2] == ["a caf\xe9", "Negative prompt: fog, \xe9"], lines
    values = dict(part.split(": ", 1) for part in lines[2].split(", "))
    assert {"Steps": "1", "Seed": "7", "Size": "64x64", "Model": "demo-model"}.items() <= values.items(), values
    assert values["Version"].startswith("HiDiffusion for GIMP "), values
    check_success(run(folder, "generate", *small, "--prompt", "\u6d77 \U0001f30a"))
    assert text_of(folder, "out.png", b"iTXt", b"parameters").decode().startswith("\0\0\0\0\u6d77 \U0001f30a\nNegative prompt: ")


def test_no_metadata(folder):
    check_success(run(folder, "generate", *QUICK, "--prompt", "a secret", "--steps", "1", "--size", "64x64", "--no-metadata", "--output", "out.png"))
    assert b"secret" not in content(folder, "out.png") and b"demo" not in content(folder, "out.png")
    check_complaint(run(folder, "generate", "--again", "out.png"), 1, "out.png: expected a picture with the settings")
    check_complaint(run(folder, "estimate", "--no-metadata"), 2, "no-metadata")


def test_again_from_others(folder):
    """Pictures of Automatic1111's program: their settings count, and what is not known here is told."""
    small = ["--model", MODEL, "--size", "64x64", "--steps", "1", "--output", "out.png"]
    for name in ("plain.png", "packed.png", "plain.jpg", "plain.webp"):
        check_success(run(folder, "generate", "--again", str(PICTURES / name), *small))
        used = request(folder, "out.png")
        assert (used["prompt"], used["negative_prompt"]) == ("a hut by the sea, (dawn:1.2)", "blurry, caf\xe9"), used
        assert (used["seed"], used["sampler"], used["schedule"], used["clip_skip"], used["model"]) == (1234, "dpmpp_2m", "karras", 2, "demo-model"), used
    result = run(folder, "generate", "--again", str(PICTURES / "wide.jpg"), "--seed", "3", *small)
    assert result.returncode == 0 and result.stderr.endswith("wide.jpg: not taken over: Seed: 4294967295\n"), result
    check_complaint(run(folder, "generate", "--again", str(PICTURES / "plain.png"), "--folder", folder), 1, '"v1-5-pruned-emaonly"')

    # What a program of ours wrote for others is enough, for any task.
    make_picture(folder)
    chunks = [(kind, text) for kind, text in png.chunks(os.path.join(folder, "heart.png")) if kind != b"iTXt"]
    (pathlib.Path(folder) / "bare.png").write_bytes(png.SIGNATURE + b"".join(png.chunk(*one) for one in chunks))
    check_success(run(folder, "generate", "--again", "bare.png", "--folder", os.path.dirname(MODEL), "--output", "again.png"))
    assert pixels(folder, "again.png") == pixels(folder, "heart.png")
    check_success(run(folder, "transform", "heart.png", "--again", "bare.png", "--steps", "2", "--folder", os.path.dirname(MODEL), "--output", "again.png"))


def test_again_shows_no_control_characters(folder):
    """What a file says is shown; a terminal does not obey it."""
    for text in ("a\nSteps: 1, Hires upscale: \x1b[2J\x9b2J\x07", "a\nSteps: 1, \x1b]0;x: \x1b[31m" + "y" * 5000):
        png.write(os.path.join(folder, "text.png"), 8, 8, lambda x, y: [0], png.GRAY, after=[(b"tEXt", b"parameters\0" + text.encode("latin-1"))])
        result = run(folder, "generate", "--again", "text.png", "--model", MODEL, "--size", "64x64", "--output", "out.png")
        assert result.returncode == 0 and "not taken over" in result.stderr and len(result.stderr) < 500, result
        assert not any(ord(letter) < 32 and letter != "\n" or 127 <= ord(letter) < 160 for letter in result.stderr), result.stderr
    damaged = b"hidiffusion-request\0\0\0\0\0" + json.dumps({"sampler": "\x1b[2J\x9b"}).encode()
    png.write(os.path.join(folder, "text.png"), 8, 8, lambda x, y: [0], png.GRAY, after=[(b"iTXt", damaged)])
    result = run(folder, "generate", "--again", "text.png", "--model", MODEL)
    check_complaint(result, 1, "sampler")
    assert "\x1b" not in result.stderr and "\x9b" not in result.stderr


def test_names(folder):
    check_success(run(folder, "generate", *QUICK, *PROMPT, "--model", "demo-model", "--folder", os.path.dirname(MODEL), "--output", "out.png"))
    check_complaint(run(folder, "generate", *QUICK, *PROMPT, "--model", "demo-motel", "--folder", os.path.dirname(MODEL)), 1, '"demo-motel"')


def test_transform(folder):
    make_picture(folder)
    first = pixels(folder, "heart.png")
    distances = []
    for strength in ("0.25", "0.5", "1"):
        check_success(run(folder, "transform", "heart.png", *QUICK, "--prompt", "a yellow heart on a night background", "--strength", strength, "--steps", "12", "--output", "out.png"))
        distances.append(distance(first, pixels(folder, "out.png")))
    assert distances[0] < distances[1] < distances[2] and distances[0] < 50 < 100 < distances[2], distances
    used = request(folder, "out.png")
    assert (used["task"], used["width"], used["strength"]) == ("transform", 128, 1), used
    check_success(run(folder, "transform", "heart.png", *QUICK, *PROMPT, "--size", "192x128", "--output", "out.png"))
    assert pixels(folder, "out.png")[:2] == (192, 128) and request(folder, "out.png")["strength"] == 0.75


def test_transform_alpha(folder):
    """Transparency is kept, and so is the depth of 16 bits."""
    png.write(os.path.join(folder, "in.png"), SIDE, SIDE, lambda x, y: (x * 512, y * 512, 9, 65535 if x < 64 else 4660), png.RGBA, 16)
    check_success(run(folder, "transform", "in.png", *QUICK, *PROMPT, "--output", "out.png"))
    width, _, depth, colour, rows = png.read(os.path.join(folder, "out.png"))
    assert (depth, colour) == (16, png.RGBA)
    assert all(row[x * 4 + 3] == (65535 if x < 64 else 4660) for row in rows for x in range(width))


def test_fill(folder):
    """Through a soft mask; outside of it nothing changes, bit for bit."""
    make_picture(folder)
    write_gray(folder, "mask.png", lambda x, y: max(0, min(255, 16 * (40 - abs(x - 64) - abs(y - 64)))))
    check_success(run(folder, "fill", "heart.png", "--mask", "mask.png", *QUICK, "--prompt", "a yellow star on a sky background", "--output", "out.png"))
    before, after, mask = pixels(folder, "heart.png"), pixels(folder, "out.png"), pixels_of_mask(folder)
    assert all(a == b for a, b, m in zip(before[2], after[2], mask) if m == 0)
    assert sum(a != b for a, b, m in zip(before[2], after[2], mask) if m == 255) > 1000
    used = request(folder, "out.png")
    assert (used["task"], used["strength"]) == ("fill", 1), used

    # Where the mask is thin, less changes than where it is full.
    thin, full = ([abs(a[0] - b[0]) for a, b, m in zip(before[2], after[2], mask) if low < m < high] for low, high in ((0, 40), (200, 256)))
    assert sum(thin) / len(thin) < sum(full) / len(full) / 2


def pixels_of_mask(folder):
    return [max(0, min(255, 16 * (40 - abs(x - 64) - abs(y - 64)))) for y in range(SIDE) for x in range(SIDE)]


def test_fill_large(folder):
    """Of a large picture only a part is looked at; the whole is written."""
    png.write(os.path.join(folder, "in.png"), 700, 300, lambda x, y: (x % 256, y % 256, (x * y) % 256))
    write_gray(folder, "mask.png", lambda x, y: 255 if 600 < x < 640 and 10 < y < 40 else 0, 700, 300)
    check_success(run(folder, "fill", "in.png", "--mask", "mask.png", *QUICK, "--count", "2", "--output", "out.png"))
    before, after = pixels(folder, "in.png"), pixels(folder, "out-2.png")
    changed = [(i % 700, i // 700) for i, (a, b) in enumerate(zip(before[2], after[2])) if a != b]
    assert len(changed) > 500 and all(600 < x < 640 and 10 < y < 40 for x, y in changed)
    assert request(folder, "out-2.png")["width"] == 128


def test_fill_errors(folder):
    make_picture(folder)
    write_gray(folder, "small.png", lambda x, y: 255, 64, 64)
    write_gray(folder, "empty.png", lambda x, y: 0)
    check_complaint(run(folder, "fill", "heart.png", *QUICK), 2, "--mask")
    check_complaint(run(folder, "fill", *QUICK), 2, "INPUT.png")
    check_complaint(run(folder, "fill", "heart.png", "--mask", "small.png", *QUICK), 1, "small.png: expected the picture's size, 128 x 128, found 64 x 64")
    check_complaint(run(folder, "fill", "heart.png", "--mask", "empty.png", *QUICK), 1, "mask")
    check_complaint(run(folder, "fill", "heart.png", "--mask", "nowhere.png", *QUICK), 1, "nowhere.png")


def test_upscale(folder):
    make_picture(folder)
    check_success(run(folder, "upscale", "heart.png", *QUICK, "--output", "out.png"))
    assert pixels(folder, "out.png")[:2] == (256, 256) and request(folder, "out.png")["strength"] == 0.35
    check_success(run(folder, "upscale", "heart.png", *QUICK, *PROMPT, "--scale", "4", "--output", "out.png"))
    width, height, large = pixels(folder, "out.png")
    assert (width, height) == (512, 512)
    small = pixels(folder, "heart.png")[2]
    means = [sum(large[(4 * y + 1) * width + 4 * x + 1][0] - small[y * SIDE + x][0] for x in range(SIDE)) / SIDE for y in range(SIDE)]
    assert max(abs(mean) for mean in means) < 60 and abs(sum(means)) / SIDE < 20, means
    check_success(run(folder, "upscale", "heart.png", *QUICK, "--size", "200x136", "--output", "out.png"))
    assert pixels(folder, "out.png")[:2] == (200, 136)


def test_upscale_errors(folder):
    write_gray(folder, "in.png", lambda x, y: 99)
    for scale in ("0", "0.5", "5", "-2", "x"):
        check_complaint(run(folder, "upscale", "in.png", *QUICK, "--scale", scale), 2, "scale" if scale != "x" else "x")
    check_complaint(run(folder, "upscale", "in.png", *QUICK, "--scale", "2", "--size", "256x256"), 2, "both")
    write_gray(folder, "thin.png", lambda x, y: 99, 3000, 8)
    check_complaint(run(folder, "upscale", "thin.png", *QUICK, "--scale", "4"), 2, "expected 64 to 8192")
    check_complaint(run(folder, "transform", "in.png", *QUICK, "--scale", "2", *PROMPT), 2, "--scale")
    check_complaint(run(folder, "transform", "in.png", *QUICK), 2, "--prompt")
    check_complaint(run(folder, "transform", *QUICK, *PROMPT), 2, "INPUT.png")


def test_estimate(folder):
    write_gray(folder, "in.png", lambda x, y: 99)
    lines = check_success(run(folder, "estimate", "upscale", "in.png", "--scale", "4", "--model", MODEL, "--count", "3"))
    assert "512 x 512" in lines[0] and lines[-1].startswith("3 pictures"), lines
    check_success(run(folder, "estimate", "fill", "in.png", "--mask", "in.png", "--model", MODEL))
    check_complaint(run(folder, "estimate", "sing", "--model", MODEL), 2, "generate, transform, fill, upscale")
    check_complaint(run(folder, "estimate", "fill", "--model", MODEL), 2, "picture to start from")


def read_tensors(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    return {name: (entry["shape"], data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]) for name, entry in header.items() if name != "__metadata__"}


def write_tensors(path, tensors):
    """Of float16."""
    header, at = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values()))


def constant(value, *shape):
    count = 1
    for side in shape:
        count *= side
    return list(shape), struct.pack("<e", value) * count


def test_loras(folder):
    layer = "lora_unet_up_blocks_3_attentions_1_transformer_blocks_0_attn2_to_v"
    path = os.path.join(folder, "loras", "mine.safetensors")
    write_tensors(path, {layer + ".lora_down.weight": constant(0.5, 2, 64), layer + ".lora_up.weight": constant(0.5, 32, 2)})
    home = ["--folder", os.path.dirname(path)]
    small = [*QUICK, *PROMPT, "--size", "64x64"]
    made = {}
    for name, arguments in {"none": [], "file": ["--lora", path], "name": ["--lora", "mine:1", *home], "half": ["--lora", path + ":0.5"], "zero": ["-l", "mine:0", *home],
                            "twice": ["--lora", "mine:0.25", "--lora", path + ":0.25", *home], "prompt": ["--prompt", PROMPT[1] + "<lora:mine:0.5>", *home]}.items():
        check_success(run(folder, "generate", *small, *arguments, "--output", name + ".png"))
        made[name] = pixels(folder, name + ".png")
    assert made["file"] == made["name"] != made["none"] == made["zero"]
    assert made["half"] == made["prompt"] and made["half"] not in (made["none"], made["file"])
    assert distance(made["twice"], made["half"]) < 1
    assert request(folder, "half.png")["loras"] == [{"name": "mine", "weight": 0.5}]
    check_success(run(folder, "generate", "--again", "half.png", "--model", MODEL, *home, "--output", "again.png"))
    assert content(folder, "again.png") == content(folder, "half.png")
    check_success(run(folder, "generate", "--again", "half.png", "--model", MODEL, "--lora", path, "--output", "again.png"))
    assert pixels(folder, "again.png") == made["file"]

    check_complaint(run(folder, "generate", *small, "--lora", "nine", *home), 1, "mine")
    check_complaint(run(folder, "generate", *small, "--lora", "nowhere.safetensors:2"), 1, "nowhere")
    write_tensors(path, {layer + ".lora_down.weight": constant(0.5, 2, 96), layer + ".lora_up.weight": constant(0.5, 32, 2)})
    check_complaint(run(folder, "generate", *small, "--lora", path), 1, "mine.safetensors")
    pathlib.Path(path).write_text("no LoRA")
    check_complaint(run(folder, "generate", *small, "--lora", path), 1, "mine.safetensors")


def write_control_net(path, value):
    """The demo model's own reading half, with constant ways in and out."""
    tensors = {name: one for name, one in read_tensors(next(pathlib.Path(MODEL, "unet").glob("*.safetensors"))).items() if name.startswith(("conv_in.", "time_embedding.", "down_blocks.", "mid_block."))}
    ways = [("controlnet_cond_embedding.conv_in", (16, 3, 3, 3))]
    for i, (before, after) in enumerate(((16, 16), (16, 32), (32, 32), (32, 96), (96, 96), (96, 256))):
        ways.append((f"controlnet_cond_embedding.blocks.{i}", (after, before, 3, 3)))
    ways.append(("controlnet_cond_embedding.conv_out", (32, 256, 3, 3)))
    for i, width in enumerate((32, 32, 32, 32, 64, 64, 64, 80, 80, 80, 80, 80)):
        ways.append((f"controlnet_down_blocks.{i}", (width, width, 1, 1)))
    ways.append(("controlnet_mid_block", (80, 80, 1, 1)))
    for name, shape in ways:
        tensors[name + ".weight"] = constant(value, *shape)
        tensors[name + ".bias"] = constant(value, shape[0])
    write_tensors(os.path.join(path, "diffusion_pytorch_model.safetensors"), tensors)
    config = json.loads(pathlib.Path(MODEL, "unet", "config.json").read_text())
    config.update({"_class_name": "ControlNetModel", "conditioning_embedding_out_channels": [16, 32, 96, 256]})
    pathlib.Path(path, "config.json").write_text(json.dumps(config))


def test_control_net(folder):
    path = os.path.join(folder, "nets", "shapes")
    write_control_net(path, 0.01)
    make_picture(folder)
    small = [*QUICK, *PROMPT]
    control = [*small, "--control-net", path, "--control-image", "heart.png"]
    made = {}
    for name, arguments in {"without": small, "with": control, "canny": [*control, "--control-preprocessor", "canny"], "zero": [*control, "--control-strength", "0"],
                            "half": [*control, "--control-start", "0.5"], "never": [*control, "--control-end", "0"]}.items():
        check_success(run(folder, "generate", *arguments, "--output", name + ".png"))
        made[name] = pixels(folder, name + ".png")
    assert made["without"] == made["zero"] == made["never"]
    assert len({str(made[name]) for name in ("without", "with", "half")}) == 3
    used = request(folder, "with.png")
    assert (used["control_net"], used["control_strength"], used["control_end"]) == ("shapes", 1, 1), used
    check_success(run(folder, "generate", "--again", "with.png", "--model", MODEL, "--control-image", "heart.png", "--folder", os.path.dirname(path), "--output", "again.png"))
    assert content(folder, "again.png") == content(folder, "with.png")
    check_complaint(run(folder, "generate", "--again", "with.png", "--model", MODEL), 2, "--control-image")
    check_success(run(folder, "bench", "--repetitions", "1", *control))


def test_control_net_errors(folder):
    make_picture(folder)
    check_complaint(run(folder, "generate", *QUICK, *PROMPT, "--control-net", "x"), 2, "--control-image")
    check_complaint(run(folder, "generate", *QUICK, *PROMPT, "--control-image", "heart.png"), 2, "--control-net")
    check_complaint(run(folder, "generate", *QUICK, *PROMPT, "--control-net", "x", "--control-image", "heart.png"), 1, '"x"')
    check_complaint(run(folder, "generate", *QUICK, *PROMPT, "--control-net", MODEL, "--control-image", "nowhere.png"), 1, "nowhere.png")
    check_complaint(run(folder, "generate", *QUICK, *PROMPT, "--control-net", os.path.join(MODEL, "unet"), "--control-image", "heart.png"), 1, "unet")


if __name__ == "__main__":
    main(globals())
