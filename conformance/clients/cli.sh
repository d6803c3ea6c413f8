#!/bin/sh
# A session by the mariadb command line client: what it prints must be the same direct and through the proxy.
# usage: cli.sh HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
host=$1 port=$2 socket=$3 user=$4 database=$6 folder=$7
export MYSQL_PWD="$5" LC_ALL=C.UTF-8
sql() { mariadb --no-defaults -h"$host" -P"$port" -u"$user" --default-character-set=utf8mb4 "$@" "$database" 2>&1; }
by_socket() { mariadb --no-defaults -S"$socket" -u"$user" --default-character-set=utf8mb4 "$@" "$database" 2>&1; }

printf 'l1\t2001-01-01\nl2\t2002-02-02\n' > "$folder/load.tsv"
# -vv prints what the server says of each statement; keys are told apart below.
sql -vv --local-infile=1 --show-warnings <<SQL | sed -E 's/\([0-9.]+ sec\)//; s/\([0-9]+\.[0-9]+ sec\)//'
CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL UNIQUE, d DATE, dt DATETIME(6), de DECIMAL(40,20), bu BIGINT UNSIGNED, b BLOB, bi BIT(10), g POINT);
CREATE TABLE many (id BIGINT NOT NULL PRIMARY KEY, v VARCHAR(200));
INSERT INTO t (name, d, dt, de, bu, b, bi, g) VALUES ('jina 日本 🦁 ü', '2026-02-28', '2026-02-28 23:59:59.123456', 12345678901234567890.09876543210987654321, 18446744073709551615, x'00ff10', b'1111111111', POINT(1, 2)), ('second', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT LAST_INSERT_ID() = MIN(id), MAX(id) - MIN(id) FROM t;
INSERT IGNORE INTO t (name, d) VALUES ('third', '2026-02-30');
INSERT INTO t (name) VALUES ('second') ON DUPLICATE KEY UPDATE d = '2026-01-01';
REPLACE INTO t (name) VALUES ('second');
INSERT INTO t (name) VALUES ('r1'), ('r2') RETURNING name;
LOAD DATA LOCAL INFILE '$folder/load.tsv' INTO TABLE t (name, d);
UPDATE t SET d = d + INTERVAL 1 DAY;
DELETE FROM t WHERE name = 'l2';
INSERT INTO many SELECT seq, REPEAT('x', 100) FROM seq_1_to_20000;
ALTER TABLE many ADD COLUMN w INT DEFAULT 3, ALGORITHM = COPY;
SELECT COUNT(*), SUM(LENGTH(v)), SUM(w) FROM many;
DELIMITER //
CREATE PROCEDURE two(n INT) BEGIN DECLARE x INT; DECLARE c CURSOR FOR SELECT 7; OPEN c; FETCH c INTO x; CLOSE c; SELECT n; SELECT n + x, 'ü'; END//
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n//
BEGIN NOT ATOMIC SELECT 1; SELECT 2; END//
DELIMITER ;
CALL two(5);
SELECT twice(4);
\u information_schema
SELECT DATABASE();
use $database
START TRANSACTION;
INSERT INTO t (name) VALUES ('gone');
SELECT COUNT(*) FROM t;
ROLLBACK;
SELECT COUNT(*) FROM t;
PREPARE p FROM 'SELECT name FROM t WHERE name LIKE ? ORDER BY name';
SET @like = 'r%';
EXECUTE p USING @like;
EXECUTE IMMEDIATE 'SELECT ? + 1' USING 41;
SHOW COLUMNS FROM t;
ANALYZE TABLE many;
CHECK TABLE many;
EXPLAIN SELECT * FROM t WHERE id = 5;
SHOW CREATE TABLE many;
\r
SELECT @like;
SQL
for options in '' '--binary-as-hex' '-t' '-X' '-H' '-E' '-N -B -r' '--quick' '--column-type-info' '--compress' '--ssl --ssl-verify-server-cert=0' '--skip-reconnect --connect-timeout=20' '--init-command=SET@a=1' '--enable-cleartext-plugin'; do
    echo "== $options"
    # shellcheck disable=SC2086
    sql $options -e 'SELECT name, d, dt, de, bu, b, bi, g FROM t ORDER BY id; SELECT 1; SHOW WARNINGS'
done
echo '== in a terminal, with progress reports'
script -qec "mariadb --no-defaults -h$host -P$port -u$user --progress-reports $database -e 'ALTER TABLE many ADD COLUMN y INT DEFAULT 4, ALGORITHM = COPY; SELECT SUM(y) FROM many'" /dev/null 2>&1 | tr '\r' '\n' | grep -v Stage
echo '== errors'
for statement in SELEKT 'SELECT * FROM nothing' "INSERT INTO t (name) VALUES ('second')" 'USE elsewhere' 'KILL 99999999' 'SELECT 1; SELEKT; SELECT 2'; do
    sql -e "$statement"
    echo "status $?"
done
sql --force -e 'SELECT 1; SELEKT; SELECT 2'
mariadb --no-defaults -h"$host" -P"$port" -unobody "$database" -e 'SELECT 1' 2>&1 | sed -E "s/'nobody'@'[^']*'/nobody/"
echo '== by socket'
by_socket -e 'SELECT USER(), CURRENT_USER(), DATABASE(); STATUS' | grep -vE 'Connection id|Threads|Uptime|UNIX socket|Protocol'
by_socket -N -e 'SELECT CONNECTION_ID() IN (SELECT id FROM information_schema.processlist)'
yes 'SELECT 1;' | head -2000 | by_socket -N | sort | uniq -c
head -c 12000000 /dev/zero | tr '\0' 'z' > "$folder/big"
(printf "SELECT MD5('"; cat "$folder/big"; printf "');") | sql -N --max-allowed-packet=64M
sql -N --max-allowed-packet=64M -e "SELECT REPEAT('z', 20000000)" | md5sum
echo '== tools'
export MYSQL_HOST="$host"
for tool in "mariadb-admin ping" "mariadb-show $database" "mariadb-show $database t" "mariadb-check $database"; do
    # shellcheck disable=SC2086
    set -- $tool
    program=$1
    shift
    "$program" --no-defaults -h"$host" -P"$port" -u"$user" "$@" 2>&1
done
mv "$folder/load.tsv" "$folder/many.tsv"
printf '100001\timported\t1\t1\n' > "$folder/many.tsv"
mariadb-import --no-defaults -h"$host" -P"$port" -u"$user" --local "$database" "$folder/many.tsv" 2>&1
mariadb-slap --no-defaults -h"$host" -P"$port" -u"$user" --create-schema="$database" --query='SELECT * FROM t' --concurrency=4 --number-of-queries=400 --delimiter=';' --no-drop 2>&1 | grep -c seconds
printf '{"keys":[%s]}\n' "$(sql -N -B -e 'SELECT GROUP_CONCAT(id) FROM t')" >&2
