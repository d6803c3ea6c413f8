#!/bin/sh
# sysbench with server-side prepared statements; prints no rates, only that nothing failed and what is in the tables.
# usage: sysbench.sh HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
host=$1 port=$2 user=$4 password=$5 database=$6 folder=$7
export MYSQL_PWD="$password" LC_ALL=C.UTF-8
sql() { mariadb --no-defaults -h"$host" -P"$port" -u"$user" -N "$@" "$database" 2>&1; }
bench() {
    script=$1
    shift
    sysbench "$script" --mysql-host="$host" --mysql-port="$port" --mysql-user="$user" --mysql-password="$password" \
        --mysql-db="$database" --tables=2 --table-size=2000 --threads=1 --rand-seed=42 --auto_inc=off --db-ps-mode=auto "$@" > "$folder/out" 2>&1
    echo "$script $*: status $?"
    grep -E 'FATAL|transactions:|queries:|ignored errors|reconnects|error' "$folder/out" | sed -E 's/\([^)]*\)//; s/ +/ /g'
}
tables() { sql -e 'SELECT COUNT(*), SUM(k), SUM(CRC32(c)), SUM(CRC32(pad)) FROM sbtest1; SELECT COUNT(*), SUM(k), SUM(CRC32(c)), SUM(CRC32(pad)) FROM sbtest2'; }

bench oltp_read_write prepare
# What it fills in is other at each run, whatever the seed.
for table in sbtest1 sbtest2; do
    sql -e "UPDATE $table SET k = CRC32(id) % 2000, c = RPAD(SHA2(id, 512), 120, '-'), pad = MD5(id)"
done
tables
# One thread and one seed: the same statements each time.
for script in oltp_read_write oltp_read_only oltp_point_select oltp_update_index oltp_update_non_index; do
    bench "$script" --events=200 --time=0 run
    tables
done
bench oltp_read_write --events=100 --time=0 --skip-trx=on --db-ps-mode=disable run
tables
# Several threads: rows differ from run to run, but none is lost.
bench oltp_read_write --threads=8 --events=800 --time=0 --mysql-ignore-errors=all run | grep -vE 'ignored|queries'
sql -e 'SELECT COUNT(*) FROM sbtest1; SELECT COUNT(*) FROM sbtest2'
# Its own tables have INT keys, which it brings itself here; these are the server's or the site's.
sql -e "CREATE TABLE keyed (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT); INSERT INTO keyed (v) VALUES (1), (2)"
printf '{"keys":[%s]}\n' "$(sql -B -e 'SELECT GROUP_CONCAT(id) FROM keyed')" >&2
