<?php
// A long session by mysqli and by PDO: what they print must be the same direct and through the proxy.
// usage: php session.php HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
[, $host, $port, $socket, $user, $password, $database, $folder] = $argv;
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

$keys = [];
function key_name($id): string {
    global $keys;
    $id = (string) $id;
    if ($id === '0') return 'none';
    if (!isset($keys[$id])) $keys[$id] = 'K' . (count($keys) + 1);
    return $keys[$id];
}
function say(string $what, ...$values): void {
    $text = fn ($v) => $v === null ? 'NULL' : (is_bool($v) ? ($v ? 'true' : 'false') : (is_array($v) ? json_encode($v) : (string) $v));
    echo $what, ': ', implode(' | ', array_map($text, $values)), "\n";
}
function failing(callable $step): string {
    try {
        $step();
        return 'no error';
    } catch (mysqli_sql_exception $e) {
        return $e->getCode() . ' ' . $e->getSqlState() . ' ' . preg_replace('/\d{5,}/', 'N', $e->getMessage());
    } catch (PDOException $e) {
        return ($e->errorInfo[1] ?? '') . ' ' . ($e->errorInfo[0] ?? '') . ' ' . preg_replace('/\d{5,}/', 'N', $e->errorInfo[2] ?? $e->getMessage());
    }
}

function open(int $flags = 0): mysqli {
    global $host, $port, $user, $password, $database;
    $db = mysqli_init();
    $db->options(MYSQLI_INIT_COMMAND, "SET SESSION lc_time_names = 'fr_FR'");
    $db->options(MYSQLI_OPT_LOCAL_INFILE, 1);
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 20);
    $db->real_connect($host, $user, $password, $database, (int) $port, null, $flags);
    $db->set_charset('utf8mb4');
    return $db;
}

$db = open();
say('server', $db->server_info, $db->protocol_version, $db->character_set_name(), $db->host_info === "$host via TCP/IP");
say('init command', $db->query("SELECT DATE_FORMAT('2026-02-03', '%M')")->fetch_row()[0]);
$db->query('CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) NOT NULL UNIQUE, d DATE, dt DATETIME(6), ti TIME(3),
  y YEAR, de DECIMAL(40,20), bu BIGINT UNSIGNED, bs BIGINT, f FLOAT, do DOUBLE, b LONGBLOB, e ENUM("a","ü"), s SET("x","y"), bi BIT(10), j JSON)');
$values = ['jina 日本 🦁 ü\'"\\', '2026-02-28', '2026-02-28 23:59:59.123456', '-838:59:59.999', 2026, '12345678901234567890.09876543210987654321',
    '18446744073709551615', '-9223372036854775808', 1.5, 0.1, implode('', array_map('chr', range(0, 255))), 'ü', 'x,y', "\x03\xff", '{"a": [1, null]}'];
$insert = $db->prepare('INSERT INTO t (name, d, dt, ti, y, de, bu, bs, f, do, b, e, s, bi, j) VALUES (' . implode(',', array_fill(0, 15, '?')) . ')');
$insert->execute($values);
say('prepared insert', $insert->affected_rows, key_name($insert->insert_id), key_name($db->insert_id));
$values[0] = 'second';
$insert->execute($values);
say('executed again', $insert->affected_rows, key_name($insert->insert_id));
$insert->execute(array_merge(['nulls'], array_fill(0, 14, null)));
say('with nulls', $insert->affected_rows, key_name($insert->insert_id));
$insert->close();
$columns = 'name, d, dt, ti, y, de, bu, bs, f, do, MD5(b) AS m, HEX(b) AS h, e, s, bi + 0 AS bits, j';
foreach ($db->query("SELECT $columns FROM t ORDER BY id")->fetch_all() as $row) say('text row', ...$row);
$select = $db->prepare("SELECT $columns, b FROM t WHERE id > ? ORDER BY id");
$select->execute([0]);
$result = $select->get_result();
foreach ($result->fetch_fields() as $f) say('field', $f->name, $f->orgname, $f->table, $f->type, $f->length, $f->flags, $f->decimals, $f->charsetnr);
foreach ($result->fetch_all() as $row) say('binary row', ...array_map(fn ($v) => is_string($v) ? bin2hex($v) : $v, $row));

