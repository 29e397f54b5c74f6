#include "launch.h"

#include <utility>

#include "buffers.h"
#include "failure.h"
#include "program.h"
#include "scalar.h"

namespace lab {
namespace {

// Where a tag's number goes: 0 to 2 counts groups, 3 to 5 items of a group.
int slot_of(const std::string& tag, const std::string& kernel) {
  const char* const groups = "blockIdx.", *const items = "threadIdx.";
  bool is_group = tag.rfind(groups, 0) == 0, is_item = tag.rfind(items, 0) == 0;
  char axis = tag.empty() ? '\0' : tag.back();
  if ((is_group || is_item) && axis >= 'x' && axis <= 'z') return axis - 'x' + (is_item ? 3 : 0);
  fail("kernel " + kernel + " wants '" + printable(tag, 80) + "', which OpenCL does not have");
}

}  // namespace

Kernel::Kernel(KernelSpec spec, std::string source) : spec_(std::move(spec)), source_(std::move(source)) {}

Kernel::~Kernel() {
  if (kernel_ == nullptr) return;
  Context& of = context();
  Lock lock(of.mutex);
  of.cl().clReleaseKernel(kernel_);
  of.cl().clReleaseProgram(program_);
}

void Kernel::make(Context& context) {
  if (kernel_ != nullptr) return;
  program_ = make_program(context, spec_.name, source_);
  cl_int code = CL_SUCCESS;
  kernel_ = context.cl().clCreateKernel(program_, spec_.name.c_str(), &code);
  context.check_command(code, "kernel " + spec_.name);
}

Kernel::Sizes Kernel::sizes(const TVMFFIAny* numbers) const {
  Sizes sizes;
  for (size_t i = 0; i < spec_.launch_tags.size(); ++i) {
    int slot = slot_of(spec_.launch_tags[i], spec_.name);
    auto& to = slot < 3 ? sizes.global : sizes.local;
    to[slot % 3] = static_cast<size_t>(numbers[i].v_int64);
  }
  for (int i = 0; i < 3; ++i) sizes.global[i] *= sizes.local[i];
  return sizes;
}

void Kernel::set_argument(const Cl& cl, cl_uint index, const TVMFFIAny& value) const {
  const DLDataType& type = spec_.arguments[index];
  cl_int code = CL_SUCCESS;
  if (type.code == kDLOpaqueHandle) {
    auto buffer = static_cast<const Buffer*>(value.v_ptr);
    cl_mem memory = buffer == nullptr ? nullptr : buffer->memory;
    code = cl.clSetKernelArg(kernel_, index, sizeof(memory), &memory);
  } else {
    Scalar scalar = to_scalar(type, value, spec_.name);
    code = cl.clSetKernelArg(kernel_, index, scalar.size, scalar.bytes);
  }
  if (code != CL_SUCCESS) {
    fail("argument " + std::to_string(index) + " of kernel " + spec_.name + ": " + code_name(code));
  }
}

// A driver may allow less than the device does for a kernel that takes many registers: that is said too.
std::string Kernel::describe(const Context& context, const Sizes& sizes) const {
  auto list = [](const std::array<size_t, 3>& of) {
    return std::to_string(of[0]) + "x" + std::to_string(of[1]) + "x" + std::to_string(of[2]);
  };
  size_t most = 0;
  cl_kernel_work_group_info what = CL_KERNEL_WORK_GROUP_SIZE;
  context.cl().clGetKernelWorkGroupInfo(kernel_, context.device, what, sizeof(most), &most, nullptr);
  return "launch of kernel " + spec_.name + " (" + list(sizes.global) + " items in groups of " + list(sizes.local) +
         "; at most " + std::to_string(most) + " in a group)";
}

void Kernel::launch(tvm::ffi::PackedArgs arguments) {
  Context& on = context();
  Lock lock(on.mutex);
  on.check_alive();
  size_t count = spec_.arguments.size();
  if (static_cast<size_t>(arguments.size()) != count + spec_.launch_tags.size()) {
    fail("kernel " + spec_.name + " was called with " + std::to_string(arguments.size()) + " values, not " +
         std::to_string(count + spec_.launch_tags.size()));
  }
  auto values = reinterpret_cast<const TVMFFIAny*>(arguments.data());
  Sizes sizes = this->sizes(values + count);
  if (sizes.global[0] == 0 || sizes.global[1] == 0 || sizes.global[2] == 0) return;  // a loop of no rounds
  make(on);
  for (cl_uint i = 0; i < count; ++i) set_argument(on.cl(), i, values[i]);
  cl_event event = nullptr;
  cl_int code = on.cl().clEnqueueNDRangeKernel(on.queue, kernel_, 3, nullptr, sizes.global.data(), sizes.local.data(),
                                               0, nullptr, on.options.profile ? &event : nullptr);
  if (code != CL_SUCCESS) on.check_command(code, describe(on, sizes));
  on.launched(spec_.name, event);
}

}  // namespace lab
