#!/bin/sh
# mariadb-dump | mariadb: what is printed, checksums and the dumps themselves must be the same direct and proxied.
# usage: dump.sh HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
host=$1 port=$2 user=$4 database=$6 folder=$7
export MYSQL_PWD="$5" LC_ALL=C.UTF-8
sql() { mariadb --no-defaults -h"$host" -P"$port" -u"$user" --default-character-set=utf8mb4 "$@" "$database"; }
dump() { mariadb-dump --no-defaults -h"$host" -P"$port" -u"$user" --skip-comments "$@" "$database"; }

sql <<SQL
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL UNIQUE, d DATETIME(6), de DECIMAL(40,20), bu BIGINT UNSIGNED, b BLOB, bi BIT(10), g GEOMETRY, v INT AS (bi + 1), INDEX (d));
INSERT INTO t (name, d, de, bu, b, bi, g) SELECT CONCAT('jina 日本 🦁 \'"\\\\', seq), NOW(6), seq / 7, 18446744073709551615 - seq, UNHEX(SHA2(seq, 512)), seq % 1000, POINT(seq, -seq) FROM seq_1_to_5000;
CREATE TABLE child (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, t BIGINT NOT NULL, w TEXT, FOREIGN KEY (t) REFERENCES t (id));
INSERT INTO child (t, w) SELECT id, REPEAT(name, 20) FROM t WHERE bi < 100;
CREATE VIEW seen AS SELECT name, w FROM t JOIN child ON child.t = t.id;
CREATE SEQUENCE counted START WITH 5;
SQL
sums() { sql -N -e "CHECKSUM TABLE t, child; SELECT COUNT(*), SUM(bu), SUM(CRC32(CONCAT(name, HEX(b), bi, de, v))) FROM t; SELECT COUNT(*), SUM(CRC32(w)) FROM seen; SHOW TABLES"; }
sums > "$folder/before"
for options in '--single-transaction' '--opt --hex-blob --complete-insert' '--skip-extended-insert --replace' '--tz-utc --insert-ignore --order-by-primary --quick' '--xml'; do
    echo "== $options"
    # shellcheck disable=SC2086
    dump $options > "$folder/dump.sql" 2> "$folder/dump.err"
    echo "status $?"
    cat "$folder/dump.err"
    [ "$options" = --xml ] && grep -c '<row>' "$folder/dump.sql" && continue
    sql -e 'SET foreign_key_checks = 0; DROP VIEW seen; DROP TABLE child, t; DROP SEQUENCE counted'
    sql --max-allowed-packet=64M < "$folder/dump.sql"
    echo "status $?"
    sums > "$folder/after"
    cmp "$folder/before" "$folder/after" && echo 'the same tables'
done
sql -N -e 'SELECT COUNT(*), SUM(bi), SUM(bu), COUNT(DISTINCT name) FROM t; SELECT COUNT(*), MIN(LENGTH(w)) FROM child; SHOW TABLES'
printf '{"keys":[%s]}\n' "$(sql -N -B -e 'SELECT CONCAT(MIN(id), ",", MAX(id)) FROM t')" >&2
