// SPDX-License-Identifier: MIT
//
// A C++ host that uses every member of runspan.hpp, rightly: also moved from and
// into, from several threads, through an exception, and after main has returned.
// Prints how many checks passed; its exit status is 0 where all did.
//
//     host SCHEMA    host.json
//
// It sends 46 spans.
#include <runspan.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// Destroyed after main has returned, the span first.
static runspan::client telemetry;
static runspan::span last;

static std::atomic<int> passed{0}, failed{0};

static void check_at(int line, const char *what, int got, int want) {
    if (got == want) {
        passed++;
        return;
    }
    failed++;
    std::fprintf(stderr, "host.cpp:%d: %s: got %d (%s), want %d\n", line, what, got, runspan_strerror(got), want);
}
#define CHECK(call, want) check_at(__LINE__, #call, (call), (want))

static void set_resource(runspan::client &client) {
    CHECK(client.set_resource("service.version", std::string_view{"1.2.3"}), RUNSPAN_DONE);
    CHECK(client.set_resource("service.version", "1.2.3"), RUNSPAN_DONE);
    CHECK(client.set_resource("service.version", static_cast<const char *>(nullptr)), RUNSPAN_E_ARGUMENT);
    CHECK(client.set_resource("resource.cores", 8), RUNSPAN_DONE);
    CHECK(client.set_resource("resource.cores", std::uint64_t{8}), RUNSPAN_DONE);
    CHECK(client.set_resource("resource.cores", std::numeric_limits<std::uint64_t>::max()), RUNSPAN_E_VALUE);
    CHECK(client.set_resource("resource.load", 0.5), RUNSPAN_DONE);
    CHECK(client.set_resource("resource.debug", false), RUNSPAN_DONE);
}

static void set_attributes(runspan::span &span) {
    const std::vector<std::string> columns{"chrom", "start", std::string(40, 'x')};
    const std::array<const char *, 2> names{"chrom", "end"};
    CHECK(span.set("params.format", std::string_view{"cool"}), RUNSPAN_DONE);
    CHECK(span.set("params.format", std::string{"hic"}), RUNSPAN_DONE);
    CHECK(span.set("params.format", static_cast<const char *>(nullptr)), RUNSPAN_DONE);
    CHECK(span.set("params.format", "mcool"), RUNSPAN_DONE);
    CHECK(span.set("params.fast", true), RUNSPAN_DONE);
    CHECK(span.set("params.share", 0.25), RUNSPAN_DONE);
    CHECK(span.set("params.threads", 4), RUNSPAN_DONE);
    CHECK(span.set("params.threads", std::uint8_t{4}), RUNSPAN_DONE);
    CHECK(span.set("params.threads", std::numeric_limits<std::uint64_t>::max()), RUNSPAN_E_VALUE);
    CHECK(span.set("params.seed", nullptr), RUNSPAN_DONE);
    CHECK(span.set("params.columns", {"chrom", "start"}), RUNSPAN_DONE);
    CHECK(span.set("params.columns", names), RUNSPAN_DONE);
    CHECK(span.set("params.columns", std::vector<std::string>{}), RUNSPAN_DONE);
    CHECK(span.set("params.columns", columns), RUNSPAN_DONE);
    CHECK(span.set_name("sort.fast"), RUNSPAN_DONE);
}

// Two spans: one by end, one by an assignment.
static void move_spans(runspan::client &client) {
    runspan::span nothing;
    CHECK(static_cast<bool>(nothing), false);
    CHECK(nothing.set("params.threads", 1), RUNSPAN_OFF);
    CHECK(nothing.end(), RUNSPAN_OFF);

    auto first = client.begin("sort");
    auto moved = std::move(first);
    CHECK(static_cast<bool>(first), false);
    CHECK(static_cast<bool>(moved), true);
    moved.set_status(runspan::status::ok);
    moved = client.begin("sort", runspan::status::unset); // ends the one before
    auto &self = moved;
    moved = std::move(self);
    set_attributes(moved);
    CHECK(moved.end(), RUNSPAN_DONE);
    CHECK(moved.end(), RUNSPAN_OFF);
}

static void fail(runspan::client &client) {
    auto span = client.begin("sort");
    try {
        auto inner = client.begin("sort"); // ends as an error when it is left
        throw std::runtime_error{"no such file"};
    } catch (const std::runtime_error &) {
        CHECK(span.set_error("std::runtime_error"), RUNSPAN_DONE);
    }
}

static void use_threads(runspan::client &client) {
    std::vector<std::thread> threads;
    auto shared = client.begin("sort", runspan::status::ok);
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&client, &shared] {
            for (int n = 0; n < 10; n++) {
                auto span = client.begin("sort", runspan::status::ok);
                CHECK(span.set("params.threads", n), RUNSPAN_DONE);
                CHECK(shared.set("params.format", std::string(static_cast<std::size_t>(n), 'f')), RUNSPAN_DONE);
                CHECK(client.flush(std::chrono::milliseconds{0}) < 0, false);
            }
        });
    for (auto &thread : threads)
        thread.join();
}

// Nothing of this client is sent.
static void preview(const std::string &schema) {
    int lines = 0;
    runspan_options options{};
    options.struct_size = sizeof options;
    options.service = "host";
    options.schema = schema.c_str();
    options.flags = RUNSPAN_PREVIEW;
    options.log_data = &lines;
    options.log = [](void *data, int level, const char *line) {
        if (level == RUNSPAN_LOG_SPAN && std::string_view{line}.size() > 1)
            ++*static_cast<int *>(data);
    };
    runspan::client client{options};
    CHECK(client.state(), RUNSPAN_DONE);
    runspan::client other = std::move(client);
    CHECK(client.state(), RUNSPAN_OFF);
    { const auto span = other.begin("sort"); }
    CHECK(lines, 1);
    CHECK(other.close(), RUNSPAN_DONE);
    CHECK(other.close(), RUNSPAN_OFF);
    CHECK(other.state(), RUNSPAN_OFF);
}

int main(int argc, char **argv) {
    std::ifstream file{argc == 2 ? argv[1] : ""};
    const std::string schema{std::istreambuf_iterator<char>{file}, {}};
    if (schema.empty())
        return 2;

    CHECK(static_cast<bool>(telemetry), false);
    CHECK(telemetry.state(), RUNSPAN_OFF);
    telemetry = runspan::client{"host", schema.c_str()};
    CHECK(static_cast<bool>(telemetry), true);
    CHECK(telemetry.state(), RUNSPAN_DONE);
    set_resource(telemetry);
    preview(schema);
    move_spans(telemetry);
    fail(telemetry);
    use_threads(telemetry);
    std::string word{"status"};
    char *words[] = {word.data(), nullptr};
    CHECK(runspan::command("host", schema.c_str(), 1, words), 0);
    CHECK(telemetry.flush(std::chrono::seconds{30}) < 0, false); // where a tool makes it too slow, the next run delivers
    last = telemetry.begin("sort", runspan::status::ok);
    CHECK(static_cast<bool>(last), true);
    std::printf("%d passed, %d failed\n", passed.load(), failed.load());
    return failed == 0 ? 0 : 1;
}
