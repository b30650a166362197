// SPDX-License-Identifier: MIT
//
// The C++ host's calls of runspan, and situations that only C++ has.
#include "guest.h"

#include <runspan.hpp>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

// Of static storage: they are destroyed when the process exits, in that order.
static runspan::client client;
static runspan::span span;

int tel_open(const char *text) {
    if (is_control)
        return 0;
    client = runspan::client{"stripepy", text};
    fact("!open %d %s", client.state(), client.state_text());
    return client.state();
}

int tel_begin() {
    if (!is_control)
        span = client.begin("call", runspan::status::ok);
    return 0;
}

int tel_attr() { return is_control ? 0 : span.set("params.k", 3); }

int tel_end() { return is_control ? 0 : span.end(); }

int tel_close(unsigned ms) { return is_control ? 0 : client.close(std::chrono::milliseconds{ms}); }

int tel_state() { return is_control ? 0 : client.state(); }

int tel_one() {
    if (is_control)
        return 0;
    auto one = client.begin("call");
    one.set_status(runspan::status::ok);
    const int code = one.set("params.k", 3);
    return code == RUNSPAN_DONE ? one.end() : code;
}

namespace {

// Nothing is ended or closed but by the destructors of static objects.
int destructors(int, char **) {
    tel_open(schema);
    tel_begin();
    tel_attr();
    return 0;
}

struct at_thread_exit {
    bool armed = false;
    ~at_thread_exit() {
        if (armed)
            tel_one();
    }
};
thread_local at_thread_exit of_thread;

// Telemetry from the destructor of a thread's object.
int thread_local_objects(int, char **) {
    tel_open(schema);
    std::thread{[] { of_thread.armed = true; }}.join();
    tel_close(5000);
    return 0;
}

// An exception that nobody catches ends the program.
int uncaught(int, char **) {
    tel_open(schema);
    tel_begin();
    tel_attr();
    settle(200);
    throw std::runtime_error{"no such matrix"};
}

// An exception that is caught outside of the span's scope.
int caught(int, char **) {
    tel_open(schema);
    try {
        const auto scoped = is_control ? runspan::span{} : client.begin("call");
        throw std::runtime_error{"no such matrix"};
    } catch (const std::exception &e) {
        std::puts(e.what());
    }
    tel_close(5000);
    return 1;
}

} // namespace

const struct situation own[] = {{"destructors", destructors},
                                {"thread-local", thread_local_objects},
                                {"uncaught", uncaught},
                                {"caught", caught},
                                {nullptr, nullptr}};
