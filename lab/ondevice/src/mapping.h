// A file mapped read-only and shared, so that its pages are the page cache's own.
#pragma once

#include <cstddef>
#include <string>

namespace lab {

class Mapping {
 public:
  // Throws Failure of part "weights" when the file cannot be opened or its size is not `size`. With `read_ahead` what is
  // not in the page cache is read in the background.
  Mapping(const std::string& path, size_t size, bool read_ahead = true);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  int fd_ = -1;  // held open: some filesystems drop a mapped file's pages sooner without it
  char* data_ = nullptr;
  size_t size_;
};

}  // namespace lab
