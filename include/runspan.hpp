// SPDX-License-Identifier: MIT
//
// runspan for C++17: the classes client and span. The rules of runspan.h apply.
//
//     runspan::client telemetry{"mytool", schema};
//     telemetry.set_resource("service.version", "1.2.3");
//     auto span = telemetry.begin("sort");
//     span.set("params.threads", 8);
//     sort_everything();             // if this throws, the run has failed
//     span.set_status(runspan::status::ok);
//
// Catch exceptions somewhere, at the latest in main. If nobody catches one, the
// process ends without destructors, and the next run reports this run as aborted.
//
// Nothing here throws, and a program may ignore every result: if telemetry is off,
// every call does nothing. The results are the return codes of runspan.h.
//
// If RUNSPAN_DISABLED is defined before this header is included, every call does
// nothing, and the program needs no library. Define it for all of a program or for
// none of it.
//
// Text may be a std::string_view; it ends at its first NUL. Several threads may use
// a client or a span at once, but no thread may move, assign or destroy it
// meanwhile.
#ifndef RUNSPAN_HPP
#define RUNSPAN_HPP

#include "runspan.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace runspan {

#ifdef RUNSPAN_DISABLED
inline constexpr bool enabled = false;
#else
inline constexpr bool enabled = true;
#endif

// The outcome of a run.
enum class status { unset = RUNSPAN_STATUS_UNSET, ok = RUNSPAN_STATUS_OK, error = RUNSPAN_STATUS_ERROR };

namespace detail {

// Makes a call of runspan.h if telemetry is part of the program. If it is not, the
// call is not compiled, so that the program need not be linked with the library.
template <typename Call, typename Result = int>
Result on(Call call, Result otherwise = RUNSPAN_OFF) noexcept {
    if constexpr (enabled)
        return call();
    else
        return (void)call, otherwise;
}

// A copy of a text with a NUL at its end, for the time of a call. Every text that a
// schema can allow fits. A longer text is cut, and is then still too long to be
// allowed.
class c_string {
public:
    explicit c_string(std::string_view text) noexcept {
        const std::size_t size = text.size() < sizeof text_ - 1 ? text.size() : sizeof text_ - 1;
        if (size > 0)
            std::memcpy(text_, text.data(), size);
        text_[size] = '\0';
    }
    [[nodiscard]] const char *get() const noexcept { return text_; }

private:
    char text_[4200];
};

template <typename T>
inline constexpr bool is_integer = std::is_integral_v<T> && !std::is_same_v<T, bool>;

// Whether an integer fits into runspan.h's int64_t.
template <typename T>
constexpr bool fits(T value) noexcept {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) >= sizeof(std::int64_t))
        return value <= static_cast<T>(std::numeric_limits<std::int64_t>::max());
    else
        return (void)value, true;
}

} // namespace detail

// A run. The destructor ends the span with its status. A span that was moved from
// does nothing.
class span {
public:
    span() noexcept = default; // does nothing
    span(const span &) = delete;
    span &operator=(const span &) = delete;
    span(span &&other) noexcept : handle_{std::exchange(other.handle_, 0)}, status_{other.status_} {}
    span &operator=(span &&other) noexcept {
        if (this != &other) {
            end();
            handle_ = std::exchange(other.handle_, 0);
            status_ = other.status_;
        }
        return *this;
    }
    ~span() { end(); }

    // Is this a span that has not ended?
    explicit operator bool() const noexcept { return handle_ != 0; }

    // Renames the span to another span of the schema.
    int set_name(std::string_view name) noexcept {
        return detail::on([&] { return runspan_set_name(handle_, detail::c_string{name}.get()); });
    }

