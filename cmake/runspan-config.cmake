# SPDX-License-Identifier: MIT
#
# find_package(runspan CONFIG): the targets runspan::runspan, shared, and
# runspan::static, the front alone, with librunspan-core.so (runspan_CORE) to be
# put beside the program (runspan_copy_core) or in ../lib as seen from it. Paths
# are relative to this file, so that the installation may be moved.
get_filename_component(_runspan_prefix "${CMAKE_CURRENT_LIST_DIR}/../../@UP@" ABSOLUTE)

find_package(Threads REQUIRED)

if(NOT TARGET runspan::runspan)
    add_library(runspan::runspan SHARED IMPORTED)
    set_target_properties(runspan::runspan PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_runspan_prefix}/include")
    if(WIN32)
        set_target_properties(runspan::runspan PROPERTIES
            IMPORTED_LOCATION "${_runspan_prefix}/bin/runspan.dll"
            IMPORTED_IMPLIB "${_runspan_prefix}/@LIBDIR@/librunspan.dll.a")
    elseif(APPLE)
        set_target_properties(runspan::runspan PROPERTIES
            IMPORTED_LOCATION "${_runspan_prefix}/@LIBDIR@/librunspan.0.dylib"
            IMPORTED_SONAME "@rpath/librunspan.0.dylib")
    else()
        set_target_properties(runspan::runspan PROPERTIES
            IMPORTED_LOCATION "${_runspan_prefix}/@LIBDIR@/librunspan.so.0"
            IMPORTED_SONAME librunspan.so.0)
    endif()
    add_library(runspan::static STATIC IMPORTED)
    set_target_properties(runspan::static PROPERTIES
        IMPORTED_LOCATION "${_runspan_prefix}/@LIBDIR@/librunspan.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_runspan_prefix}/include"
        INTERFACE_LINK_LIBRARIES "Threads::Threads;${CMAKE_DL_LIBS}")
endif()
set(runspan_PROGRAM "${_runspan_prefix}/@LIBDIR@/runspan-core${CMAKE_EXECUTABLE_SUFFIX}" CACHE INTERNAL "")
unset(runspan_CORE CACHE)
if(EXISTS "${_runspan_prefix}/@LIBDIR@/librunspan-core.so") # for Linux with glibc
    set(runspan_CORE "${_runspan_prefix}/@LIBDIR@/librunspan-core.so" CACHE INTERNAL "")
endif()

include("${CMAKE_CURRENT_LIST_DIR}/runspan-functions.cmake")
