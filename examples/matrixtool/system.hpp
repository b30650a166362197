// SPDX-License-Identifier: MIT
//
// What is asked of each operating system in its own way: system_posix.cpp,
// system_windows.cpp.
#ifndef MATRIXTOOL_SYSTEM_HPP
#define MATRIXTOOL_SYSTEM_HPP

#include <string>

namespace matrixtool {

// The release of the operating system that the program runs on; empty if the
// system does not say.
std::string os_version();

} // namespace matrixtool

#endif
