#include "module_bytes.h"

#include <cstdint>
#include <cstring>

#include "failure.h"

namespace lab {
namespace {

// Little-endian fields, one after the other; lists and texts have their length in 8 bytes before them.
class Reader {
 public:
  Reader(const char* bytes, size_t size) : at_(bytes), left_(size) {}

  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }

  std::string text() {
    uint64_t size = number<uint64_t>();
    return std::string(take(size), size);
  }

  // The count of a list whose items have at least `item_bytes`.
  uint64_t count(size_t item_bytes) {
    uint64_t items = number<uint64_t>();
    if (items > left_ / item_bytes) fail(kCut);
    return items;
  }

  bool at_end() const { return left_ == 0; }

 private:
  static constexpr const char* kCut = "the module of kernels is cut short or of another version of TVM";
  const char* take(uint64_t size) {
    if (size > left_) fail(kCut);
    const char* start = at_;
    at_ += size;
    left_ -= size;
    return start;
  }
  const char* at_;
  uint64_t left_;
};

KernelSpec read_kernel(Reader* reader) {
  KernelSpec spec;
  reader->text();  // the key in the map, the same as the name
  spec.name = reader->text();
  for (uint64_t left = reader->count(4); left > 0; --left) {
    DLDataType type;
    type.code = reader->number<uint8_t>();
    type.bits = reader->number<uint8_t>();
    type.lanes = reader->number<uint16_t>();
    spec.arguments.push_back(type);
  }
  for (uint64_t left = reader->count(8); left > 0; --left) spec.launch_tags.push_back(reader->text());
  for (uint64_t left = reader->count(4); left > 0; --left) reader->number<int32_t>();  // of CUDA's tensor maps
  return spec;
}

// The compiler writes "// Function: NAME" before each kernel, and what is for all of them before the first.
std::map<std::string, std::string> split(const std::string& source, const KernelModule& module) {
  const std::string mark = "// Function: ";
  std::map<std::string, std::string> parts;
  size_t at = source.find(mark);
  std::string common = source.substr(0, at);
  while (at != std::string::npos) {
    size_t name_at = at + mark.size(), end = source.find('\n', name_at), next = source.find(mark, name_at);
    std::string name = source.substr(name_at, end == std::string::npos ? end : end - name_at);
    parts[name] = common + source.substr(at, next == std::string::npos ? next : next - at);
    at = next;
  }
  // Without a part of its own a kernel is somewhere in the whole.
  for (const auto& [name, spec] : module.kernels) parts.emplace(name, source);
  return parts;
}

}  // namespace

KernelModule parse_module(const char* bytes, size_t size) {
  Reader reader(bytes, size);
  std::string format = reader.text();
  if (format != "cl") fail("kernels come as '" + printable(format, 40) + "', not as OpenCL C");
  KernelModule module;
  for (uint64_t left = reader.count(40); left > 0; --left) {
    KernelSpec spec = read_kernel(&reader);
    module.kernels.emplace(spec.name, spec);
  }
  std::string source = reader.text();
  if (!reader.at_end()) fail("bytes are left over after the module of kernels");
  module.sources = split(source, module);
  return module;
}

}  // namespace lab
