// The one device that this process uses: its context, its queue and what goes with them. It stays until the process
// ends: drivers take badly to being closed while static objects die.
#pragma once

#include <mutex>
#include <string>

#include "cl.h"
#include "facts.h"
#include "options.h"
#include "profile.h"
#include "staging.h"
#include "stats.h"

namespace lab {

struct Context {
  Options options;
  Library library;
  Facts facts;
  cl_device_id device = nullptr;
  cl_context handle = nullptr;
  cl_command_queue queue = nullptr;  // in order: what was put in first is done first
  Stats stats;
  Profile profile;
  Staging staging;
  std::string last_kernel;  // that was launched, for the error when the device goes
  std::string lost;         // why nothing works any more, or ""
  int unflushed = 0;        // launches that the driver may still be holding back
  std::recursive_mutex mutex;

  const Cl& cl() const { return library.cl; }

  // Hands on to the device what was put into the queue, and waits until all of it is done.
  void finish();

  // To be called after each launch; with `event`, of it, it is timed.
  void launched(const std::string& kernel, cl_event event);

  // To be called when all that was in the queue is known to be done.
  void drained();

  // Throws if a command could not be put into the queue, and remembers it if that means the device is gone. `what`
  // names the command.
  void check_command(cl_int code, const std::string& what) { check_queue(code, what, false); }

  // The same for one that waits for all that came before it.
  void check_wait(cl_int code, const std::string& what) { check_queue(code, what, true); }

  // Throws if the device is gone.
  void check_alive() const;

 private:
  void check_queue(cl_int code, const std::string& what, bool has_waited);
};

// The device; opened with default options if nothing tried to open it before. After an opening that failed this
// fails alike: another device than the one asked for would be worse than none.
Context& context();

// Opens the device by options in JSON; an error if it is open already.
Context& open_context(const std::string& options);

using Lock = std::lock_guard<std::recursive_mutex>;

}  // namespace lab
