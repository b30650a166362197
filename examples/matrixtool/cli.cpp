// SPDX-License-Identifier: MIT
#include "config.hpp"
#include "matrix.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

namespace matrixtool {

const char usage[] = R"(usage:
  matrixtool dump FILE [--table pixels|bins|chroms|resolutions] [--resolution N]
  matrixtool load CHROM_SIZES CONTACTS|- OUTPUT --bin-size N [--format pairs|bg2]
  matrixtool merge OUTPUT FILE... [--threads N]
  matrixtool metadata FILE [--output-format text|json]
  matrixtool zoomify FILE OUTPUT --resolutions N,N,... [--threads N]
  matrixtool telemetry status|preview|show|on|off|purge
  matrixtool --help | --help-telemetry | --version
)";

namespace {

using Options = std::map<std::string, std::function<void(const std::string &)>>;

// Gives each option its value, and returns the other words.
std::vector<std::string> parse_words(const std::vector<std::string> &words, const Options &options) {
    std::vector<std::string> others;
    for (std::size_t i = 1; i < words.size(); i++) {
        const auto &word = words[i];
        if (word.size() < 2 || word[0] != '-') {
            others.push_back(word);
            continue;
        }
        const auto option = options.find(word);
        if (option == options.end())
            throw UsageError{"no option of " + words[0] + " is named " + word};
        if (++i == words.size())
            throw UsageError{word + " needs a value"};
        option->second(words[i]);
    }
    return others;
}

std::uint32_t number(const std::string &text) {
    std::uint32_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n == 0)
        throw UsageError{text + " is no positive number"};
    return n;
}

std::vector<std::uint32_t> numbers(const std::string &text) {
    std::vector<std::uint32_t> all;
    for (std::size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
        end = text.find(',', begin);
        all.push_back(number(text.substr(begin, end - begin)));
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::string one_of(const std::string &text, std::initializer_list<std::string_view> names) {
    if (std::find(names.begin(), names.end(), text) == names.end())
        throw UsageError{text + " is not one of those that there are"};
    return text;
}

} // namespace

Command parse(const std::vector<std::string> &words) {
    const std::string subcommand = words.empty() ? "" : words[0];
    std::vector<std::string> others;
    const auto expect = [&](bool good) {
        if (!good)
            throw UsageError{subcommand + " was given too few arguments, or too many"};
    };

    if (subcommand == "dump") {
        DumpConfig c;
        others = parse_words(words, {
            {"--table", [&](const auto &v) { c.table = one_of(v, {"pixels", "bins", "chroms", "resolutions"}); }},
            {"--resolution", [&](const auto &v) { c.resolution = number(v); }},
        });
        expect(others.size() == 1);
        c.input = others[0];
        c.input_format = format_of(c.input);
        return {subcommand, c};
    }
    if (subcommand == "load") {
        LoadConfig c;
        others = parse_words(words, {
            {"--bin-size", [&](const auto &v) { c.bin_size = number(v); }},
            {"--format", [&](const auto &v) { c.input_format = one_of(v, {"pairs", "bg2"}); }},
        });
        expect(others.size() == 3 && c.bin_size > 0);
        c.chrom_sizes = others[0], c.input = others[1], c.output = others[2];
        return {subcommand, c};
    }
    if (subcommand == "merge") {
        MergeConfig c;
        others = parse_words(words, {
            {"--threads", [&](const auto &v) { c.threads = number(v); }},
        });
        expect(others.size() >= 2);
        c.output = others[0];
        c.inputs.assign(others.begin() + 1, others.end());
        for (const auto &input : c.inputs)
            c.input_formats.push_back(format_of(input));
        std::sort(c.input_formats.begin(), c.input_formats.end());
        c.input_formats.erase(std::unique(c.input_formats.begin(), c.input_formats.end()), c.input_formats.end());
        return {subcommand, c};
    }
    if (subcommand == "metadata") {
        MetadataConfig c;
        others = parse_words(words, {
            {"--output-format", [&](const auto &v) { c.output_format = one_of(v, {"text", "json"}); }},
        });
        expect(others.size() == 1);
        c.input = others[0];
        c.input_format = format_of(c.input);
        return {subcommand, c};
    }
    if (subcommand == "zoomify") {
        ZoomifyConfig c;
        others = parse_words(words, {
            {"--resolutions", [&](const auto &v) { c.resolutions = numbers(v); }},
            {"--threads", [&](const auto &v) { c.threads = number(v); }},
        });
        expect(others.size() == 2 && !c.resolutions.empty());
        c.input = others[0], c.output = others[1];
        c.input_format = format_of(c.input);
        return {subcommand, c};
    }
    throw UsageError{"no subcommand is named " + subcommand};
}

} // namespace matrixtool
