#include "bandwidth.h"

#include <sys/mman.h>

#include <cstring>

#include "cpu.h"
#include "events.h"
#include "failure.h"
#include "flags.h"
#include "memory.h"
#include "read_loop.h"
#include "together.h"

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

struct Job {
  char* data;
  size_t bytes;
  ReadLoop loop;
  uint64_t sum = 0;  // used, so that no compiler drops the reads
};

std::vector<Job> split(const Buffer& buffer, size_t bytes, int threads) {
  ReadLoop loop = best_read_loop(read_cpu_facts().features);
  size_t part = bytes / static_cast<size_t>(threads) / kReadBlock * kReadBlock;
  std::vector<Job> jobs;
  for (int i = 0; i < threads; ++i) {
    jobs.push_back({buffer.data() + static_cast<size_t>(i) * part, part, loop});
  }
  return jobs;
}

// Bytes per second, pass by pass.
std::vector<double> measure(std::vector<Job>& jobs, int64_t passes) {
  // Each thread touches its own part first.
  auto touch = [&jobs](size_t i) { std::memset(jobs[i].data, 1, jobs[i].bytes); };
  auto read = [&jobs](size_t i) { jobs[i].sum += jobs[i].loop.sum(jobs[i].data, jobs[i].bytes); };
  double bytes = static_cast<double>(jobs[0].bytes) * static_cast<double>(jobs.size());
  std::vector<double> rates;
  for (int64_t ns : time_together(static_cast<int>(jobs.size()), passes, touch, read)) {
    rates.push_back(bytes * 1e9 / static_cast<double>(ns));
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
  std::vector<Job> jobs = split(buffer, bytes, threads);
  std::vector<double> rates = measure(jobs, passes);
  uint64_t sum = 0;
  for (const Job& job : jobs) sum += job.sum;
  if (sum == 0) throw Failure("bandwidth", "the reads came back empty");
  emit(event("bandwidth")
           .integer("threads", threads)
           .integer("bytes", static_cast<int64_t>(jobs[0].bytes * jobs.size()))
           .text("loop", jobs[0].loop.name)
           .raw("bytes_per_s", json_list(rates)));
  return kOk;
}

}  // namespace lab
