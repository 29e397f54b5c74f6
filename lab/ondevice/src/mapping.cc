#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "failure.h"

namespace lab {
namespace {

Failure system_failure(const std::string& path, const char* what) {
  return Failure("weights", path + ": " + what + ": " + std::strerror(errno));
}

}  // namespace

Mapping::Mapping(const std::string& path, size_t size, bool read_ahead) : size_(size) {
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw system_failure(path, "cannot be opened");
  struct stat status = {};
  bool known = fstat(fd_, &status) == 0;
  void* data = MAP_FAILED;
  // A shorter file would map too, and end in SIGBUS in the middle of a kernel.
  if (known && static_cast<size_t>(status.st_size) == size && size > 0) {
    data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, 0);
  }
  if (data == MAP_FAILED) {
    Failure failure =
        known && static_cast<size_t>(status.st_size) != size
            ? Failure("weights", path + ": " + std::to_string(status.st_size) + " bytes, but the manifest says " +
                                     std::to_string(size))
            : system_failure(path, "cannot be mapped");
    close(fd_);
    throw failure;
  }
  data_ = static_cast<char*>(data);
  // Advice, so not checked. Huge pages are used where the file lies in them: see stage.cc.
#ifdef MADV_HUGEPAGE
  madvise(data_, size_, MADV_HUGEPAGE);
#endif
  if (read_ahead) madvise(data_, size_, MADV_WILLNEED);
}

Mapping::~Mapping() {
  munmap(data_, size_);
  close(fd_);
}

}  // namespace lab
