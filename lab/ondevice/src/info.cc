#include "info.h"

#include <unistd.h>

#include "cpu.h"
#include "events.h"
#include "failure.h"
#include "flags.h"
#include "gpu.h"
#include "leave.h"
#include "memory.h"
#include "runtime.h"

namespace lab {

int info_command(const std::vector<std::string>& args) {
  Flags flags(args, {"runtime", "device", "plugin", "gpu-options"}, {});
  CpuFacts cpu = read_cpu_facts();
  GpuArgs wanted = read_gpu_args(flags);
  std::string engine = load_runtime(flags.text("runtime"));
  std::unique_ptr<Gpu> gpu = open_gpu(wanted);
  JsonObject said = event("info");
  said
      .integer("protocol", kProtocol)
      .text("runner", kRunner)
      .text("arch", cpu.arch)
      .text("cpu_model", cpu.model)
      .raw("features", json_list(cpu.features))
      .integer("cores", usable_cores())
      .integer("page_size", sysconf(_SC_PAGESIZE))
      .measured("mem_available_bytes", available_memory())
      .text("engine", engine);
  if (gpu != nullptr) said.raw("gpu", gpu->facts());
  emit(said);
  return gpu == nullptr ? kOk : leave(kOk);
}

}  // namespace lab
