// SPDX-License-Identifier: MIT
//
// What each subcommand was asked to do.
#ifndef MATRIXTOOL_CONFIG_HPP
#define MATRIXTOOL_CONFIG_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace matrixtool {

// Formats are names that the program itself has: single, multi, pairs, bg2, unknown.
struct DumpConfig {
    std::string input;
    std::string_view input_format;
    std::string table = "pixels";
    std::optional<std::uint32_t> resolution;
};

struct LoadConfig {
    std::string chrom_sizes, input, output;
    std::string input_format = "pairs";
    std::uint32_t bin_size = 0;
};

struct MergeConfig {
    std::string output;
    std::vector<std::string> inputs;
    std::vector<std::string_view> input_formats; // each once
    std::size_t threads = 1;
};

struct MetadataConfig {
    std::string input;
    std::string_view input_format;
    std::string output_format = "text";
};

struct ZoomifyConfig {
    std::string input, output;
    std::string_view input_format;
    std::vector<std::uint32_t> resolutions;
    std::size_t threads = 1;
};

using Config = std::variant<DumpConfig, LoadConfig, MergeConfig, MetadataConfig, ZoomifyConfig>;

struct Command {
    std::string subcommand;
    Config config;
};

struct UsageError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

extern const char usage[];

// Throws UsageError.
Command parse(const std::vector<std::string> &words);

} // namespace matrixtool

#endif
