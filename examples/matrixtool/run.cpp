// SPDX-License-Identifier: MIT
#include "run.hpp"

#include "matrix.hpp"

#include <algorithm>
#include <future>
#include <iostream>

namespace matrixtool {
namespace {

// Calls each(0) to each(count - 1), on several threads.
template <typename Each>
void in_parallel(std::size_t threads, std::size_t count, Each each) {
    threads = std::min(threads, count);
    std::vector<std::future<void>> workers;
    for (std::size_t t = 0; t < threads; t++)
        workers.push_back(std::async(std::launch::async, [=] {
            for (std::size_t i = t; i < count; i += threads)
                each(i);
        }));
    for (auto &w : workers)
        w.get(); // throws what the worker has thrown
}

} // namespace

void run(const DumpConfig &c) {
    const auto matrix = read(c.input);
    if (c.table == "chroms") {
        for (const auto &chromosome : matrix.chromosomes)
            std::cout << chromosome.name << '\t' << chromosome.size << '\n';
        return;
    }
    if (c.table == "resolutions") {
        for (const auto &r : matrix.resolutions)
            std::cout << r.first << '\n';
        return;
    }
    if (!c.resolution && matrix.resolutions.size() != 1)
        throw std::invalid_argument{"--resolution is needed: " + c.input + " has several, or none"};
    const auto found = c.resolution ? matrix.resolutions.find(*c.resolution) : matrix.resolutions.begin();
    if (found == matrix.resolutions.end())
        throw std::invalid_argument{c.input + " does not have this resolution"};
    const auto all = bins(matrix.chromosomes, found->first);
    const auto show = [](const Bin &b) { std::cout << b.chromosome << '\t' << b.start << '\t' << b.end; };
    if (c.table == "bins") {
        for (const auto &bin : all) {
            show(bin);
            std::cout << '\n';
        }
        return;
    }
    for (const auto &[at, contacts] : found->second) {
        // These throw where a pixel is none of the matrix's.
        const auto &one = all.at(at.first), &two = all.at(at.second);
        show(one);
        std::cout << '\t';
        show(two);
        std::cout << '\t' << contacts << '\n';
    }
}

void run(const LoadConfig &c) {
    Matrix matrix;
    matrix.chromosomes = read_chromosomes(c.chrom_sizes);
    matrix.resolutions[c.bin_size] = read_contacts(c.input, c.input_format, matrix.chromosomes, c.bin_size);
    write(c.output, matrix);
}

void run(const MergeConfig &c) {
    std::vector<Matrix> inputs(c.inputs.size());
    in_parallel(c.threads, inputs.size(), [&](std::size_t i) { inputs[i] = read(c.inputs[i]); });
    auto &sum = inputs[0];
    for (std::size_t i = 1; i < inputs.size(); i++) {
        if (!(inputs[i].chromosomes == sum.chromosomes))
            throw std::invalid_argument{c.inputs[i] + " has other chromosomes than " + c.inputs[0]};
        for (const auto &[resolution, pixels] : inputs[i].resolutions)
            for (const auto &[at, contacts] : pixels)
                sum.resolutions[resolution][at] += contacts;
    }
    write(c.output, sum);
}

void run(const MetadataConfig &c) {
    const auto matrix = read(c.input);
    if (c.output_format == "text") {
        std::cout << "chromosomes\t" << matrix.chromosomes.size() << '\n';
        for (const auto &[resolution, pixels] : matrix.resolutions)
            std::cout << "pixels at " << resolution << '\t' << pixels.size() << '\n';
        return;
    }
    std::cout << "{\"chromosomes\": " << matrix.chromosomes.size() << ", \"pixels\": {";
    const char *separator = "";
    for (const auto &[resolution, pixels] : matrix.resolutions) {
        std::cout << separator << '"' << resolution << "\": " << pixels.size();
        separator = ", ";
    }
    std::cout << "}}\n";
}

void run(const ZoomifyConfig &c) {
    const auto matrix = read(c.input);
    if (matrix.resolutions.empty())
        throw FormatError{c.input + " has no resolution"};
    const auto &[from, pixels] = *matrix.resolutions.begin();
    for (const auto to : c.resolutions)
        if (to % from != 0)
            throw std::invalid_argument{std::to_string(to) + " is no multiple of " + std::to_string(from)};
    std::vector<Pixels> zoomed(c.resolutions.size());
    in_parallel(c.threads, zoomed.size(), [&, base = from, &contacts = pixels](std::size_t i) {
        zoomed[i] = coarsen(contacts, matrix.chromosomes, base, c.resolutions[i]);
    });
    Matrix result{matrix.chromosomes, {}};
    for (std::size_t i = 0; i < zoomed.size(); i++)
        result.resolutions[c.resolutions[i]] = std::move(zoomed[i]);
    write(c.output, result);
}

} // namespace matrixtool
