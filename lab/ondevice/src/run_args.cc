#include "run_args.h"

#include <algorithm>

#include "cpu.h"
#include "failure.h"
#include "flags.h"

namespace lab {
namespace {

constexpr int64_t kMostTokens = 1000000;
constexpr int64_t kMostThreads = 4096;

}  // namespace

RunArgs parse_run_args(const std::vector<std::string>& args) {
  Flags flags(args,
              {"bundle", "runtime", "prompt", "generate", "depth", "context", "threads", "prefill-chunk", "seed",
               "warmup-cap", "warmup-spread", "memory-interval-ms", "ids", "image", "dump-logits", "device", "plugin", "gpu-options"},
              {"verify", "profile"});
  RunArgs run;
  run.bundle = flags.text("bundle");
  run.runtime = flags.text("runtime");
  run.prompt = flags.integer("prompt", 1, kMostTokens);
  run.generate = flags.integer("generate", 0, kMostTokens);
  run.depth = flags.integer("depth", 0, kMostTokens, 0);
  int64_t planned = run.depth + run.prompt + run.generate;
  run.context = flags.integer("context", 1, 4 * kMostTokens, planned);
  if (run.context < planned) {
    throw UsageError("--context " + std::to_string(run.context) + " is less than depth + prompt + generate = " +
                     std::to_string(planned));
  }
  run.threads = flags.integer("threads", 0, kMostThreads, 0);
  if (run.threads == 0) run.threads = usable_cores();
  // A longer chunk than what is fed would only make the engine's buffers larger.
  int64_t longest = std::max(run.prompt, run.depth);
  run.prefill_chunk = std::min(flags.integer("prefill-chunk", 1, kMostTokens, 512), longest);
  run.seed = flags.integer("seed", 0, INT64_MAX, 0);
  run.warmup_cap = flags.integer("warmup-cap", 0, 1000, 8);
  run.warmup_spread = flags.real("warmup-spread", 0, 10, 0.05);
  run.memory_interval_ms = flags.integer("memory-interval-ms", 0, 60000, 0);
  run.verify = flags.has("verify");
  run.gpu = read_gpu_args(flags);
  run.ids_file = flags.text("ids", "");
  run.image_file = flags.text("image", "");
  run.logits_file = flags.text("dump-logits", "");
  return run;
}

}  // namespace lab
