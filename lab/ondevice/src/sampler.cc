#include "sampler.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "clock.h"
#include "json_line.h"

namespace lab {
namespace {

constexpr size_t kMostSamples = 16384;  // about half a megabyte as JSON: the reader's limit of a line is one

// Resident and anonymous bytes from /proc/self/statm: the cheapest of the kernel's files to read.
bool read_statm(int64_t& rss, int64_t& anon) {
  static const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  char text[128];
  ssize_t n = pread(file, text, sizeof text - 1, 0);
  if (n <= 0) return false;
  text[n] = '\0';
  long long total = 0, resident = 0, shared = 0;
  if (std::sscanf(text, "%lld %lld %lld", &total, &resident, &shared) != 3) return false;
  static const int64_t page = sysconf(_SC_PAGESIZE);
  rss = resident * page;
  anon = (resident - shared) * page;
  return true;
}

}  // namespace

MemorySampler::MemorySampler(int64_t interval_ms) : interval_ms_(interval_ms) {
  if (interval_ms_ == 0) return;
  samples_.reserve(kMostSamples);
  thread_ = std::thread(&MemorySampler::loop, this);
}

void MemorySampler::loop() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);  // signals are for the main thread
  while (!stopping_) {
    sample();
    std::this_thread::sleep_for(std::chrono::milliseconds(interval_ms_));
  }
}

void MemorySampler::sample() {
  int64_t rss = 0, anon = 0;
  if (!read_statm(rss, anon)) return;
  anon_peak_ = std::max(anon_peak_, anon);
  add(now_ns(), rss);
}

// When the list is full each two neighbours become the higher of them, so a long run keeps its peaks.
void MemorySampler::add(int64_t t_ns, int64_t rss) {
  if (samples_.size() == kMostSamples) {
    for (size_t i = 0; i < kMostSamples / 2; ++i) {
      auto &left = samples_[2 * i], &right = samples_[2 * i + 1];
      samples_[i] = left.second >= right.second ? left : right;
    }
    samples_.resize(kMostSamples / 2);
    interval_ms_ *= 2;
  }
  samples_.emplace_back(t_ns, rss);
}

void MemorySampler::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  thread_.join();
  sample();
}

std::string MemorySampler::samples_json() const {
  std::string out = "[";
  for (const auto& [t_ns, rss] : samples_) {
    if (out.size() > 1) out += ',';
    out += json_list(std::vector<int64_t>{t_ns, rss});
  }
  return out + "]";
}

}  // namespace lab
