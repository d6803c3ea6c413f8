#!/usr/bin/perl
# A session by DBD::mysql: what it prints must be the same direct and through the proxy.
# usage: perl session.pl HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
use strict;
use warnings;
use DBI qw(:sql_types);
use Digest::MD5 qw(md5_hex);
my ($host, $port, $socket, $user, $password, $database, $folder) = @ARGV;
binmode STDOUT, ':raw';
$| = 1;

my (%keys, @order);
sub key_name {
    my ($id) = @_;
    return 'none' if !$id;
    if (!$keys{$id}) { push @order, $id; $keys{$id} = 'K' . (1 + keys %keys); }
    return $keys{$id};
}
sub say_line {
    my ($what, @values) = @_;
    print "$what: ", join(' | ', map { defined $_ ? $_ : 'NULL' } @values), "\n";
}
sub failing {
    my ($step, $db) = @_;
    eval { $step->(); 1 } and return 'no error';
    my $message = $DBI::errstr // $@;
    $message =~ s/\d{5,}/N/g;
    return "$DBI::err $DBI::state $message";
}
sub connect_by {
    my ($where, %options) = @_;
    return DBI->connect("DBI:mysql:database=$database;$where;mysql_local_infile=1;mysql_connect_timeout=20", $options{user} // $user,
        $options{password} // $password, { RaiseError => 1, PrintError => 0, mysql_enable_utf8mb4 => 0, %{ $options{attributes} // {} } });
}

foreach my $prepared (0, 1) {
    foreach my $where ("host=$host;port=$port", "mysql_socket=$socket") {
        %keys = ();
        my $db = connect_by("$where;mysql_server_prepare=$prepared");
        $db->do('SET NAMES utf8mb4');
        say_line('server', $db->{mysql_serverinfo}, $db->{mysql_protoversion}, $db->{mysql_clientinfo}, $prepared);
        $db->do('DROP TABLE IF EXISTS t');
        $db->do('CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) UNIQUE, d DATE, dt DATETIME(6), de DECIMAL(40,20), bu BIGINT UNSIGNED, bs BIGINT, do DOUBLE, b LONGBLOB)');
        my $insert = $db->prepare('INSERT INTO t (name, d, dt, de, bu, bs, do, b) VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
        my @row = ("jina \xe6\x97\xa5 \xf0\x9f\xa6\x81 '\"\\", '2026-02-28', '2026-02-28 23:59:59.123456', '12345678901234567890.09876543210987654321',
            '18446744073709551615', '-9223372036854775808', 0.1);
        $insert->bind_param($_ + 1, $row[$_]) foreach 0 .. $#row;
        $insert->bind_param(8, join('', map { chr } 0 .. 255), SQL_BLOB);
        say_line('insert', $insert->execute, key_name($insert->{mysql_insertid}), key_name($db->{mysql_insertid}), key_name($db->last_insert_id(undef, undef, 't', 'id')));
        $insert->bind_param(1, 'second');
        say_line('again', $insert->execute, key_name($insert->{mysql_insertid}));
        say_line('nulls', $insert->execute(undef, undef, undef, undef, undef, undef, undef, undef), key_name($db->{mysql_insertid}));
        say_line('many', $db->do("INSERT INTO t (name) VALUES ('a'), ('b'), ('c')"), key_name($db->{mysql_insertid}), $db->{mysql_info});
        my $select = $db->prepare('SELECT name, d, dt, de, bu, bs, do, HEX(b) FROM t WHERE id > ? ORDER BY id');
        $select->execute(0);
        say_line('columns', @{ $select->{NAME} }, @{ $select->{mysql_type_name} }, @{ $select->{PRECISION} }, map { $_ ? 1 : 0 } @{ $select->{NULLABLE} });
        while (my $row = $select->fetchrow_arrayref) { say_line('row', @$row); }

        $db->begin_work;
        $db->do("INSERT INTO t (name) VALUES ('gone')");
        say_line('in the transaction', $db->selectrow_array('SELECT COUNT(*) FROM t'));
        $db->rollback;
        $db->{AutoCommit} = 0;
        $db->do("INSERT INTO t (name) VALUES ('stays')");
        $db->commit;
        $db->{AutoCommit} = 1;
        say_line('after it', $db->selectrow_array('SELECT COUNT(*), SUM(name = "gone") FROM t'));

        $db->do('DROP PROCEDURE IF EXISTS two');
        $db->do("CREATE PROCEDURE two(n INT) BEGIN SELECT n; SELECT n + 1, 'x'; END");
        my $call = connect_by("$where;mysql_server_prepare=$prepared")->prepare('CALL two(5)');
        $call->execute;
        do { say_line('set', map { join ',', @$_ } @{ $call->fetchall_arrayref }) if $call->{NUM_OF_FIELDS}; } while ($call->more_results);
        my $multi = connect_by("$where;mysql_multi_statements=1");
        my $sets = $multi->prepare('SELECT 1; SELECT 2, 3; UPDATE t SET do = 1');
        $sets->execute;
        do { say_line('multi', $sets->rows, $sets->{NUM_OF_FIELDS} ? map { join ',', @$_ } @{ $sets->fetchall_arrayref } : ()) } while ($sets->more_results);

        my $big = "blob\0" x 3_500_000;
        my $update = $db->prepare('UPDATE t SET b = ? WHERE name = ?');
        $update->bind_param(1, $big, SQL_BLOB);
        $update->bind_param(2, 'a');
        $db->{LongReadLen} = 20_000_000;
        say_line('big', $update->execute, md5_hex($db->selectrow_array("SELECT b FROM t WHERE name = 'a'")) eq md5_hex($big));
        my $streamer = connect_by($where);
        my $streamed = $streamer->prepare('SELECT seq, REPEAT("z", seq % 100) FROM seq_1_to_20000', { mysql_use_result => 1 });
        $streamed->execute;
        my $digest = Digest::MD5->new;
        while (my @row = $streamed->fetchrow_array) { $digest->add(join '|', @row); }
        say_line('streamed', $digest->hexdigest);

        foreach my $sql ('SELEKT', "INSERT INTO t (name) VALUES ('a')", 'SELECT * FROM nothing', "INSERT INTO t (name, d) VALUES ('e', '2026-02-30')", 'USE elsewhere') {
            say_line('error', failing(sub { $db->do($sql) }));
        }
        say_line('ignored', $db->do("INSERT IGNORE INTO t (name, d) VALUES ('w', '2026-02-30')"), $db->{mysql_warning_count});
        say_line('warning', @$_) foreach @{ $db->selectall_arrayref('SHOW WARNINGS') };
        say_line('found', $db->do("UPDATE t SET do = 1 WHERE name = 'a'"), $db->{mysql_info});
        my $changed = connect_by("$where;mysql_client_found_rows=0");
        say_line('changed', $changed->do("UPDATE t SET do = 1 WHERE name = 'a'"), $changed->{mysql_info});
        open my $file, '>', "$folder/load.tsv" or die $!;
        print $file "l1\t2026-01-01\nl2\t2026-01-02\n";
        close $file;
        say_line('load', $db->do("LOAD DATA LOCAL INFILE '$folder/load.tsv' INTO TABLE t (name, d)"), $db->{mysql_info});

        my ($id) = $db->selectrow_array('SELECT CONNECTION_ID()');
        say_line('thread id', $id == $db->{mysql_thread_id} ? 'same' : 'other', scalar grep { $_->[0] == $id } @{ $db->selectall_arrayref('SHOW PROCESSLIST') });
        $db->do("KILL $changed->{mysql_thread_id}");
        say_line('killed', failing(sub { $changed->do('SELECT 1') }) =~ /^(2006|2013|1927) / ? 'yes' : 'no', $changed->ping ? 1 : 0);
        $multi->{mysql_auto_reconnect} = 1;
        $db->do("KILL $multi->{mysql_thread_id}");
        say_line('ping', $db->ping, $multi->ping ? 'reconnected' : 'away', $multi->selectrow_array('SELECT 5'));
        say_line('wrong password', failing(sub { connect_by($where, password => 'wrong') }));
        say_line('other user', connect_by($where, user => "${user}2")->selectrow_array("SELECT SUBSTRING_INDEX(CURRENT_USER(), '\@', 1)"));
        $_->disconnect foreach $db, $multi;
    }
}
print STDERR '{"keys":[', join(',', map { "\"$_\"" } @order), "]}\n";
