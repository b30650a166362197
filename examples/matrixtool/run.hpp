// SPDX-License-Identifier: MIT
#ifndef MATRIXTOOL_RUN_HPP
#define MATRIXTOOL_RUN_HPP

#include "config.hpp"

namespace matrixtool {

// These do what a subcommand does, and throw where they can't.
void run(const DumpConfig &c);
void run(const LoadConfig &c);
void run(const MergeConfig &c);
void run(const MetadataConfig &c);
void run(const ZoomifyConfig &c);

} // namespace matrixtool

#endif
