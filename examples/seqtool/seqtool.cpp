// SPDX-License-Identifier: MIT
// A tool with subcommands and options: the lengths of the sequences in a FASTA
// file, or their content of G and C.
//
//     seqtool length|gc [--min-length N] [--percent] FILE
//     seqtool telemetry status|preview|show|on|off|purge
#include "seqtool_schema.h"

#include <runspan.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

struct options {
    std::string subcommand, file;
    std::size_t min_length = 0;
    bool percent = false;
};

static options parse(const std::vector<std::string> &arguments) {
    options o;
    for (std::size_t i = 0; i < arguments.size(); i++) {
        const auto &word = arguments[i];
        if (i == 0)
            o.subcommand = word;
        else if (word == "--percent")
            o.percent = true;
        else if (word == "--min-length" && i + 1 < arguments.size())
            o.min_length = std::stoul(arguments[++i]);
        else
            o.file = word;
    }
    return o;
}

static void run(const options &o) {
    std::ifstream file{o.file};
    if (!file)
        throw std::runtime_error{"can't read " + o.file};
    std::string line, name, sequence;
    const auto show = [&] {
        if (name.empty() || sequence.size() < o.min_length)
            return;
        const auto gc = std::count_if(sequence.begin(), sequence.end(), [](char c) { return c == 'G' || c == 'C'; });
        if (o.subcommand == "length")
            std::cout << name << '\t' << sequence.size() << '\n';
        else
            std::cout << name << '\t' << (o.percent ? 100 * gc / std::max<std::int64_t>(1, static_cast<std::int64_t>(sequence.size())) : gc) << '\n';
    };
    while (std::getline(file, line)) {
        if (line.empty() || line[0] != '>') {
            sequence += line;
            continue;
        }
        show();
        name = line.substr(1);
        sequence.clear();
    }
    show();
}

static int telemetry_command(int argc, char **argv) {
    int code = RUNSPAN_DONE;
    const int exit_status = runspan::command("seqtool", seqtool_schema, argc, argv, &code);
    if (code != RUNSPAN_DONE)
        std::cerr << "seqtool: " << runspan::strerror(code) << '\n';
    return exit_status;
}

int main(int argc, char **argv) {
    if (argc > 1 && std::string{argv[1]} == "telemetry")
        return telemetry_command(argc - 2, argv + 2);
    runspan::client telemetry{"seqtool", seqtool_schema};
    telemetry.set_resource("service.version", "1.0.0");
    runspan::span span;
    try {
        const auto o = parse({argv + 1, argv + argc});
        span = telemetry.begin(o.subcommand);
        span.set("params.min_length", o.min_length);
        if (o.subcommand == "gc")
            span.set("params.percent", o.percent);
        else if (o.subcommand != "length")
            throw std::invalid_argument{"no subcommand is named " + o.subcommand};
        run(o);
        span.set_status(runspan::status::ok);
    } catch (const std::logic_error &e) { // of the command line
        span.set_error("std::invalid_argument");
        std::cerr << "seqtool: " << e.what() << '\n';
        return 2;
    } catch (const std::runtime_error &e) {
        span.set_error("std::runtime_error");
        std::cerr << "seqtool: " << e.what() << '\n';
        return 1;
    }
}
