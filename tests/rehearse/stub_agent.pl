#!/usr/bin/perl
# A stand-in for bramble-agent in tests/rehearse: answers GET /cluster on port 7470 with one cluster
# of which every member is well. It reads /etc/stub.members ("NAME ADDRESS ROLE [master]" a line)
# and says "held" of itself when /srv/bramble is no mount point with the marker file.
use strict;
use warnings;
use IO::Socket::INET;

chomp(my $self = `hostname`);
open my $f, '<', '/etc/stub.members' or die "members: $!";
my @members = map { [split] } <$f>;

sub row {
	my ($name, $address, $role, $master) = @_;
	my $data = $role eq 'data';
	my $fit = !$data || ((stat '/srv/bramble')[0] != (stat '/')[0] && -e '/srv/bramble/marker');
	return sprintf '{"name":"%s","id":1,"roles":["%s"],"address":"%s","present":true,'
		. '"state":"%s","neo4j":"%s","last_tx":%s,"why":"%s","heard_ms":1,"uptime_s":1}',
		$name, $role, $address, !$fit ? 'held' : $data ? 'serving' : 'idle',
		!$data ? 'down' : $master ? 'master' : 'slave', $data ? 7 : 'null',
		$fit ? '' : 'no marked p3 at /srv/bramble';
}

my $server = IO::Socket::INET->new(LocalPort => 7470, Listen => 16, ReuseAddr => 1) or die "listen: $!";
while (my $c = $server->accept) {
	my $line = <$c>;
	while (defined(my $field = <$c>)) {
		last if $field =~ /^\r?\n$/;
	}
	my $body = sprintf '{"cluster":"test","generation":1,"from":"%s","nodes":[%s]}', $self,
		join ',', map { row(@$_) } @members;
	print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n",
		'Content-Length: ', length $body, "\r\n\r\n", $body;
	close $c;
}
