#include "facts.h"

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/extra/json.h>

#include <sstream>

#include "failure.h"

namespace lab {
namespace {

namespace ffi = tvm::ffi;

constexpr size_t kMostText = 16384;

template <typename T>
uint64_t number(const Cl& cl, cl_device_id device, cl_device_info what) {
  T value = 0;
  cl.clGetDeviceInfo(device, what, sizeof(value), &value, nullptr);
  return value;
}

// `get(size, to, got)` as a text; drivers end it with a null and some with blanks.
template <typename Get>
std::string text(const Get& get) {
  size_t size = 0;
  if (get(0, nullptr, &size) != CL_SUCCESS || size == 0) return "";
  std::string value(size, '\0');
  if (get(size, value.data(), nullptr) != CL_SUCCESS) return "";
  value.resize(value.find('\0') == std::string::npos ? size : value.find('\0'));
  while (!value.empty() && value.back() == ' ') value.pop_back();
  return printable(value, kMostText);
}

ffi::Array<ffi::Any> words(const std::string& text) {
  ffi::Array<ffi::Any> list;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) list.push_back(ffi::String(word));
  return list;
}

std::vector<size_t> max_items(const Cl& cl, cl_device_id device) {
  std::vector<size_t> sizes(3, 1);
  uint64_t dims = number<cl_uint>(cl, device, CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS);
  if (dims > 3) sizes.resize(dims > 16 ? 16 : dims, 1);
  cl.clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizes.size() * sizeof(size_t), sizes.data(), nullptr);
  return sizes;
}

bool has_word(const std::string& text, const std::string& word) {
  return (" " + text + " ").find(" " + word + " ") != std::string::npos;
}

}  // namespace

std::string platform_text(const Cl& cl, cl_platform_id platform, cl_platform_info what) {
  return text([&](size_t size, void* to, size_t* got) {
    return cl.clGetPlatformInfo(platform, what, size, to, got);
  });
}

std::string device_text(const Cl& cl, cl_device_id device, cl_device_info what) {
  return text([&](size_t size, void* to, size_t* got) { return cl.clGetDeviceInfo(device, what, size, to, got); });
}

const char* device_type(const Cl& cl, cl_device_id device) {
  uint64_t type = number<cl_device_type>(cl, device, CL_DEVICE_TYPE);
  if (type & CL_DEVICE_TYPE_GPU) return "gpu";
  if (type & CL_DEVICE_TYPE_ACCELERATOR) return "accelerator";
  return type & CL_DEVICE_TYPE_CPU ? "cpu" : "other";
}

Facts read_facts(const Cl& cl, cl_platform_id platform, cl_device_id device) {
  Facts facts;
  facts.platform = platform_text(cl, platform, CL_PLATFORM_NAME);
  facts.device = device_text(cl, device, CL_DEVICE_NAME);
  facts.driver = device_text(cl, device, CL_DRIVER_VERSION);
  facts.version = device_text(cl, device, CL_DEVICE_VERSION);
  facts.extensions = device_text(cl, device, CL_DEVICE_EXTENSIONS);
  facts.type = device_type(cl, device);
  facts.fp16 = has_word(facts.extensions, "cl_khr_fp16");
  facts.unified_memory = number<cl_bool>(cl, device, CL_DEVICE_HOST_UNIFIED_MEMORY) != 0;
  facts.max_alloc_bytes = number<cl_ulong>(cl, device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  facts.global_bytes = number<cl_ulong>(cl, device, CL_DEVICE_GLOBAL_MEM_SIZE);
  facts.local_bytes = number<cl_ulong>(cl, device, CL_DEVICE_LOCAL_MEM_SIZE);
  facts.cache_bytes = number<cl_ulong>(cl, device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE);
  facts.max_workgroup = number<size_t>(cl, device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
  facts.compute_units = number<cl_uint>(cl, device, CL_DEVICE_MAX_COMPUTE_UNITS);
  facts.clock_mhz = number<cl_uint>(cl, device, CL_DEVICE_MAX_CLOCK_FREQUENCY);
  facts.align_bytes = number<cl_uint>(cl, device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8;
  facts.max_items = max_items(cl, device);
  return facts;
}

std::string facts_json(const Facts& facts, const Library& library) {
  ffi::Array<ffi::Any> tried;
  for (const std::string& line : library.tried) tried.push_back(ffi::String(line));
  ffi::json::Object out;
  auto text = [&](const char* key, const std::string& value) { out.Set(ffi::String(key), ffi::String(value)); };
  auto count = [&](const char* key, uint64_t value) { out.Set(ffi::String(key), static_cast<int64_t>(value)); };
  text("library", library.path);
  out.Set(ffi::String("tried"), tried);
  text("platform", facts.platform);
  text("device", facts.device);
  text("driver", facts.driver);
  text("version", facts.version);
  text("type", facts.type);
  out.Set(ffi::String("fp16"), facts.fp16);
  out.Set(ffi::String("unified_memory"), facts.unified_memory);
  count("max_alloc_bytes", facts.max_alloc_bytes);
  count("global_bytes", facts.global_bytes);
  count("local_bytes", facts.local_bytes);
  count("max_workgroup", facts.max_workgroup);
  count("compute_units", facts.compute_units);
  out.Set(ffi::String("extensions"), words(facts.extensions));
  return std::string(ffi::json::Stringify(out));
}

}  // namespace lab
