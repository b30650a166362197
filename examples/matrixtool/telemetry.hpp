// SPDX-License-Identifier: MIT
//
// The telemetry of matrixtool: one span for each run. matrixtool.json names all
// that can leave. Built without telemetry, all of this does nothing.
#ifndef MATRIXTOOL_TELEMETRY_HPP
#define MATRIXTOOL_TELEMETRY_HPP

#include "config.hpp"

#include <runspan.hpp>

#include <exception>
#include <memory>
#include <string_view>

namespace matrixtool {

class Tracer {
public:
    using StatusCode = runspan::status;

    static Tracer &instance();
    // Waits for what has not been sent yet, at most 0.3 s, or 1 % of the run.
    static void tear_down_instance() noexcept;

    // Ends with the status where it is not told another.
    template <typename Config>
    [[nodiscard]] runspan::span get_scoped_span(std::string_view subcommand, const Config &config,
                                                StatusCode default_status = StatusCode::error) noexcept {
        auto span = client_.begin(subcommand, default_status);
        set_attributes(span, config);
        return span;
    }

    // The type of what ended the run, never its message.
    static void set_error(runspan::span &span, const std::exception &e) noexcept;

    // matrixtool telemetry ..., and --help-telemetry. They return exit codes.
    static int command(int argc, char **argv);
    static int help();

private:
    Tracer() noexcept;

    static void set_attributes(runspan::span &span, const DumpConfig &c) noexcept;
    static void set_attributes(runspan::span &span, const LoadConfig &c) noexcept;
    static void set_attributes(runspan::span &span, const MergeConfig &c) noexcept;
    static void set_attributes(runspan::span &span, const MetadataConfig &c) noexcept;
    static void set_attributes(runspan::span &span, const ZoomifyConfig &c) noexcept;

    runspan::client client_;
    inline static std::unique_ptr<Tracer> instance_;
};

} // namespace matrixtool

#endif
