// SPDX-License-Identifier: MIT
#include "system.hpp"

#include <windows.h>

namespace matrixtool {

std::string os_version() {
    // Not GetVersionEx, which tells a program without a manifest that it runs
    // on Windows 8.
    using Ask = LONG(WINAPI *)(OSVERSIONINFOW *);
    const auto ask = reinterpret_cast<Ask>(
        reinterpret_cast<void *>(GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion")));
    OSVERSIONINFOW version{};
    version.dwOSVersionInfoSize = sizeof version;
    if (ask == nullptr || ask(&version) != 0)
        return "";
    return std::to_string(version.dwMajorVersion) + '.' + std::to_string(version.dwMinorVersion) + '.' +
           std::to_string(version.dwBuildNumber);
}

} // namespace matrixtool
