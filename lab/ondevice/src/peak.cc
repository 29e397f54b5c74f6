#include "peak.h"

#include <algorithm>

#include "clock.h"
#include "cpu.h"
#include "events.h"
#include "failure.h"
#include "flags.h"
#include "passes.h"
#include "peak_loop.h"
#include "pool.h"
#include "shares.h"
#include "trial.h"

namespace lab {
namespace {

constexpr int64_t kRounds = 1 << 11;         // of one call: some microseconds, and not seconds where it is emulated
constexpr int64_t kPassNs = 15 * 1000000;    // long beside starting threads and reading the clock
constexpr int64_t kTrialNs = 2 * 1000000;    // of each loop that might be the fastest, several times
constexpr size_t kMostTried = 5;             // best first, so the rest are for older processors
constexpr int kTries = 4;                    // to find out how much fills a pass
constexpr double kOperationsOfProduct = 2;   // one to multiply, one to add

double make_products(const PeakLoop& loop, int64_t calls) {
  double made = 0;
  for (int64_t i = 0; i < calls; ++i) made += loop.products(kRounds);
  return made;
}

int64_t time_of(const PeakLoop& loop, int64_t calls) {
  int64_t start = now_ns();
  make_products(loop, calls);
  return now_ns() - start;
}

// How many calls take so long on one thread; measured alone and then kept, so that every pass does the same. The best
// of several tries counts: one in which the thread had to wait would make passes too short to be believed.
int64_t calls_within(const PeakLoop& loop, int64_t wanted_ns) {
  int64_t calls = 1;
  while (time_of(loop, calls) < wanted_ns / 8) calls *= 2;
  int64_t best = time_of(loop, calls);
  for (int i = 0; i < kTries; ++i) best = std::min(best, time_of(loop, calls));
  return std::max<int64_t>(1, calls * wanted_ns / best);
}

void require_all_done(const PeakLoop& loop, double made, double wanted) {
  if (made == wanted) return;
  throw Failure("peak", std::string("the loop ") + loop.name + " made " + json_number(made) + " of " +
                            json_number(wanted) + " products: its rate cannot be believed");
}

// Operations per second of all threads together, pass by pass; each thread has `calls` to make if all share alike.
std::vector<double> measure(const PeakLoop& loop, int threads, int64_t passes, int64_t calls) {
  int pieces = std::min(threads * kPiecesPerThread, Shares::kMostPieces);
  int64_t of_one = std::max<int64_t>(1, calls * threads / pieces);
  std::vector<double> made(static_cast<size_t>(pieces));
  auto work = [&](int i) { made[static_cast<size_t>(i)] += make_products(loop, of_one); };
  std::vector<int64_t> passes_ns = time_passes(threads, pieces, passes, work);
  double of_piece = static_cast<double>(of_one * kRounds * loop.a_round);
  for (double one : made) require_all_done(loop, one, of_piece * static_cast<double>(passes));
  std::vector<double> rates;
  for (int64_t ns : passes_ns) {
    rates.push_back(kOperationsOfProduct * of_piece * pieces * 1e9 / static_cast<double>(ns));
  }
  return rates;
}

PeakLoop fastest_loop(std::vector<PeakLoop> loops, int threads) {
  loops.resize(std::min(loops.size(), kMostTried));
  std::vector<int64_t> calls;
  for (const PeakLoop& loop : loops) calls.push_back(calls_within(loop, kTrialNs));
  return loops[fastest_of(loops.size(), [&](size_t candidate, size_t) {
    return measure(loops[candidate], threads, 1, calls[candidate]).front();
  })];
}

// Writes the rates of the fastest of the loops as KIND_ops_per_s, and which it is as KIND_loop.
void report(JsonObject& line, const std::string& kind, const std::vector<PeakLoop>& loops, int threads,
            int64_t passes) {
  PeakLoop loop = fastest_loop(loops, threads);
  std::vector<double> rates = measure(loop, threads, passes, calls_within(loop, kPassNs));
  line.text((kind + "_loop").c_str(), loop.name).raw((kind + "_ops_per_s").c_str(), json_list(rates));
}

}  // namespace

int peak_command(const std::vector<std::string>& args) {
  Flags flags(args, {"threads", "passes"}, {});
  int threads = static_cast<int>(flags.integer("threads", 0, 4096, 0));
  if (threads == 0) threads = usable_cores();
  int64_t passes = flags.integer("passes", 1, 1000, 8);
  std::vector<std::string> features = read_cpu_facts().features;
  JsonObject line = event("peak");
  line.integer("threads", threads);
  report(line, "int8", int8_loops(features), threads, passes);
  report(line, "int4", int4_loops(features), threads, passes);
  report(line, "f32", f32_loops(features), threads, passes);
  emit(line);
  return kOk;
}

}  // namespace lab
