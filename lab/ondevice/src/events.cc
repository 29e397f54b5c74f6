#include "events.h"

#include <errno.h>
#include <unistd.h>

#include <cstdio>
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

// A message may hold the log of a driver's compiler. Cut between two characters of UTF-8.
std::string shortened(const std::string& message) {
  if (message.size() <= kMessageBytes) return message;
  size_t end = kMessageBytes;
  while (end > 0 && (message[end] & 0xc0) == 0x80) --end;
  return message.substr(0, end) + " ... (" + std::to_string(message.size() - end) + " more bytes)";
}

}  // namespace

JsonObject event(const char* name) {
  JsonObject object;
  object.text("event", name);
  return object;
}

void emit(const JsonObject& object) { emit_line(object.str()); }

void emit_line(const std::string& json) { write_all(json + "\n"); }

void emit_error(const std::string& where, const std::string& message) {
  emit(event("error").text("where", where).text("message", shortened(message)));
}

int report_error(const std::string& where, const std::string& message, int code) {
  std::fprintf(stderr, "lab-bench: %s: %s\n", where.c_str(), message.c_str());
  try {
    emit_error(where, message);
  } catch (const Failure&) {
    // stdout is gone; stderr has it
  }
  return code;
}

}  // namespace lab
