#if defined(__APPLE__)
#include <mach/mach.h>
#include <sys/resource.h>

#include "json_line.h"
#include "memory.h"

namespace lab {
namespace {

// What the kernel counts of this task. Its size depends on the kernel's age: `filled` is how much of it is there.
struct TaskMemory {
  task_vm_info_data_t info = {};
  mach_msg_type_number_t filled = TASK_VM_INFO_COUNT;
  bool read = task_info(mach_task_self(), TASK_VM_INFO, reinterpret_cast<task_info_t>(&info), &filled) == KERN_SUCCESS;

  int64_t footprint() const {
    return read && filled >= TASK_VM_INFO_REV1_COUNT ? static_cast<int64_t>(info.phys_footprint) : -1;
  }
  int64_t footprint_peak() const {
    return read && filled >= TASK_VM_INFO_REV3_COUNT ? static_cast<int64_t>(info.ledger_phys_footprint_peak) : -1;
  }
};

int64_t read_major_faults() {
  rusage usage = {};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_majflt : -1;
}

}  // namespace

// phys_footprint is what macOS holds against a process, and Activity Monitor's "Memory": its own memory, compressed or
// not, and what the GPU holds for it. Mapped files that were not written to are not in it.
MemoryCounters read_memory() {
  TaskMemory task;
  MemoryCounters counters;
  counters.footprint = task.footprint();
  counters.footprint_peak = task.footprint_peak();
  counters.major_faults = read_major_faults();
  return counters;
}

bool read_resident(int64_t& resident, int64_t& anonymous) {
  TaskMemory task;
  if (task.footprint() < 0) return false;
  resident = task.footprint();
  anonymous = static_cast<int64_t>(task.info.internal + task.info.compressed);
  return true;
}

int64_t huge_file_bytes() { return -1; }

// The counters of Linux are there as nulls: a reader of events finds every one it knows.
JsonObject memory_object(const MemoryCounters& counters) {
  return JsonObject()
      .measured("VmHWM", -1)
      .measured("VmRSS", -1)
      .measured("RssAnon", -1)
      .measured("RssFile", -1)
      .measured("VmSwap", -1)
      .measured("major_faults", counters.major_faults)
      .measured("phys_footprint", counters.footprint)
      .measured("phys_footprint_peak", counters.footprint_peak);
}

// What can be had without taking it from another program: free pages, and pages of files that can be dropped.
int64_t available_memory() {
  vm_statistics64_data_t pages = {};
  mach_msg_type_number_t filled = HOST_VM_INFO64_COUNT;
  mach_port_t host = mach_host_self();
  kern_return_t code = host_statistics64(host, HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&pages), &filled);
  mach_port_deallocate(mach_task_self(), host);
  if (code != KERN_SUCCESS) return -1;
  // The free count has the speculative pages in it already.
  int64_t count = static_cast<int64_t>(pages.free_count) + pages.inactive_count + pages.purgeable_count;
  return count * static_cast<int64_t>(vm_kernel_page_size);
}

}  // namespace lab
#endif  // __APPLE__
