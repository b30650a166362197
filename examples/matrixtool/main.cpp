// SPDX-License-Identifier: MIT
//
// A tool with subcommands that reports its runs: see telemetry.hpp, and
// docs/porting.md.
#include "run.hpp"
#include "telemetry.hpp"

#include <iostream>

using matrixtool::Tracer;

static void run_subcommand(const matrixtool::Command &command) {
    std::visit(
        [&](const auto &config) {
            auto span = Tracer::instance().get_scoped_span(command.subcommand, config);
            try {
                run(config);
            } catch (const std::exception &e) {
                Tracer::set_error(span, e);
                throw;
            }
            span.set_status(Tracer::StatusCode::ok);
        },
        command.config);
}

int main(int argc, char **argv) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    int code = 0;
    try {
        if (first == "telemetry")
            return Tracer::command(argc - 2, argv + 2);
        if (first == "--help-telemetry")
            return Tracer::help();
        if (first == "--help")
            std::cout << matrixtool::usage;
        else if (first == "--version")
            std::cout << "matrixtool " << MATRIXTOOL_VERSION << '\n';
        else
            run_subcommand(matrixtool::parse({argv + 1, argv + argc}));
    } catch (const matrixtool::UsageError &e) {
        std::cerr << "matrixtool: " << e.what() << '\n' << matrixtool::usage;
        code = 2;
    } catch (const std::exception &e) {
        std::cerr << "matrixtool: " << e.what() << '\n';
        code = 1;
    }
    Tracer::tear_down_instance();
    return code;
}
