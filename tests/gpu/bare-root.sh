#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/gpu/bare-root.sh
#
# In the bare root of tests/gpu/rehearse.sh, with what was copied to /test.

set -euo pipefail

for tool in gcc c++ meson ninja pkg-config nvcc; do
  ! command -v "$tool" >/dev/null || { echo "there is $tool: this is no bare machine"; exit 1; }
done
mkdir -p /checkout/build/gpu-pack
tar -x -C /checkout -f /test/checkout.tar
mv /test/hidiffusion-gpu.tar.xz /checkout/build/gpu-pack
cd /checkout
exec python3 tests/gpu/test_gpu_check.py /checkout /test/hd-cuda-emulated.so
