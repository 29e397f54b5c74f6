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

namespace lab {
namespace {

constexpr int64_t kRounds = 1 << 14;         // of one call: some tens of microseconds
constexpr int64_t kPassNs = 20 * 1000000;    // long beside starting threads and reading the clock
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

// How many calls fill a pass of one thread; measured alone and then kept, so that every pass does the same. The best of several tries
// counts: one in which the thread had to wait would make passes too short to be believed.
int64_t calls_of_a_pass(const PeakLoop& loop) {
  int64_t calls = 8;
  while (time_of(loop, calls) < kPassNs / 8) calls *= 2;
  int64_t best = time_of(loop, calls);
  for (int i = 0; i < kTries; ++i) best = std::min(best, time_of(loop, calls));
  return std::max<int64_t>(1, calls * kPassNs / best);
}

void require_all_done(const PeakLoop& loop, double made, double wanted) {
  if (made == wanted) return;
  throw Failure("peak", std::string("the loop ") + loop.name + " made " + json_number(made) + " of " +
                            json_number(wanted) + " products: its rate cannot be believed");
}

// Operations per second of all threads together, pass by pass.
std::vector<double> measure(const PeakLoop& loop, int threads, int64_t passes) {
  int pieces = std::min(threads * kPiecesPerThread, Shares::kMostPieces);
  int64_t calls = std::max<int64_t>(1, calls_of_a_pass(loop) * threads / pieces);
  std::vector<double> made(static_cast<size_t>(pieces));
  auto work = [&](int i) { made[static_cast<size_t>(i)] += make_products(loop, calls); };
  std::vector<int64_t> passes_ns = time_passes(threads, pieces, passes, work);
  double of_piece = static_cast<double>(calls * kRounds * loop.a_round);
  for (double one : made) require_all_done(loop, one, of_piece * static_cast<double>(passes));
  std::vector<double> rates;
  for (int64_t ns : passes_ns) {
    rates.push_back(kOperationsOfProduct * of_piece * pieces * 1e9 / static_cast<double>(ns));
  }
  return rates;
}

}  // namespace

int peak_command(const std::vector<std::string>& args) {
  Flags flags(args, {"threads", "passes"}, {});
  int threads = static_cast<int>(flags.integer("threads", 0, 4096, 0));
  if (threads == 0) threads = usable_cores();
  int64_t passes = flags.integer("passes", 1, 1000, 8);
  std::vector<std::string> features = read_cpu_facts().features;
  PeakLoop int8 = int8_loops(features).front(), f32 = f32_loops(features).front();
  std::vector<double> int8_rates = measure(int8, threads, passes), f32_rates = measure(f32, threads, passes);
  emit(event("peak")
           .integer("threads", threads)
           .text("int8_loop", int8.name)
           .text("f32_loop", f32.name)
           .raw("int8_ops_per_s", json_list(int8_rates))
           .raw("f32_ops_per_s", json_list(f32_rates)));
  return kOk;
}

}  // namespace lab
