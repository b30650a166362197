# SPDX-License-Identifier: MIT
#
# As the soname: what was built for a version works with the later ones of the
# same major version (abi/README.md).
set(PACKAGE_VERSION @VERSION@)
string(REGEX MATCH "^[0-9]+" _runspan_major "${PACKAGE_VERSION}")
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
endif()
if(PACKAGE_FIND_VERSION_MAJOR STREQUAL _runspan_major AND PACKAGE_FIND_VERSION VERSION_LESS_EQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
