// SPDX-License-Identifier: MIT
#include "system.hpp"

#include <sys/utsname.h>

namespace matrixtool {

std::string os_version() {
    utsname system{};
    return uname(&system) == 0 ? system.release : "";
}

} // namespace matrixtool