$db->begin_transaction(MYSQLI_TRANS_START_READ_WRITE);
$db->query("INSERT INTO t (name) VALUES ('gone')");
$db->savepoint('s');
$db->query("INSERT INTO t (name) VALUES ('gone too')");
$db->query('ROLLBACK TO SAVEPOINT s');
say('to the savepoint', $db->query('SELECT COUNT(*) FROM t')->fetch_row()[0]);
$db->rollback();
$db->autocommit(false);
$db->query("INSERT INTO t (name) VALUES ('stays')");
say('own row', key_name($db->insert_id), $db->query("SELECT id = LAST_INSERT_ID() FROM t WHERE name = 'stays'")->fetch_row()[0]);
$db->commit();
$db->autocommit(true);
say('after the commit', $db->query('SELECT COUNT(*), COUNT(DISTINCT name) FROM t')->fetch_row());

$db->multi_query("SELECT 1 AS a; INSERT INTO t (name) VALUES ('m1'), ('m2'); SELECT COUNT(*) FROM t; UPDATE t SET y = 2000 WHERE name LIKE 'm%'; SELEKT");
do {
    $result = $db->store_result();
    say('multi', $result ? $result->fetch_all() : null, $db->affected_rows, $db->info, key_name($db->insert_id));
    $error = failing(fn () => $db->next_result());
} while ($error === 'no error');
say('its error', $error, $db->errno, $db->sqlstate);
$db->query('CREATE PROCEDURE two(n INT) BEGIN SELECT n; SELECT n + 1, "ü"; END');
$db->multi_query('CALL two(5)');
do {
    $result = $db->store_result();
    say('call', $result ? $result->fetch_all() : null, $db->affected_rows);
} while ($db->next_result());
$call = $db->prepare('CALL two(?)');
$call->execute([7]);
do {
    $result = $call->get_result();
    say('prepared call', $result ? $result->fetch_all() : null, $call->affected_rows);
} while ($call->next_result());
$call->close();

$big = str_repeat("blob\0", 3_500_000);
$statement = $db->prepare("INSERT INTO t (name, b) VALUES ('big', ?)");
$null = null;
$statement->bind_param('b', $null);
foreach (str_split($big, 1 << 20) as $part) $statement->send_long_data(0, $part);
$statement->execute();
say('long data', $statement->affected_rows, key_name($statement->insert_id));
say('big row', md5($db->query("SELECT b FROM t WHERE name = 'big'")->fetch_row()[0]) === md5($big));
$statement = $db->prepare("UPDATE t SET b = ? WHERE name = 'big'");
$statement->execute([$big . 'x']);
say('big parameter', $statement->affected_rows, $db->query("SELECT LENGTH(b) FROM t WHERE name = 'big'")->fetch_row()[0]);
$unbuffered = $db->query('SELECT seq, REPEAT("z", seq % 100) FROM seq_1_to_20000', MYSQLI_USE_RESULT);
$hash = hash_init('md5');
foreach ($unbuffered as $row) hash_update($hash, implode('|', $row));
say('20000 rows', hash_final($hash));
$unbuffered->free();
$cursor = $db->prepare('SELECT seq FROM seq_1_to_1000');
$cursor->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
$cursor->execute();
$cursor->bind_result($seq);
for ($sum = 0; $cursor->fetch();) $sum += $seq;
say('cursor', $sum);
$cursor->close();

foreach (['SELEKT', "INSERT INTO t (name) VALUES ('second')", 'SELECT * FROM nothing', 'SELECT nothing FROM t', 'USE elsewhere', "INSERT INTO t (name, d) VALUES ('e', '2026-02-30')",
    "SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'hapana', MYSQL_ERRNO = 5000", 'CREATE TABLE t (a INT)'] as $sql) say('error', failing(fn () => $db->query($sql)));
say('error at prepare', failing(fn () => $db->prepare('SELECT ? FROM nothing')));
say('error at execute', failing(fn () => $db->prepare('INSERT INTO t (name) VALUES (?)')->execute(['second'])));
$db->query("INSERT IGNORE INTO t (name, d, y) VALUES ('warned', '2026-02-30', 3000)");
say('warnings', $db->warning_count, $db->query('SHOW WARNINGS')->fetch_all());
$db->query('UPDATE t SET y = 2000 WHERE name = "m1"');
say('nothing changed', $db->affected_rows, $db->info);
$found = open(MYSQLI_CLIENT_FOUND_ROWS);
$found->query('UPDATE t SET y = 2000 WHERE name = "m1"');
say('but found', $found->affected_rows, $found->info);
$db->query("INSERT INTO t (name, y) VALUES ('m1', 1), ('m3', 1) ON DUPLICATE KEY UPDATE y = VALUES(y)");
say('on duplicate key', $db->affected_rows, $db->info);
file_put_contents("$folder/load.tsv", "l1\t2001\nl2\t2002\n");
$db->query("LOAD DATA LOCAL INFILE '$folder/load.tsv' INTO TABLE t (name, y)");
say('load data local', $db->affected_rows, $db->info, $db->query("SELECT COUNT(*) FROM t WHERE name LIKE 'l_'")->fetch_row()[0]);
say('no such file', failing(fn () => @$db->query("LOAD DATA LOCAL INFILE '$folder/none.tsv' INTO TABLE t (name, y)")), $db->ping());

