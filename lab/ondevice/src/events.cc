#include "events.h"

#include <errno.h>
#include <unistd.h>

#include <cstring>

#include "failure.h"

namespace lab {
namespace {

void write_all(const std::string& line) {
  size_t done = 0;
  while (done < line.size()) {
    ssize_t n = write(STDOUT_FILENO, line.data() + done, line.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      throw Failure("stdout", std::string("the event could not be written: ") + std::strerror(errno));
    }
  }
}

}  // namespace

JsonObject event(const char* name) {
  JsonObject object;
  object.text("event", name);
  return object;
}

void emit(const JsonObject& object) { write_all(object.str() + "\n"); }

void emit_error(const std::string& where, const std::string& message) {
  emit(event("error").text("where", where).text("message", message));
}

}  // namespace lab
