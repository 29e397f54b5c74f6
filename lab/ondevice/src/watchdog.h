// A runner that nobody listens to ends by itself: the program that started it was killed, or the link to it was cut.
#pragma once

namespace lab {

// Starts a thread that sleeps until the reader of stdout is gone, and then ends the process, whatever it does. It
// costs no time while it sleeps. Where stdout is a file nothing happens.
void end_when_nobody_reads();

// Sleeps until the reader of stdout is gone, and returns true; false where nothing tells of it.
bool wait_until_nobody_reads();

}  // namespace lab
