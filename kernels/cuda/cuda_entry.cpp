/* SPDX-License-Identifier: Apache-2.0 */

#include "config.h"

#include "kernels/cuda/cuda_device.h"

/* The module's one symbol. */

static const HdCudaModule module = {
  .version = HD_VERSION,
  .structures = hd_cuda_module_structures (),
  .list_devices = hd_cuda_devices_list,
  .context_new = hd_cuda_context_open,
};

extern "C" __attribute__ ((visibility ("default"))) const HdCudaModule *hd_cuda_module_open (void);

const HdCudaModule *
hd_cuda_module_open (void)
{
  return &module;
}