    // Sets an attribute; a second value for a key replaces the first. No value is
    // converted to a bool or a number: by C++'s rules every pointer would become a
    // bool.
    int set(std::string_view key, std::string_view value) noexcept {
        return detail::on([&] { return runspan_set_attr_string(handle_, detail::c_string{key}.get(), detail::c_string{value}.get()); });
    }
    int set(std::string_view key, const char *value) noexcept {
        return value == nullptr ? set(key, nullptr) : set(key, std::string_view{value});
    }
    template <typename T, std::enable_if_t<std::is_same_v<T, bool>, int> = 0>
    int set(std::string_view key, T value) noexcept {
        return detail::on([&] { return runspan_set_attr_bool(handle_, detail::c_string{key}.get(), value ? 1 : 0); });
    }
    template <typename T, std::enable_if_t<std::is_floating_point_v<T>, int> = 0>
    int set(std::string_view key, T value) noexcept {
        return detail::on([&] { return runspan_set_attr_double(handle_, detail::c_string{key}.get(), static_cast<double>(value)); });
    }
    // Sets an integer of any type. The result is RUNSPAN_E_VALUE above INT64_MAX.
    template <typename T, std::enable_if_t<detail::is_integer<T>, int> = 0>
    int set(std::string_view key, T value) noexcept {
        if (!detail::fits(value))
            return RUNSPAN_E_VALUE;
        return detail::on([&] { return runspan_set_attr_int(handle_, detail::c_string{key}.get(), static_cast<std::int64_t>(value)); });
    }
    // Sets an attribute without a value.
    int set(std::string_view key, std::nullptr_t) noexcept {
        return detail::on([&] { return runspan_set_attr_null(handle_, detail::c_string{key}.get()); });
    }
    // Sets a list of texts: of anything that converts to std::string_view.
    int set(std::string_view key, std::initializer_list<std::string_view> values) noexcept {
        return set_list(key, values.begin(), values.size());
    }
    template <typename List, typename = decltype(std::data(std::declval<const List &>())),
              std::enable_if_t<!std::is_convertible_v<const List &, std::string_view>, int> = 0>
    int set(std::string_view key, const List &values) noexcept {
        return set_list(key, std::data(values), std::size(values));
    }

    // Adds an "exception" event: an exception of this type ended the run. Pass the
    // name of the type, never a message. This does not change the status.
    int set_error(std::string_view type) noexcept {
        return detail::on([&] { return runspan_set_error(handle_, detail::c_string{type}.get()); });
    }

    // Sets the status that the span will end with. The default is begin's argument:
    // error.
    void set_status(status s) noexcept { status_ = s; }

    // Ends the span now.
    int end() noexcept {
        const auto handle = std::exchange(handle_, 0);
        return detail::on([&] { return runspan_end(handle, static_cast<runspan_status>(status_)); });
    }

private:
    friend class client;
    span(runspan_span handle, status s) noexcept : handle_{handle}, status_{s} {}

    template <typename Text>
    int set_list(std::string_view key, const Text *values, std::size_t count) noexcept {
        if (handle_ == 0)
            return RUNSPAN_OFF;
        std::size_t size = 0;
        for (std::size_t i = 0; i < count; i++)
            size += std::string_view{values[i]}.size() + 1;
        const std::unique_ptr<char[]> texts{new (std::nothrow) char[size + 1]};
        const std::unique_ptr<const char *[]> list{new (std::nothrow) const char *[count + 1]};
        if (texts == nullptr || list == nullptr)
            return RUNSPAN_E_INTERNAL;
        char *next = texts.get();
        for (std::size_t i = 0; i < count; i++) {
            const std::string_view text{values[i]};
            list[i] = next;
            next = std::copy(text.begin(), text.end(), next);
            *next++ = '\0';
        }
        return detail::on([&] { return runspan_set_attr_strings(handle_, detail::c_string{key}.get(), list.get(), count); });
    }

    runspan_span handle_ = 0;
    status status_ = status::error;
};

// A service's telemetry in this process. The destructor closes the client. A client
// that was moved from is off.
class client {
public:
    client() noexcept = default; // off
    // Opens a client. If telemetry is off, state() says why.
    explicit client(const runspan_options &options) noexcept {
        state_ = detail::on([&] { return runspan_open(&options, &handle_); });
    }
    // Opens a client with the service and schema of runspan_options. Both pointers
    // must be valid for the time of the call.
    client(const char *service, const char *schema) noexcept : client{options(service, schema)} {}
    client(const std::string &service, const std::string &schema) noexcept
        : client{options(service.c_str(), schema.c_str())} {}
    client(const client &) = delete;
    client &operator=(const client &) = delete;
    client(client &&other) noexcept
        : handle_{std::exchange(other.handle_, 0)}, state_{std::exchange(other.state_, RUNSPAN_OFF)} {}
    client &operator=(client &&other) noexcept {
        if (this != &other) {
            close();
            handle_ = std::exchange(other.handle_, 0);
            state_ = std::exchange(other.state_, RUNSPAN_OFF);
        }
        return *this;
    }
    ~client() { close(); }

    // Is telemetry on?
    explicit operator bool() const noexcept { return handle_ != 0; }

    // Returns RUNSPAN_DONE if the client is open, else the code that says why not.
    [[nodiscard]] int state() const noexcept {
        return handle_ == 0 ? state_ : detail::on([&] { return runspan_state(handle_); });
    }

    // Returns a sentence about the state: where the core is, or why telemetry is off.
    [[nodiscard]] const char *state_text() const noexcept {
        return detail::on([&] { return runspan_state_text(handle_); }, "telemetry is not part of this program");
    }

