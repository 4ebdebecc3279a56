#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# In a bare Debian 13, as root: the test of this folder with Slurm and the command as their packages install them.  What
# went well is in results/report.

set -euo pipefail
cd -- "$(dirname -- "$0")"
results=$PWD/results

rm -rf -- "$results"
mkdir -- "$results"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get -qq update
apt-get -q -y install --no-install-recommends slurm-wlm munge python3 ./hidiffusion_*.deb ./hidiffusion-data_*.deb
hidiffusion --version >"$results/report"
python3 -B test_farm.py --program hidiffusion --model demo \
  --script /usr/share/doc/hidiffusion/examples/slurm/hidiffusion-batch.sbatch >>"$results/report"
grep -q '^ok 1' "$results/report"
