# SPDX-License-Identifier: MIT
# Forks while a span is open. The child calls runspan, and exits as any Ruby program does, with what at_exit has; then
# the parent ends the span. Each says what its calls returned; the parent also how long the child lived.
require "fiddle/import"

module C
  extend Fiddle::Importer
  dlload ENV.fetch("RUNSPAN_LIBRARY")
  Options = struct ["size_t struct_size", "char *service", "char *schema", "void *log[2]", "char *core", "uint32_t flags"]
  %w[open(void*,void*) begin(uint64_t,char*,void*) end(uint64_t,int) close(uint64_t,uint32_t)].each { |f| extern "int runspan_#{f}" }
end

service, schema = "linecount", File.read("#{__dir__}/../count/linecount.json")
options = C::Options.malloc(Fiddle::RUBY_FREE)
options.to_ptr[0, C::Options.size] = "\0" * C::Options.size
options.struct_size, options.service, options.schema = C::Options.size, service, schema
opened = C.runspan_open(options, client = "\0" * 8)
C.runspan_begin(client = client.unpack1("Q"), "count", span = "\0" * 8)
span = span.unpack1("Q")
at_exit do
  puts "#{$who}: #{opened} #{C.runspan_end(span, 1)} #{C.runspan_close(client, 3000)}"
end
begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
$who = "parent"
child = fork do
  $who = "child"
  opened = C.runspan_open(options, "\0" * 8)
  GC.start
end
Process.wait(child)
puts "lived: #{((Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun) * 1000).round} ms, #{$?.exitstatus}"
