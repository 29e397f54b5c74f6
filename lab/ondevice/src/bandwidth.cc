#include "bandwidth.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "clock.h"
#include "cpu.h"
#include "events.h"
#include "failure.h"
#include "flags.h"
#include "memory.h"
#include "read_loop.h"
#include "signals.h"

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
    madvise(data_, bytes, MADV_HUGEPAGE);
  }
  ~Buffer() { munmap(data_, bytes_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  char* data() const { return data_; }

 private:
  char* data_ = nullptr;
  size_t bytes_;
};

// Lets all threads leave at once; they wait awake, because waking up is not what is measured.
class Barrier {
 public:
  explicit Barrier(int count) : count_(count) {}
  void wait() {
    int round = round_;
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++round_;
      return;
    }
    while (round_ == round) std::this_thread::yield();
  }

 private:
  int count_;
  std::atomic<int> arrived_{0}, round_{0};
};

struct Pass {
  int64_t start_ns, end_ns;
};

struct Job {
  char* data;
  size_t bytes;
  ReadLoop loop;
  std::vector<Pass> passes;  // of this thread
  uint64_t sum = 0;          // used, so that no compiler drops the reads
};

void work(Job& job, Barrier& barrier) {
  std::memset(job.data, 1, job.bytes);  // each thread touches its own part first
  for (Pass& pass : job.passes) {
    barrier.wait();
    pass.start_ns = now_ns();
    job.sum += job.loop.sum(job.data, job.bytes);
    pass.end_ns = now_ns();
  }
}

std::vector<Job> split(const Buffer& buffer, size_t bytes, int threads, int64_t passes) {
  ReadLoop loop = best_read_loop(read_cpu_facts().features);
  size_t part = bytes / static_cast<size_t>(threads) / kReadBlock * kReadBlock;
  std::vector<Job> jobs;
  for (int i = 0; i < threads; ++i) {
    char* data = buffer.data() + static_cast<size_t>(i) * part;
    jobs.push_back({data, part, loop, std::vector<Pass>(static_cast<size_t>(passes)), 0});
  }
  return jobs;
}

// From the first thread's start to the last one's end, pass by pass.
std::vector<double> rates(const std::vector<Job>& jobs) {
  std::vector<double> out;
  for (size_t p = 0; p < jobs[0].passes.size(); ++p) {
    int64_t start = jobs[0].passes[p].start_ns, end = jobs[0].passes[p].end_ns;
    for (const Job& job : jobs) {
      start = std::min(start, job.passes[p].start_ns);
      end = std::max(end, job.passes[p].end_ns);
    }
    double bytes = static_cast<double>(jobs[0].bytes) * static_cast<double>(jobs.size());
    out.push_back(bytes * 1e9 / static_cast<double>(end - start));
  }
  return out;
}

std::vector<Job> measure(const Buffer& buffer, size_t bytes, int threads, int64_t passes) {
  std::vector<Job> jobs = split(buffer, bytes, threads, passes);
  Barrier barrier(threads);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([&jobs, &barrier, i] { work(jobs[static_cast<size_t>(i)], barrier); });
  }
  work(jobs[0], barrier);
  for (std::thread& thread : others) thread.join();
  return jobs;
}

}  // namespace

int bandwidth_command(const std::vector<std::string>& args) {
  Flags flags(args, {"threads", "bytes", "passes"}, {});
  int threads = static_cast<int>(flags.integer("threads", 0, 4096, 0));
  if (threads == 0) threads = usable_cores();
  size_t bytes = static_cast<size_t>(flags.integer("bytes", int64_t{1} << 20, int64_t{1} << 40, int64_t{1} << 30));
  int64_t passes = flags.integer("passes", 1, 1000, 8);
  Buffer buffer(bytes);
  std::vector<Job> jobs = measure(buffer, bytes, threads, passes);
  uint64_t sum = 0;
  for (const Job& job : jobs) sum += job.sum;
  if (sum == 0) throw Failure("bandwidth", "the reads came back empty");
  emit(event("bandwidth")
           .integer("threads", threads)
           .integer("bytes", static_cast<int64_t>(jobs[0].bytes * jobs.size()))
           .text("loop", jobs[0].loop.name)
           .raw("bytes_per_s", json_list(rates(jobs))));
  return kOk;
}

}  // namespace lab
