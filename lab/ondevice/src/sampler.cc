#include "sampler.h"

#include <signal.h>

#include <algorithm>
#include <chrono>

#include "clock.h"
#include "json_line.h"
#include "memory.h"

namespace lab {
namespace {

constexpr size_t kMostSamples = 16384;  // about half a megabyte as JSON: the reader's limit of a line is one

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
  if (!read_resident(rss, anon)) return;
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
