#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/pytorch_unet.py, with which the engine's speed is compared, answers as the references do.

    test_pytorch.py [CASE...]    prints TAP; skips everything where there is no PyTorch
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
CASES = ["unet-sd15", "unet-sd15-odd", "unet-sd15-inpaint", "unet-sd15-raunet", "unet-sd15-msw-msa",
         "unet-sd15-hidiffusion", "unet-sdxl", "unet-sdxl-odd", "unet-sdxl-hidiffusion", "unet-sdxl-turbo-hidiffusion"]
LIMIT = 1e-4

sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent.parent / "tools"))
try:
    import torch
except ImportError:
    print("1..0 # SKIP there is no PyTorch for this Python")
    sys.exit(0)
import pytorch_unet  # noqa: E402  pylint: disable=wrong-import-position


def read_expected(path):
    """A .safetensors file's tensors, all float32."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        assert entry["dtype"] == "F32", name
        first, last = entry["data_offsets"]
        values = torch.frombuffer(bytearray(data[8 + length + first:8 + length + last]), dtype=torch.float32)
        tensors[name] = values.view(entry["shape"])
    return tensors


def draw_shifts(name, first, count):
    """The shifts of calls from @first on."""
    u = pytorch_unet.uniform(f"{name}/shift", first + count)[first:]
    return [int(value > 0.25) + int(value > 0.5) + int(value > 0.75) for value in u.tolist()]


def make_inputs(case, config):
    name, batch = case["name"], case.get("batch", 2)
    latent = pytorch_unet.normal(f"{name}/latent", (batch, config["in_channels"], *case["latent"]))
    text = pytorch_unet.normal(f"{name}/text", (batch, 77, config["cross_attention_dim"]))
    if config.get("addition_embed_type") != "text_time":
        return latent, text, None, None
    channels = config["projection_class_embeddings_input_dim"] - 6 * config["addition_time_embed_dim"]
    pooled = pytorch_unet.normal(f"{name}/pooled", (batch, channels))
    return latent, text, pooled, torch.tensor([case["time_ids"]] * batch, dtype=torch.float32)


def make_unet(case, config, tensors, step):
    """The network as it is in @step."""
    tools = case.get("hidiffusion", {})
    if not tools:
        return pytorch_unet.UNet(config, tensors)
    windows, shifts, d4, p2 = (), (), None, None
    if tools["msw_msa"]:
        calls = case["attention_calls_per_step"]
        windows, shifts = pytorch_unet.WINDOWS[tools["profile"]], draw_shifts(case["name"], step * calls, calls)
    if tools["raunet"]:
        d4, p2 = pytorch_unet.rau_net(tools["profile"], *case["latent"], step, case["steps"])
    return pytorch_unet.UNet(config, tensors, windows, shifts, d4, p2)


def run_case(name):
    """The largest relative L2 error of its tensors."""
    case = json.loads((HERE / "cases" / f"{name}.json").read_text())
    manifest = json.loads((HERE / "models" / f"{case['model']}.json").read_text())
    config = manifest["json"]["unet/config.json"]
    tensors = pytorch_unet.make_tensors(manifest)
    latent, text, pooled, sizes = make_inputs(case, config)
    errors = []
    for key, expected in read_expected(HERE / "cases" / f"{name}.safetensors").items():
        step = int(key.removeprefix("out."))
        timestep = torch.full((latent.shape[0],), float(case["timesteps"][step]))
        found = make_unet(case, config, tensors, step)(latent, timestep, text, pooled, sizes)
        stride = case.get("stride", 1)
        errors.append(float((found[:, :, ::stride, ::stride] - expected).norm() / expected.norm()))
    assert errors, "no tensors to compare with"
    return max(errors)


def main():
    torch.set_grad_enabled(False)
    cases = sys.argv[1:] or CASES
    failed = 0
    print(f"1..{len(cases)}")
    for number, name in enumerate(cases, 1):
        error = run_case(name)
        good = error <= LIMIT
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} {name} # error {error:.2g}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
