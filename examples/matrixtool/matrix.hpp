// SPDX-License-Identifier: MIT
//
// Contact matrices in a text format: a line that says whether there are one or
// several resolutions, the chromosomes, and for each resolution its pixels.
//
//     #matrixtool single
//     #chrom chr1 1000
//     #resolution 100
//     0 3 2
#ifndef MATRIXTOOL_MATRIX_HPP
#define MATRIXTOOL_MATRIX_HPP

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace matrixtool {

struct Chromosome {
    std::string name;
    std::uint32_t size;

    bool operator==(const Chromosome &other) const { return name == other.name && size == other.size; }
};

using Chromosomes = std::vector<Chromosome>;
using Pixels = std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t>; // two bins: contacts

struct Matrix {
    Chromosomes chromosomes;
    std::map<std::uint32_t, Pixels> resolutions;
};

struct Bin {
    std::string chromosome;
    std::uint32_t start, end;
};

// A file is not what it should be.
struct FormatError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// single or multi, or unknown where the file is neither, or can't be read.
std::string_view format_of(const std::string &path);

// These throw std::system_error and FormatError.
Matrix read(const std::string &path);
void write(const std::string &path, const Matrix &matrix);
Chromosomes read_chromosomes(const std::string &path);
Pixels read_contacts(const std::string &path, std::string_view format, const Chromosomes &chromosomes,
                     std::uint32_t bin_size);

std::vector<Bin> bins(const Chromosomes &chromosomes, std::uint32_t resolution);

// The same contacts in larger bins: to is a multiple of from.
Pixels coarsen(const Pixels &pixels, const Chromosomes &chromosomes, std::uint32_t from, std::uint32_t to);

} // namespace matrixtool

#endif
