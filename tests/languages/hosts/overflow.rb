# SPDX-License-Identifier: MIT
# Ruby learns by SIGSEGV that C code of its own has come to the end of a stack, and raises. It has to go on doing so.
require "fiddle/import"

module C
  extend Fiddle::Importer
  dlload ENV.fetch("RUNSPAN_LIBRARY")
  Options = struct ["size_t struct_size", "char *service", "char *schema", "void *log[2]", "char *core", "uint32_t flags"]
  %w[open(void*,void*) begin(uint64_t,char*,void*) end(uint64_t,int) close(uint64_t,uint32_t)].each { |f| extern "int runspan_#{f}" }
end

deep = []
200_000.times { deep = [deep] }
overflow = lambda do
  caught = 3.times.count do
    Marshal.dump(deep)
  rescue SystemStackError
    true
  end
  "#{caught} of 3"
end

puts "before: #{overflow.call}"
service, schema = "linecount", File.read("#{__dir__}/../count/linecount.json")
options = C::Options.malloc(Fiddle::RUBY_FREE)
options.to_ptr[0, C::Options.size] = "\0" * C::Options.size
options.struct_size, options.service, options.schema = C::Options.size, service, schema
puts "open: #{C.runspan_open(options, client = "\0" * 8)}"
C.runspan_begin(client = client.unpack1("Q"), "count", span = "\0" * 8)
puts "after: #{overflow.call}"
Thread.new do
  puts "end: #{C.runspan_end(span.unpack1("Q"), 1)}"
  puts "thread: #{overflow.call}"
end.join
puts "close: #{C.runspan_close(client, 3000)}"
