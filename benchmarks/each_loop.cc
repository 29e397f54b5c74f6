// The rate of every loop that roofs are measured with, by turns.
// `each_loop THREADS TURNS` prints a line "kind;name;rate" a pass.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "clock.h"
#include "cpu.h"
#include "passes.h"
#include "peak_loop.h"
#include "read_loop.h"

namespace {

constexpr size_t kPiece = 2 << 20, kPieces = 256;  // bytes of a piece, and how many there are: half a GiB
constexpr int64_t kRounds = 1 << 14, kPassNs = 10 * 1000000;
constexpr int kPeakPieces = 16;  // of each thread

char* filled(int threads) {
  void* data = mmap(nullptr, kPiece * kPieces, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) std::exit(1);
#ifdef MADV_HUGEPAGE
  madvise(data, kPiece * kPieces, MADV_HUGEPAGE);
#endif
  char* bytes = static_cast<char*>(data);
  lab::time_passes(threads, kPieces, 1, [=](int i) { std::memset(bytes + kPiece * static_cast<size_t>(i), 1, kPiece); });
  return bytes;
}

void print(const char* kind, const char* name, double done, int64_t ns) {
  std::printf("%s;%s;%.0f\n", kind, name, done * 1e9 / static_cast<double>(ns));
}

void read_once(const lab::ReadLoop& loop, const char* data, int threads) {
  auto read = [&](int i) { loop.sum(data + kPiece * static_cast<size_t>(i), kPiece); };
  print("read", loop.name, kPiece * kPieces, lab::time_passes(threads, kPieces, 1, read).front());
}

void multiply_once(const char* kind, const lab::PeakLoop& loop, int threads) {
  int64_t began = lab::now_ns(), calls = 0;
  for (; lab::now_ns() - began < kPassNs / 8; ++calls) loop.products(kRounds);
  int64_t of_piece = calls * 8 / kPeakPieces + 1;
  auto work = [&](int) {
    for (int64_t i = 0; i < of_piece; ++i) loop.products(kRounds);
  };
  int pieces = kPeakPieces * threads;
  double products = static_cast<double>(of_piece * kRounds * loop.a_round * pieces);
  print(kind, loop.name, 2 * products, lab::time_passes(threads, pieces, 1, work).front());
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  int threads = std::atoi(words[1]), turns = std::atoi(words[2]);
  std::vector<std::string> features = lab::read_cpu_facts().features;
  char* data = filled(threads);
  for (int turn = 0; turn < turns; ++turn) {
    for (const lab::ReadLoop& loop : lab::read_loops(features)) read_once(loop, data, threads);
    for (const lab::PeakLoop& loop : lab::int8_loops(features)) multiply_once("int8", loop, threads);
    for (const lab::PeakLoop& loop : lab::int4_loops(features)) multiply_once("int4", loop, threads);
    for (const lab::PeakLoop& loop : lab::f32_loops(features)) multiply_once("f32", loop, threads);
  }
}
