# SPDX-License-Identifier: MIT
#
# embed_telemetry_help(TARGET FILE): what the schema in FILE lets out, for people,
# is in the header <name of FILE>_telemetry_help.h then, as an array of the same
# name. So the text can't say anything else than the schema.

# Appends to text in the caller: a title, and a line for each field of the JSON
# object that is for the span, or of all where span is empty.
function(_help_section title span)
    string(JSON fields ERROR_VARIABLE none GET ${ARGN})
    string(JSON count ERROR_VARIABLE none LENGTH "${fields}")
    set(lines "")
    if(count GREATER 0)
        math(EXPR last "${count} - 1")
        foreach(i RANGE ${last})
            string(JSON key MEMBER "${fields}" ${i})
            string(JSON description GET "${fields}" "${key}" description)
            string(JSON spans ERROR_VARIABLE none GET "${fields}" "${key}" spans)
            if(span STREQUAL "" OR spans MATCHES "\"${span}\"")
                string(LENGTH "${key}" length)
                math(EXPR gap "26 - ${length}")
                string(REPEAT " " ${gap} gap)
                string(APPEND lines "  ${key}${gap}${description}\n")
            endif()
        endforeach()
    endif()
    set(text "${text}${title}\n${lines}" PARENT_SCOPE)
endfunction()

function(embed_telemetry_help target file)
    get_filename_component(file "${file}" ABSOLUTE)
    get_filename_component(name "${file}" NAME_WE)
    string(MAKE_C_IDENTIFIER "${name}_telemetry_help" name)
    file(READ "${file}" schema)
    file(READ "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../../schemas/derived.json" derived)

    set(text "")
    _help_section("every run" "" "{\"derived\": ${derived}}" derived)
    _help_section("the program and the system" "" "${schema}" resource)
    string(JSON count LENGTH "${schema}" spans)
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
        string(JSON span MEMBER "${schema}" spans ${i})
        _help_section("${span}" "${span}" "${schema}" attributes)
    endforeach()
    _help_section("a run that ended with an error" "" "${schema}" events exception)

    set(folder "${CMAKE_CURRENT_BINARY_DIR}/telemetry-help")
    file(CONFIGURE OUTPUT "${folder}/${name}.h" CONTENT "static const char ${name}[] = R\"help(@text@)help\";\n" @ONLY)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    target_include_directories("${target}" PRIVATE "${folder}")
endfunction()
