// What a device says of itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cl.h"

namespace lab {

struct Facts {
  std::string platform, device, driver, version, extensions;
  const char* type = "other";
  bool fp16 = false, unified_memory = false;
  uint64_t max_alloc_bytes = 0, global_bytes = 0, local_bytes = 0, cache_bytes = 0;
  uint64_t max_workgroup = 0, compute_units = 0, clock_mhz = 0, align_bytes = 0;
  std::vector<size_t> max_items;  // of a work group, in each dimension
};

std::string platform_text(const Cl& cl, cl_platform_id platform, cl_platform_info what);
std::string device_text(const Cl& cl, cl_device_id device, cl_device_info what);
const char* device_type(const Cl& cl, cl_device_id device);  // gpu, cpu, accelerator or other

Facts read_facts(const Cl& cl, cl_platform_id platform, cl_device_id device);

// As the contract of `lab.opencl.open` wants it.
std::string facts_json(const Facts& facts, const Library& library);

}  // namespace lab
