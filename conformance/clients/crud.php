<?php
// The same CRUD by mysqli or PDO. Prints one line a step; generated keys are printed as K1, K2, … in order of first
// appearance and checked for order, so that the output of a direct run and of a proxied one can be compared.
// usage: php crud.php (mysqli|pdo-emulated|pdo-native) HOST PORT USER PASSWORD DATABASE TABLE
[, $driver, $host, $port, $user, $password, $database, $table] = $argv;

$names = [];
$largest = 0;
function key_name($id): string {
    global $names, $largest;
    $id = (string) $id;
    if (!isset($names[$id])) {
        $names[$id] = 'K' . (count($names) + 1) . ((int) $id > $largest ? '' : ' (not rising)');
        $largest = max($largest, (int) $id);
    }
    return $names[$id];
}
function say(string $what, ...$values): void {
    echo $what, ': ', implode(' | ', array_map(fn ($v) => $v === null ? 'NULL' : (string) $v, $values)), "\n";
}

interface Db {
    function run(string $sql, array $args = []): array; // [affected rows, insert id, rows]
}
class MysqliDb implements Db {
    public mysqli $link;
    function __construct($host, $port, $user, $password, $database) {
        mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
        $this->link = new mysqli($host, $user, $password, $database, (int) $port);
        $this->link->set_charset('utf8mb4');
    }
    function run(string $sql, array $args = []): array {
        if ($args === []) {
            $result = $this->link->query($sql);
            return [$this->link->affected_rows, $this->link->insert_id, $result instanceof mysqli_result ? $result->fetch_all() : []];
        }
        $statement = $this->link->prepare($sql);
        $statement->execute($args);
        $result = $statement->get_result();
        return [$statement->affected_rows, $statement->insert_id, $result ? $result->fetch_all() : []];
    }
}
class PdoDb implements Db {
    public PDO $link;
    function __construct($host, $port, $user, $password, $database, bool $emulate) {
        $this->link = new PDO("mysql:host=$host;port=$port;dbname=$database;charset=utf8mb4", $user, $password,
            [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulate]);
    }
    function run(string $sql, array $args = []): array {
        $statement = $this->link->prepare($sql);
        $statement->execute($args);
        $rows = $statement->columnCount() > 0 ? $statement->fetchAll(PDO::FETCH_NUM) : [];
        return [$statement->rowCount(), $this->link->lastInsertId(), $rows];
    }
}

$db = $driver === 'mysqli' ? new MysqliDb($host, $port, $user, $password, $database)
    : new PdoDb($host, $port, $user, $password, $database, $driver === 'pdo-emulated');
$last = fn () => $db->run('SELECT LAST_INSERT_ID()')[2][0][0];

[$n, $id] = $db->run("INSERT INTO $table (name, note) VALUES ('asha', 'habari')");
say('insert', $n, key_name($id), key_name($last()));
for ($i = 0; $i < 3; $i++) {
    [$n, $id] = $db->run("INSERT INTO $table (name, note) VALUES (?, ?)", ["juma$i", "ünï'\"\\ $i"]);
    say('prepared insert', $n, key_name($id), key_name($last()));
}
[$n, $id] = $db->run("INSERT INTO $table (name) VALUES ('a'), ('b'), ('c')");
$first = $id;
say('multi-row insert', $n, key_name($id), key_name($last()));
$rows = $db->run("SELECT id - $first, name FROM $table WHERE id >= $first ORDER BY id")[2];
say('its rows', ...array_map(fn ($r) => "+$r[0]=$r[1]", $rows));
[$n, $id] = $db->run("INSERT INTO $table (id, name) VALUES (NULL, 'null key')");
say('null key', $n, key_name($id));
[$n, $id] = $db->run("INSERT INTO $table (id, name) VALUES (0, 'zero key')");
say('zero key', $n, key_name($id));
[$n, $id] = $db->run("INSERT INTO $table SET name = 'set form'");
say('set form', $n, key_name($id), key_name($last()));
[$n, $id] = $db->run("INSERT IGNORE INTO $table (name) VALUES ('asha')");
say('ignore a duplicate', $n);
[$n] = $db->run("INSERT INTO $table (name, note) VALUES ('asha', 'x') ON DUPLICATE KEY UPDATE note = 'nzuri'");
say('on duplicate key', $n, $db->run("SELECT note FROM $table WHERE name = 'asha'")[2][0][0]);
[$n] = $db->run("REPLACE INTO $table (name, note) VALUES ('juma0', 'replaced')");
say('replace', $n, $db->run("SELECT COUNT(*) FROM $table")[2][0][0]);
[$n] = $db->run("UPDATE $table SET note = ? WHERE name = ?", ['updated', 'juma1']);
say('update', $n, $db->run("SELECT note FROM $table WHERE name = ?", ['juma1'])[2][0][0]);
[$n] = $db->run("DELETE FROM $table WHERE name IN ('a', 'b')");
say('delete', $n);
$db->run('START TRANSACTION');
[, $id] = $db->run("INSERT INTO $table (name) VALUES ('rolled back')");
say('in a transaction', key_name($id), $db->run("SELECT COUNT(*) FROM $table WHERE id = $id")[2][0][0]);
$db->run('ROLLBACK');
say('rolled back', $db->run("SELECT COUNT(*) FROM $table WHERE name = 'rolled back'")[2][0][0]);
[$n] = $db->run("INSERT INTO $table (name, note) SELECT CONCAT(name, '2'), note FROM $table WHERE name LIKE 'juma%'");
say('insert select', $n, $db->run("SELECT COUNT(*) FROM $table WHERE name LIKE 'juma%2'")[2][0][0]);
try {
    $db->run("INSERT INTO $table (name) VALUES ('asha')");
} catch (Exception $e) {
    say('duplicate', preg_replace('/\d{6,}/', 'N', $e->getMessage()));
}
say('all', ...array_map(fn ($r) => "$r[0]=$r[1]", $db->run("SELECT name, note FROM $table ORDER BY name")[2]));
fwrite(STDERR, json_encode(['keys' => array_keys($names)]));
