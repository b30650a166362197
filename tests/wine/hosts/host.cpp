// SPDX-License-Identifier: MIT
//
// host.c in C++.
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>

#include "runspan.hpp"

int main(int argc, char **argv) {
    std::ifstream file{argc == 3 ? argv[1] : "", std::ios::binary};
    const std::string schema{std::istreambuf_iterator<char>{file}, {}}, what{argc == 3 ? argv[2] : ""};
    if (schema.empty())
        return 99;
    if (what != "plain" && what != "killed")
        return runspan::command("every-kind", schema, argc - 2, argv + 2);
    runspan::client client{"every-kind", schema};
    std::cout << "open " << client.state() << std::endl;
    client.set_resource("service.version", "1.2");
    auto span = client.begin("run");
    span.set("choice", "\xc3\xa9");
    span.set("whole", -3000000000);
    span.set("real", 0.5);
    span.set("flag", true);
    span.set("words", {"a", "b c"});
    span.set("text", nullptr);
    span.set_error("ValueError");
    if (what == "killed")
        std::this_thread::sleep_for(std::chrono::minutes{2}); // the test kills it
    span.end();
    client.close(std::chrono::seconds{5});
}
