// Comes before every file of adbd: headers that Android's own C++ library brings along, and where a phone has its shell.
#pragma once

#include <atomic>
#include <cstring>
#include <optional>

#include <paths.h>

#undef _PATH_BSHELL
#define _PATH_BSHELL "/system/bin/sh"
