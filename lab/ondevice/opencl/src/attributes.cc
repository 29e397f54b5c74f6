#include "attributes.h"

#include "context.h"
#include "failure.h"

namespace lab {
namespace {

using tvm::ffi::Any;
using tvm::ffi::String;
using namespace tvm::runtime;  // the names of the attributes

bool exists(int device_id) {
  try {
    context();
    return device_id == 0;
  } catch (const Failure&) {
    return false;
  }
}

std::string dimensions(const std::vector<size_t>& sizes) {
  std::string text;
  for (size_t size : sizes) text += (text.empty() ? "[" : ", ") + std::to_string(size);
  return text + "]";
}

Any count(uint64_t value) { return Any(static_cast<int64_t>(value)); }

}  // namespace

Any attribute(int device_id, DeviceAttrKind kind) {
  if (kind == kExist) return count(exists(device_id) ? 1 : 0);
  const Facts& facts = context().facts;
  switch (kind) {
    case kMaxThreadsPerBlock: return count(facts.max_workgroup);
    case kWarpSize: return count(1);  // OpenCL 1.2 has no such thing
    case kMaxSharedMemoryPerBlock: return count(facts.local_bytes);
    case kComputeVersion: return String(facts.version);
    case kDeviceName: return String(facts.device);
    case kMaxClockRate: return count(facts.clock_mhz * 1000);  // TVM counts in kHz
    case kMultiProcessorCount: return count(facts.compute_units);
    case kMaxThreadDimensions: return String(dimensions(facts.max_items));
    case kDriverVersion: return String(facts.driver);
    case kL2CacheSizeBytes: return count(facts.cache_bytes);
    case kTotalGlobalMemory: return count(facts.global_bytes);
    default: return Any();
  }
}

}  // namespace lab
