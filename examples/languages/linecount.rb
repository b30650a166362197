# SPDX-License-Identifier: MIT
# Counts the lines of files, and reports that it did, but not whose.
require "fiddle/import"

module C
  extend Fiddle::Importer
  dlload ENV.fetch("RUNSPAN_LIBRARY", "librunspan.so.0")
  Options = struct ["size_t struct_size", "char *service", "char *schema", "void *log[2]", "char *core", "uint32_t flags"]
  %w[open(void*,void*) set_resource_string(uint64_t,char*,char*) begin(uint64_t,char*,void*) end(uint64_t,int)
     set_attr_int(uint64_t,char*,int64_t) close(uint64_t,uint32_t)].each { |f| extern "int runspan_#{f}" }
end

service, schema = "linecount", File.read("#{__dir__}/../count/linecount.json")
options = C::Options.malloc(Fiddle::RUBY_FREE)
options.to_ptr[0, C::Options.size] = "\0" * C::Options.size
options.struct_size, options.service, options.schema = C::Options.size, service, schema
C.runspan_open(options, client = "\0" * 8)
C.runspan_set_resource_string(client = client.unpack1("Q"), "service.version", "1.0.0")
C.runspan_begin(client, "count", span = "\0" * 8)
C.runspan_set_attr_int(span = span.unpack1("Q"), "params.files", ARGV.size)
failed = ARGV.map do |name|
  puts "#{File.foreach(name).count} #{name}"
rescue SystemCallError => error
  warn error.message
  true
end.any?
C.runspan_end(span, failed ? 2 : 1)
C.runspan_close(client, 300)
exit !failed