    // Sets an attribute of the resource that all spans share. Call it before the
    // first begin.
    int set_resource(std::string_view key, std::string_view value) noexcept {
        return detail::on([&] { return runspan_set_resource_string(handle_, detail::c_string{key}.get(), detail::c_string{value}.get()); });
    }
    int set_resource(std::string_view key, const char *value) noexcept {
        return value == nullptr ? RUNSPAN_E_ARGUMENT : set_resource(key, std::string_view{value});
    }
    template <typename T, std::enable_if_t<std::is_same_v<T, bool>, int> = 0>
    int set_resource(std::string_view key, T value) noexcept {
        return detail::on([&] { return runspan_set_resource_bool(handle_, detail::c_string{key}.get(), value ? 1 : 0); });
    }
    template <typename T, std::enable_if_t<std::is_floating_point_v<T>, int> = 0>
    int set_resource(std::string_view key, T value) noexcept {
        return detail::on([&] { return runspan_set_resource_double(handle_, detail::c_string{key}.get(), static_cast<double>(value)); });
    }
    template <typename T, std::enable_if_t<detail::is_integer<T>, int> = 0>
    int set_resource(std::string_view key, T value) noexcept {
        if (!detail::fits(value))
            return RUNSPAN_E_VALUE;
        return detail::on([&] { return runspan_set_resource_int(handle_, detail::c_string{key}.get(), static_cast<std::int64_t>(value)); });
    }

    // Begins a span, now. It ends with the status otherwise, unless set_status gives
    // it another.
    [[nodiscard]] span begin(std::string_view name, status otherwise = status::error) noexcept {
        runspan_span handle = 0;
        detail::on([&] { return runspan_begin(handle_, detail::c_string{name}.get(), &handle); });
        return span{handle, otherwise};
    }

    // Call runspan_flush and runspan_close. Neither waits longer than timeout; the
    // default timeout is in proportion to the run: RUNSPAN_DEFAULT_TIMEOUT_MS.
    int flush(std::chrono::milliseconds timeout = default_timeout) noexcept {
        return detail::on([&] { return runspan_flush(handle_, milliseconds(timeout)); });
    }
    int close(std::chrono::milliseconds timeout = default_timeout) noexcept {
        const auto handle = std::exchange(handle_, 0);
        if (handle == 0)
            return RUNSPAN_OFF;
        state_ = RUNSPAN_OFF;
        return detail::on([&] { return runspan_close(handle, milliseconds(timeout)); });
    }

    static constexpr std::chrono::milliseconds default_timeout{RUNSPAN_DEFAULT_TIMEOUT_MS};

private:
    static runspan_options options(const char *service, const char *schema) noexcept {
        runspan_options o{};
        o.struct_size = sizeof o;
        o.service = service;
        o.schema = schema;
        return o;
    }
    static std::uint32_t milliseconds(std::chrono::milliseconds timeout) noexcept {
        constexpr std::int64_t most = 0xFFFEFFFF; // higher numbers stand for the default
        if (timeout == default_timeout)
            return RUNSPAN_DEFAULT_TIMEOUT_MS;
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(timeout.count(), 0, most));
    }

    runspan_client handle_ = 0;
    int state_ = RUNSPAN_OFF;
};

// Calls runspan_command with a tool's own arguments, and writes to standard output.
// Returns the exit status: 0 the command was carried out, 1 it could not be, 2 there
// is no such command. *code, if code is not null, is the result of runspan_command:
// if it is not RUNSPAN_DONE, nothing was written, and strerror has a sentence for it.
inline int command(const char *service, const char *schema, int argc, char **argv, int *code = nullptr) noexcept {
    runspan_options o{};
    o.struct_size = sizeof o;
    o.service = service;
    o.schema = schema;
    int exit_status = 1;
    const int result = detail::on([&] { return runspan_command(&o, argc, argv, 1, &exit_status); });
    if (code != nullptr)
        *code = result;
    return exit_status;
}

inline int command(const std::string &service, const std::string &schema, int argc, char **argv,
                   int *code = nullptr) noexcept {
    return command(service.c_str(), schema.c_str(), argc, argv, code);
}

// Calls runspan_consent: 0 if neither the user nor the site has opted out.
inline int consent(const char *service) noexcept {
    return detail::on([&] { return runspan_consent(service); });
}

// Returns an English sentence for a return code: a static string, never null.
inline const char *strerror(int code) noexcept {
    return detail::on([&] { return runspan_strerror(code); }, "telemetry is not part of this program");
}

} // namespace runspan

#endif
