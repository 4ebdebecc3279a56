#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What diffusers' schedulers answer: the golden cases of kind "scheduler".

    generate_samplers.py OUT_DIR                                     those in cases/
    generate_samplers.py OUT_DIR SAMPLER PREDICTION STEPS STRENGTH   any other

Needs diffusers==0.32.2, torch and numpy.  A case with a strength below 1 starts from a picture, N(name/clean), with the
noise N(name/init); "noised.k" is that picture with the noise of the level before evaluation k, as inpainting wants it.
"""
import json
import os
import sys

import diffusers
import numpy as np
import torch
from safetensors.numpy import save_file

SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
DPMPP = dict(solver_order=2, steps_offset=1)
SDE = dict(DPMPP, algorithm_type="sde-dpmsolver++")
LEADING = dict(steps_offset=1, timestep_spacing="leading")
TRAILING = dict(timestep_spacing="trailing")
SAMPLERS = dict(
    ddim=("DDIMScheduler", dict(clip_sample=False, set_alpha_to_one=False, steps_offset=1)),
    ddim_zsnr=("DDIMScheduler", dict(TRAILING, clip_sample=False, rescale_betas_zero_snr=True)),
    dpmpp_2m=("DPMSolverMultistepScheduler", DPMPP),
    dpmpp_2m_karras=("DPMSolverMultistepScheduler", dict(DPMPP, use_karras_sigmas=True)),
    dpmpp_2m_sde=("DPMSolverMultistepScheduler", SDE),
    dpmpp_2m_sde_karras=("DPMSolverMultistepScheduler", dict(SDE, use_karras_sigmas=True)),
    euler=("EulerDiscreteScheduler", LEADING),
    euler_a=("EulerAncestralDiscreteScheduler", LEADING),
    euler_a_trailing=("EulerAncestralDiscreteScheduler", TRAILING),
    euler_karras=("EulerDiscreteScheduler", dict(LEADING, use_karras_sigmas=True)),
    euler_trailing=("EulerDiscreteScheduler", TRAILING),
    heun=("HeunDiscreteScheduler", LEADING),
    lcm=("LCMScheduler", dict(steps_offset=1, set_alpha_to_one=False)),
    unipc=("UniPCMultistepScheduler", dict(solver_order=2, steps_offset=1)))
SHAPE = (1, 4, 8, 8)


def normal(stream):
    """The generator of synth.h."""
    key = 0xCBF29CE484222325
    for byte in stream.encode():
        key = (key ^ byte) * 0x100000001B3 % 2**64
    z = np.arange(1, 12 * np.prod(SHAPE) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    u = ((z ^ z >> np.uint64(31)) >> np.uint64(40)).astype(np.float64) / 2**24
    return torch.from_numpy((u.reshape(-1, 12).sum(axis=1) - 6.0).astype(np.float32).reshape(SHAPE))


class Noise:
    """Stands in for randn_tensor(): the k-th request is N(name/noise/k)."""

    def __init__(self, name):
        self.name, self.k = name, 0
        for module in [m for n, m in sys.modules.items() if n.startswith("diffusers.") and hasattr(m, "randn_tensor")]:
            module.randn_tensor = self

    def __call__(self, *args, **kwargs):
        self.k += 1
        return normal(f"{self.name}/noise/{self.k - 1}")


def start(scheduler, case):
    """The first latents, the run's timesteps and how many come before them, as the pipelines have it."""
    scheduler.set_timesteps(case["steps"])
    noise = normal(case["name"] + "/init")
    if case["strength"] == 1.0:
        return noise * scheduler.init_noise_sigma, scheduler.timesteps, 0
    first = (case["steps"] - min(int(case["steps"] * case["strength"]), case["steps"])) * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    return scheduler.add_noise(normal(case["name"] + "/clean"), noise, scheduler.timesteps[first:first + 1]), \
        scheduler.timesteps[first:], first


def run(case):
    name = case["name"]
    kind, settings = SAMPLERS[case["sampler"]]
    scheduler = getattr(diffusers, kind)(**SCHEDULE, prediction_type=case["prediction"], **settings)
    noise, draws, out = Noise(name), [], {}
    x, timesteps, first = start(scheduler, case)
    for k, t in enumerate(timesteps):
        if case["strength"] < 1.0:
            out[f"noised.{k}"] = scheduler.add_noise(normal(name + "/clean"), normal(name + "/init"), timesteps[k:k + 1])
        out[f"input.{k}"] = scheduler.scale_model_input(x, t)
        model = 0.6 * out[f"input.{k}"] + 0.5 * normal(f"{name}/model/{k}")
        before = noise.k
        x = out[f"x.{k}"] = scheduler.step(model, t, x, **({"eta": case["eta"]} if "eta" in case else {})).prev_sample
        draws.append(noise.k - before)
    out["timesteps"] = timesteps
    if hasattr(scheduler, "sigmas"):
        out["sigmas"] = scheduler.sigmas[first:]
    return dict(case, noise_draws_per_step=draws), {k: np.ascontiguousarray(v, np.float32) for k, v in out.items()}


def case_of(sampler, prediction, steps, strength):
    name = f"sampler-{sampler}-{prediction[0]}-{steps}" + (f"-{strength:g}" if strength < 1.0 else "")
    eta = {"eta": 0.5} if sampler == "ddim" else {}
    return dict(name=name, kind="scheduler", sampler=sampler, prediction=prediction, steps=steps, strength=strength, **eta)


def main():
    if len(sys.argv) == 6:
        cases = [case_of(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))]
    else:
        cases = [case_of(s, "v_prediction", 6, 0.5) for s in SAMPLERS]
        cases += [case_of(s, "v_prediction" if s == "ddim_zsnr" else "epsilon", 2, 1.0) for s in SAMPLERS]
    for case in cases:
        case, tensors = run(case)
        path = os.path.join(sys.argv[1], case["name"])
        with open(path + ".json", "w") as file:
            json.dump(case, file, indent=1)
        save_file(tensors, path + ".safetensors")


if __name__ == "__main__":
    main()
