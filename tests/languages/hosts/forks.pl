# SPDX-License-Identifier: MIT
# As forks.rb does, in Perl, with what END has.
use v5.14;
use warnings;
use FFI::Platypus 2.00;
use Time::HiRes 'time';

package Options {
    use FFI::Platypus::Record;
    record_layout_1('size_t' => 'struct_size', 'string rw' => 'service', 'string rw' => 'schema',
        'opaque[2]' => 'log', 'opaque' => 'core', 'uint32' => 'flags');
}
my $ffi = FFI::Platypus->new(api => 2, lib => $ENV{RUNSPAN_LIBRARY});
my %functions = (open => 'record(Options)* uint64*', end => 'uint64 int', begin => 'uint64 string uint64*', close => 'uint64 uint32');
$ffi->attach("runspan_$_" => [split ' ', $functions{$_}] => 'int') for keys %functions;

open(my $json, '<', __FILE__ =~ s|[^/]*$|../count/linecount.json|r) or die "linecount.json: $!\n";
my $options = Options->new(struct_size => $ffi->sizeof('record(Options)'), service => 'linecount', schema => join('', <$json>));
my $opened = runspan_open($options, \my $client);
runspan_begin($client, 'count', \my $span);
my $who = 'parent';
END { say "$who: $opened ", runspan_end($span, 1), ' ', runspan_close($client, 3000) if defined $span }
my $begun = time;
my $child = fork // die "fork: $!\n";
if ($child == 0) {
    $who = 'child';
    $opened = runspan_open($options, \my $none);
    exit;
}
waitpid $child, 0;
printf "lived: %.0f ms, %d\n", 1000 * (time - $begun), $?;
