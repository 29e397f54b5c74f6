#include "bandwidth.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "cpu.h"
#include "events.h"
#include "failure.h"
#include "flags.h"
#include "memory.h"
#include "passes.h"
#include "pool.h"
#include "read_loop.h"
#include "shares.h"
#include "trial.h"

namespace lab {
namespace {

// Anonymous memory, in huge pages where the kernel gives them: the question is what the memory can do.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : bytes_(bytes) {
    int64_t available = available_memory();
    if (available >= 0 && static_cast<int64_t>(bytes) > available) {
      throw Failure("bandwidth", "a buffer of " + std::to_string(bytes) + " bytes does not fit the " +
                                     std::to_string(available) + " bytes of memory available");
    }
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) throw Failure("bandwidth", "the buffer could not be allocated");
    data_ = static_cast<char*>(data);
#ifdef MADV_HUGEPAGE
    madvise(data_, bytes, MADV_HUGEPAGE);
#endif
  }
  ~Buffer() { munmap(data_, bytes_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  char* data() const { return data_; }

 private:
  char* data_ = nullptr;
  size_t bytes_;
};

constexpr size_t kPieceBytes = 256 << 10;  // at the least: starting a piece is nothing beside reading so much
constexpr size_t kTrialShare = 16;         // of the buffer; each trial reads another share, which no cache holds any more

// A range in equal pieces of whole blocks.
struct Pieces {
  Pieces(char* data_, size_t bytes, int threads_) : data(data_), threads(threads_) {
    int most = std::min(threads * kPiecesPerThread, Shares::kMostPieces);
    count = std::clamp(static_cast<int>(std::min<size_t>(bytes / kPieceBytes, most)), threads, most);
    piece_bytes = bytes / static_cast<size_t>(count) / kReadBlock * kReadBlock;
  }
  char* at(int piece) const { return data + static_cast<size_t>(piece) * piece_bytes; }
  size_t bytes() const { return piece_bytes * static_cast<size_t>(count); }

  char* data;
  int threads;
  int count = 0;
  size_t piece_bytes = 0;
};

void touch(const Pieces& pieces) {
  time_passes(pieces.threads, pieces.count, 1, [&](int i) { std::memset(pieces.at(i), 1, pieces.piece_bytes); });
}

// Bytes per second, pass by pass. The sums are looked at, so that no compiler drops the reads.
std::vector<double> measure(const Pieces& pieces, const ReadLoop& loop, int64_t passes) {
  std::vector<uint64_t> sums(static_cast<size_t>(pieces.count));
  auto read = [&](int i) { sums[static_cast<size_t>(i)] += loop.sum(pieces.at(i), pieces.piece_bytes); };
  std::vector<double> rates;
  for (int64_t ns : time_passes(pieces.threads, pieces.count, passes, read)) {
    rates.push_back(static_cast<double>(pieces.bytes()) * 1e9 / static_cast<double>(ns));
  }
  uint64_t words = pieces.piece_bytes / sizeof(uint64_t) * static_cast<uint64_t>(passes);
  uint64_t wanted = words * 0x0101010101010101;  // as touched
  for (uint64_t sum : sums) {
    if (sum != wanted) throw Failure("bandwidth", std::string("the loop ") + loop.name + " did not read all bytes");
  }
  return rates;
}

ReadLoop fastest_loop(const Pieces& all, const std::vector<ReadLoop>& loops) {
  size_t least = static_cast<size_t>(all.threads) * kPieceBytes;
  size_t share = std::min(all.bytes(), std::max(all.bytes() / kTrialShare, least)), shares = all.bytes() / share;
  size_t found = fastest_of(loops.size(), [&](size_t candidate, size_t turn) {
    Pieces some(all.data + turn % shares * share / kReadBlock * kReadBlock, share, all.threads);
    return measure(some, loops[candidate], 1).front();
  });
  return loops[found];
}

ReadLoop loop_named(const std::string& name, const std::vector<ReadLoop>& loops) {
  for (const ReadLoop& loop : loops) {
    if (loop.name == name) return loop;
  }
  std::string names;
  for (const ReadLoop& loop : loops) names += std::string(names.empty() ? "" : ", ") + loop.name;
  throw UsageError("--loop '" + name + "' is none that this processor runs: " + names);
}

}  // namespace

int bandwidth_command(const std::vector<std::string>& args) {
  Flags flags(args, {"threads", "bytes", "passes", "loop"}, {});
  int threads = static_cast<int>(flags.integer("threads", 0, 4096, 0));
  if (threads == 0) threads = usable_cores();
  size_t bytes = static_cast<size_t>(flags.integer("bytes", int64_t{1} << 20, int64_t{1} << 40, int64_t{1} << 30));
  int64_t passes = flags.integer("passes", 1, 1000, 8);
  std::vector<ReadLoop> loops = read_loops(read_cpu_facts().features);
  if (flags.has("loop")) loops = {loop_named(flags.text("loop"), loops)};
  Buffer buffer(bytes);
  Pieces pieces(buffer.data(), bytes, threads);
  if (pieces.bytes() == 0) {
    throw Failure("bandwidth", "the buffer is too small for " + std::to_string(threads) + " threads");
  }
  touch(pieces);
  ReadLoop loop = loops.size() == 1 ? loops.front() : fastest_loop(pieces, loops);
  std::vector<double> rates = measure(pieces, loop, passes);
  emit(event("bandwidth")
           .integer("threads", threads)
           .integer("bytes", static_cast<int64_t>(pieces.bytes()))
           .text("loop", loop.name)
           .raw("bytes_per_s", json_list(rates)));
  return kOk;
}

}  // namespace lab
