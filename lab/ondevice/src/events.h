// Events on stdout: one JSON object a line, written whole. Never called while something is being timed.
#pragma once

#include <string>

#include "json_line.h"

namespace lab {

constexpr const char* kRunner = "lab-bench 0.1.0";
constexpr int kProtocol = 1;

JsonObject event(const char* name);

// Writes the line at once (no buffer that a crash could swallow); throws Failure when nobody reads any more.
void emit(const JsonObject& object);
void emit_line(const std::string& json);  // an event that is JSON already

// For a text that somebody else wrote: an error that goes into a row is not endless.
constexpr size_t kMessageBytes = 3500;

void emit_error(const std::string& where, const std::string& message);

// Says on stderr and as an event that part `where` failed; returns `code`.
int report_error(const std::string& where, const std::string& message, int code);

}  // namespace lab
