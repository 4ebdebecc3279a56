# SPDX-License-Identifier: Apache-2.0
"""A LoRA and a ControlNet for a model, with random weights: what they draw is of no interest, only that they do."""

import json
import pathlib

import numpy

HINT_CHANNELS = [16, 32, 96, 256]


def read_tensors(path):
    """The float16 tensors of a safetensors file by name."""
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:8 + size])
    header.pop('__metadata__', None)
    return {name: numpy.frombuffer(data[8 + size:][slice(*entry['data_offsets'])], '<f2').reshape(entry['shape'])
            for name, entry in header.items()}


def write_tensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {'dtype': 'F16', 'shape': list(tensor.shape), 'data_offsets': [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, 'little') + text
                     + b''.join(tensor.astype('<f2').tobytes() for tensor in tensors.values()))


class Random:
    """Weights of convolutions and linear layers."""

    def __init__(self):
        self.generator = numpy.random.default_rng(5)

    def layer(self, tensors, name, shape, scale=0.5):
        fan_in = int(numpy.prod(shape[1:]))
        tensors[f'{name}.weight'] = self.generator.normal(0, scale / fan_in ** 0.5, shape).astype('<f2')
        tensors[f'{name}.bias'] = numpy.zeros(shape[0], '<f2')


def make_lora(model, path):
    """Changes the values of all self-attentions."""
    generator = numpy.random.default_rng(5)
    tensors = {}
    for name, weight in read_tensors(model / 'unet' / 'diffusion_pytorch_model.safetensors').items():
        if not name.endswith('attn1.to_v.weight'):
            continue
        layer = 'lora_unet_' + name.removesuffix('.weight').replace('.', '_')
        for role, shape in (('down', (2, weight.shape[1])), ('up', (weight.shape[0], 2))):
            tensors[f'{layer}.lora_{role}.weight'] = generator.normal(0, 0.5, shape).astype('<f2')
        tensors[f'{layer}.alpha'] = numpy.array(2, '<f2')
    write_tensors(path, tensors)


def make_control_net(model, folder):
    """The reading half of the model's UNet, with layers for the picture and for the skips."""
    config = json.loads((model / 'unet' / 'config.json').read_text())
    channels = config['block_out_channels']
    unet = read_tensors(model / 'unet' / 'diffusion_pytorch_model.safetensors')
    tensors = {name: tensor for name, tensor in unet.items()
               if name.startswith(('conv_in.', 'time_embedding.', 'down_blocks.', 'mid_block.'))}
    random = Random()
    hint = 'controlnet_cond_embedding'
    random.layer(tensors, f'{hint}.conv_in', (HINT_CHANNELS[0], 3, 3, 3))
    for i, (before, after) in enumerate(zip(HINT_CHANNELS, HINT_CHANNELS[1:])):
        random.layer(tensors, f'{hint}.blocks.{2 * i}', (before, before, 3, 3), 1.5)
        random.layer(tensors, f'{hint}.blocks.{2 * i + 1}', (after, before, 3, 3), 1.5)
    random.layer(tensors, f'{hint}.conv_out', (channels[0], HINT_CHANNELS[-1], 3, 3), 1.5)
    skips = [channels[0]] + [width for width in channels for _ in range(config['layers_per_block'] + 1)][:-1]
    for i, width in enumerate(skips):
        random.layer(tensors, f'controlnet_down_blocks.{i}', (width, width, 1, 1))
    random.layer(tensors, 'controlnet_mid_block', (channels[-1], channels[-1], 1, 1))
    write_tensors(folder / 'diffusion_pytorch_model.safetensors', tensors)
    config |= {'_class_name': 'ControlNetModel', 'conditioning_embedding_out_channels': HINT_CHANNELS,
               'conditioning_channels': 3, 'controlnet_conditioning_channel_order': 'rgb', 'global_pool_conditions': False}
    (folder / 'config.json').write_text(json.dumps(config))
