#include "run.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "clock.h"
#include "events.h"
#include "failure.h"
#include "gpu_counts.h"
#include "ids.h"
#include "image.h"
#include "leave.h"
#include "loaded.h"
#include "report.h"
#include "sampler.h"
#include "signals.h"
#include "timed.h"
#include "verify.h"
#include "warmup.h"

namespace lab {
namespace {

void emit_start(const RunArgs& args) {
  emit(event("start")
           .integer("protocol", kProtocol)
           .text("runner", kRunner)
           .integer("t_ns", now_ns())
           .integer("threads", args.threads)
           .integer("pid", getpid()));
}

std::optional<tvm::ffi::Tensor> pixels_for(const RunArgs& args, const Manifest& manifest) {
  const std::string& path = args.image_file;
  if (!manifest.image && !path.empty()) throw Failure("image", path + ": the model reads no image");
  if (!manifest.image) return std::nullopt;
  return path.empty() ? synthetic_pixels(*manifest.image) : read_pixels(path, *manifest.image);
}

Work plan_work(const RunArgs& args, const Manifest& manifest) {
  Work work;
  work.pixels = pixels_for(args, manifest);
  int64_t count = args.depth + args.prompt, vocab = manifest.vocab_size;
  work.ids = args.ids_file.empty() ? random_ids(static_cast<uint64_t>(args.seed), count, vocab)
                                   : read_ids(args.ids_file, count, vocab);
  work.depth = args.depth;
  work.generate = args.generate;
  work.keep_logits = !args.logits_file.empty();
  return work;
}

// Says whether the bundle may be timed.
bool verify_first(const Loaded& loaded) {
  if (!loaded.manifest.verify) throw Failure("verify", "the manifest has no reference logits");
  Verdict verdict = verify(*loaded.model, loaded.manifest);
  emit_verdict(verdict);
  return verdict.passed();
}

void warm_up(const RunArgs& args, const Work& work, Session& session) {
  std::vector<WarmupRound> rounds;
  while (static_cast<int64_t>(rounds.size()) < args.warmup_cap && !is_stable(rounds, args.warmup_spread)) {
    rounds.push_back(warmup_round(session, work.ids, args.context));
    emit_warmup_round(rounds.size() - 1, rounds.back());
  }
  emit_warm(rounds.size(), is_stable(rounds, args.warmup_spread));
}

void write_logits(const std::string& path, const std::vector<float>& logits) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size() * sizeof(float)));
  file.close();
  if (!file) throw Failure("dump-logits", path + ": cannot be written");
}

// From the loaded bundle to the last token; false when the bundle is broken.
bool measure(const RunArgs& args, const Work& work, Loaded& loaded, Timeline& timeline) {
  if (args.verify && !verify_first(loaded)) return false;
  bool cold = work.pixels && !args.verify && args.warmup_cap > 0;  // to verify encodes an image too
  if (cold) loaded.session->encode_image(*work.pixels);
  warm_up(args, work, *loaded.session);
  run_timed(*loaded.session, work, timeline);
  return true;
}

// From the loaded bundle to the last event; returns the exit code.
int run_loaded(const RunArgs& args, Loaded& loaded, MemorySampler& sampler) {
  emit_loaded(loaded);
  if (args.generate > 0 && !loaded.model->decodes()) throw Failure("library", "judges texts: it makes no tokens");
  Work work = plan_work(args, loaded.manifest);
  GpuCounts counts(loaded.gpu.get(), args.gpu.profile);
  work.counts = &counts;
  int64_t answers = std::max<int64_t>(args.generate, 1);
  Timeline timeline(answers, work.keep_logits ? answers * loaded.manifest.outputs : 0);
  int signal = 0;
  try {
    check_interrupt();
    if (!measure(args, work, loaded, timeline)) return kBroken;
  } catch (const Interrupted& interrupted) {
    signal = interrupted.signal;
  }
  sampler.stop();
  counts.after();
  emit_timeline(timeline, args.prompt, args.depth);
  emit_memory(sampler, loaded, args.memory_interval_ms > 0);
  if (counts.are_there()) emit_line(counts.event_json(static_cast<int64_t>(timeline.token_ns.size())));
  if (work.keep_logits) write_logits(args.logits_file, timeline.logits);
  int64_t stamps = static_cast<int64_t>(timeline.token_ns.size());
  emit_end(stamps == 0 ? 0 : args.prompt, std::min(stamps, args.generate), signal == 0 ? "ok" : "interrupted");
  return signal == 0 ? kOk : 128 + signal;  // as a shell reports a process that a signal ended
}

// Says what failed while the device is still there, and ends without touching it again: see leave.h.
[[noreturn]] void run_on_gpu(const RunArgs& args, Loaded& loaded, MemorySampler& sampler) {
  try {
    leave(run_loaded(args, loaded, sampler));
  } catch (const Failure& failure) {
    leave(report_error(failure.where, failure.what(), failure.exit));
  }
}

}  // namespace

int run_command(const std::vector<std::string>& command_line) {
  RunArgs args = parse_run_args(command_line);
  catch_signals();
  emit_start(args);
  MemorySampler sampler(args.memory_interval_ms);
  Loaded loaded = load_bundle(args);
  if (loaded.gpu != nullptr) run_on_gpu(args, loaded, sampler);
  return run_loaded(args, loaded, sampler);
}

}  // namespace lab
