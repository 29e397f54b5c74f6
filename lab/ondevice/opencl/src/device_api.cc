#include "device_api.h"

#include <tvm/runtime/device_api.h>

#include "attributes.h"
#include "buffers.h"
#include "crossing.h"
#include "failure.h"
#include "workspace.h"

namespace lab {
namespace {

using tvm::Device;
using tvm::runtime::DeviceAPI;
using tvm::runtime::DeviceAttrKind;

void check_device(Device device) {
  if (device.device_id != 0) fail("device " + std::to_string(device.device_id) + ": the plug-in has device 0 only");
}

Buffer* buffer_of(const void* data) { return static_cast<Buffer*>(const_cast<void*>(data)); }

void copy(const void* from, size_t from_offset, void* to, size_t to_offset, size_t bytes, Device source,
          Device target) {
  Context& on = context();
  auto is_host = [](Device device) { return device.device_type == kDLCPU; };
  auto is_ours = [](Device device) { return device.device_type == kDLOpenCL; };
  if (is_ours(source) && is_ours(target)) {
    copy_buffer(on, buffer_of(from), from_offset, buffer_of(to), to_offset, bytes);
  } else if (is_host(source) && is_ours(target)) {
    write_buffer(on, buffer_of(to), to_offset, static_cast<const char*>(from) + from_offset, bytes);
  } else if (is_ours(source) && is_host(target)) {
    read_buffer(on, buffer_of(from), from_offset, static_cast<char*>(to) + to_offset, bytes);
  } else {
    fail("copies go between the host and the device only");
  }
}

// See crossing.h for why each method ends in `raise_stored` and holds nothing itself.
class OpenClDevice final : public DeviceAPI {
 public:
  void SetDevice(Device device) final {
    if (!done([&] { check_device(device); })) raise_stored();
  }

  void GetAttr(Device device, DeviceAttrKind kind, ffi::Any* result) final {
    if (!done([&] { *result = attribute(device.device_id, kind); })) raise_stored();
  }

  using DeviceAPI::AllocDataSpace;
  void* AllocDataSpace(Device device, size_t bytes, size_t, DLDataType) final {
    void* data = nullptr;
    bool good = done([&] {
      check_device(device);
      data = allocate(context(), bytes);
    });
    if (!good) raise_stored();
    return data;
  }

  void FreeDataSpace(Device, void* data) final { release(buffer_of(data)); }

  void StreamSync(Device, TVMStreamHandle) final {
    bool good = done([&] {
      Context& on = context();
      Lock lock(on.mutex);
      on.finish();
    });
    if (!good) raise_stored();
  }

  void* AllocWorkspace(Device device, size_t bytes, DLDataType) final {
    void* data = nullptr;
    bool good = done([&] {
      check_device(device);
      data = workspace_.take(context(), bytes);
    });
    if (!good) raise_stored();
    return data;
  }

  void FreeWorkspace(Device, void* data) final {
    if (!done([&] { workspace_.give_back(context(), buffer_of(data)); })) raise_stored();
  }

  // TVM's own would throw from here; there is one queue, whatever the stream.
  void SetStream(Device, TVMStreamHandle) final {}
  TVMStreamHandle GetCurrentStream(Device) final { return nullptr; }

 protected:
  using DeviceAPI::CopyDataFromTo;
  void CopyDataFromTo(const void* from, size_t from_offset, void* to, size_t to_offset, size_t bytes, Device source,
                      Device target, DLDataType, TVMStreamHandle) final {
    if (!done([&] { copy(from, from_offset, to, to_offset, bytes, source, target); })) raise_stored();
  }

 private:
  Workspace workspace_;
};

}  // namespace

void register_device_api() {
  static OpenClDevice* device = new OpenClDevice();
  register_function("device_api.opencl", [](ffi::PackedArgs, ffi::Any* result) {
    *result = static_cast<void*>(static_cast<DeviceAPI*>(device));
  });
}

}  // namespace lab
