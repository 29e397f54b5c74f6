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

// The buffer in equal pieces of whole blocks; `sums` are used, so that no compiler drops the reads.
struct Pieces {
  Pieces(const Buffer& buffer, size_t bytes, int threads)
      : data(buffer.data()), loop(best_read_loop(read_cpu_facts().features)) {
    int most = std::min(threads * kPiecesPerThread, Shares::kMostPieces);
    count = std::clamp(static_cast<int>(std::min<size_t>(bytes / kPieceBytes, most)), threads, most);
    piece_bytes = bytes / static_cast<size_t>(count) / kReadBlock * kReadBlock;
    sums.resize(static_cast<size_t>(count));
  }
  char* at(int piece) const { return data + static_cast<size_t>(piece) * piece_bytes; }
  size_t bytes() const { return piece_bytes * static_cast<size_t>(count); }

  char* data;
  ReadLoop loop;
  int count = 0;
  size_t piece_bytes = 0;
  std::vector<uint64_t> sums;
};

// Bytes per second, pass by pass.
std::vector<double> measure(Pieces& pieces, int threads, int64_t passes) {
  auto touch = [&](int i) { std::memset(pieces.at(i), 1, pieces.piece_bytes); };
  auto read = [&](int i) { pieces.sums[static_cast<size_t>(i)] += pieces.loop.sum(pieces.at(i), pieces.piece_bytes); };
  time_passes(threads, pieces.count, 1, touch);
  std::vector<double> rates;
  for (int64_t ns : time_passes(threads, pieces.count, passes, read)) {
    rates.push_back(static_cast<double>(pieces.bytes()) * 1e9 / static_cast<double>(ns));
  }
  return rates;
}

}  // namespace

int bandwidth_command(const std::vector<std::string>& args) {
  Flags flags(args, {"threads", "bytes", "passes"}, {});
  int threads = static_cast<int>(flags.integer("threads", 0, 4096, 0));
  if (threads == 0) threads = usable_cores();
  size_t bytes = static_cast<size_t>(flags.integer("bytes", int64_t{1} << 20, int64_t{1} << 40, int64_t{1} << 30));
  int64_t passes = flags.integer("passes", 1, 1000, 8);
  Buffer buffer(bytes);
  Pieces pieces(buffer, bytes, threads);
  std::vector<double> rates = measure(pieces, threads, passes);
  uint64_t sum = 0;
  for (uint64_t one : pieces.sums) sum += one;
  if (sum == 0) throw Failure("bandwidth", "the reads came back empty");
  emit(event("bandwidth")
           .integer("threads", threads)
           .integer("bytes", static_cast<int64_t>(pieces.bytes()))
           .text("loop", pieces.loop.name)
           .raw("bytes_per_s", json_list(rates)));
  return kOk;
}

}  // namespace lab
