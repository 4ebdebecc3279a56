#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/gpu/rehearse.sh
#
# What tools/gpu-check --rehearse does: a bare Debian with Python, and no compiler,
# no GLib and no GPU; the files that git tracks and the pack; and every part, with
# the emulated device where there has to be one.  Needs to be root; five minutes.

set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

say () { printf 'gpu-check --rehearse: %s\n' "$*" >&2; }
die () { say "$@"; exit 1; }
. tools/debian-root.sh

[ "$(id -u)" = 0 ] || die 'needs to be root'
emulated=build/gpu/tests/cuda-emulation/hd-cuda-emulated.so
[ -e "$emulated" ] || die "$emulated is missing: make it with tools/gpu-check --pack"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

find_debian
git ls-files -z -- tools data/clip tests | tar -c --null --files-from=- -f "$work/checkout.tar"
cp -- "$emulated" build/gpu-pack/hidiffusion-gpu.tar.xz tests/gpu/bare-root.sh "$work"
say 'in a bare Debian 13'
mmdebstrap --mode=root "${debian_options[@]}" --include=python3-minimal,python3 --format=null \
  --customize-hook='mkdir "$1/test"' \
  --customize-hook="copy-in $work/checkout.tar $work/${emulated##*/} $work/hidiffusion-gpu.tar.xz $work/bare-root.sh /test" \
  --customize-hook='chroot "$1" bash /test/bare-root.sh >"$1/test/report" 2>&1; echo $? >"$1/test/status"' \
  --customize-hook="copy-out /test/report /test/status $work" \
  "$debian_suite" - "$debian_source" >"$work/log" 2>&1 || { tail -n 15 "$work/log" >&2; die 'the root could not be made'; }
cat "$work/report"
[ "$(cat "$work/status")" = 0 ] || die 'the rehearsal failed'
