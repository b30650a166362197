// SPDX-License-Identifier: MIT
#include "matrix.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <system_error>

namespace matrixtool {
namespace {

[[noreturn]] void bad_line(const std::string &path, const std::string &line) {
    throw FormatError{path + ": can't make sense of \"" + line + "\""};
}

std::ifstream open(const std::string &path) {
    std::ifstream file{path};
    if (!file)
        throw std::system_error{errno, std::generic_category(), path};
    return file;
}

struct Place {
    std::uint32_t first_bin, size;
};

// Where each chromosome is among the bins.
std::map<std::string, Place> places(const Chromosomes &chromosomes, std::uint32_t resolution) {
    std::map<std::string, Place> all;
    std::uint32_t next = 0;
    for (const auto &c : chromosomes) {
        all[c.name] = {next, c.size};
        next += (c.size + resolution - 1) / resolution;
    }
    return all;
}

void add(Pixels &pixels, std::uint32_t a, std::uint32_t b, std::uint64_t contacts) {
    pixels[{std::min(a, b), std::max(a, b)}] += contacts;
}

} // namespace

std::string_view format_of(const std::string &path) {
    std::error_code none;
    if (!std::filesystem::is_regular_file(path, none))
        return "unknown"; // a pipe can be read only once
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line == "#matrixtool single" ? "single" : line == "#matrixtool multi" ? "multi" : "unknown";
}

Matrix read(const std::string &path) {
    auto file = open(path);
    std::string line, word, name;
    if (!std::getline(file, line) || line.rfind("#matrixtool ", 0) != 0)
        bad_line(path, line);
    Matrix matrix;
    Pixels *pixels = nullptr;
    std::uint32_t a = 0, b = 0;
    std::uint64_t contacts = 0;
    while (std::getline(file, line)) {
        std::istringstream words{line};
        if (line.rfind("#chrom ", 0) == 0 && words >> word >> name >> a)
            matrix.chromosomes.push_back({name, a});
        else if (line.rfind("#resolution ", 0) == 0 && words >> word >> a && a > 0)
            pixels = &matrix.resolutions[a];
        else if (pixels != nullptr && line[0] != '#' && words >> a >> b >> contacts)
            add(*pixels, a, b, contacts);
        else
            bad_line(path, line);
    }
    return matrix;
}

void write(const std::string &path, const Matrix &matrix) {
    std::ofstream file{path};
    file << "#matrixtool " << (matrix.resolutions.size() == 1 ? "single" : "multi") << '\n';
    for (const auto &c : matrix.chromosomes)
        file << "#chrom " << c.name << ' ' << c.size << '\n';
    for (const auto &[resolution, pixels] : matrix.resolutions) {
        file << "#resolution " << resolution << '\n';
        for (const auto &[at, contacts] : pixels)
            file << at.first << ' ' << at.second << ' ' << contacts << '\n';
    }
    if (!file.flush())
        throw std::system_error{errno, std::generic_category(), path};
}

Chromosomes read_chromosomes(const std::string &path) {
    auto file = open(path);
    Chromosomes chromosomes;
    for (std::string line; std::getline(file, line);) {
        Chromosome c{};
        if (!(std::istringstream{line} >> c.name >> c.size))
            bad_line(path, line);
        chromosomes.push_back(c);
    }
    return chromosomes;
}

Pixels read_contacts(const std::string &path, std::string_view format, const Chromosomes &chromosomes,
                     std::uint32_t bin_size) {
    std::ifstream file;
    if (path != "-")
        file = open(path);
    std::istream &input = path == "-" ? std::cin : file;
    const auto chroms = places(chromosomes, bin_size);
    Pixels pixels;
    for (std::string line; std::getline(input, line);) {
        if (line.empty() || line[0] == '#')
            continue;
        std::istringstream words{line};
        std::string chrom1, chrom2;
        std::uint32_t start1 = 0, end1 = 0, start2 = 0, end2 = 0;
        std::uint64_t contacts = 1;
        if (format == "pairs") { // positions count from 1
            words >> chrom1 >> start1 >> chrom2 >> start2;
            start1--, start2--;
        } else {
            words >> chrom1 >> start1 >> end1 >> chrom2 >> start2 >> end2 >> contacts;
        }
        const auto one = chroms.find(chrom1), two = chroms.find(chrom2);
        const auto outside = [&](const auto &chrom, std::uint32_t at) {
            return chrom == chroms.end() || at >= chrom->second.size;
        };
        if (!words || outside(one, start1) || outside(two, start2))
            bad_line(path, line);
        add(pixels, one->second.first_bin + start1 / bin_size, two->second.first_bin + start2 / bin_size, contacts);
    }
    return pixels;
}

std::vector<Bin> bins(const Chromosomes &chromosomes, std::uint32_t resolution) {
    std::vector<Bin> all;
    for (const auto &c : chromosomes)
        for (std::uint32_t start = 0; start < c.size; start += resolution)
            all.push_back({c.name, start, std::min(start + resolution, c.size)});
    return all;
}

Pixels coarsen(const Pixels &pixels, const Chromosomes &chromosomes, std::uint32_t from, std::uint32_t to) {
    const auto old = bins(chromosomes, from);
    const auto chroms = places(chromosomes, to);
    const auto larger = [&](std::uint32_t number) {
        const auto &bin = old.at(number);
        return chroms.at(bin.chromosome).first_bin + bin.start / to;
    };
    Pixels result;
    for (const auto &[at, contacts] : pixels)
        add(result, larger(at.first), larger(at.second), contacts);
    return result;
}

} // namespace matrixtool
