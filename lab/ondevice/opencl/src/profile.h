// Kernel times from events, when opened with `profile`.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cl.h"

namespace lab {

class Profile {
 public:
  // `event` of a launch of `kernel`, which becomes this object's to release.
  void add(const std::string& kernel, cl_event event) { pending_.emplace_back(kernel, event); }

  // Read the times of all launches so far, which must be over.
  void collect(const Cl& cl);

  // Whether it is time to wait and collect: each event holds memory of the driver.
  bool is_full() const { return pending_.size() >= 4096; }

  // What was collected since the last call, as a JSON list with the longest first.
  std::string take_json();

 private:
  struct Total {
    int64_t count = 0, ns = 0;
  };
  std::vector<std::pair<std::string, cl_event>> pending_;
  std::map<std::string, Total> totals_;
};

}  // namespace lab
