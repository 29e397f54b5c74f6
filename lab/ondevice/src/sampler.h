// Samples resident memory on a thread of its own. Only for a memory pass: it disturbs what is timed.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace lab {

class MemorySampler {
 public:
  explicit MemorySampler(int64_t interval_ms);  // 0: samples nothing
  ~MemorySampler() { stop(); }
  MemorySampler(const MemorySampler&) = delete;
  MemorySampler& operator=(const MemorySampler&) = delete;

  void stop();  // after it the results may be read
  int64_t anon_peak() const { return anon_peak_; }  // bytes; -1 when nothing was sampled
  std::string samples_json() const;                 // [[t_ns, rss_bytes], ...]

 private:
  void loop();
  void sample();
  void add(int64_t t_ns, int64_t rss);

  int64_t interval_ms_;
  int64_t anon_peak_ = -1;
  std::vector<std::pair<int64_t, int64_t>> samples_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace lab
