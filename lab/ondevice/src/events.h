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

void emit_error(const std::string& where, const std::string& message);

}  // namespace lab
