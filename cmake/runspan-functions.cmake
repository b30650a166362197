# SPDX-License-Identifier: MIT
#
# runspan_embed_schema(TARGET FILE): the schema in FILE, such as mytool.json, is
# in the header mytool_schema.h then, as the array mytool_schema.
function(runspan_embed_schema target file)
    get_filename_component(file "${file}" ABSOLUTE)
    set(folder "${CMAKE_CURRENT_BINARY_DIR}/runspan-schemas")
    _runspan_write_schema("${file}" "${folder}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    target_include_directories("${target}" PRIVATE "${folder}")
endfunction()

# The header, in the folder; the tests call it without a project. Its bytes are
# character literals, because C++ takes no number above 127 for a char.
function(_runspan_write_schema file folder)
    get_filename_component(name "${file}" NAME_WE)
    string(MAKE_C_IDENTIFIER "${name}_schema" name)
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
    string(REGEX REPLACE "('\\\\x..','\\\\x..','\\\\x..','\\\\x..','\\\\x..','\\\\x..','\\\\x..','\\\\x..',)" "\\1\n" bytes "${bytes}")
    file(CONFIGURE OUTPUT "${folder}/${name}.h" CONTENT "static const char ${name}[] = {\n@bytes@0};\n" @ONLY)
endfunction()

# runspan_copy_core(TARGET): librunspan-core.so and runspan-core, the program for a core
# beside its host, are beside the target's program then, where one that is linked with
# runspan::static looks for them. macOS and Windows have only runspan-core. Nothing where
# RUNSPAN_DISABLED is on.
function(runspan_copy_core target)
    if(TARGET runspan-program)
        add_dependencies("${target}" runspan-program)
    endif()
    if(TARGET runspan-shared-core)
        add_dependencies("${target}" runspan-shared-core)
    endif()
    if(runspan_PROGRAM)
        add_custom_command(TARGET "${target}" POST_BUILD
            COMMAND "${CMAKE_COMMAND}" -E copy_if_different ${runspan_CORE} "${runspan_PROGRAM}" "$<TARGET_FILE_DIR:${target}>"
            VERBATIM)
    endif()
endfunction()
