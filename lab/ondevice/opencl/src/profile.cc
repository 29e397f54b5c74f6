#include "profile.h"

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/extra/json.h>

#include <algorithm>

namespace lab {
namespace {

namespace ffi = tvm::ffi;

// Nanoseconds from the start to the end on the device; 0 where a driver does not say.
int64_t duration_ns(const Cl& cl, cl_event event) {
  cl_ulong start = 0, end = 0;
  cl_int first = cl.clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof(start), &start, nullptr);
  cl_int last = cl.clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(end), &end, nullptr);
  return first == CL_SUCCESS && last == CL_SUCCESS && end > start ? static_cast<int64_t>(end - start) : 0;
}

}  // namespace

void Profile::collect(const Cl& cl) {
  for (const auto& [kernel, event] : pending_) {
    Total& total = totals_[kernel];
    total.count += 1;
    total.ns += duration_ns(cl, event);
    cl.clReleaseEvent(event);
  }
  pending_.clear();
}

std::string Profile::take_json() {
  std::vector<std::pair<std::string, Total>> rows(totals_.begin(), totals_.end());
  std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.second.ns > b.second.ns; });
  totals_.clear();
  ffi::Array<ffi::Any> list;
  for (const auto& [kernel, total] : rows) {
    ffi::json::Object row;
    row.Set(ffi::String("kernel"), ffi::String(kernel));
    row.Set(ffi::String("count"), total.count);
    row.Set(ffi::String("total_ns"), total.ns);
    list.push_back(row);
  }
  return std::string(ffi::json::Stringify(list));
}

}  // namespace lab
