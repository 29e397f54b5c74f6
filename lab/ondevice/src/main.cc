// lab-bench: runs a compiled language model on this device and reports what it did, one JSON event a line.

#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "bandwidth.h"
#include "events.h"
#include "failure.h"
#include "info.h"
#include "peak.h"
#include "run.h"
#include "signals.h"
#include "stage.h"
#include "watchdog.h"

namespace {

constexpr const char* kHelp =
    "usage: lab-bench run --bundle DIR --runtime FILE --prompt N --generate N [--depth N] [--context N]\n"
    "                     [--threads N] [--prefill-chunk N] [--seed N] [--ids FILE] [--image FILE] [--verify]\n"
    "                     [--warmup-cap N] [--warmup-spread X] [--memory-interval-ms N] [--dump-logits FILE]\n"
    "                     [--device cpu|opencl|metal --plugin FILE [--gpu-options JSON] [--profile]]\n"
    "       lab-bench bandwidth [--threads N] [--bytes N] [--passes N] [--loop NAME]\n"
    "       lab-bench peak [--threads N] [--passes N]\n"
    "       lab-bench stage --bundle DIR\n"
    "       lab-bench info --runtime FILE [--device opencl|metal --plugin FILE [--gpu-options JSON]]\n"
    "--threads 0, the default, takes every core it may use. --runtime is the path of libtvm_runtime.so,\n"
    "--plugin that of the library that brings a GPU to it.\n";

int dispatch(const std::vector<std::string>& args) {
  if (args.empty()) throw lab::UsageError("which verb: run, bandwidth, peak, stage or info?");
  std::vector<std::string> rest(args.begin() + 1, args.end());
  if (args[0] == "run") return lab::run_command(rest);
  if (args[0] == "bandwidth") return lab::bandwidth_command(rest);
  if (args[0] == "peak") return lab::peak_command(rest);
  if (args[0] == "stage") return lab::stage_command(rest);
  if (args[0] == "info") return lab::info_command(rest);
  if (args[0] == "--help" || args[0] == "help") return std::fputs(kHelp, stdout) < 0;
  throw lab::UsageError("unknown verb '" + args[0] + "': run, bandwidth, peak, stage or info?");
}

}  // namespace

int main(int argc, char** argv) {
  lab::end_when_nobody_reads();
  try {
    return dispatch(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const lab::UsageError& error) {
    std::fprintf(stderr, "lab-bench: %s\n%s", error.what(), kHelp);
    return lab::kUsage;
  } catch (const lab::Failure& failure) {
    return report_error(failure.where, failure.what(), failure.exit);
  } catch (const std::bad_alloc&) {
    return report_error("memory", "there is not enough of it", lab::kFailed);
  } catch (const std::exception& error) {
    return report_error("runner", error.what(), lab::kBug);
  }
}