say('thread id', $db->thread_id == $db->query('SELECT CONNECTION_ID()')->fetch_row()[0]);
$listed = array_column($db->query('SHOW PROCESSLIST')->fetch_all(), 0);
say('process list', in_array($db->thread_id, $listed), in_array($found->thread_id, $listed));
$db->query("KILL {$found->thread_id}");
say('killed', (int) explode(' ', failing(fn () => $found->query('SELECT 1')))[0] > 2000);
$other = open();
$other->query('SELECT SLEEP(30)', MYSQLI_ASYNC);
while ($db->query("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {$other->thread_id} AND info LIKE '%SLEEP%'")->fetch_row()[0] != 1);
$db->query("KILL QUERY {$other->thread_id}");
say('query killed', failing(function () use ($other) { say('sleep', $other->reap_async_query()->fetch_row()); }));
$other->query('SET innodb_lock_wait_timeout = 1');
$db->begin_transaction();
$db->query("UPDATE t SET y = 2001 WHERE name = 'second'");
say('lock wait', failing(fn () => $other->query("UPDATE t SET y = 2002 WHERE name = 'second'")));
$db->rollback();
$other->query('SET @a = 5');
$other->query('CREATE TEMPORARY TABLE temp (a INT)');
$other->change_user("{$user}2", $password, $database);
say('changed user', $other->query('SELECT @a, SUBSTRING_INDEX(CURRENT_USER(), "@", 1)')->fetch_row(), failing(fn () => $other->query('SELECT * FROM temp')));
say('wrong password', failing(fn () => open2("{$user}2", 'wrong')), failing(fn () => $other->change_user($user, 'wrong', $database)));
function open2(string $user, string $password): void {
    global $host, $port, $database;
    new mysqli($host, $user, $password, $database, (int) $port);
}
say('ping', $db->ping(), strlen($db->stat()) > 20, $db->select_db('information_schema'), $db->query('SELECT DATABASE()')->fetch_row());
$db->select_db($database);

$options = [PDO::ATTR_PERSISTENT => false, PDO::MYSQL_ATTR_FOUND_ROWS => true, PDO::MYSQL_ATTR_INIT_COMMAND => 'SET @i = 3', PDO::MYSQL_ATTR_MULTI_STATEMENTS => true];
foreach ([true, false] as $emulate) {
    foreach (["host=$host;port=$port", "unix_socket=$socket"] as $where) {
        $pdo = new PDO("mysql:$where;dbname=$database;charset=utf8mb4", $user, $password, $options + [PDO::ATTR_EMULATE_PREPARES => $emulate]);
        say('pdo', $pdo->getAttribute(PDO::ATTR_SERVER_VERSION), $pdo->query('SELECT @i')->fetchColumn());
        $pdo->beginTransaction();
        $insert = $pdo->prepare('INSERT INTO t (name, bu, de) VALUES (:name, :big, :de)');
        foreach (['p1', 'p2'] as $name) {
            $insert->execute(['name' => $name, 'big' => '9007199254740993', 'de' => '0.00000000000000000001']);
            say('pdo insert', $insert->rowCount(), key_name($pdo->lastInsertId()));
        }
        say('pdo rows', $pdo->query("SELECT name, bu, de FROM t WHERE name LIKE 'p_' AND bu > 1 ORDER BY id")->fetchAll(PDO::FETCH_NUM));
        $pdo->rollBack();
        say('pdo found rows', $pdo->exec('UPDATE t SET y = 2000 WHERE name = "m2"'));
        $sets = $pdo->query($emulate ? 'SELECT 1; SELECT 2, 3' : 'CALL two(1)');
        do say('pdo set', $sets->fetchAll(PDO::FETCH_NUM)); while ($sets->nextRowset());
        say('pdo error', failing(fn () => $pdo->query('SELECT * FROM nothing')), failing(fn () => $pdo->prepare('SELEKT ?')->execute([1])));
    }
}
fwrite(STDERR, json_encode(['keys' => array_map('strval', array_keys($keys))]));
