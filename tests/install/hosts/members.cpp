// SPDX-License-Identifier: MIT
//
// Uses every member of runspan.hpp, and checks what it returns: with telemetry,
// and with RUNSPAN_DISABLED, where nothing is to be done.
//
//     members SCHEMA    of every-kind
#include <runspan.hpp>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

static int passed, failed;

static void check_at(int line, int got, int want) {
    if (got == want) {
        passed++;
        return;
    }
    failed++;
    std::cerr << "members.cpp:" << line << ": got " << got << ", want " << want << '\n';
}
// With telemetry want; without, the other one.
#define CHECK(call, want, otherwise) check_at(__LINE__, (call), runspan::enabled ? (want) : (otherwise))
#define DONE(call) CHECK(call, RUNSPAN_DONE, RUNSPAN_OFF)

// Whether a value of the type can be set.
template <typename To, typename T, typename = void>
inline constexpr bool takes = false;
template <typename T>
inline constexpr bool takes<runspan::span, T, std::void_t<decltype(std::declval<runspan::span &>().set("", std::declval<T>()))>> = true;
template <typename T>
inline constexpr bool takes<runspan::client, T, std::void_t<decltype(std::declval<runspan::client &>().set_resource("", std::declval<T>()))>> = true;

template <typename To>
constexpr bool is_right() {
    enum plain { one };
    enum class scoped { one };
    struct has_member {
        int member;
    };
    // What is no text, number or bool, and would become a bool or a double.
    static_assert(!takes<To, int *> && !takes<To, const void *> && !takes<To, void *>);
    static_assert(!takes<To, const wchar_t *> && !takes<To, const unsigned char *>);
    static_assert(!takes<To, void (*)()> && !takes<To, int has_member::*> && !takes<To, has_member *>);
    static_assert(!takes<To, plain> && !takes<To, scoped>);
    static_assert(!takes<To, std::true_type> && !takes<To, std::vector<bool>::reference>);
    const auto lambda = [] {};
    static_assert(!takes<To, decltype(lambda)>);
    // What is.
    static_assert(takes<To, bool> && takes<To, bool &> && takes<To, const bool>);
    static_assert(takes<To, float> && takes<To, double &> && takes<To, long double>);
    static_assert(takes<To, char> && takes<To, short> && takes<To, int &> && takes<To, unsigned long long>);
    static_assert(takes<To, const char *> && takes<To, char *> && takes<To, char (&)[2]> && takes<To, const char (&)[2]>);
    static_assert(takes<To, std::string_view> && takes<To, std::string> && takes<To, const std::string &>);
    return true;
}
static_assert(is_right<runspan::span>() && is_right<runspan::client>());

static void resources(runspan::client &client) {
    DONE(client.set_resource("service.version", std::string{"1.2"}));
    DONE(client.set_resource("os.type", "linux"));
    CHECK(client.set_resource("os.type", static_cast<const char *>(nullptr)), RUNSPAN_E_ARGUMENT, RUNSPAN_E_ARGUMENT);
    DONE(client.set_resource("container", true));
    DONE(client.set_resource("load", 0.5));
    DONE(client.set_resource("bits", 64));
    CHECK(client.set_resource("bits", std::numeric_limits<std::uint64_t>::max()), RUNSPAN_E_VALUE, RUNSPAN_E_VALUE);
}

static void attributes(runspan::span &span) {
    const std::vector<std::string> words{"a", "b"};
    DONE(span.set("choice", std::string_view{"é"}));
    DONE(span.set("either", "a"));
    DONE(span.set("text", static_cast<const char *>(nullptr)));
    DONE(span.set("flag", true));
    DONE(span.set("real", 0.25f));
    DONE(span.set("real", 0.5L));
    DONE(span.set("count", 9u));
    CHECK(span.set("count", 10), RUNSPAN_E_VALUE, RUNSPAN_OFF);
    CHECK(span.set("count", std::numeric_limits<std::uint64_t>::max()), RUNSPAN_E_VALUE, RUNSPAN_E_VALUE);
    DONE(span.set("whole", nullptr));
    DONE(span.set("list", {"a", "b"}));
    DONE(span.set("words", words));
    CHECK(span.set("nowhere", 1), RUNSPAN_E_NAME, RUNSPAN_OFF);
}

int main(int argc, char **argv) {
    std::ifstream file{argc > 1 ? argv[1] : ""};
    const std::string schema{std::istreambuf_iterator<char>{file}, {}};
    runspan_options options{};
    options.struct_size = sizeof options;
    options.service = "every-kind";
    options.schema = schema.c_str();

    runspan::client none, second{options};
    CHECK(none ? 1 : 0, 0, 0);
    CHECK(none.state(), RUNSPAN_OFF, RUNSPAN_OFF);
    CHECK(second ? 1 : 0, 1, 0);
    runspan::client client{std::move(second)};
    second = runspan::client{"every-kind", schema};
    second = runspan::client{"every-kind", schema.c_str()};
    DONE(second.state());
    DONE(second.close());
    DONE(client.state());
    CHECK(std::string_view{client.state_text()}.find("telemetry is on, the core in the host") == 0 ? 1 : 0, 1, 0);
    CHECK(std::string_view{client.state_text()}.find("telemetry is not part of this program") == 0 ? 1 : 0, 0, 1);
    resources(client);
    {
        runspan::span nothing, other{client.begin("run", runspan::status::ok)};
        CHECK(nothing ? 1 : 0, 0, 0);
        CHECK(other ? 1 : 0, 1, 0);
        DONE(other.set_name("other run"));
        DONE(other.set("count", 1));
        nothing = std::move(other);
        DONE(nothing.end());
        CHECK(nothing.end(), RUNSPAN_OFF, RUNSPAN_OFF);
    }
    DONE(client.flush(std::chrono::seconds{10}));
    {
        auto begun = client.begin("run");
        runspan::span span{std::move(begun)};
        attributes(span);
        DONE(span.set_error("ValueError"));
        span.set_status(runspan::status::unset);
    }
    DONE(client.close(std::chrono::seconds{10}));

    // The words of a command, of which there is none with this name.
    char word[] = "no-such-command", *words[] = {word, nullptr};
    CHECK(runspan::command("every-kind", schema.c_str(), 1, words), 2, 1);
    CHECK(runspan::command("every-kind", schema, 1, words), 2, 1);
    CHECK(runspan::consent("every-kind"), RUNSPAN_DONE, RUNSPAN_OFF);
    CHECK(std::string_view{runspan::strerror(RUNSPAN_DONE)} == "done" ? 1 : 0, 1, 0);
    std::cout << '\n' << passed << " passed, " << failed << " failed\n";
    return failed != 0;
}
