// SPDX-License-Identifier: MIT
#include "telemetry.hpp"

#include "matrixtool_schema.h"
#include "matrixtool_telemetry_help.h"
#include "system.hpp"

#include <cstdlib>
#include <iostream>
#include <typeinfo>

#include <cxxabi.h>

namespace matrixtool {

Tracer::Tracer() noexcept : client_{"matrixtool", matrixtool_schema} {
    client_.set_resource("service.version", MATRIXTOOL_VERSION);
    client_.set_resource("build.compiler.name", MATRIXTOOL_COMPILER_NAME);
    client_.set_resource("build.compiler.version", MATRIXTOOL_COMPILER_VERSION);
    client_.set_resource("build.type", MATRIXTOOL_BUILD_TYPE);
    client_.set_resource("host.arch", MATRIXTOOL_ARCH);
    client_.set_resource("os.type", MATRIXTOOL_OS);
    // Not from CMake: that knows the machine where the program was built.
    client_.set_resource("os.version", os_version());
}

Tracer &Tracer::instance() {
    if (!instance_)
        instance_.reset(new Tracer);
    return *instance_;
}

void Tracer::tear_down_instance() noexcept { instance_.reset(); }

void Tracer::set_attributes(runspan::span &span, const DumpConfig &c) noexcept {
    span.set("meta.input-format", c.input_format);
    span.set("param.table", c.table);
}

void Tracer::set_attributes(runspan::span &span, const LoadConfig &c) noexcept {
    span.set("meta.input-format", c.input_format);
}

void Tracer::set_attributes(runspan::span &span, const MergeConfig &c) noexcept {
    span.set("meta.input-formats", c.input_formats);
    span.set("param.inputs", c.inputs.size());
    span.set("param.threads", c.threads);
}

void Tracer::set_attributes(runspan::span &span, const MetadataConfig &c) noexcept {
    span.set("meta.input-format", c.input_format);
    span.set("meta.output-format", c.output_format);
}

void Tracer::set_attributes(runspan::span &span, const ZoomifyConfig &c) noexcept {
    span.set("meta.input-format", c.input_format);
    span.set("param.resolutions", c.resolutions.size());
    span.set("param.threads", c.threads);
}

void Tracer::set_error(runspan::span &span, const std::exception &e) noexcept {
    char *name = abi::__cxa_demangle(typeid(e).name(), nullptr, nullptr, nullptr);
    span.set_error(name != nullptr ? name : "unknown");
    std::free(name);
}

int Tracer::command(int argc, char **argv) {
    if constexpr (!runspan::enabled) {
        std::cout << "matrixtool was built without telemetry\n";
        return 0;
    } else {
        int code = RUNSPAN_DONE;
        const int exit_status = runspan::command("matrixtool", matrixtool_schema, argc, argv, &code);
        if (code != RUNSPAN_DONE)
            std::cout << "matrixtool: " << runspan::strerror(code) << '\n';
        return exit_status;
    }
}

int Tracer::help() {
    char status[] = "status";
    char *argv[] = {status};
    const int code = command(1, argv);
    if constexpr (runspan::enabled)
        std::cout << '\n' << matrixtool_telemetry_help;
    return code;
}

} // namespace matrixtool
